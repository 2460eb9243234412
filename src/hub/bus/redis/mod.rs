//! The hub on Redis: subscriptions, publishing, journal and presence, each an actor of its own, joined here.
//! What an actor does is told in its file; this one starts them and routes to them.

mod ear;
mod health;
mod job;
mod journal;
mod lane;
mod line;
mod link;
mod map;
mod member;
mod port;
mod presence;
mod publisher;
mod push;
mod recent;
mod replicas;
mod subscriber;
mod topology;
mod waiting;
mod wanted;
mod word;

pub use push::{NotResp, Push, Pushes};

use crate::dialect::Wire;
use crate::envelope::GroupId;
use crate::hub::keys::Keys;
use crate::hub::presence::{Announcer, Member, Sought};
use crate::hub::rivals::Rivals;
use crate::hub::seat::Seat;
use crate::hub::{AttachError, Fanout, HubUnavailable, Parts, Publication, PublishError, Scope};
use crate::redis_client::{Connector, Mode, Rarely, StartError};
use crate::telemetry::Metrics;
use futures_util::future::join_all;
use health::Health;
use job::{Job, Style};
use port::Verbs;
use presence::{Op, Presence, Touched};
use publisher::Publisher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use subscriber::Subscriber;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use topology::Topology;
use wanted::{Channel, Purpose, Wanted};

/// Messages on their way to the publisher.
const INTAKE: usize = 256;
/// Replicas that do not answer for so long count as away: by then sentinels have said whether one of them is master.
const REPLICAS: Duration = Duration::from_secs(3);
/// Joins and leaves that may wait for Redis.
const PRESENCE_QUEUE: usize = 4096;

/// See the module.
#[derive(Debug)]
pub struct Redis {
    outlet: Outlet,
    wanted: Arc<Wanted>,
    health: Arc<Health>,
    ops: mpsc::Sender<Op>,
    touched: Arc<Touched>,
    /// Joins or leaves found no room.
    behind: Arc<AtomicBool>,
    unsaid: Rarely,
    attach_timeout: Duration,
    command_timeout: Duration,
    node: Arc<str>,
}

/// Where messages leave this node.
#[derive(Debug, Clone)]
pub struct Outlet {
    jobs: mpsc::Sender<Job>,
    /// Bytes that still may wait.
    free: Arc<Semaphore>,
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
    deadline: Duration,
}

impl Outlet {
    /// Takes a message; waits while the queue is full, not beyond the deadline.
    async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        self.offer(publication, Instant::now() + self.deadline).await
    }

    /// Takes a message; waits for room until then.
    async fn offer(&self, publication: Publication, patience: Instant) -> Result<(), PublishError> {
        let channel = Channel::from(self.keys.channel(&publication.scope));
        let until = Instant::now() + self.deadline;
        let room = self.free.clone().try_acquire_many_owned(room_of(&publication)).ok();
        let fits = room.is_some();
        let mut job = Job::Message { publication, channel, until, room };
        if fits {
            match self.jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(error) => job = error.into_inner(),
            }
        }
        // Rare and large: in a box, so that it does not lie in the memory of every connection.
        Box::pin(self.wait_for_room(job, patience)).await
    }

    async fn wait_for_room(&self, mut job: Job, patience: Instant) -> Result<(), PublishError> {
        let place = async {
            if let Job::Message { publication, room: room @ None, .. } = &mut job {
                *room = Some(self.free.clone().acquire_many_owned(room_of(publication)).await.ok()?);
            }
            self.jobs.reserve().await.ok()
        };
        let why = match timeout_at(patience, place).await {
            Ok(Some(place)) => {
                place.send(job);
                return Ok(());
            }
            Ok(None) => PublishError::Unavailable,
            Err(_) => PublishError::Overloaded,
        };
        if let Job::Message { publication, .. } = &job {
            publication.book_failure(why, &self.metrics);
        }
        Err(why)
    }

    /// Publishes what the server says itself; waits for room no longer than until then. Where it fails it
    /// is booked.
    pub async fn tell(&self, publication: Option<Publication>, until: Instant) {
        if let Some(publication) = publication {
            let _ = self.offer(publication, until).await;
        }
    }
}

/// What a message takes of `hub.publish_queue_bytes`.
fn room_of(publication: &Publication) -> u32 {
    u32::try_from(publication.text.len()).unwrap_or(u32::MAX)
}

