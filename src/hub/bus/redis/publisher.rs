//! Owns the way out: one actor takes messages in order, at most so many waiting, each with a deadline, and
//! hands them to a lane for each master. A master that is away holds up nobody but itself.

use super::connect::Connector;
use super::health::{Half, Health, Rarely};
use super::lane::{Lane, Told};
use super::map::Map;
use super::target::Node;
use super::topology::Topology;
use super::waiting::{Numbered, Piece, Waiting};
use super::wanted::Channel;
use crate::hub::keys::Keys;
use crate::hub::publication::{Publication, PublishError};
use crate::hub::slot::slot_of;
use crate::telemetry::Metrics;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Messages in one pipeline. Above that, Redis's CPU per message hardly falls any more.
const BATCH: usize = 64;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(25);

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

impl Job {
    /// Where it is said.
    pub fn channel(&self) -> &Channel {
        match self {
            Job::Message { channel, .. } | Job::Aside { channel, .. } => channel,
        }
    }
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
    /// Who serves what.
    pub topology: Topology,
    /// Names.
    pub keys: Arc<Keys>,
    /// How.
    pub style: Style,
    /// Messages that may wait.
    pub most: usize,
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
    /// It can take a batch.
    free: bool,
    /// More waits for it than it may hold while it is down.
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
            refusals: Arc::default(),
        };
        desk.remap();
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
            let room = desk.of.most.saturating_sub(desk.waiting.len()).min(BATCH);
            tokio::select! {
                n = jobs.recv_many(&mut incoming, room), if room > 0 && !closed => {
                    closed = n == 0;
                    let now = Instant::now();
                    incoming.drain(..).for_each(|job| desk.take_up(job, now));
                }
                Some(told) = told.recv() => desk.hear(told),
                map = topology.changed() => {
                    desk.map = map;
                    desk.remap();
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
        for (node, lane) in self.lanes.iter_mut().filter(|(_, lane)| lane.free) {
            let pieces = self.waiting.take(node, BATCH);
            if pieces.is_empty() {
                continue;
            }
            lane.free = false;
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
                    self.waiting.back(piece.slot, piece.left, piece.parked, &self.map);
                }
                if let Some((_, lane)) = self.lanes.iter_mut().find(|(_, lane)| lane.id == id) {
                    lane.free = lane.up;
                }
                return;
            }
        };
        // A lane that was let go has no say about its successor.
        let Some((node, lane)) = self.lanes.iter_mut().find(|(_, lane)| lane.id == id) else { return };
        (lane.up, lane.free) = (up, up);
        self.of.health.set(node, Half::Publisher, up);
        if !up {
            self.of.topology.suspect();
        }
    }

    /// A lane for every master, and every slot to its master's.
    fn remap(&mut self) {
        let masters = self.map.masters();
        // What a lane has in its hands still comes back.
        self.lanes.retain(|node, _| masters.contains(node));
        self.of.health.masters(masters);
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
                metrics: self.of.metrics.clone(),
                work: works,
                told: self.telling.clone(),
                refusals: self.refusals.clone(),
            };
            self.lanes.insert(node.clone(), Away { id: self.next, work, up: false, free: false, full: false });
            self.tasks.spawn(lane.run());
        }
        self.waiting.remap(&self.map);
    }

    fn tick(&mut self, queued: usize) {
        while self.tasks.try_join_next().is_some() {}
        let late: Vec<Numbered> = self.waiting.tick(Instant::now(), &self.map);
        late.iter().for_each(|job| job.fail(PublishError::Unavailable, &self.of.metrics));
        let length = queued + self.waiting.len();
        self.of.metrics.hub_publish_queue.only().set(i64::try_from(length).unwrap_or(i64::MAX));
        // With one master there is nobody to hold up: whoever publishes waits.
        let share = if self.lanes.len() > 1 { self.of.most / self.lanes.len() } else { usize::MAX };
        for (node, lane) in &mut self.lanes {
            lane.full = !lane.up && share < self.waiting.waiting_for(node, &self.map);
        }
    }
}
