//! Owns what a client says between the proxy's goodbye and its own: it could not know yet that it would be asked
//! to go, so it is published like everything before. Answers can no longer be given.

use super::filtered::ask;
use super::machine::Machine;
use super::steps::{Moment, Step};
use super::visit::Visit;
use crate::close::CloseReason;
use crate::dialect::{Frame, Protocol};
use crate::telemetry::labels::Path;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// Who hears them.
#[derive(Debug)]
pub struct LastWords<'s> {
    machine: &'s mut Machine,
    visit: &'s mut Visit,
}

impl<'s> LastWords<'s> {
    /// None for a client that is shown out for what it did, or that has gone.
    pub fn of(reason: CloseReason, machine: &'s mut Machine, visit: &'s mut Visit) -> Option<Self> {
        use CloseReason::{GoingAway, Idle, Replaced, Restart, Superseded, V2Brownout, V2Retired};
        let counts = matches!(reason, GoingAway | Idle | Replaced | Restart | Superseded | V2Brownout | V2Retired);
        counts.then_some(Self { machine, visit })
    }

    /// Publishes one. False: it says too much, and nothing more of it is heard.
    pub async fn hear(&mut self, message: &Message) -> bool {
        let Self { machine, visit } = self;
        let frame = match message {
            Message::Text(text) => Frame::Text(text.as_str()),
            Message::Binary(bytes) => Frame::Binary(bytes),
            _ => return true,
        };
        let now = Moment { instant: Instant::now(), at: visit.context.clock.now() };
        visit.stay.frame(frame, now.at);
        visit.traffic.messages_in += 1;
        for step in machine.on_frame(frame, now) {
            let goes_on = match step {
                Step::Filter { by, text } => {
                    let started = Instant::now();
                    let outputs = ask(&visit.context.filters, &by, text).await;
                    let outputs = outputs.as_deref().map_err(|error| *error);
                    let mut goes_on = true;
                    for step in machine.on_filtered(&by, text, outputs, started.elapsed(), now) {
                        goes_on &= publish(visit, step).await;
                    }
                    goes_on
                }
                other => publish(visit, other).await,
            };
            if !goes_on {
                return false;
            }
        }
        true
    }
}

/// Does of a step what still matters to others. False: nothing more is heard.
async fn publish(visit: &Visit, step: Step<'_>) -> bool {
    match step {
        Step::Publish { envelope, receipt } => {
            let path = Path::between(visit.seat.spoken.protocol(), Protocol::V3);
            // Where it fails it is booked.
            let _ = visit.context.hub.publish(&envelope, receipt.as_ref(), &visit.seat, path).await;
            true
        }
        Step::Close(_) => false,
        Step::Filter { .. }
        | Step::Send(_)
        | Step::QueryPresence
        | Step::QueryClient(_)
        | Step::Describe(_)
        | Step::Touch
        | Step::Ping => true,
    }
}