impl Redis {
    /// Starts the actors. Redis may be away: they wait for it.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn start(
        parts: &Parts,
        keys: Arc<Keys>,
        fanout: Arc<Fanout>,
        announcer: Announcer,
    ) -> Result<Arc<Self>, StartError> {
        let config = &parts.config;
        let connector = Arc::new(Connector::new(&config.url, config.command_timeout)?);
        let node: Arc<str> = format!("{:012x}", fastrand::u64(..) >> 16).into();
        let wire = Wire::from(config.wire);
        let journal = config.journal && wire == Wire::Extended;
        let sharded = connector.target().mode == Mode::Cluster;
        // What waits, waits in its slot's queue; this is the way there.
        let (jobs, queue) = mpsc::channel(config.publish_queue.clamp(1, INTAKE));
        let most_bytes = config.publish_queue_bytes.min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(most_bytes));
        let health = Arc::new(Health::new(parts.metrics.clone()));
        let wanted = Arc::new(Wanted::default());
        // It is wanted as long as the node lives.
        drop(wanted.add(Channel::from(keys.control()), Purpose::Control));
        let (topology, surveyor) = Topology::new(connector.clone(), health.clone());
        parts.tasks.spawn(surveyor.run(parts.stop.clone()));
        let publisher = Publisher {
            connector: connector.clone(),
            topology: topology.clone(),
            keys: keys.clone(),
            style: Style {
                node: node.clone(),
                journal: journal.then_some((config.journal_length, config.journal_ttl)),
                sharded,
                replicas: config.wait_replicas,
                // The answer must be here within the deadline of the command, and what waits for it within its own.
                patience: [config.command_timeout / 4, (config.publish_deadline / 2).min(REPLICAS)],
            },
            most: config.publish_queue,
            most_bytes,
            free: free.clone(),
            health: health.clone(),
            metrics: parts.metrics.clone(),
        };
        parts.tasks.spawn(publisher.run(queue, parts.stop.clone()));
        let subscriber = Subscriber {
            connector: connector.clone(),
            topology: topology.clone(),
            wanted: wanted.clone(),
            jobs: jobs.clone(),
            health: health.clone(),
            keys: keys.clone(),
            fanout: fanout.clone(),
            metrics: parts.metrics.clone(),
            journal,
            verbs: Verbs::new(sharded),
            config: config.clone(),
            node: node.clone(),
            on_control: word::on_control,
        };
        parts.tasks.spawn(subscriber.run(parts.stop.clone()));
        let (metrics, deadline) = (parts.metrics.clone(), config.publish_deadline);
        let outlet = Outlet { jobs, free, keys: keys.clone(), metrics, deadline };
        let (touched, behind) = (Arc::new(Touched::default()), Arc::new(AtomicBool::new(false)));
        let (ops, todo) = mpsc::channel(PRESENCE_QUEUE);
        let presence = Presence {
            connector,
            topology,
            publish: outlet.clone(),
            keys,
            announcer,
            fanout,
            metrics: parts.metrics.clone(),
            config: config.presence.clone(),
            node: node.clone(),
            touched: touched.clone(),
            behind: behind.clone(),
        };
        parts.tasks.spawn(presence.run(todo, parts.stop.clone()));
        tracing::info!(url = %parts.config.url.redacted(), %node, "the hub is Redis");
        Ok(Arc::new(Self {
            outlet,
            wanted,
            health,
            ops,
            touched,
            behind,
            unsaid: Rarely::default(),
            attach_timeout: config.attach_timeout,
            command_timeout: config.command_timeout,
            node,
        }))
    }

    /// See `Bus::subscribe`.
    pub async fn subscribe(&self, scopes: &[Scope]) -> Result<(), AttachError> {
        let wanted = &self.wanted;
        let waiting: Vec<_> =
            scopes.iter().filter_map(|scope| wanted.add(self.channel(scope), Purpose::Scope(scope.clone()))).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        match timeout(self.attach_timeout, join_all(waiting)).await {
            Ok(all) if all.iter().all(Result::is_ok) => Ok(()),
            _ => Err(AttachError),
        }
    }

    /// See `Bus::unsubscribe`.
    pub fn unsubscribe(&self, scopes: &[Scope]) {
        for scope in scopes {
            self.wanted.remove(&self.channel(scope));
        }
    }

    fn channel(&self, scope: &Scope) -> Channel {
        Channel::from(self.outlet.keys.channel(scope))
    }

    /// See `Bus::publish`.
    pub async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        self.outlet.publish(publication).await
    }

    /// See `Bus::join`.
    pub fn join(&self, seat: &Arc<Seat>) {
        self.op(Op::Join(seat.clone()));
    }

    /// See `Bus::leave`.
    pub fn leave(&self, seat: &Arc<Seat>) {
        self.op(Op::Leave(seat.clone()));
    }

    /// See `Bus::describe`.
    pub fn describe(&self, seat: &Arc<Seat>) {
        self.op(Op::Describe(seat.clone()));
    }

    fn op(&self, op: Op) {
        // Who is in no group is present in none.
        if let Op::Join(seat) | Op::Leave(seat) | Op::Describe(seat) = &op
            && seat.origin.group.is_none()
        {
            return;
        }
        if self.ops.try_send(op).is_err() && !self.behind.swap(true, Ordering::AcqRel) {
            // Redis has been away for very long. Then the whole of this node's presence is put right.
            tracing::warn!("presence is behind, it will be put right as a whole");
        }
    }

    /// See `Bus::replace`.
    pub fn replace(&self, seat: &Arc<Seat>, rivals: Rivals) {
        let Some(text) = word::replace(seat, &self.node, rivals) else { return };
        let channel = Channel::from(self.outlet.keys.control());
        if self.outlet.jobs.try_send(Job::Aside { channel, text }).is_err() {
            self.unsaid.say(|more| tracing::warn!(more, "the hub is behind, an older connection is not replaced"));
        }
    }

    /// See `Bus::members`.
    pub async fn members(&self, group: &GroupId) -> Result<Vec<Member>, HubUnavailable> {
        self.ask(|answer| Op::Query(group.clone(), answer)).await
    }

    /// See `Bus::member`.
    pub async fn member(&self, sought: Sought) -> Result<Option<Member>, HubUnavailable> {
        self.ask(|answer| Op::Ask(sought, answer)).await
    }

    async fn ask<T>(&self, op: impl FnOnce(oneshot::Sender<T>) -> Op) -> Result<T, HubUnavailable> {
        let (answer, answered) = oneshot::channel();
        self.ops.try_send(op(answer)).map_err(|_| HubUnavailable)?;
        timeout(self.command_timeout, answered).await.map_err(|_| HubUnavailable)?.map_err(|_| HubUnavailable)
    }

    /// See `Bus::touch`.
    pub fn touch(&self, seat: &Seat) {
        if let Some(group) = &seat.origin.group {
            self.touched.touch(group);
        }
    }

    /// See `Bus::is_up`.
    pub fn is_up(&self) -> bool {
        self.health.is_up()
    }
}
