//! Owns one client's connection to one legacy server: it says there what the client says, and what comes back goes into
//! the comparison and to nobody else. It is opened after the client was let in, and stays a little longer than the client,
//! so that what is under way can still be compared.

use super::circle::Membership;
use super::tap::{Line, Outgoing};
use super::target::{Handshake, LinkError, Target};
use crate::dial::Socket;
use crate::telemetry::labels::Shadowed;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// A frame must be written in this time.
const WRITE: Duration = Duration::from_secs(5);
/// Tries in a row that may fail before a client goes on without its shadow.
const MOST_FAILURES: u32 = 10;
/// A link that held for so long was no failure.
const HELD: Duration = Duration::from_secs(60);
/// Pauses between tries double from the first to the last of these.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A server that answers no ping for this long, or for three windows, is away.
const SILENT: Duration = Duration::from_secs(10);

type Writer = SplitSink<Socket, Message>;
type Reader = SplitStream<Socket>;

/// See the module.
pub(super) struct Link {
    /// Where to.
    pub target: Arc<Target>,
    /// What to say first.
    pub handshake: Arc<Handshake>,
    /// What to say then.
    pub line: Arc<Line>,
    /// For whom.
    pub member: Arc<Membership>,
    /// The client has left, or everything ends.
    pub left: CancellationToken,
    /// Everything ends.
    pub stop: CancellationToken,
    /// Its place among `shadow.max_connections`.
    pub _permit: OwnedSemaphorePermit,
}

/// Pings and their answers, told by microseconds since the link was up.
struct Pulse {
    began: Instant,
    answered: AtomicU64,
}

impl Link {
    /// Keeps the connection until the client leaves.
    pub async fn run(self) {
        let shared = self.member.shared.clone();
        let mut failures = 0;
        loop {
            let opened = tokio::select! {
                opened = self.target.open(&self.handshake) => opened,
                () = self.left.cancelled() => return,
            };
            let began = Instant::now();
            let ended = match opened {
                Ok(socket) => self.linked(socket).await,
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return };
            if self.left.is_cancelled() {
                return;
            }
            shared.count(Shadowed::Error, 1);
            shared.failed(self.target.host(), &error);
            failures = if began.elapsed() >= HELD { 1 } else { failures + 1 };
            if failures > MOST_FAILURES {
                return;
            }
            tokio::select! {
                () = sleep(pause(failures)) => {}
                () = self.left.cancelled() => return,
            }
        }
    }

    /// The link is up until it fails or the client has left.
    async fn linked(&self, socket: Socket) -> Result<(), LinkError> {
        let (legacy, open) = (self.line.legacy, self.member.shared.metrics.shadow_connections.only());
        let queue = self.line.open();
        if self.left.is_cancelled() {
            // It left while the queue was made.
            self.line.close();
        }
        open.inc();
        let pulse = Pulse { began: Instant::now(), answered: AtomicU64::new(0) };
        self.member.with(|group, id| group.up(id, legacy, pulse.began));
        let (writer, reader) = socket.split();
        let ended = tokio::select! {
            ended = self.write(writer, queue, &pulse) => ended,
            error = self.read(reader, &pulse) => Err(error),
            () = self.stop.cancelled() => Ok(()),
        };
        self.line.close();
        self.member.with(|group, id| group.down(id, legacy, Instant::now()));
        open.dec();
        ended
    }

    /// Says what the client says; after it has left, waits for what is under way.
    async fn write(
        &self,
        mut writer: Writer,
        mut queue: mpsc::Receiver<Outgoing>,
        pulse: &Pulse,
    ) -> Result<(), LinkError> {
        let window = self.member.shared.rules.window;
        let mut pings = interval((window / 3).max(Duration::from_millis(10)));
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // When the last frame that was written had been said.
        let mut written = pulse.began;
        let mut until = None;
        loop {
            tokio::select! {
                outgoing = queue.recv(), if until.is_none() => match outgoing {
                    Some(Outgoing { message, at }) => {
                        self.line.took(message.len());
                        put(&mut writer, message).await?;
                        written = at;
                    }
                    None if self.left.is_cancelled() => until = Some(Instant::now() + self.member.shared.linger()),
                    None => return Err(LinkError::Overflow),
                },
                _ = pings.tick() => {
                    if pulse.silence() > SILENT.max(window * 3) {
                        return Err(LinkError::Timeout);
                    }
                    // Everything said up to this moment stands before the ping.
                    let upto = if queue.is_empty() { Instant::now() } else { written };
                    put(&mut writer, pulse.ping(upto)).await?;
                }
                () = sleep_until(until.unwrap_or(pulse.began)), if until.is_some() => {
                    return put(&mut writer, Message::Close(None)).await;
                }
            }
        }
    }

    /// Compares what the legacy server says.
    async fn read(&self, mut reader: Reader, pulse: &Pulse) -> LinkError {
        let (legacy, shared) = (self.line.legacy, &self.member.shared);
        loop {
            // A server that is silent is found by its pings.
            let message = match reader.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return error.into(),
                None => return LinkError::Closed,
            };
            let now = Instant::now();
            match &message {
                Message::Pong(data) => {
                    if let Some(sent) = pulse.answer(data, now) {
                        self.member.with(|group, id| group.proved(id, legacy, sent, now));
                    }
                }
                Message::Close(_) => return LinkError::Closed,
                message => {
                    if let Some(mark) = shared.mark(message) {
                        self.member.with(|group, id| group.theirs(id, legacy, mark, now));
                    }
                }
            }
        }
    }
}

impl Pulse {
    /// A ping that stands behind everything said up to a moment.
    fn ping(&self, upto: Instant) -> Message {
        let micros = upto.saturating_duration_since(self.began).as_micros() as u64;
        Message::Ping(micros.to_be_bytes().to_vec().into())
    }

    /// Of which moment this is the answer; None for what is none of ours.
    fn answer(&self, data: &[u8], now: Instant) -> Option<Instant> {
        let sent = self.began + Duration::from_micros(u64::from_be_bytes(data.try_into().ok()?));
        if sent > now {
            return None;
        }
        self.answered.store(now.saturating_duration_since(self.began).as_micros() as u64, Ordering::Relaxed);
        Some(sent)
    }

    /// How long ago the last answer came.
    fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_micros(self.answered.load(Ordering::Relaxed)))
    }
}

async fn put(writer: &mut Writer, message: Message) -> Result<(), LinkError> {
    timeout(WRITE, writer.send(message)).await.map_err(|_| LinkError::Timeout)?.map_err(Into::into)
}

/// Before the next try; not all at once after the legacy server was away.
fn pause(failures: u32) -> Duration {
    let (first, last) = PAUSES;
    let pause = first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(last);
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        for failures in 1..50 {
            let full = PAUSES.0.saturating_mul(1 << (failures - 1).min(10)).min(PAUSES.1);
            let pause = pause(failures);
            assert!(pause >= full / 2 && pause <= full, "{failures}: {pause:?}");
        }
    }

    #[test]
    fn a_pong_tells_which_ping_it_answers() {
        let pulse = Pulse { began: Instant::now(), answered: AtomicU64::new(0) };
        let upto = pulse.began + Duration::from_millis(5);
        let Message::Ping(data) = pulse.ping(upto) else { panic!("a ping") };
        assert_eq!(pulse.answer(&data, upto), Some(upto));
        assert_eq!(pulse.answer(&data, pulse.began), None, "from the future");
        assert_eq!(pulse.answer(b"abc", upto), None);
    }
}
