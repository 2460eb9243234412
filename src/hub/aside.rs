//! Owns the way down through a filter: messages for clients of a dialect made by filters leave the fan-out, wait in one
//! bounded queue, are translated once each, and go on to all who are meant, in order. What waits holds up no other
//! dialect, and every message is booked: expected = delivered + suppressed + lost.

use super::outbox::Delivery;
use super::seat::Seat;
use crate::dialect::filtered::{Trace, is_source};
use crate::dialect::{Filtered, Hidden, HubMessage, Spoken};
use crate::envelope::MsgType;
use crate::jq::{Filters, JqError, To};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Direction, Lost, Outcome, Path, Suppressed, Translation};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Messages that may wait.
const QUEUE: usize = 1024;
/// Bytes they may have. A larger one waits alone.
const ROOM: usize = 16 << 20;

/// The way down of one dialect. Copies are the same way.
#[derive(Debug, Clone)]
pub struct Aside {
    queue: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

/// A message, and for whom it is.
#[derive(Debug)]
struct Job {
    /// What V3 clients see.
    visible: String,
    /// The frame it was, as its receipt says.
    raw: Option<String>,
    receivers: Vec<Arc<Seat>>,
    path: Path,
    arrived: Instant,
    /// Its part of `ROOM`.
    _room: OwnedSemaphorePermit,
}

/// Is a message for clients of such a dialect at all?
///
/// # Errors
/// Why not, on purpose.
pub fn chosen(by: &Filtered, message: &HubMessage<'_>) -> Result<(), Hidden> {
    match (message.msg_type(), by.trace(message)) {
        (MsgType::Presence, _) => Err(Hidden::PresenceToV2),
        // Its frame comes, or came, with another message.
        (_, Trace::Part) => Err(Hidden::DialectRule),
        _ => Ok(()),
    }
}

impl Aside {
    /// Opens it; the task ends with `stop`, when nobody is left to hear anything.
    pub fn start(filters: Filters, metrics: Arc<Metrics>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tasks.spawn(Way { filters, metrics }.go(jobs, stop));
        Self { queue, room: Arc::new(Semaphore::new(ROOM)) }
    }

    /// Takes a message for these receivers; false when too many wait, and then it is lost.
    pub fn offer(
        &self,
        by: &Filtered,
        message: &HubMessage<'_>,
        receivers: Vec<Arc<Seat>>,
        path: Path,
        arrived: Instant,
    ) -> bool {
        let visible = message.visible().into_owned();
        let raw = match by.trace(message) {
            Trace::Frame(raw) => Some(raw.to_owned()),
            Trace::None | Trace::Part => None,
        };
        let bytes = (visible.len() + raw.as_ref().map_or(0, String::len)).min(ROOM);
        let Ok(bytes) = u32::try_from(bytes) else { return false };
        let Ok(room) = self.room.clone().try_acquire_many_owned(bytes) else { return false };
        self.queue.try_send(Job { visible, raw, receivers, path, arrived, _room: room }).is_ok()
    }
}

/// What walks it.
struct Way {
    filters: Filters,
    metrics: Arc<Metrics>,
}

impl Way {
    async fn go(self, mut jobs: mpsc::Receiver<Job>, stop: CancellationToken) {
        while let Some(Some(job)) = stop.run_until_cancelled(jobs.recv()).await {
            let frames = self.frames(&job).await;
            self.deliver(&job, frames);
        }
        // All connections have ended: what is left finds nobody.
        jobs.close();
        while let Some(job) = jobs.recv().await {
            self.metrics.book_lost(job.path, Lost::Disconnect, job.receivers.len() as u64);
        }
    }

    /// The frames of a message: the very one it was, else what the filter makes of it.
    async fn frames(&self, job: &Job) -> Result<Vec<String>, JqError> {
        if let Some(raw) = &job.raw {
            match self.filters.call(To::V3, raw).await {
                Ok(outputs) if is_source(&outputs, &job.visible) => return Ok(vec![raw.clone()]),
                // What the text is not to blame for says nothing about its receipt.
                Err(error) if !error.is_of_the_text() => return Err(error),
                // A forged receipt: legacy clients see what V3 clients see.
                Ok(_) | Err(_) => {}
            }
        }
        let timer = self.metrics.translation_duration.with((Direction::V3ToV2,)).start_timer();
        let frames = self.filters.call(To::V2, &job.visible).await;
        timer.observe_duration();
        let outcome = if frames.is_ok() { Translation::Exact } else { Translation::Failed };
        self.metrics.translations.with((Direction::V3ToV2, Spoken::Custom, outcome)).inc();
        frames
    }

