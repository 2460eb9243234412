//! Owns what is broken on purpose and when: every kind once in each round, in an order that follows from the seed.

use super::crowd::{Crowd, Order};
use super::stage::{self, Shared};
use fastrand::Rng;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Redis cuts the connections that subscribe.
    KillSubscribers,
    /// Redis cuts the connections that publish.
    KillPublishers,
    /// Redis stands still for one to three seconds.
    Freeze,
    /// Redis is killed and comes back with everything.
    RestartWithData,
    /// Redis is killed and comes back with nothing.
    RestartWithoutData,
    /// The second proxy is drained, and comes back.
    Roll,
    /// Both proxies read new settings.
    Reload,
    /// A fifth of all connections is reset at once.
    Blip,
}

const ALL: [Fault; 8] = [
    Fault::KillSubscribers,
    Fault::KillPublishers,
    Fault::Freeze,
    Fault::RestartWithData,
    Fault::RestartWithoutData,
    Fault::Roll,
    Fault::Reload,
    Fault::Blip,
];

/// One round of all, shuffled.
pub fn round(rng: &mut Rng) -> Vec<Fault> {
    let mut round = ALL.to_vec();
    rng.shuffle(&mut round);
    round
}

impl Fault {
    /// In the report.
    pub fn name(self) -> &'static str {
        match self {
            Fault::KillSubscribers => "subscribers killed",
            Fault::KillPublishers => "publishers killed",
            Fault::Freeze => "Redis frozen",
            Fault::RestartWithData => "Redis restarted",
            Fault::RestartWithoutData => "Redis restarted empty",
            Fault::Roll => "proxy B rolled",
            Fault::Reload => "settings reloaded",
            Fault::Blip => "a fifth reset",
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// It could not be done, or something did not come back: that ends the soak.
    pub async fn strike(self, stage: &Shared, crowd: &Rc<Crowd>) -> Result<(), String> {
        let from = crowd.now();
        match self {
            Fault::KillSubscribers => kill(stage, "CLIENT KILL TYPE pubsub").await?,
            Fault::KillPublishers => kill(stage, "CLIENT KILL TYPE normal SKIPME yes").await?,
            Fault::Freeze => {
                let time = Duration::from_millis(1_000 + crowd.below(2_000));
                crowd.book.borrow_mut().redis_away(from, from + 5_000, true);
                stage::freeze_redis(stage, time).await?;
            }
            Fault::RestartWithData | Fault::RestartWithoutData => {
                let with_data = self == Fault::RestartWithData;
                // It is not known how long it takes: for now, long.
                crowd.book.borrow_mut().redis_away(from, from + 10_000, true);
                stage::restart_redis(stage, with_data).await?;
                // Proxies find it again within some seconds.
                let until = crowd.now() + 8_000;
                crowd.book.borrow_mut().redis_away(from.saturating_sub(2_000), until, with_data);
            }
            Fault::Roll => {
                crowd.doors.borrow_mut()[1] = None;
                stage::drain(stage, 1).await?;
                stage::start_again(stage, 1).await?;
                crowd.doors.borrow_mut()[1] = stage.borrow().proxy(1).map(|proxy| proxy.clients);
            }
            Fault::Reload => stage.borrow_mut().reload()?,
            Fault::Blip => {
                for seat in (0..crowd.plan.seats.len()).filter(|_| crowd.below(5) == 0) {
                    if let Some(line) = crowd.line(seat) {
                        line.order(Order::Reset);
                    }
                }
            }
        }
        Ok(())
    }
}

async fn kill(stage: &Shared, command: &str) -> Result<(), String> {
    // Just started it may still be busy; two tries are enough.
    if stage::ask_redis(stage, command).await.is_err() {
        sleep(Duration::from_secs(1)).await;
        stage::ask_redis(stage, command).await?;
    }
    Ok(())
}
