//! Owns the grace between the end of a connection and its leave. The grace is the same for all, so the
//! queue is in order by itself and one task serves it.

use crate::hub::bus::Bus;
use crate::hub::seat::Seat;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Leaves told in a row before everybody else has a turn: a network that fails takes thousands at once.
const ROW: u8 = 16;

/// Connections that have ended and whose leave is not yet told. Bounded by how many can end within the grace.
#[derive(Debug)]
pub struct Leaving {
    grace: Duration,
    queue: Mutex<VecDeque<(Instant, Arc<Seat>)>>,
    came: Notify,
}

impl Leaving {
    /// A queue with this grace.
    pub fn new(grace: Duration) -> Self {
        Self { grace, queue: Mutex::default(), came: Notify::new() }
    }

    /// A connection has ended.
    pub fn push(&self, seat: Arc<Seat>) {
        self.queue.lock().push_back((Instant::now() + self.grace, seat));
        self.came.notify_one();
    }

    /// Tells leaves as they fall due, until the hub stops. What is left then is let go by another node,
    /// or by this one's successor: the client may come back there.
    pub async fn run(leaving: Arc<Self>, bus: Bus, stop: CancellationToken) {
        let mut row = 0;
        loop {
            let due = leaving.queue.lock().front().map(|(due, _)| *due);
            let wait = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => leaving.came.notified().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = wait => {}
            }
            let now = Instant::now();
            while let Some(seat) = leaving.due(now) {
                bus.leave(&seat);
                row = (row + 1) % ROW;
                if row == 0 {
                    yield_now().await;
                }
            }
        }
    }

    fn due(&self, now: Instant) -> Option<Arc<Seat>> {
        let mut queue = self.queue.lock();
        if queue.front()?.0 > now {
            return None;
        }
        queue.pop_front().map(|(_, seat)| seat)
    }
}
