//! Owns the connections: each seat is taken, served and left again, for as long as the soak lasts. What clients say
//! is `talk`'s, who goes when `churn`'s. Everything runs on one thread, so its state needs no locks.

use super::book::{Book, Left};
use super::common::wire;
use super::frames;
use super::plan::Plan;
use fastrand::Rng;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Bytes that may wait for a proxy which does not read; more is not said.
const UNREAD: usize = 1024 * 1024;
/// Bytes read at once.
const BUFFER: usize = 64 * 1024;
/// How long a silent client holds its socket: the proxy has long given it up.
const SILENCE: Duration = Duration::from_secs(25);
/// How long the answer to a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);
/// What a goodbye says (RFC 6455 section 7.4), and what it is answered with.
const GOODBYE_CODE: u16 = 1000;

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Say goodbye, wait for the answer.
    Clean,
    /// Reset the connection.
    Reset,
    /// Neither read nor write any more, and come back on another connection.
    Silent,
    /// Read nothing for so many milliseconds.
    Stall(u64),
    /// Break the protocol.
    Break,
}

/// One open connection.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    out: RefCell<Vec<u8>>,
    order: Cell<Option<Order>>,
    /// It is about to end, and says nothing more.
    ends: Cell<bool>,
    wake: Notify,
    /// It goes by this id.
    pub id: String,
    /// On which proxy it is.
    pub proxy: usize,
}

impl Line {
    /// Says this as soon as the socket takes it.
    pub fn say(&self, opcode: u8, content: &[u8]) {
        let mut out = self.out.borrow_mut();
        out.extend(wire::frame(opcode, content));
        self.write(&mut out);
        if !out.is_empty() {
            self.wake.notify_one();
        }
    }

    /// May it say more? Not when it is about to go, nor when too much waits already.
    pub fn may_talk(&self) -> bool {
        !self.ends.get() && self.out.borrow().len() < UNREAD
    }

    /// Is told what to do.
    pub fn order(&self, order: Order) {
        self.order.set(Some(order));
        self.ends.set(!matches!(order, Order::Stall(_)));
        self.wake.notify_one();
    }

    fn flush(&self) {
        self.write(&mut self.out.borrow_mut());
    }

    /// An error shows when it is read, too.
    fn write(&self, out: &mut Vec<u8>) {
        let mut done = 0;
        while done < out.len() {
            match self.stream.try_write(&out[done..]) {
                Ok(n) => done += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => done = out.len(),
            }
        }
        out.drain(..done);
        if out.is_empty() && out.capacity() > BUFFER {
            *out = Vec::new();
        }
    }
}

/// What all share.
#[derive(Debug)]
pub struct Crowd {
    /// Who takes part.
    pub plan: Plan,
    /// The account.
    pub book: RefCell<Book>,
    /// Open connections, by seat.
    pub lines: RefCell<Vec<Option<Rc<Line>>>>,
    /// Where the proxies take clients; none while one is away.
    pub doors: RefCell<[Option<SocketAddr>; 2]>,
    /// Things that happened, by name.
    pub counts: RefCell<BTreeMap<String, u64>>,
    /// No more connections.
    pub over: CancellationToken,
    /// Drawn from by everybody.
    pub rng: RefCell<Rng>,
    buffer: RefCell<Vec<u8>>,
    epoch: Instant,
}

impl Crowd {
    /// Nobody is connected.
    pub fn new(plan: Plan, seed: u64) -> Self {
        Self {
            book: RefCell::new(Book::new(plan.hears.clone())),
            lines: RefCell::new(vec![None; plan.seats.len()]),
            plan,
            doors: RefCell::new([None; 2]),
            counts: RefCell::default(),
            over: CancellationToken::new(),
            rng: RefCell::new(Rng::with_seed(seed)),
            buffer: RefCell::new(vec![0; BUFFER]),
            epoch: Instant::now(),
        }
    }