    fn deliver(&self, job: &Job, frames: Result<Vec<String>, JqError>) {
        let (metrics, path, receivers) = (&self.metrics, job.path, job.receivers.len() as u64);
        let Ok(frames) = frames else {
            return metrics.book_lost(path, Lost::TranslateError, receivers);
        };
        match frames.len() {
            0 => {
                metrics.deliveries.with((path, Outcome::Suppressed)).inc_by(receivers);
                metrics.messages_suppressed.with((Suppressed::DialectRule,)).inc_by(receivers);
            }
            // One was expected when the message came; each frame is a delivery of its own.
            more => metrics.deliveries_expected.with((path,)).inc_by(receivers * (more as u64 - 1)),
        }
        let frames: Vec<Message> = frames.into_iter().map(Message::text).collect();
        for seat in &job.receivers {
            for message in &frames {
                let delivery = Delivery { message: message.clone(), path, arrived: job.arrived };
                seat.outbox.push(delivery).book(path, metrics);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SlowConsumer;
    use crate::dialect::Hearing;
    use crate::envelope::{ClientId, Origin};
    use crate::hub::{Metadata, Outbox, SeatId};
    use std::sync::atomic::AtomicBool;

    fn by() -> Filtered {
        Filtered { name: "kiosk".into(), place: 0 }
    }

    fn seat() -> Arc<Seat> {
        Arc::new(Seat {
            id: SeatId(1),
            origin: Origin { client: ClientId::new("c", 9).expect("an id"), group: None, account: None },
            spoken: Spoken::Custom,
            hears: Hearing::Filtered(by()),
            global: false,
            apart: false,
            exclusive: None,
            said: AtomicBool::new(true),
            metadata: Metadata::default(),
            outbox: Outbox::new(1 << 20, SlowConsumer::Close),
        })
    }

    fn text(receipt: &str, msg: usize) -> String {
        let msg = "x".repeat(msg);
        format!(
            r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"a","msg":"{msg}","_hub":{{{receipt}}}}}"#
        )
    }

    #[test]
    fn only_what_may_be_shown_goes_aside() {
        let of = |text: &str| chosen(&by(), &HubMessage::read(text).expect("a message"));
        assert_eq!(of(&text("", 1)), Ok(()));
        assert_eq!(of(&text(r#""k":"json","d":"kiosk","raw":"SAY x""#, 1)), Ok(()));
        assert_eq!(of(&text(r#""k":"json","d":"kiosk""#, 1)), Err(Hidden::DialectRule));
        assert_eq!(of(&text(r#""k":"json","d":"acme""#, 1)), Ok(()));
        let joined = text("", 1).replace(r#""msg_type":"msg""#, r#""msg_type":"presence""#);
        assert_eq!(of(&joined), Err(Hidden::PresenceToV2));
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_number_and_in_bytes() {
        let (queue, mut jobs) = mpsc::channel(QUEUE);
        let aside = Aside { queue, room: Arc::new(Semaphore::new(ROOM)) };
        let offer = |text: &str| {
            let message = HubMessage::read(text).expect("a message");
            aside.offer(&by(), &message, vec![seat()], Path::V3V2, Instant::now())
        };
        let taken = (0..QUEUE + 5).filter(|_| offer(&text("", 1))).count();
        assert_eq!(taken, QUEUE);
        while jobs.try_recv().is_ok() {}
        let large = text("", ROOM / 3);
        assert_eq!((0..5).filter(|_| offer(&large)).count(), 2);
        while jobs.try_recv().is_ok() {}
        assert!(offer(&text("", 2 * ROOM)), "a giant waits alone");
        assert!(!offer(&text("", 1)));
    }
}
