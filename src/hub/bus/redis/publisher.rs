//! Owns the way out: one actor takes messages in order, at most so many waiting, each with a deadline, and
//! hands them to a lane for each master. A master that is away holds up nobody but itself.

use super::health::{Half, Health};
use super::job::{Job, Style};
use super::lane::{Lane, Told};
use super::map::Map;
use super::topology::Topology;
use super::waiting::{Numbered, Piece, Waiting};
use crate::hub::keys::Keys;
use crate::hub::publication::PublishError;
use crate::hub::slot::slot_of;
use crate::redis_client::{Connector, Node, Rarely};
use crate::telemetry::Metrics;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Messages in one pipeline. Above that, Redis's CPU per message hardly falls any more.
const BATCH: usize = 64;
/// Bytes in one pipeline, but for its last message. It has `hub.command_timeout` to reach Redis, also on a slow line.
const BATCH_BYTES: usize = 1024 * 1024;
/// A master that has not answered for so long stands still.
const STANDS: Duration = Duration::from_millis(200);
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(25);

/// The actor.
pub struct Publisher {
    /// How to reach Redis.
    pub connector: Arc<Connector>,
    /// Who serves what.
    pub topology: Topology,
    /// Names.
    pub keys: Arc<Keys>,
    /// How.
    pub style: Style,
    /// Messages that may wait; of a master that stands still half as many beside them.
    pub most: usize,
    /// Bytes that may wait; what is free of them.
    pub most_bytes: usize,
    /// See `most_bytes`: whoever publishes takes of it, and a message that is done gives it back.
    pub free: Arc<Semaphore>,
    /// Where it says whether it works.
    pub health: Arc<Health>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

/// A lane, as seen from here.
struct Away {
    id: u64,
    work: mpsc::Sender<Vec<Piece>>,
    up: bool,
    /// Since when it has a batch in its hands.
    out: Option<Instant>,
    /// More waits for it than may while it does not move.
    full: bool,
}

/// What the actor works with.
struct Desk {
    of: Publisher,
    map: Arc<Map>,
    waiting: Waiting,
    lanes: HashMap<Node, Away>,
    tasks: JoinSet<()>,
    telling: mpsc::Sender<Told>,
    next: u64,
    /// What waits for lanes that are full: it takes no room from others, and does not grow.
    standing: usize,
    refusals: Arc<Rarely>,
}

impl Publisher {
    /// Publishes until stopped, then what is left as far as its deadline allows.
    pub async fn run(self, mut jobs: mpsc::Receiver<Job>, stop: CancellationToken) {
        let (telling, mut told) = mpsc::channel(64);
        let mut topology = self.topology.clone();
        let mut desk = Desk {
            map: topology.map(),
            of: self,
            waiting: Waiting::default(),
            lanes: HashMap::new(),
            tasks: JoinSet::new(),
            telling,
            next: 0,
            standing: 0,
            refusals: Arc::default(),
        };
        desk.remap(&Map::unknown());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut incoming = Vec::with_capacity(BATCH);
        let mut closed = false;
        loop {
            desk.hand_out();
            let stopping = closed || stop.is_cancelled();
            if stopping && desk.waiting.is_idle() && jobs.is_empty() {
                return;
            }
            let moving = desk.waiting.len().saturating_sub(desk.standing);
            let room = desk.of.most.saturating_sub(moving).min(BATCH);
            tokio::select! {
                n = jobs.recv_many(&mut incoming, room), if room > 0 && !closed => {
                    closed = n == 0;
                    let now = Instant::now();
                    incoming.drain(..).for_each(|job| desk.take_up(job, now));
                }
                Some(told) = told.recv() => desk.hear(told),
                map = topology.changed() => {
                    let before = std::mem::replace(&mut desk.map, map);
                    desk.remap(&before);
                }
                _ = tick.tick() => desk.tick(jobs.len()),
                () = stop.cancelled(), if !stopping => {}
            }
        }
    }
}

impl Desk {
    fn take_up(&mut self, job: Job, now: Instant) {
        let owner = self.map.owner(slot_of(job.channel()));
        if owner.and_then(|owner| self.lanes.get(owner)).is_some_and(|lane| lane.full) {
            if let Job::Message { publication, .. } = &job {
                publication.failed(PublishError::Overloaded, &self.of.metrics);
            }
            return;
        }
        self.waiting.push(job, now, &self.map);
    }

