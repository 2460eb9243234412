//! Owns the way out: one actor a shard takes messages in order and sends them in pipelines, at most so many
//! waiting, each with a deadline. A message is published exactly once: the journal's script knows the
//! running number of each node, so a retry and an original that comes late are both recognised.

use super::connect::Connector;
use super::health::{Backoff, Half, Health};
use super::shard::Place as ShardPlace;
use super::wanted::Channel;
use crate::hub::keys::Keys;
use crate::hub::publication::{Publication, PublishError};
use crate::telemetry::Metrics;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Pipeline, RedisResult, Value};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages in one pipeline. Above that, Redis's CPU per message hardly falls any more.
const BATCH: usize = 64;

/// Something to be said on a channel.
#[derive(Debug)]
pub enum Job {
    /// A message, with its journal where there is one.
    Message {
        /// The message.
        publication: Publication,
        /// Its channel.
        channel: Channel,
        /// When its sender is told that it failed.
        until: Instant,
    },
    /// A word among proxies; nobody misses it.
    Aside {
        /// Where.
        channel: Channel,
        /// What.
        text: String,
    },
}

/// How messages are written.
#[derive(Debug, Clone)]
pub struct Style {
    /// This node, in the journal.
    pub node: Arc<str>,
    /// With a journal: its length and time to live.
    pub journal: Option<(u32, Duration)>,
    /// `SPUBLISH` instead of `PUBLISH`.
    pub sharded: bool,
}

/// The actor.
pub struct Publisher {
    /// How to reach Redis.
    pub connector: Arc<Connector>,
    /// Which server.
    pub place: ShardPlace,
    /// Names.
    pub keys: Arc<Keys>,
    /// How.
    pub style: Style,
    /// Where it says whether it works.
    pub health: Arc<Health>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

/// A job with its running number, which stays the same when it is tried again.
struct Numbered {
    job: Job,
    number: u64,
    taken: Instant,
}

struct Ready {
    connection: MultiplexedConnection,
    script: String,
}

impl Publisher {
    /// Publishes until stopped, then what is left as far as its deadline allows.
    pub async fn run(self, mut jobs: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut batch: VecDeque<Numbered> = VecDeque::with_capacity(BATCH);
        let mut incoming = Vec::with_capacity(BATCH);
        let mut number = 0;
        let mut ready = None;
        let mut backoff = Backoff::default();
        loop {
            if ready.is_none() {
                ready = self.connect().await;
                self.health.set(Half::Publisher, ready.is_some());
                if ready.is_none() {
                    self.wait(&mut batch, &mut jobs, backoff.next(), &mut number).await;
                    if stop.is_cancelled() && batch.is_empty() {
                        return;
                    }
                    continue;
                }
                backoff.reset();
            }
            if batch.is_empty() {
                tokio::select! {
                    biased;
                    n = jobs.recv_many(&mut incoming, BATCH) => if n == 0 { return },
                    () = stop.cancelled() => if jobs.is_empty() { return },
                }
                batch.extend(incoming.drain(..).map(|job| {
                    number += 1;
                    Numbered { job, number, taken: Instant::now() }
                }));
                self.metrics.hub_publish_queue.only().set(i64::try_from(jobs.len()).unwrap_or(i64::MAX));
            }
            self.expire(&mut batch);
            if let Some(open) = &mut ready {
                if let Err(error) = self.send(open, &mut batch).await {
                    tracing::warn!(%error, waiting = batch.len(), "publishing failed, connecting again");
                    self.metrics.hub_reconnects.only().inc();
                    self.health.set(Half::Publisher, false);
                    self.place.suspect();
                    ready = None;
                }
            }
        }
    }

    async fn connect(&self) -> Option<Ready> {
        let connect = async {
            let node = self.place.node(&self.connector).await?;
            let mut connection = self.connector.command(&node).await?;
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(include_str!("../../lua/publish.lua"));
            let script = load.query_async::<String>(&mut connection).await?;
            Ok::<_, super::connect::ConnectError>(Ready { connection, script })
        };
        connect.await.map_err(|error| tracing::warn!(%error, "Redis cannot be reached for publishing")).ok()
    }

    /// Lets time pass while Redis is away, without keeping any message beyond its deadline.
    async fn wait(
        &self,
        batch: &mut VecDeque<Numbered>,
        jobs: &mut mpsc::Receiver<Job>,
        pause: Duration,
        number: &mut u64,
    ) {
        tokio::time::sleep(pause).await;
        self.expire(batch);
        // Deadlines are in the order of the queue, so one that is kept keeps all behind it.
        while batch.is_empty() {
            let Ok(job) = jobs.try_recv() else { return };
            *number += 1;
            batch.push_back(Numbered { job, number: *number, taken: Instant::now() });
            self.expire(batch);
        }
    }

    fn expire(&self, batch: &mut VecDeque<Numbered>) {
        let now = Instant::now();
        batch.retain(|numbered| match &numbered.job {
            Job::Message { publication, until, .. } if *until <= now => {
                publication.failed(PublishError::Unavailable, &self.metrics);
                false
            }
            Job::Message { .. } => true,
            // Words among proxies are about the present.
            Job::Aside { .. } => numbered.taken.elapsed() < Duration::from_secs(1),
        });
    }

    /// Sends the batch; what remains in it must be tried again.
    async fn send(&self, ready: &mut Ready, batch: &mut VecDeque<Numbered>) -> RedisResult<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut pipe = Pipeline::with_capacity(batch.len());
        for numbered in batch.iter() {
            self.write(&mut pipe, &ready.script, numbered);
        }
        let answers = ready.connection.req_packed_commands(&pipe, 0, batch.len()).await?;
        let mut again = None;
        let mut answers = answers.into_iter();
        batch.retain(|numbered| {
            let error = match answers.next() {
                Some(Value::ServerError(error)) => redis::RedisError::from(error),
                Some(_) => {
                    self.done(numbered);
                    return false;
                }
                None => return true,
            };
            if is_passing(error.code()) {
                again = Some(error);
                return true;
            }
            tracing::error!(%error, "Redis refuses a message");
            if let Job::Message { publication, .. } = &numbered.job {
                publication.failed(PublishError::Unavailable, &self.metrics);
            }
            false
        });
        again.map_or(Ok(()), Err)
    }

    fn done(&self, numbered: &Numbered) {
        if let Job::Message { publication, .. } = &numbered.job {
            publication.done(&self.metrics);
            self.metrics.hub_publish_duration.only().observe(numbered.taken.elapsed().as_secs_f64());
        }
    }

    fn write(&self, pipe: &mut Pipeline, script: &str, numbered: &Numbered) {
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
            .arg(format!("{node}-{}", numbered.number))
            .arg(length)
            .arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
            .arg(command);
    }
}

/// Errors that another try, perhaps elsewhere, may not have.
fn is_passing(code: Option<&str>) -> bool {
    const PASSING: [&str; 11] = [
        "NOSCRIPT",
        "READONLY",
        "LOADING",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "MOVED",
        "ASK",
        "TRYAGAIN",
        "OOM",
        "BUSY",
        "NOREPLICAS",
    ];
    code.is_some_and(|code| PASSING.contains(&code))
}
