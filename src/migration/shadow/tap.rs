//! Owns what a session's traffic has to do with the shadow: what its client says is noted and queued for the legacy
//! server, what its client gets is noted. Nothing here waits: a queue that is full ends the link, not the session.

use super::circle::Membership;
use super::compare::Legacy;
use crate::dialect::Frame;
use crate::telemetry::labels::{Path, Shadowed};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// Frames that wait for a legacy server.
const MOST_QUEUED: usize = 256;
/// Their bytes; a single frame may be larger.
const MOST_BYTES: usize = 1 << 20;

/// A client of a mirrored group. Dropping it says that the client has left.
pub struct Tap {
    member: Arc<Membership>,
    lines: Vec<Arc<Line>>,
    left: CancellationToken,
    stalled: AtomicBool,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

impl Tap {
    pub(super) fn new(member: Arc<Membership>, lines: Vec<Arc<Line>>, left: CancellationToken) -> Self {
        Self { member, lines, left, stalled: AtomicBool::new(false) }
    }

    /// The client said something: to be called before anybody can hear it.
    pub fn sent(&self, frame: Frame<'_>) {
        let (mark, now) = (self.member.shared.marks.of(frame), Instant::now());
        self.member.with(|group, id| group.sent(id, mark, now));
        let mut message = None;
        for line in &self.lines {
            line.send(now, frame.len(), || message.get_or_insert_with(|| owned(frame)).clone());
        }
    }

    /// The client gets a message from the hub.
    pub fn heard(&self, message: &Message, path: Path) {
        match path {
            Path::V2V2 => self.note(message, false),
            // The legacy server cannot know it.
            Path::V3V2 => self.member.shared.count(Shadowed::Ignored, 1),
            Path::V2V3 | Path::V3V3 => {}
        }
    }

    /// The client gets an answer of ours.
    pub fn answered(&self, message: &Message) {
        self.note(message, true);
    }

    fn note(&self, message: &Message, spare: bool) {
        let Some(mark) = self.member.shared.mark(message) else { return };
        let now = Instant::now();
        self.member.with(|group, id| group.ours(id, mark, now, spare));
    }

    /// The client takes nothing for the moment, or takes something again.
    pub fn stalled(&self, is: bool) {
        if self.stalled.swap(is, Ordering::Relaxed) != is {
            let now = Instant::now();
            self.member.with(|group, id| group.stalled(id, is, now));
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.member.with(|group, id| group.leave(id));
        for line in &self.lines {
            line.close();
        }
        self.left.cancel();
    }
}

fn owned(frame: Frame<'_>) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(bytes) => Message::binary(bytes.to_owned()),
    }
}

/// A frame on its way to a legacy server.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What.
    pub message: Message,
    /// When it was said.
    pub at: Instant,
}

/// The queue of one link; there is one while the link is up.
#[derive(Debug)]
pub(super) struct Line {
    /// Which legacy server.
    pub legacy: Legacy,
    queue: Mutex<Option<mpsc::Sender<Outgoing>>>,
    bytes: AtomicUsize,
}

impl Line {
    pub fn new(legacy: Legacy) -> Self {
        Self { legacy, queue: Mutex::new(None), bytes: AtomicUsize::new(0) }
    }

    /// The link is up: what is said from now on comes out of here, until it was too much or the client has left.
    pub fn open(&self) -> mpsc::Receiver<Outgoing> {
        let (sender, receiver) = mpsc::channel(MOST_QUEUED);
        self.bytes.store(0, Ordering::Relaxed);
        *self.queue.lock() = Some(sender);
        receiver
    }

    /// The link is down, or the client has left.
    pub fn close(&self) {
        self.queue.lock().take();
    }

    /// This many bytes were taken out.
    pub fn took(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn send(&self, at: Instant, bytes: usize, message: impl FnOnce() -> Message) {
        let mut queue = self.queue.lock();
        let Some(sender) = queue.as_ref() else { return };
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = waiting == 0 || waiting + bytes <= MOST_BYTES;
        if !room || sender.try_send(Outgoing { message: message(), at }).is_err() {
            // The link sees the end of its queue while the client is still there.
            *queue = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(line: &Line, bytes: usize) {
        line.send(Instant::now(), bytes, || Message::text("x".repeat(bytes)));
    }

    #[test]
    fn a_queue_that_is_full_ends() {
        for (bytes, fits) in [(1, MOST_QUEUED), (MOST_BYTES / 4, 4)] {
            let line = Line::new(Legacy::First);
            let mut receiver = line.open();
            for _ in 0..=fits {
                push(&line, bytes);
            }
            let mut got = 0;
            while receiver.try_recv().is_ok() {
                got += 1;
            }
            assert_eq!(got, fits);
            assert!(receiver.is_closed(), "{bytes}");
            push(&line, bytes);
        }
    }

    #[test]
    fn a_giant_passes_an_empty_queue_and_bytes_are_given_back() {
        let line = Line::new(Legacy::First);
        let mut receiver = line.open();
        for _ in 0..3 {
            push(&line, 5 * MOST_BYTES);
            let outgoing = receiver.try_recv().expect("a frame");
            line.took(outgoing.message.len());
        }
        assert!(!receiver.is_closed());
    }
}
