//! Owns the queue between the hub and one connection: bounded in bytes, drained whole, woken once.
//! A channel of a crate would bound messages instead of bytes, could not drop its oldest, and would hold
//! a block of slots for every idle connection; this holds nothing while it is empty.

use crate::close::CloseReason;
use crate::config::SlowConsumer;
use crate::telemetry::labels::Path;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// One message for one receiver. The bytes are shared with every other receiver of the same view.
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
        let size = delivery.message.len();
        let mut state = self.state.lock();
        if state.gone || state.close.is_some() {
            return Pushed::Gone;
        }
        let mut dropped = [0; 4];
        let mut any = false;
        while state.bytes + size > self.limit && !state.queue.is_empty() {
            if self.when_full == SlowConsumer::Close {
                state.close = Some(CloseReason::SlowConsumer);
                drop(state);
                self.waker.wake();
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
        drop(state);
        if waiting == 0 {
            self.waker.wake();
        }
        if any { Pushed::Dropped(dropped) } else { Pushed::Queued(waiting) }
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
