//! Owns presence on Redis: who is in a group, by connection, so that an old socket's end never removes a
//! newer one; node leases, so that a dead node's members leave; and all of it again after a flush.
//! One actor does it, in order.

use super::connect::{ConnectError, Connector};
use super::health::Backoff;
use super::member::{self, Entry};
use super::shard::Shard;
use crate::config;
use crate::envelope::GroupId;
use crate::hub::fanout::Fanout;
use crate::hub::keys::Keys;
use crate::hub::presence::{Announcer, Event, Member};
use crate::hub::seat::Seat;
use crate::telemetry::Metrics;
use crate::telemetry::labels::Done;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Operations done by one pipeline.
const BATCH: usize = 64;
/// Members let go by one step of a reaper, and present again by one step after a flush.
const STEP: usize = 256;
/// How often signs of life are written down.
const REFRESH: Duration = Duration::from_secs(5);

/// Something to do, in order.
#[derive(Debug)]
pub enum Op {
    /// A connection is there.
    Join(Arc<Seat>),
    /// A connection is gone, and its grace over.
    Leave(Arc<Seat>),
    /// Who is there?
    Query(GroupId, oneshot::Sender<Vec<Member>>),
}

/// Groups in which somebody gave a sign of life.
#[derive(Debug, Default)]
pub struct Touched(Mutex<HashSet<GroupId>>);

impl Touched {
    /// Somebody did.
    pub fn touch(&self, group: &GroupId) {
        let mut groups = self.0.lock();
        if !groups.contains(group) {
            groups.insert(group.clone());
        }
    }

    fn take(&self) -> Vec<GroupId> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }
}

/// The actor.
pub struct Presence {
    /// How to reach Redis.
    pub connector: Arc<Connector>,
    /// The shard that keeps presence.
    pub shard: Arc<Shard>,
    /// Where events are published.
    pub publish: super::Outlet,
    /// Names.
    pub keys: Arc<Keys>,
    /// Writes events.
    pub announcer: Announcer,
    /// Knows who is connected.
    pub fanout: Arc<Fanout>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Settings.
    pub config: config::Presence,
    /// This node.
    pub node: Arc<str>,
    /// Signs of life.
    pub touched: Arc<Touched>,
}

struct Open {
    connection: MultiplexedConnection,
    join: String,
    leave: String,
    lease: String,
}