    /// Gives every lane that can take it what waits for it.
    fn hand_out(&mut self) {
        for (node, lane) in self.lanes.iter_mut().filter(|(_, lane)| lane.up && lane.out.is_none()) {
            let pieces = self.waiting.take(node, BATCH, BATCH_BYTES);
            if pieces.is_empty() {
                continue;
            }
            lane.out = Some(Instant::now());
            if let Err(error) = lane.work.try_send(pieces) {
                // It is there, and empty: a lane only ends when it is let go.
                for (slot, jobs) in error.into_inner() {
                    self.waiting.back(slot, jobs, None, &self.map);
                }
                return;
            }
        }
    }

    fn hear(&mut self, told: Told) {
        let (id, up) = match told {
            Told::Up(id) => (id, true),
            Told::Down(id) => (id, false),
            Told::Back(id, pieces) => {
                for piece in pieces {
                    if piece.moved {
                        self.of.topology.suspect();
                    }
                    if self.of.style.journal.is_some() {
                        self.waiting.done(piece.slot, piece.done);
                    }
                    self.waiting.back(piece.slot, piece.left, piece.parked, &self.map);
                }
                if let Some((_, lane)) = self.lanes.iter_mut().find(|(_, lane)| lane.id == id) {
                    lane.out = None;
                }
                return;
            }
        };
        // A lane that was let go has no say about its successor.
        let Some((node, lane)) = self.lanes.iter_mut().find(|(_, lane)| lane.id == id) else { return };
        lane.up = up;
        self.of.health.set(node, Half::Publisher, up);
        // Down: from now on it is kept until somebody is there. Up: what came back last is with it.
        self.waiting.say_again(node, &self.map);
        if !up {
            self.of.topology.suspect();
        }
    }

    /// A lane for every master, and every slot to its master's.
    fn remap(&mut self, before: &Map) {
        let masters = self.map.masters();
        // What a lane has in its hands still comes back.
        self.lanes.retain(|node, _| masters.contains(node));
        for node in masters {
            if self.lanes.contains_key(node) {
                continue;
            }
            let (work, works) = mpsc::channel(1);
            self.next += 1;
            let lane = Lane {
                id: self.next,
                node: node.clone(),
                connector: self.of.connector.clone(),
                keys: self.of.keys.clone(),
                style: self.of.style.clone(),
                health: self.of.health.clone(),
                metrics: self.of.metrics.clone(),
                work: works,
                told: self.telling.clone(),
                refusals: self.refusals.clone(),
            };
            self.lanes.insert(node.clone(), Away { id: self.next, work, up: false, out: None, full: false });
            self.tasks.spawn(lane.run());
        }
        self.waiting.remap(&self.map, before);
    }

    fn tick(&mut self, queued: usize) {
        while self.tasks.try_join_next().is_some() {}
        let late: Vec<Numbered> = self.waiting.tick(Instant::now(), &self.map);
        late.iter().for_each(|job| job.fail(PublishError::Unavailable, &self.of.metrics));
        let length = queued + self.waiting.len();
        self.of.metrics.hub_publish_queue.only().set(i64::try_from(length).unwrap_or(i64::MAX));
        let bytes = self.of.most_bytes.saturating_sub(self.of.free.available_permits());
        self.of.metrics.hub_publish_queue_bytes.only().set(i64::try_from(bytes).unwrap_or(i64::MAX));
        // With one master there is nobody to hold up: whoever publishes waits.
        let alone = self.lanes.len() < 2;
        self.standing = 0;
        for (node, lane) in &mut self.lanes {
            let stands = !lane.up || lane.out.is_some_and(|since| since.elapsed() > STANDS);
            let (waiting, bytes) =
                if stands && !alone { self.waiting.waiting_for(node, &self.map) } else { Default::default() };
            lane.full = waiting > self.of.most / 2 || bytes > self.of.most_bytes / 2;
            // Again and again: a master may have gone from the map and come back unseen.
            self.of.health.set(node, Half::Publisher, lane.up);
            if lane.full {
                self.standing += waiting;
                self.waiting.give_room(node, &self.map);
            }
        }
    }
}
