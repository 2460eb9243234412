//! Owns the connection on which messages go to one master: pieces of the queues come in, each as one pipeline,
//! and what could not be published goes back. A message is published exactly once: the journal's script
//! knows the running number of each node, so a retry and an original that comes late are both recognised.

use super::health::Health;
use super::job::{Job, Style};
use super::replicas::{Copies, Replicas};
use super::waiting::{Numbered, Piece};
use crate::hub::keys::Keys;
use crate::hub::publication::PublishError;
use crate::redis_client::{Backoff, ConnectError, Connector, Node, Rarely};
use crate::telemetry::Metrics;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Pipeline, RedisError, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long a slot that is being moved is left alone.
const PARKED: Duration = Duration::from_millis(50);

/// What a lane says to the publisher.
#[derive(Debug)]
pub enum Told {
    /// It takes pieces from now on.
    Up(u64),
    /// It takes none any more.
    Down(u64),
    /// Pieces, with what is still to be published of them. It takes others.
    Back(u64, Vec<Returned>),
}

/// A piece that comes back.
#[derive(Debug)]
pub struct Returned {
    /// Its slot.
    pub slot: u16,
    /// What is still to be published.
    pub left: Vec<Numbered>,
    /// What Redis has.
    pub done: Vec<Numbered>,
    /// Not before this time.
    pub parked: Option<Instant>,
    /// The slot seems to be served by another.
    pub moved: bool,
}

/// One master's.
pub struct Lane {
    /// Its name for the publisher.
    pub id: u64,
    /// The master.
    pub node: Node,
    /// How to reach it.
    pub connector: Arc<Connector>,
    /// Names.
    pub keys: Arc<Keys>,
    /// How messages are written.
    pub style: Style,
    /// Where it says that a probe went out.
    pub health: Arc<Health>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Pieces to publish.
    pub work: mpsc::Receiver<Vec<Piece>>,
    /// The publisher.
    pub told: mpsc::Sender<Told>,
    /// Refusals may come a thousand a second.
    pub refusals: Arc<Rarely>,
}

struct Ready {
    connection: MultiplexedConnection,
    script: String,
}

/// What came of one message.
enum Fate {
    /// Redis has it; new when it did not have it before.
    Done {
        new: bool,
    },
    Again,
    /// The slot is elsewhere, or on its way.
    Parked {
        moved: bool,
    },
    /// The server is the wrong one, or cannot now.
    Wrong(RedisError),
    Refused(RedisError),
}