impl Presence {
    /// Works until stopped; then the node's lease ends with the grace, so that its members leave unless
    /// they have come back elsewhere.
    pub async fn run(mut self, mut ops: mpsc::Receiver<Op>, stop: CancellationToken) {
        let mut lease = interval(self.config.lease / 3);
        lease.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refresh = interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let mut open = None;
        let mut backoff = Backoff::default();
        let mut known = false;
        loop {
            let waiting = !batch.is_empty();
            let step = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = lease.tick() => Step::Lease,
                _ = refresh.tick() => Step::Refresh,
                n = ops.recv_many(&mut batch, BATCH), if !waiting => match n {
                    0 => break,
                    _ => Step::Ops,
                },
                () = std::future::ready(()), if waiting => Step::Ops,
            };
            let done = tokio::select! {
                () = stop.cancelled() => break,
                done = self.step(step, &mut open, &mut batch, &mut known) => done,
            };
            match done {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    tracing::debug!(%error, "presence cannot be written, trying again");
                    open = None;
                    // Nobody waits for an answer that is late; the rest is done when Redis is back.
                    batch.retain(|op| !matches!(op, Op::Query(..)));
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
        if let Some(open) = &mut open {
            let goodbye = self.lease(open, self.config.grace);
            // Without it the lease ends by itself, a little later.
            let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
        }
    }

    async fn step(
        &mut self,
        step: Step,
        open: &mut Option<Open>,
        batch: &mut Vec<Op>,
        known: &mut bool,
    ) -> Result<(), ConnectError> {
        let open = match open {
            Some(open) => open,
            None => open.insert(self.open().await?),
        };
        match step {
            Step::Ops => {
                let done = self.ops(open, batch).await?;
                batch.drain(..done);
            }
            Step::Lease => {
                let (was_known, dead) = self.lease(open, self.config.lease).await?;
                if !was_known && std::mem::replace(known, true) {
                    self.present_again(open).await?;
                }
                *known = true;
                for node in dead.iter().filter(|node| ***node != *self.node) {
                    self.reap(open, node).await?;
                }
            }
            Step::Refresh => {
                let refreshed = self.refresh(open).await;
                let result = if refreshed.is_ok() { Done::Ok } else { Done::Error };
                self.metrics.presence_refreshes.with((result,)).inc();
                refreshed?;
            }
        }
        Ok(())
    }

    async fn open(&self) -> Result<Open, ConnectError> {
        let node = self.shard.place.node(&self.connector).await?;
        let mut connection = self.connector.command(&node).await?;
        let mut pipe = Pipeline::new();
        for script in [
            include_str!("../../lua/join.lua"),
            include_str!("../../lua/leave.lua"),
            include_str!("../../lua/lease.lua"),
        ] {
            pipe.cmd("SCRIPT").arg("LOAD").arg(script);
        }
        let (join, leave, lease) = pipe.query_async(&mut connection).await?;
        Ok(Open { connection, join, leave, lease })
    }

    /// Does operations in order; returns how many.
    async fn ops(&self, open: &mut Open, batch: &mut [Op]) -> Result<usize, ConnectError> {
        let mut pipe = Pipeline::with_capacity(batch.len() * 2);
        for op in batch.iter() {
            match op {
                Op::Join(seat) => self.write_join(&mut pipe, &open.join, seat),
                Op::Leave(seat) => {
                    if let Some(entry) = Entry::of(seat, &self.node) {
                        self.write_leave(&mut pipe, &open.leave, &entry, &self.node);
                    }
                }
                Op::Query(group, _) => drop(pipe.cmd("HGETALL").arg(self.keys.presence(group))),
            }
        }
        if pipe.is_empty() {
            return Ok(batch.len());
        }
        let mut answers = pipe.query_async::<Vec<Value>>(&mut open.connection).await?.into_iter();
        for op in batch.iter_mut() {
            match op {
                Op::Join(seat) => self.told(Event::Join, seat, answers.next()).await,
                Op::Leave(seat) => self.told(Event::Leave, seat, answers.next()).await,
                Op::Query(_, answer) => {
                    let fields: HashMap<String, String> =
                        redis::from_redis_value(answers.next().unwrap_or_default()).unwrap_or_default();
                    let mut members: Vec<_> =
                        fields.iter().filter_map(|(who, list)| member::member(who, list)).collect();
                    members.sort_by(|a, b| a.client.cmp(&b.client));
                    let (gone, _) = oneshot::channel();
                    // Whoever asked may have gone.
                    let _ = std::mem::replace(answer, gone).send(members);
                }
            }
        }
        Ok(batch.len())
    }

    async fn told(&self, event: Event, seat: &Seat, answer: Option<Value>) {
        if seat.origin.group.is_some() && matches!(answer, Some(Value::Int(1))) {
            self.publish.tell(self.announcer.event(event, &seat.origin, seat.spoken.protocol())).await;
        }
    }

    fn write_join(&self, pipe: &mut Pipeline, script: &str, seat: &Seat) {
        let Some(entry) = Entry::of(seat, &self.node) else { return };
        let Some(group) = entry.group() else { return };
        // First the note: should this node die in between, there is one note too many, not one too few.
        pipe.cmd("SADD").arg(self.keys.node_members(&self.node)).arg(entry.note()).ignore();
        pipe.cmd("EVALSHA")
            .arg(script)
            .arg(1)
            .arg(self.keys.presence(group))
            .arg(entry.who())
            .arg(entry.connection())
            .arg(self.ttl());
    }

    fn write_leave(&self, pipe: &mut Pipeline, script: &str, entry: &Entry, node: &str) {
        let Some(group) = entry.group() else { return };
        let key = self.keys.presence(group);
        pipe.cmd("EVALSHA").arg(script).arg(1).arg(key).arg(entry.who()).arg(entry.connection());
        pipe.cmd("SREM").arg(self.keys.node_members(node)).arg(entry.note()).ignore();
    }

    fn ttl(&self) -> u64 {
        u64::try_from(self.config.ttl.as_millis()).unwrap_or(u64::MAX)
    }

    /// Says that this node lives for so long, and hears whether it was known and who is dead.
    async fn lease(&self, open: &mut Open, lasts: Duration) -> Result<(bool, Vec<String>), ConnectError> {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(&open.lease).arg(1).arg(self.keys.nodes()).arg(&*self.node).arg(lasts.as_millis() as u64);
        let answer: Vec<Value> = cmd.query_async(&mut open.connection).await?;
        let mut answer = answer.into_iter();
        let known = answer.next() == Some(Value::Int(1));
        let dead = answer.filter_map(|name| redis::from_redis_value(name).ok()).collect();
        Ok((known, dead))
    }

    /// Redis has forgotten this node: flushed, or let go by a node that took it for dead. Only then have
    /// leaves been told that joins must undo.
    async fn present_again(&self, open: &mut Open) -> Result<(), ConnectError> {
        let mut cmd = redis::cmd("DEL");
        let reaped: bool = cmd.arg(self.keys.reaped(&self.node)).query_async(&mut open.connection).await?;
        let seats = self.fanout.registry().seats();
        tracing::warn!(members = seats.len(), reaped, "Redis has forgotten this node's members, adding them again");
        for some in seats.chunks(STEP) {
            let mut pipe = Pipeline::with_capacity(some.len() * 2);
            let some: Vec<_> = some.iter().filter(|seat| seat.origin.group.is_some()).collect();
            for seat in &some {
                self.write_join(&mut pipe, &open.join, seat);
            }
            if some.is_empty() {
                continue;
            }
            let answers = pipe.query_async::<Vec<Value>>(&mut open.connection).await?;
            for (seat, answer) in some.iter().zip(answers).filter(|_| reaped) {
                self.told(Event::Join, seat, Some(answer)).await;
            }
        }
        Ok(())
    }

    /// Lets a dead node's members go; one node at a time does it, and each leave is told once.
    async fn reap(&self, open: &mut Open, node: &str) -> Result<(), ConnectError> {
        let mut lock = redis::cmd("SET");
        lock.arg(self.keys.reaper(node)).arg(&*self.node).arg("NX").arg("PX").arg(30_000);
        if lock.query_async::<Value>(&mut open.connection).await? == Value::Nil {
            return Ok(());
        }
        let notes_key = self.keys.node_members(node);
        let mut gone = 0;
        loop {
            let mut some = redis::cmd("SRANDMEMBER");
            let notes: Vec<String> = some.arg(&notes_key).arg(STEP).query_async(&mut open.connection).await?;
            if notes.is_empty() {
                break;
            }
            let entries: Vec<_> = notes.iter().filter_map(|note| Entry::from_note(note, node)).collect();
            let mut pipe = Pipeline::with_capacity(notes.len() * 2);
            for entry in &entries {
                self.write_leave(&mut pipe, &open.leave, entry, node);
            }
            // What cannot be read must not be found again.
            pipe.cmd("SREM").arg(&notes_key).arg(&notes).ignore();
            let answers = pipe.query_async::<Vec<Value>>(&mut open.connection).await?;
            for (entry, _) in entries.iter().zip(answers).filter(|(_, answer)| *answer == Value::Int(1)) {
                self.publish.tell(self.announcer.event(Event::Leave, &entry.origin, entry.protocol)).await;
                gone += 1;
            }
        }
        let mut pipe = Pipeline::new();
        pipe.cmd("ZREM").arg(self.keys.nodes()).arg(node).ignore();
        pipe.cmd("SET").arg(self.keys.reaped(node)).arg(1).arg("EX").arg(3600).ignore();
        pipe.cmd("DEL").arg(self.keys.reaper(node)).ignore();
        pipe.query_async::<()>(&mut open.connection).await?;
        tracing::info!(node, gone, "a dead node's members were let go");
        Ok(())
    }

    async fn refresh(&self, open: &mut Open) -> Result<(), ConnectError> {
        let groups = self.touched.take();
        for some in groups.chunks(STEP) {
            let mut pipe = Pipeline::with_capacity(some.len());
            for group in some {
                pipe.cmd("PEXPIRE").arg(self.keys.presence(group)).arg(self.ttl()).ignore();
            }
            pipe.query_async::<()>(&mut open.connection).await?;
        }
        Ok(())
    }
}

enum Step {
    Ops,
    Lease,
    Refresh,
}
