//! Owns what came on one connection and was not yet looked at: in order, with the time it came, and bounded, so that a
//! server that floods costs a check and not the runner's memory.

use crate::dialect::OwnedFrame;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Frames of one connection, from its first to its last.
const MOST_FRAMES: usize = 20_000;
/// Bytes that wait.
const MOST_BYTES: usize = 24 << 20;
/// What a frame costs beside its content.
const COST: usize = 64;

/// Something that came.
#[derive(Debug, Clone)]
pub struct Came {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A data frame.
    Frame(OwnedFrame),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// The last that comes.
    Ended(End),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a close frame; 1005: without a code in it. Perhaps with a reason.
    Code(u16, String),
    /// Without a close frame.
    Cut,
    /// The server broke the WebSocket protocol.
    Broken(String),
    /// More came than is kept.
    Flood,
}

impl End {
    /// The code that stands for it, where it is one that a case can expect.
    pub fn code(&self) -> Option<u16> {
        match self {
            End::Code(code, _) => Some(*code),
            End::Cut => Some(1006),
            End::Broken(_) | End::Flood => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Code(code, reason) if reason.is_empty() => write!(f, "close code {code}"),
            End::Code(code, reason) => write!(f, "close code {code} ({reason})"),
            End::Cut => f.write_str("no close frame (1006)"),
            End::Broken(why) => write!(f, "a breach of the WebSocket protocol: {why}"),
            End::Flood => {
                write!(f, "a flood: more than {MOST_FRAMES} frames, or more than {} MiB at once", MOST_BYTES >> 20)
            }
        }
    }
}

/// See the module. One puts in, one takes out.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Came>,
    /// Bytes that wait.
    bytes: usize,
    /// Frames since it began.
    frames: usize,
    /// Nothing more will be put in.
    over: bool,
}

impl Inbox {
    /// Puts something in; false when nothing more can come: an end, or a flood.
    pub fn put(&self, what: What) -> bool {
        let mut state = self.state.lock();
        state.frames += 1;
        state.bytes += cost(&what);
        let full = state.frames > MOST_FRAMES || state.bytes > MOST_BYTES;
        let what = if full { What::Ended(End::Flood) } else { what };
        state.over |= matches!(what, What::Ended(_));
        let over = state.over;
        state.waiting.push_back(Came { at: Instant::now(), what });
        drop(state);
        self.bell.notify_one();
        !over
    }

    /// The next frame, or the end; nothing if none comes until then. Pongs that nobody asked for are passed over.
    pub async fn next(&self, until: Instant) -> Option<Came> {
        self.take(until, |waiting| {
            while waiting.front().is_some_and(|came| matches!(came.what, What::Pong(_))) {
                waiting.pop_front();
            }
            waiting.pop_front()
        })
        .await
    }

    /// The next frame; an end stays where it is.
    pub async fn next_frame(&self, until: Instant) -> Option<Came> {
        self.take(until, |waiting| {
            while waiting.front().is_some_and(|came| matches!(came.what, What::Pong(_))) {
                waiting.pop_front();
            }
            waiting.front().filter(|came| matches!(came.what, What::Frame(_)))?;
            waiting.pop_front()
        })
        .await
    }

    /// A pong with this content, wherever it stands; what else came stays.
    pub async fn pong(&self, content: &[u8], until: Instant) -> Option<Came> {
        self.take(until, |waiting| {
            let same = |came: &Came| matches!(&came.what, What::Pong(got) if got == content);
            let at = waiting.iter().position(same)?;
            waiting.remove(at)
        })
        .await
    }

    /// Pongs that wait.
    pub fn pongs(&self) -> usize {
        self.state.lock().waiting.iter().filter(|came| matches!(came.what, What::Pong(_))).count()
    }

    async fn take(&self, until: Instant, mut pick: impl FnMut(&mut VecDeque<Came>) -> Option<Came>) -> Option<Came> {
        let mut look = || {
            let mut state = self.state.lock();
            let picked = pick(&mut state.waiting);
            if let Some(came) = &picked {
                state.bytes = state.bytes.saturating_sub(cost(&came.what));
            }
            (picked, state.over)
        };
        loop {
            match look() {
                (None, false) => {}
                (picked, _) => return picked,
            }
            if timeout_at(until, self.bell.notified()).await.is_err() {
                return look().0;
            }
        }
    }
}

fn cost(what: &What) -> usize {
    COST + match what {
        What::Frame(frame) => frame.borrow().len(),
        What::Pong(content) => content.len(),
        What::Ended(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn text(text: impl Into<String>) -> What {
        What::Frame(OwnedFrame::Text(text.into()))
    }

    #[tokio::test(start_paused = true)]
    async fn order_is_kept_and_a_pong_is_found_wherever_it_stands() {
        let inbox = Inbox::default();
        let soon = || Instant::now() + Duration::from_secs(1);
        for what in [What::Pong(vec![1]), text("a"), What::Pong(vec![2]), text("b"), What::Ended(End::Cut)] {
            inbox.put(what);
        }
        assert_eq!(inbox.pongs(), 2);
        assert_eq!(inbox.pong(&[2], soon()).await.unwrap().what, What::Pong(vec![2]));
        let began = Instant::now();
        assert!(inbox.pong(&[3], soon()).await.is_none(), "it is over, so nothing is waited for");
        for what in [text("a"), text("b"), What::Ended(End::Cut)] {
            assert_eq!(inbox.next(soon()).await.unwrap().what, what);
        }
        assert!(inbox.next(soon()).await.is_none());
        inbox.put(What::Ended(End::Cut));
        assert!(inbox.next_frame(soon()).await.is_none() && inbox.next(soon()).await.is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_waited_for_and_no_longer_than_said() {
        let inbox = Inbox::default();
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let (came, ()) = tokio::join!(inbox.next(at(100)), async {
            tokio::time::sleep_until(at(40)).await;
            inbox.put(text("a"));
        });
        assert_eq!(came.unwrap().at, at(40));
        assert!(inbox.next(at(70)).await.is_none());
        assert_eq!(Instant::now(), at(70));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_ends_it() {
        let big = || text("x".repeat(1 << 20));
        let inbox = Inbox::default();
        let puts = (0..100).take_while(|_| inbox.put(big())).count();
        assert_eq!(puts, 23);
        let inbox = Inbox::default();
        assert_eq!((0..MOST_FRAMES * 2).take_while(|_| inbox.put(text(""))).count(), MOST_FRAMES);
        // What is taken out makes room for bytes.
        let inbox = Inbox::default();
        for _ in 0..100 {
            assert!(inbox.put(big()));
            assert!(inbox.next(Instant::now()).await.is_some());
        }
    }
}
