//! Owns the connections of one measurement: opens them, reads them, answers pings, sends what a scenario
//! says. Everything runs on one thread, so its state needs no locks.

use super::book::{Book, Ears};
use super::common::wire;
use futures_util::{StreamExt, stream};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

/// Handshakes under way at once.
const OPENING: usize = 64;
/// Bytes read at once, by whichever connection has something.
const BUFFER: usize = 64 * 1024;
/// Nothing came for so long: nothing will.
const STALLED: Duration = Duration::from_secs(3);
/// A timer is late by up to a millisecond or two; the rest of a wait is spent looking at the clock.
const TIMER_ERROR: Duration = Duration::from_millis(2);

/// What all connections share.
#[derive(Debug)]
struct Shared {
    book: RefCell<Book>,
    buffer: RefCell<Vec<u8>>,
    epoch: Instant,
    /// Deliveries for which somebody waits.
    goal: Cell<u64>,
    reached: Notify,
    /// Connections that ended, though nobody asked them to.
    ended: Cell<u64>,
    /// Closing down: ends are no faults any more.
    over: Cell<bool>,
}

/// The connections.
#[derive(Debug)]
pub struct Crew {
    shared: Rc<Shared>,
    writers: Vec<Rc<OwnedWriteHalf>>,
    readers: JoinSet<()>,
}

impl Crew {
    /// Opens one connection for each path, and starts to read them.
    ///
    /// # Errors
    /// The first handshake that failed.
    pub async fn open(to: SocketAddr, paths: &[String], ears: Vec<Ears>) -> Result<Self, String> {
        let shared = Rc::new(Shared {
            book: RefCell::new(Book::new(ears)),
            buffer: RefCell::new(vec![0; BUFFER]),
            epoch: Instant::now(),
            goal: Cell::new(u64::MAX),
            reached: Notify::new(),
            ended: Cell::new(0),
            over: Cell::new(false),
        });
        let mut readers = JoinSet::new();
        let mut writers: Vec<Option<Rc<OwnedWriteHalf>>> = vec![None; paths.len()];
        let opening = paths.iter().enumerate().map(|(n, path)| async move { (n, wire::connect(to, n, path).await) });
        let mut opening = stream::iter(opening).buffer_unordered(OPENING);
        while let Some((number, opened)) = opening.next().await {
            let (stream, rest) = opened.map_err(|error| format!("connection {number}: {error}"))?;
            let (read, write) = stream.into_split();
            let write = Rc::new(write);
            writers[number] = Some(write.clone());
            let line = Line { number, read, write, rest: Vec::new(), shared: shared.clone() };
            readers.spawn_local(line.run(rest));
        }
        Ok(Self { shared, writers: writers.into_iter().flatten().collect(), readers })
    }

    /// The account.
    pub fn book(&self) -> std::cell::RefMut<'_, Book> {
        self.shared.book.borrow_mut()
    }

    /// Connections that ended by themselves.
    pub fn ended(&self) -> u64 {
        self.shared.ended.get()
    }

    /// From now on connections may end.
    pub fn over(&self) {
        self.shared.over.set(true);
    }

    /// Nanoseconds since the crew began; the clock of all markers.
    pub fn now(&self) -> u64 {
        nanos(self.shared.epoch.elapsed())
    }

    /// Waits for a moment of that clock, as exactly as can be.
    pub async fn wait_until(&self, moment: u64) {
        let left = Duration::from_nanos(moment.saturating_sub(self.now()));
        if left > TIMER_ERROR {
            sleep(left - TIMER_ERROR).await;
        }
        while self.now() < moment {
            yield_now().await;
        }
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// The kernel's: the connection is gone.
    pub async fn send(&self, publisher: usize, text: &str) -> io::Result<()> {
        let frame = wire::frame(wire::TEXT, text.as_bytes());
        let writer: &OwnedWriteHalf = &self.writers[publisher];
        wire::write(writer.as_ref(), &frame).await
    }

    /// Waits until so many deliveries have come in all. False when nothing comes any more.
    pub async fn reach(&self, goal: u64) -> bool {
        loop {
            let before = self.book().delivered;
            if before >= goal {
                return true;
            }
            self.shared.goal.set(goal);
            let reached = timeout(STALLED, self.shared.reached.notified()).await;
            self.shared.goal.set(u64::MAX);
            if reached.is_err() && self.book().delivered == before {
                return false;
            }
        }
    }

    /// Waits until every reader has seen the end; for after the server's own.
    pub async fn close(mut self) {
        self.over();
        let _ = timeout(STALLED, async { while self.readers.join_next().await.is_some() {} }).await;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One connection as its reader sees it.
struct Line {
    number: usize,
    read: OwnedReadHalf,
    write: Rc<OwnedWriteHalf>,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    shared: Rc<Shared>,
}

impl Line {
    async fn run(mut self, first: Vec<u8>) {
        self.take(&first);
        while poll_fn(|cx| self.poll(cx)).await {}
        if !self.shared.over.get() {
            self.shared.ended.set(self.shared.ended.get() + 1);
        }
    }

    /// Reads once. False at the end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let shared = self.shared.clone();
        let mut buffer = shared.buffer.borrow_mut();
        let mut buffer = ReadBuf::new(&mut buffer);
        let read = ready!(Pin::new(&mut self.read).poll_read(cx, &mut buffer));
        let bytes = buffer.filled();
        Poll::Ready(read.is_ok() && !bytes.is_empty() && self.take(bytes))
    }

    /// Looks at every whole frame. False when one was a close.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let Self { number, write, rest, shared, .. } = self;
        let now = nanos(shared.epoch.elapsed());
        let mut book = shared.book.borrow_mut();
        let mut open = true;
        let mut each = |opcode: u8, content: &[u8]| match opcode {
            wire::PING => {
                // A pong that does not fit is a server that does not read: it will say so itself.
                let _ = write.try_write(&wire::frame(wire::PONG, content));
            }
            wire::CLOSE => open = false,
            _ => book.came(*number, content, now),
        };
        wire::feed(rest, bytes, &mut each);
        if book.delivered >= shared.goal.get() {
            shared.goal.set(u64::MAX);
            shared.reached.notify_one();
        }
        open
    }
}
