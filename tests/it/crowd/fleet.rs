//! Thousands of light clients that live as long as the test says: each connects, reads, answers a close frame, and
//! comes back when it lost its connection. What happened to them all is kept with its time.

use super::wire;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Clients in one group.
const GROUP: usize = 10;
/// How long a client waits that could not even connect, and up to twice as long.
const AGAIN: Duration = Duration::from_millis(100);

/// What a client does when its connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It comes back.
    Return,
    /// It stays away.
    Leave,
}

/// What happened to all of them since `forget`.
#[derive(Debug, Default)]
pub struct Told {
    /// When handshakes succeeded.
    pub arrived: Vec<Instant>,
    /// When the server said goodbye, with the code.
    pub closed: Vec<(Instant, u16)>,
    /// Connections that ended without a close frame, though the client had not ended them.
    pub cut: usize,
    /// Answers other than 101, as they came.
    pub refused: Vec<String>,
    /// Connections that never came to an answer.
    pub failed: usize,
}

#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    after: After,
    open: AtomicUsize,
    told: Mutex<Told>,
    changed: Notify,
    /// Counted up: all drop their connections.
    breaks: watch::Sender<u64>,
}

/// The clients. Dropped, they are gone without a word.
pub struct Fleet {
    shared: Arc<Shared>,
    _clients: JoinSet<()>,
}

impl Fleet {
    /// Connects so many, V2 and V3 by turns, ten in a group.
    pub async fn connect(to: SocketAddr, size: usize, after: After) -> Self {
        let (told, changed) = (Mutex::default(), Notify::new());
        let breaks = watch::Sender::new(0);
        let shared = Arc::new(Shared { to, after, open: AtomicUsize::new(0), told, changed, breaks });
        let mut clients = JoinSet::new();
        for chunk in (0..size).collect::<Vec<_>>().chunks(200) {
            for n in chunk {
                clients.spawn(live(shared.clone(), *n));
            }
            let fleet = Self { shared: shared.clone(), _clients: JoinSet::new() };
            fleet.all_in(chunk[0] + chunk.len(), Duration::from_secs(30)).await;
        }
        Self { shared, _clients: clients }
    }

    /// How many are connected.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until so many are connected; panics with what happened instead.
    pub async fn all_in(&self, size: usize, within: Duration) {
        self.until(within, || self.open() >= size, "not all are in").await;
    }

    /// Waits until nobody is connected.
    pub async fn all_out(&self, within: Duration) {
        self.until(within, || self.open() == 0, "not all are out").await;
    }

    async fn until(&self, within: Duration, holds: impl Fn() -> bool, what: &str) {
        let deadline = Instant::now() + within;
        while !holds() {
            let seen = {
                let told = self.shared.told.lock();
                (self.open(), told.refused.len(), told.failed, told.cut, told.refused.last().cloned())
            };
            assert!(Instant::now() < deadline, "{what}: open, refused, failed, cut, last refusal: {seen:?}");
            let _ = tokio::time::timeout(Duration::from_millis(50), self.shared.changed.notified()).await;
        }
    }

    /// What happened since the last time, which is forgotten.
    pub fn take(&self) -> Told {
        std::mem::take(&mut self.shared.told.lock())
    }

    /// Waits until so many have arrived since what was taken last, and takes what happened.
    pub async fn arrivals(&self, size: usize, within: Duration) -> Told {
        self.until(within, || self.shared.told.lock().arrived.len() >= size, "not all are back").await;
        self.take()
    }

    /// The network fails: every connection is reset at once, by the client's side.
    pub fn reset_all(&self) {
        self.shared.breaks.send_modify(|n| *n += 1);
    }
}

/// A V2 or V3 address. Its group has ten members, of both.
fn path(n: usize) -> String {
    let dialect = if n.is_multiple_of(2) { "/ws" } else { "/v3/ws" };
    format!("{dialect}/group/crowd-{}/client/c{n}-x", n / GROUP)
}

async fn live(shared: Arc<Shared>, n: usize) {
    loop {
        // A loopback address of its own now and then: each has only so many ports.
        let number = fastrand::usize(..4_000_000);
        match wire::connect(shared.to, number, &path(n)).await {
            Ok((mut stream, rest)) => {
                // Dropped, it is reset: nothing is left of it, also no port that waits.
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                let mut breaks = shared.breaks.subscribe();
                shared.told.lock().arrived.push(Instant::now());
                shared.open.fetch_add(1, Ordering::SeqCst);
                shared.changed.notify_one();
                tokio::select! {
                    () = stay(&shared, &mut stream, rest) => {}
                    _ = breaks.changed() => {}
                }
                drop(stream);
                shared.open.fetch_sub(1, Ordering::SeqCst);
                shared.changed.notify_one();
                if shared.after == After::Leave {
                    return;
                }
            }
            Err(error) if error.to_string().starts_with("HTTP/1.1 ") => {
                let answer = error.to_string();
                let wait = retry_after(&answer);
                shared.told.lock().refused.push(answer);
                sleep(wait).await;
            }
            Err(_) => {
                shared.told.lock().failed += 1;
                sleep(AGAIN.mul_f64(1.0 + fastrand::f64())).await;
            }
        }
    }
}

/// Reads to the end.
async fn stay(shared: &Shared, stream: &mut TcpStream, mut rest: Vec<u8>) {
    let mut code = None;
    loop {
        let mut pongs = Vec::new();
        let used = wire::frames(&rest, |opcode, content| match opcode {
            wire::PING => pongs.extend(wire::frame(wire::PONG, content)),
            wire::CLOSE => code = Some(content.first_chunk().map_or(1005, |two| u16::from_be_bytes(*two))),
            _ => {}
        });
        rest.drain(..used);
        let _ = wire::write(stream, &pongs).await;
        if code.is_some() || !matches!(stream.read_buf(&mut rest).await, Ok(n) if n > 0) {
            break;
        }
    }
    let Some(code) = code else {
        shared.told.lock().cut += 1;
        return;
    };
    shared.told.lock().closed.push((Instant::now(), code));
    let _ = wire::write(stream, &wire::frame(wire::CLOSE, &code.to_be_bytes())).await;
    while matches!(stream.read_buf(&mut rest).await, Ok(n) if n > 0) {}
}

/// What a refusal tells a client to wait: exactly that, as the simplest of clients does.
fn retry_after(answer: &str) -> Duration {
    let line =
        answer.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("retry-after:").map(str::to_owned));
    Duration::from_secs(line.and_then(|seconds| seconds.trim().parse().ok()).expect("a refusal says when to come back"))
}