    /// Milliseconds since the start.
    pub fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since the start, for markers.
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Counts something that happened.
    pub fn count(&self, what: &str) {
        let mut counts = self.counts.borrow_mut();
        match counts.get_mut(what) {
            Some(n) => *n += 1,
            None => drop(counts.insert(what.to_owned(), 1)),
        }
    }

    /// How often it happened.
    pub fn counted(&self, what: &str) -> u64 {
        self.counts.borrow().get(what).copied().unwrap_or_default()
    }

    /// Between 0 and so many.
    pub fn below(&self, n: u64) -> u64 {
        self.rng.borrow_mut().u64(..n.max(1))
    }

    /// Open connections.
    pub fn connected(&self) -> usize {
        self.lines.borrow().iter().flatten().count()
    }

    /// The connection of a seat.
    pub fn line(&self, seat: usize) -> Option<Rc<Line>> {
        self.lines.borrow()[seat].clone()
    }

    /// The proxy a seat should be on, or the other one.
    fn door(&self, seat: usize) -> Option<(usize, SocketAddr)> {
        let doors = self.doors.borrow();
        [seat % 2, 1 - seat % 2].into_iter().find_map(|at| doors[at].map(|door| (at, door)))
    }

    /// Takes a seat again and again.
    pub async fn take(self: Rc<Self>, seat: usize) {
        let mut name = 0;
        while !self.over.is_cancelled() {
            let opened = match self.door(seat) {
                Some((proxy, door)) => {
                    let path = self.plan.seats[seat].path(name);
                    wire::connect(door, seat, &path).await.map(|(stream, first)| (proxy, stream, first))
                }
                None => Err(ErrorKind::NotConnected.into()),
            };
            match opened {
                Ok((proxy, stream, first)) => {
                    let line = Rc::new(Line {
                        stream,
                        out: RefCell::default(),
                        order: Cell::default(),
                        ends: Cell::default(),
                        wake: Notify::new(),
                        id: self.plan.seats[seat].id(name),
                        proxy,
                    });
                    self.book.borrow_mut().joined(seat);
                    self.lines.borrow_mut()[seat] = Some(line.clone());
                    self.count("connections opened");
                    let left = self.clone().serve(seat, &line, first).await;
                    self.lines.borrow_mut()[seat] = None;
                    self.book.borrow_mut().left(seat, left, self.now());
                }
                Err(error) => self.count(&format!("not let in: {}", why(&error))),
            }
            // Often under the same id, seldom under another of a few.
            name += usize::from(self.below(4) == 0);
            let pause = Duration::from_millis(50 + self.below(1_500));
            let _ = timeout(pause, self.over.cancelled()).await;
        }
    }