impl Lane {
    /// Publishes until the publisher drops its end; what is in its hands then still goes back.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut replicas = {
            let [patience, allowance] = self.style.patience;
            Replicas::new(self.style.replicas, patience, allowance)
        };
        loop {
            let (connector, node) = (self.connector.clone(), self.node.clone());
            let connected = tokio::select! {
                connected = connect(&connector, &node, replicas.are_wanted()) => connected,
                None = self.work.recv() => return,
            };
            match connected {
                Ok(ready) => {
                    self.tell(Told::Up(self.id)).await;
                    let Some(error) = self.serve(ready, &mut backoff, &mut replicas).await else { return };
                    tracing::warn!(%error, node = %self.node, "publishing failed, connecting again");
                    self.metrics.hub_reconnects.only().inc();
                }
                Err(error) => {
                    tracing::warn!(%error, node = %self.node, "Redis cannot be reached for publishing");
                }
            }
            self.tell(Told::Down(self.id)).await;
            tokio::select! {
                () = tokio::time::sleep(backoff.pause()) => {}
                None = self.work.recv() => return,
            }
        }
    }

    async fn tell(&self, told: Told) {
        // Without a publisher there is nobody to mind.
        let _ = self.told.send(told).await;
    }

    /// Publishes on one connection; None when there is nothing to publish any more.
    async fn serve(&mut self, mut ready: Ready, backoff: &mut Backoff, replicas: &mut Replicas) -> Option<RedisError> {
        loop {
            let pieces = self.work.recv().await?;
            let mut pipe = self.pipe(&pieces, &ready.script);
            let asked = replicas.ask(&mut pipe, Instant::now());
            let answered = ready.connection.req_packed_commands(&pipe, 0, pipe.len()).await;
            let (mut answers, mut wrong) = match answered {
                Ok(answers) => (answers, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            let (mut copied, mut suspect) = (true, false);
            if wrong.is_none() {
                let answer = if asked { answers.pop() } else { None };
                match self.hear(replicas, answer) {
                    Copies::Enough => {}
                    Copies::TooFew => copied = false,
                    Copies::NotYet => (answers, suspect) = (Vec::new(), true),
                    // The same again: whoever is master then knows what it has.
                    Copies::Unknown(error) => (answers, wrong) = (Vec::new(), Some(error)),
                }
            }
            let mut answers = answers.into_iter();
            let mut returned = Vec::with_capacity(pieces.len());
            for (slot, jobs) in pieces {
                let mut piece = self.sort(slot, jobs, &mut answers, copied, &mut wrong);
                piece.moved |= suspect;
                returned.push(piece);
            }
            if wrong.is_some() {
                // First, so that nothing is handed out to a lane that cannot take it.
                self.tell(Told::Down(self.id)).await;
            }
            self.tell(Told::Back(self.id, returned)).await;
            match wrong {
                Some(error) => return Some(error),
                None => backoff.reset(),
            }
        }
    }

    /// Whether replicas have what was just published; their going and coming is said once.
    fn hear(&self, replicas: &mut Replicas, answer: Option<Value>) -> Copies {
        let before = replicas.are_away();
        let copies = replicas.hear(answer, Instant::now());
        match (before, replicas.are_away()) {
            (false, true) => {
                let wanted = self.style.replicas;
                tracing::warn!(node = %self.node, wanted, "replicas do not keep up, publishing goes on without them");
            }
            (true, false) => tracing::info!(node = %self.node, "replicas keep up again"),
            _ => {}
        }
        copies
    }

    /// Sorts out of a piece what is done.
    fn sort(
        &self,
        slot: u16,
        jobs: Vec<Numbered>,
        answers: &mut impl Iterator<Item = Value>,
        copied: bool,
        wrong: &mut Option<RedisError>,
    ) -> Returned {
        let mut back = Returned { slot, left: Vec::new(), done: Vec::new(), parked: None, moved: false };
        for numbered in jobs {
            match fate(answers.next()) {
                Fate::Done { new } => {
                    self.book(&numbered, new, copied);
                    back.done.push(numbered);
                    continue;
                }
                Fate::Refused(error) => {
                    self.refusals.say(|unsaid| tracing::error!(%error, unsaid, "Redis refuses a message"));
                    numbered.fail(PublishError::Unavailable, &self.metrics);
                    continue;
                }
                Fate::Again => {}
                Fate::Parked { moved } => {
                    back.parked = Some(Instant::now() + PARKED);
                    back.moved |= moved;
                }
                Fate::Wrong(error) => *wrong = Some(error),
            }
            back.left.push(numbered);
        }
        back
    }

    fn book(&self, numbered: &Numbered, new: bool, copied: bool) {
        let Job::Message { publication, .. } = &numbered.job else {
            if numbered.job.is_probe() {
                self.health.probed(&self.node);
            }
            return;
        };
        if numbered.said.is_some() {
            // Booked before. A master has taken it along, or did not know that it was no master.
            self.metrics.hub_republished.only().inc_by(u64::from(new));
            return;
        }
        publication.done(&self.metrics);
        if !copied {
            self.metrics.hub_unreplicated.only().inc();
        }
        self.metrics.hub_publish_duration.only().observe(numbered.taken.elapsed().as_secs_f64());
    }

    fn pipe(&self, pieces: &[Piece], script: &str) -> Pipeline {
        let mut pipe = Pipeline::with_capacity(64);
        let mut before: HashMap<&[u8], u64> = HashMap::new();
        for numbered in pieces.iter().flat_map(|(_, jobs)| jobs) {
            let last = before.insert(numbered.job.channel(), numbered.number).unwrap_or(0);
            self.write(&mut pipe, script, numbered, last);
        }
        pipe
    }

    fn write(&self, pipe: &mut Pipeline, script: &str, numbered: &Numbered, last: u64) {
        let command = if self.style.sharded { "SPUBLISH" } else { "PUBLISH" };
        let (publication, channel) = match &numbered.job {
            Job::Aside { channel, text } => {
                pipe.cmd(command).arg(channel.as_ref()).arg(text);
                return;
            }
            Job::Message { publication, channel, .. } => (publication, channel),
        };
        let Some((length, ttl)) = self.style.journal.filter(|_| !publication.text.tail.is_empty()) else {
            pipe.cmd(command).arg(channel.as_ref()).arg(publication.text.unstamped());
            return;
        };
        let name = String::from_utf8_lossy(channel);
        let node = &self.style.node;
        let epoch = match numbered.said {
            None => format!("{node}-{}", numbered.number),
            // Begun anew by what is said again: never taken for the journal that is gone.
            Some(_) => format!("{node}-{}-{:x}", numbered.number, fastrand::u32(..)),
        };
        pipe.cmd("EVALSHA")
            .arg(script)
            .arg(2)
            .arg(self.keys.journal_meta(&name))
            .arg(self.keys.journal(&name))
            .arg(channel.as_ref())
            .arg(&publication.text.head)
            .arg(&publication.text.tail)
            .arg(format!("n:{node}"))
            .arg(numbered.number)
            .arg(epoch)
            .arg(length)
            .arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
            .arg(command)
            .arg(last);
    }
}

impl Numbered {
    /// Books it as lost and tells its sender; nobody misses a word among proxies.
    pub fn fail(&self, why: PublishError, metrics: &Metrics) {
        if let Job::Message { publication, .. } = &self.job
            && self.said.is_none()
        {
            publication.failed(why, metrics);
        }
    }
}

async fn connect(connector: &Connector, node: &Node, wait: bool) -> Result<Ready, ConnectError> {
    let mut connection = connector.command(node).await?;
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD").arg(include_str!("../../lua/publish.lua"));
    let script = load.query_async::<String>(&mut connection).await?;
    if wait {
        // A replica refuses, and so does a user who may not: better now than behind each message.
        redis::cmd("WAIT").arg(0).arg(1).query_async::<u32>(&mut connection).await?;
    }
    Ok(Ready { connection, script })
}

fn fate(answer: Option<Value>) -> Fate {
    let error = match answer {
        None | Some(Value::Int(-1)) => return Fate::Again,
        Some(Value::ServerError(error)) => RedisError::from(error),
        Some(answer) => return Fate::Done { new: answer != Value::Int(0) },
    };
    match error.code() {
        Some("MOVED" | "CLUSTERDOWN") => Fate::Parked { moved: true },
        // Half of the slot is there, half here. When it has moved, all of it is there.
        Some("ASK" | "TRYAGAIN") => Fate::Parked { moved: false },
        Some("NOSCRIPT" | "READONLY" | "LOADING" | "MASTERDOWN" | "OOM" | "BUSY" | "NOREPLICAS" | "MISCONF") => {
            Fate::Wrong(error)
        }
        _ => Fate::Refused(error),
    }
}
