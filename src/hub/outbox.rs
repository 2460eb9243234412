//! Owns the queue between the hub and one connection: bounded in bytes, drained whole, woken once.
//! A channel of a crate would bound messages instead of bytes, could not drop its oldest, and would hold
//! a block of slots for every idle connection; this holds nothing while it is empty.

use crate::close::CloseReason;
use crate::config::SlowConsumer;
use crate::label::Label;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Lost, Path};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// One message for one receiver. The bytes are shared with every other receiver of the same rendering.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The frame.
    pub message: Message,
    /// For the ledger.
    pub path: Path,
    /// When it reached this node.
    pub arrived: Instant,
}

/// Something the hub tells a session beside messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A message of this client could not be published.
    Unpublished(super::PublishError),
    /// Messages to this client were lost and cannot be repaired.
    Gap,
}

/// A queue that once was long gives its memory back above this many slots.
const KEEP_SLOTS: usize = 32;

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Queued behind so many.
    Queued(usize),
    /// Queued, and the oldest had to go: one entry a path.
    Dropped([u32; 4]),
    /// The queue is full: the connection ends, and so does this message.
    Overflow,
    /// The connection has ended already.
    Gone,
}

impl Pushed {
    /// Books what came of a message that was expected on this path.
    pub fn book(self, path: Path, metrics: &Metrics) {
        match self {
            Pushed::Queued(waiting) => metrics.send_queue_length.only().observe(waiting as f64),
            Pushed::Dropped(by_path) => {
                for (path, n) in Path::ALL.iter().copied().zip(by_path) {
                    metrics.book_lost(path, Lost::SlowConsumer, u64::from(n));
                }
            }
            Pushed::Overflow => metrics.book_lost(path, Lost::SlowConsumer, 1),
            Pushed::Gone => metrics.book_lost(path, Lost::Disconnect, 1),
        }
    }
}

/// The queue.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    waker: AtomicWaker,
    limit: usize,
    when_full: SlowConsumer,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Delivery>,
    bytes: usize,
    notices: Vec<Notice>,
    /// Of each slot the latest message, until its time has come. Mostly nobody has any.
    #[allow(clippy::box_collection, reason = "eight bytes of every connection instead of twenty-four")]
    held: Option<Box<BTreeMap<u64, (Instant, Delivery)>>>,
    close: Option<CloseReason>,
    gone: bool,
}

/// Everything that was waiting.
#[derive(Debug, Default)]
pub struct Batch {
    /// Messages, in order.
    pub deliveries: VecDeque<Delivery>,
    /// Notices.
    pub notices: Vec<Notice>,
    /// When the first message that is held wants to go on: `Outbox::release` then.
    pub held_until: Option<Instant>,
    /// The connection is to end.
    pub close: Option<CloseReason>,
}

impl Outbox {
    /// A queue of at most `limit` bytes.
    pub fn new(limit: usize, when_full: SlowConsumer) -> Self {
        Self { state: Mutex::default(), waker: AtomicWaker::new(), limit, when_full }
    }

    /// Queues a message. A single message larger than the limit still passes an empty queue.
    pub fn push(&self, delivery: Delivery) -> Pushed {
        let mut state = self.state.lock();
        let pushed = self.queue(&mut state, delivery);
        drop(state);
        if matches!(pushed, Pushed::Queued(0) | Pushed::Dropped(_) | Pushed::Overflow) {
            self.waker.wake();
        }
        pushed
    }

    fn queue(&self, state: &mut State, delivery: Delivery) -> Pushed {
        let size = delivery.message.len();
        if state.gone || state.close.is_some() {
            return Pushed::Gone;
        }
        let mut dropped = [0; 4];
        let mut any = false;
        while state.bytes + size > self.limit && !state.queue.is_empty() {
            if self.when_full == SlowConsumer::Close {
                state.close = Some(CloseReason::SlowConsumer);
                return Pushed::Overflow;
            }
            if let Some(old) = state.queue.pop_front() {
                state.bytes -= old.message.len();
                dropped[old.path as usize] += 1;
                any = true;
            }
        }
        let waiting = state.queue.len();
        state.bytes += size;
        state.queue.push_back(delivery);
        if any { Pushed::Dropped(dropped) } else { Pushed::Queued(waiting) }
    }

    /// Keeps a message until its time has come, instead of the one that waits in its slot. Returns that one's path.
    pub fn hold(&self, slot: u64, until: Instant, delivery: Delivery) -> Result<Option<Path>, Pushed> {
        let mut state = self.state.lock();
        if state.gone || state.close.is_some() {
            return Err(Pushed::Gone);
        }
        let before = state.held.get_or_insert_default().insert(slot, (until, delivery));
        drop(state);
        if before.is_none() {
            // Somebody must know when.
            self.waker.wake();
        }
        Ok(before.map(|(_, old)| old.path))
    }

    /// Takes back what waits in a slot. Returns its path.
    pub fn unhold(&self, slot: u64) -> Option<Path> {
        let mut state = self.state.lock();
        state.held.as_mut()?.remove(&slot).map(|(_, old)| old.path)
    }

