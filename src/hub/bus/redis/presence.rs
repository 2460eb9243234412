//! Owns presence on Redis: who is in a group, by connection, so that an old socket's end never removes a
//! newer one; node leases, so that a dead node's members leave. One actor does it, in order. Putting a whole
//! node right is `roll`'s.

mod ask;
mod op;
mod roll;

pub use op::Op;

use super::member::{self, Entry};
use super::topology::Topology;
use crate::config;
use crate::envelope::GroupId;
use crate::hub::fanout::Fanout;
use crate::hub::keys::Keys;
use crate::hub::presence::{Announcer, Event};
use crate::hub::seat::{Seat, Tenancy};
use crate::hub::slot::slot_of;
use crate::redis_client::{Backoff, ConnectError, Connector};
use crate::telemetry::Metrics;
use crate::telemetry::labels::Done;
use ask::Asked;
use op::{STEP, one_pipeline};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Operations done by one pipeline.
const BATCH: usize = 64;
/// How long events of one batch may wait for room towards the hub; the lease must not wait for them.
const TELLING: Duration = Duration::from_secs(1);
/// How often signs of life are written down.
const REFRESH: Duration = Duration::from_secs(5);

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
    /// Who serves what: all of presence lies in one slot.
    pub topology: Topology,
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
    /// Joins or leaves found no room: Redis and this node no longer say the same.
    pub behind: Arc<AtomicBool>,
}