    async fn serve(self: Rc<Self>, seat: usize, line: &Rc<Line>, first: Vec<u8>) -> Left {
        let mut rest = Vec::new();
        let mut until: Option<tokio::time::Instant> = None;
        if let Some(left) = self.take_in(seat, line, &mut rest, &first) {
            return left;
        }
        loop {
            match line.order.take() {
                Some(Order::Reset) => {
                    let _ = socket2::SockRef::from(&line.stream).set_linger(Some(Duration::ZERO));
                    return Left::Suddenly;
                }
                Some(Order::Silent) => {
                    let (crowd, line) = (self.clone(), line.clone());
                    tokio::task::spawn_local(async move {
                        let _ = timeout(SILENCE, crowd.over.cancelled()).await;
                        let _ = socket2::SockRef::from(&line.stream).set_linger(Some(Duration::ZERO));
                    });
                    return Left::Suddenly;
                }
                Some(Order::Stall(for_ms)) => {
                    let _ = timeout(Duration::from_millis(for_ms), self.over.cancelled()).await;
                }
                Some(Order::Clean) => {
                    line.say(wire::CLOSE, &GOODBYE_CODE.to_be_bytes());
                    until = Some(tokio::time::Instant::now() + GOODBYE);
                }
                Some(Order::Break) => self.break_it(line),
                None => {}
            }
            let waits = !line.out.borrow().is_empty();
            let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let late = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let ready = tokio::select! {
                ready = line.stream.ready(interest) => ready,
                () = line.wake.notified() => continue,
                () = late => {
                    self.count("a goodbye was not answered");
                    return Left::Suddenly;
                }
            };
            let Ok(ready) = ready else { return self.cut() };
            if ready.is_writable() {
                line.flush();
            }
            if !ready.is_readable() {
                continue;
            }
            let mut buffer = self.buffer.borrow_mut();
            match line.stream.try_read(&mut buffer) {
                Ok(0) => return self.cut(),
                Ok(n) => {
                    if let Some(left) = self.take_in(seat, line, &mut rest, &buffer[..n]) {
                        return left;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return self.cut(),
            }
        }
    }

    /// Something no client of ours should do, one of several.
    fn break_it(&self, line: &Line) {
        self.count("protocol broken");
        match self.below(3) {
            // A reserved opcode; text that is none; a message above `limits.message`.
            0 => line.say(0x5, b"what is this?"),
            1 => line.say(wire::TEXT, &[0xC3, 0x28]),
            _ => line.say(wire::TEXT, &vec![b'x'; 600 * 1024]),
        };
    }

    fn cut(&self) -> Left {
        self.count("ended without a close frame");
        Left::Told
    }

    /// Looks at every whole frame. How it ended, when one was a close.
    fn take_in(&self, seat: usize, line: &Line, rest: &mut Vec<u8>, bytes: &[u8]) -> Option<Left> {
        let mut left = None;
        let mut each = |opcode: u8, content: &[u8]| match opcode {
            wire::PING => line.say(wire::PONG, content),
            wire::CLOSE => {
                let code = content.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                if line.ends.get() && code == GOODBYE_CODE {
                    left = Some(Left::Politely);
                } else {
                    self.count(&format!("closed with {code}"));
                    line.say(wire::CLOSE, content.get(..2).unwrap_or_default());
                    left = Some(Left::Told);
                }
            }
            wire::TEXT | frames::BINARY => self.hear(seat, opcode, content),
            _ => {}
        };
        wire::feed(rest, bytes, &mut each);
        if rest.is_empty() && rest.capacity() > BUFFER {
            *rest = Vec::new();
        }
        left
    }

    fn hear(&self, seat: usize, opcode: u8, content: &[u8]) {
        let mut book = self.book.borrow_mut();
        if let Some((mark, inner)) = frames::find(content) {
            if !frames::is_whole(&self.plan.seats, &self.plan.seats[seat], opcode, &inner, &mark) {
                book.tally.corrupt += 1;
                let start = String::from_utf8_lossy(&content[..content.len().min(160)]).into_owned();
                book.example(format!("seat {seat} got {} bytes that nobody said: {start}", content.len()));
            }
            book.latency.record(self.nanos().saturating_sub(mark.intended));
            return book.came(seat, mark.publisher, mark.number, self.now());
        }
        let has = |word: &str| content.windows(word.len()).any(|part| part == word.as_bytes());
        if has(r#""code":"gap""#) {
            self.count("told RESYNC");
            book.resync(seat, self.now());
        } else if has(r#""code":"hub_"#) {
            self.count("told ERROR: the hub is away");
            book.doubt(seat, self.now());
        } else if has(r#""code":"invalid_message""#) {
            self.count("invalid messages answered");
        } else if has(r#""members":"#) {
            self.count("presence answered");
        } else if !has(r#""msg_type":"presence""#) {
            self.count("frames not understood");
        }
    }
}

fn why(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("HTTP/1.1 ") {
        Some(answer) => answer.chars().take(3).collect(),
        None => error.kind().to_string(),
    }
}