    /// Queues the messages whose time has come and whose slots are still wanted, in the order of their times. Returns
    /// what came of each, as `push` does; None: it was not wanted any more.
    pub fn release(&self, now: Instant, wants: impl Fn(u64) -> bool) -> Vec<(Path, Option<Pushed>)> {
        // Under one lock, so that nothing newer of a slot gets in between.
        let mut state = self.state.lock();
        let Some(held) = &mut state.held else { return Vec::new() };
        let slots: Vec<_> = held.iter().filter(|(_, (until, _))| *until <= now).map(|(slot, _)| *slot).collect();
        let mut due: Vec<_> =
            slots.into_iter().filter_map(|slot| held.remove(&slot).map(|held| (held, wants(slot)))).collect();
        if held.is_empty() {
            state.held = None;
        }
        due.sort_by_key(|((until, _), _)| *until);
        // It has come now: what it waited on purpose is no delay.
        let queue = |((_, d), wanted): ((Instant, Delivery), bool)| {
            (d.path, wanted.then(|| self.queue(&mut state, Delivery { arrived: now, ..d })))
        };
        let came: Vec<_> = due.into_iter().map(queue).collect();
        drop(state);
        self.waker.wake();
        came
    }

    /// Queues a notice. A second gap says nothing new; each message that failed is told. Those are bounded by the
    /// publish queue: a session that takes no notices publishes nothing either.
    pub fn notify(&self, notice: Notice) {
        let mut state = self.state.lock();
        if !state.gone && (notice != Notice::Gap || !state.notices.contains(&notice)) {
            state.notices.push(notice);
            drop(state);
            self.waker.wake();
        }
    }

    /// Asks the session to end. The first reason stands.
    pub fn close(&self, reason: CloseReason) {
        let mut state = self.state.lock();
        state.close.get_or_insert(reason);
        drop(state);
        self.waker.wake();
    }

    /// Takes everything that waits into `batch`, which must be empty; pending while nothing does.
    pub fn poll_take(&self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<()> {
        if self.take(batch) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        // Something may have come between the look and the registration.
        if self.take(batch) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes everything that waits; false when nothing did. A close is told again each time.
    pub fn take(&self, batch: &mut Batch) -> bool {
        let mut state = self.state.lock();
        batch.held_until = state.held.as_ref().and_then(|held| held.values().map(|(until, _)| *until).min());
        if state.queue.is_empty() && state.notices.is_empty() && state.close.is_none() {
            return false;
        }
        if batch.deliveries.capacity() > KEEP_SLOTS {
            batch.deliveries = VecDeque::new();
        }
        std::mem::swap(&mut state.queue, &mut batch.deliveries);
        state.bytes = 0;
        batch.notices = std::mem::take(&mut state.notices);
        batch.close = state.close;
        true
    }

    /// Only the wish to end, for a session whose socket takes nothing more; messages stay, and count.
    pub fn poll_close(&self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.waker.register(cx.waker());
        self.state.lock().close.map_or(Poll::Pending, Poll::Ready)
    }

    /// The session has ended: nothing is taken any more. Returns what was still waiting, one entry a path.
    pub fn end(&self) -> [u32; 4] {
        let mut state = self.state.lock();
        state.gone = true;
        let mut left = [0; 4];
        // What was held was owed to nobody yet.
        state.held = None;
        for delivery in std::mem::take(&mut state.queue) {
            left[delivery.path as usize] += 1;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(bytes: usize) -> Delivery {
        Delivery { message: Message::text("x".repeat(bytes)), path: Path::V2V3, arrived: Instant::now() }
    }

    #[tokio::test]
    async fn a_full_queue_ends_the_connection() {
        let outbox = Outbox::new(10, SlowConsumer::Close);
        assert_eq!(outbox.push(delivery(6)), Pushed::Queued(0));
        assert_eq!(outbox.push(delivery(5)), Pushed::Overflow);
        assert_eq!(outbox.push(delivery(1)), Pushed::Gone);
        let mut batch = Batch::default();
        assert!(outbox.take(&mut batch));
        assert_eq!((batch.deliveries.len(), batch.close), (1, Some(CloseReason::SlowConsumer)));
    }

    #[tokio::test]
    async fn or_its_oldest_messages_go() {
        let outbox = Outbox::new(10, SlowConsumer::DropOldest);
        outbox.push(delivery(4));
        outbox.push(delivery(4));
        assert_eq!(outbox.push(delivery(9)), Pushed::Dropped([0, 2, 0, 0]));
        assert_eq!(outbox.end(), [0, 1, 0, 0]);
        assert_eq!(outbox.push(delivery(1)), Pushed::Gone);
    }

    #[tokio::test]
    async fn each_message_that_failed_is_told_and_a_gap_once() {
        let outbox = Outbox::new(10, SlowConsumer::Close);
        for _ in 0..1000 {
            outbox.notify(Notice::Unpublished(crate::hub::PublishError::Unavailable));
            outbox.notify(Notice::Gap);
        }
        let mut batch = Batch::default();
        assert!(outbox.take(&mut batch));
        assert_eq!(batch.notices.iter().filter(|notice| **notice == Notice::Gap).count(), 1);
        assert_eq!(batch.notices.len(), 1001);
    }

    #[tokio::test]
    async fn a_giant_passes_an_empty_queue() {
        let outbox = Outbox::new(10, SlowConsumer::Close);
        assert_eq!(outbox.push(delivery(50)), Pushed::Queued(0));
    }
}