struct Open {
    connection: MultiplexedConnection,
    join: String,
    leave: String,
    describe: String,
    member: String,
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
        // Known to Redis once; the last operations were perhaps done and not answered.
        let (mut known, mut again) = (false, false);
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
                done = self.step(step, &mut open, &mut batch, &mut known, again) => done,
            };
            match done {
                Ok(()) => {
                    backoff.reset();
                    again &= !batch.is_empty();
                }
                Err(error) => {
                    tracing::debug!(%error, "presence cannot be written, trying again");
                    open = None;
                    again = true;
                    self.topology.suspect();
                    // Nobody waits for an answer that is late; the rest is done when Redis is back.
                    batch.retain(|op| !matches!(op, Op::Query(..) | Op::Ask(..)));
                    // A connection that was closed while it was idle is noticed only here. The lease must not wait for
                    // its next turn: after three such turns this node would count as dead.
                    match step {
                        Step::Lease => lease.reset_immediately(),
                        Step::Refresh => refresh.reset_immediately(),
                        Step::Ops => {}
                    }
                    tokio::time::sleep(backoff.pause()).await;
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
        again: bool,
    ) -> Result<(), ConnectError> {
        let open = match open {
            Some(open) => open,
            None => open.insert(self.open().await?),
        };
        match step {
            Step::Ops => {
                let some = one_pipeline(batch.iter().map(Op::bytes));
                self.ops(open, &mut batch[..some], again).await?;
                batch.drain(..some);
            }
            Step::Lease => {
                let (was_known, dead) = self.lease(open, self.config.lease).await?;
                if !was_known && std::mem::replace(known, true) {
                    self.present_again(open).await?;
                }
                *known = true;
                if self.behind.swap(false, Ordering::AcqRel)
                    && let Err(error) = self.put_right(open).await
                {
                    self.behind.store(true, Ordering::Release);
                    return Err(error);
                }
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
        let map = self.topology.map();
        let node = map.owner(slot_of(self.keys.nodes().as_bytes())).ok_or(ConnectError::NoMaster)?;
        let mut connection = self.connector.command(node).await?;
        let mut pipe = Pipeline::new();
        for script in [
            include_str!("../../lua/join.lua"),
            include_str!("../../lua/leave.lua"),
            include_str!("../../lua/describe.lua"),
            include_str!("../../lua/member.lua"),
            include_str!("../../lua/lease.lua"),
        ] {
            pipe.cmd("SCRIPT").arg("LOAD").arg(script);
        }
        let (join, leave, describe, member, lease) = pipe.query_async(&mut connection).await?;
        Ok(Open { connection, join, leave, describe, member, lease })
    }

    /// Does operations in order, perhaps for the second time.
    async fn ops(&self, open: &mut Open, batch: &mut [Op], again: bool) -> Result<(), ConnectError> {
        let mut pipe = Pipeline::with_capacity(batch.len() * 2);
        let asked = Asked::of(batch);
        for op in batch.iter() {
            match op {
                Op::Join(seat) => self.write_join(&mut pipe, open, seat),
                Op::Describe(seat) => self.write_describe(&mut pipe, open, seat),
                Op::Leave(seat) => {
                    if let Some(entry) = Entry::of(seat, &self.node) {
                        self.write_leave(&mut pipe, open, &entry, &self.node, again);
                    }
                }
                Op::Query(group, _) => drop(pipe.cmd("HGETALL").arg(self.keys.presence(group))),
                Op::Ask(..) => {}
            }
        }
        asked.write(&mut pipe, self, open);
        if pipe.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + TELLING;
        let mut answers = pipe.query_async::<Vec<Value>>(&mut open.connection).await?;
        asked.tell(&mut answers, batch);
        let mut answers = answers.into_iter();
        for op in batch.iter_mut() {
            match op {
                Op::Join(seat) => self.told(Event::Join, seat, answers.next(), until).await,
                Op::Leave(seat) => self.told(Event::Leave, seat, answers.next(), until).await,
                Op::Describe(_) | Op::Ask(..) => {}
                Op::Query(_, answer) => {
                    let fields = redis::from_redis_value(answers.next().unwrap_or_default()).unwrap_or_default();
                    let members = member::members(fields);
                    let (gone, _) = oneshot::channel();
                    // Whoever asked may have gone.
                    let _ = std::mem::replace(answer, gone).send(members);
                }
            }
        }
        Ok(())
    }

    async fn told(&self, event: Event, seat: &Seat, answer: Option<Value>, until: Instant) {
        if matches!(answer, Some(Value::Int(1))) {
            self.publish.tell(self.announcer.event(event, &seat.origin, seat.spoken.protocol()), until).await;
        }
    }

    fn write_join(&self, pipe: &mut Pipeline, open: &Open, seat: &Seat) {
        let Some(entry) = Entry::of(seat, &self.node) else { return };
        let Some(group) = entry.group() else { return };
        // First the note: should this node die in between, there is one note too many, not one too few.
        pipe.cmd("SADD").arg(self.keys.node_members(&self.node)).arg(entry.note()).ignore();
        pipe.cmd("EVALSHA")
            .arg(&open.join)
            .arg(1)
            .arg(self.keys.presence(group))
            .arg(entry.who())
            .arg(entry.connection())
            .arg(self.ttl())
            .arg(&self.listed(&entry)[..]);
        if seat.metadata.was_said() {
            self.write_describe(pipe, open, seat);
        }
    }

    /// Its answer tells nothing, and does not come.
    fn write_describe(&self, pipe: &mut Pipeline, open: &Open, seat: &Seat) {
        let Some(entry) = Entry::of(seat, &self.node) else { return };
        let Some(group) = entry.group() else { return };
        pipe.cmd("EVALSHA")
            .arg(&open.describe)
            .arg(1)
            .arg(self.keys.presence(group))
            .arg(entry.who())
            .arg(entry.connection())
            .arg(entry.about())
            .arg(seat.metadata.get().unwrap_or_default())
            .ignore();
    }

    fn write_leave(&self, pipe: &mut Pipeline, open: &Open, entry: &Entry, node: &str, again: bool) {
        let Some(group) = entry.group() else { return };
        pipe.cmd("EVALSHA")
            .arg(&open.leave)
            .arg(1)
            .arg(self.keys.presence(group))
            .arg(entry.who())
            .arg(entry.connection())
            .arg(i32::from(again))
            .arg(entry.about())
            .arg(&entry.listed()[..]);
        pipe.cmd("SREM").arg(self.keys.node_members(node)).arg(entry.note()).ignore();
    }

    /// Where nobody is asked for but by account, no list is needed, and those of shared ids would be long.
    fn listed(&self, entry: &Entry) -> [String; 2] {
        if self.fanout.tenancy() == Tenancy::Strict { Default::default() } else { entry.listed() }
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

    async fn refresh(&self, open: &mut Open) -> Result<(), ConnectError> {
        let groups = self.touched.take();
        for (done, some) in groups.chunks(STEP).enumerate() {
            let mut pipe = Pipeline::with_capacity(some.len());
            for group in some {
                pipe.cmd("PEXPIRE").arg(self.keys.presence(group)).arg(self.ttl()).ignore();
            }
            if let Err(error) = pipe.query_async::<()>(&mut open.connection).await {
                groups[done * STEP..].iter().for_each(|group| self.touched.touch(group));
                return Err(error.into());
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Step {
    Ops,
    Lease,
    Refresh,
}
