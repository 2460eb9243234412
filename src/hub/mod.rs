//! Who is here, and how an envelope reaches them. `Hub` is the contract sessions speak to; behind it the
//! bus is Redis or, for one node, the process itself. The hub knows no sockets and no client's frames.

mod aside;
mod bus;
pub mod cursor;
mod fanout;
mod keys;
mod meaning;
mod metadata;
mod outbox;
mod presence;
mod publication;
mod registry;
mod rivals;
mod scope;
mod seat;
mod slot;

pub use crate::redis_client::StartError;
pub use bus::{NotResp, Push, Pushes};
pub use fanout::{Fanout, shared};
pub use keys::Keys;
pub use metadata::{MOST_METADATA, Metadata, MetadataTooLong};
pub use outbox::{Batch, Delivery, Notice, Outbox, Pushed};
pub use presence::Member;
pub use publication::{Publication, PublishError};
pub use registry::Registry;
pub use scope::{Address, Owner, Scope};
pub use seat::{Seat, SeatId, Tenancy};

use crate::clock::Clock;
use crate::config::{self, DuplicateClient};
use crate::dialect::{Receipt, Wire, wire};
use crate::envelope::{ClientId, Envelope, Nulls, Route};
use crate::jq::Filters;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Lost, LostOn, Path};
use aside::Aside;
use bus::Bus;
use dashmap::DashMap;
use presence::{Announcer, Leaving, Sought};
use rivals::Rivals;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A connection could not be attached: its channels were not confirmed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub did not confirm the subscriptions in time")]
pub struct AttachError;

/// Presence could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub did not answer")]
pub struct HubUnavailable;

/// What a hub is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// `[hub]`
    pub config: config::Hub,
    /// `envelope.nulls`
    pub nulls: Nulls,
    /// Who hears whom.
    pub tenancy: Tenancy,
    /// `limits.duplicate_client`
    pub duplicate: DuplicateClient,
    /// For `sent_at` of what the server says.
    pub clock: Clock,
    /// Of the dialects made by filters, by their places in the settings.
    pub filters: Arc<[Option<Filters>]>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Where its tasks run.
    pub tasks: TaskTracker,
    /// Ends its tasks.
    pub stop: CancellationToken,
}

/// The hub of one node.
#[derive(Debug)]
pub struct Hub {
    max_message: usize,
    wire: Wire,
    keys: Arc<Keys>,
    bus: Bus,
    fanout: Arc<Fanout>,
    metrics: Arc<Metrics>,
    leaving: Arc<Leaving>,
    duplicate: DuplicateClient,
    next_seat: AtomicU64,
    /// Those who are apart. They are in no registry, so nothing finds them but `seats`.
    apart: DashMap<SeatId, Arc<Seat>>,
}

impl Hub {
    /// Starts the hub: Redis where an address is configured, else the process itself. A Redis that is
    /// away is waited for in the background; it is never replaced.
    ///
    /// # Errors
    /// An address that cannot be used.
    pub fn start(parts: Parts) -> Result<Arc<Self>, StartError> {
        let keys = Arc::new(Keys::new(parts.config.channels.clone()));
        let registry = Arc::new(Registry::default());
        let wire = Wire::from(parts.config.wire);
        let aside =
            |filters: &Filters| Aside::start(filters.clone(), parts.metrics.clone(), &parts.tasks, parts.stop.clone());
        let asides = parts.filters.iter().map(|filters| filters.as_ref().map(aside));
        let fanout = Fanout::new(registry, parts.metrics.clone(), parts.tenancy, wire);
        let fanout = Arc::new(fanout.with_asides(asides));
        let announcer = Announcer::new(parts.clock.clone(), parts.nulls, wire, keys.clone());
        let bus = Bus::start(&parts, &keys, &fanout, announcer)?;
        let leaving = Arc::new(Leaving::new(parts.config.presence.grace));
        parts.tasks.spawn(Leaving::run(leaving.clone(), bus.clone(), parts.stop.clone()));
        Ok(Arc::new(Self {
            max_message: parts.config.max_message,
            wire,
            keys,
            bus,
            fanout,
            metrics: parts.metrics,
            leaving,
            duplicate: parts.duplicate,
            next_seat: AtomicU64::new(1),
            apart: DashMap::new(),
        }))
    }

    /// A name for a new connection.
    pub fn next_seat(&self) -> SeatId {
        SeatId(self.next_seat.fetch_add(1, Ordering::Relaxed))
    }

    /// Brings a connection in: from now on messages wait in its queue, and others see it present.
    ///
    /// # Errors
    /// Its channels were not confirmed in time; it is not in.
    pub async fn attach(&self, seat: &Arc<Seat>) -> Result<(), AttachError> {
        if seat.apart {
            self.apart.insert(seat.id, seat.clone());
            return Ok(());
        }
        let mut entering = Entering { hub: self, seat, scopes: self.scopes(seat), done: false };
        self.fanout.registry().add(seat);
        self.bus.subscribe(&entering.scopes).await?;
        entering.done = true;
        self.bus.join(seat);
        self.metrics.presence_members.only().inc();
        if let Some(rivals) = Rivals::of(seat, self.duplicate) {
            self.bus.replace(seat, rivals);
        }
        Ok(())
    }

    /// Takes a connection out. Its leave is told after the grace, if it does not come back.
    /// Whatever still waits in its queue is booked as lost.
    pub fn detach(&self, seat: &Arc<Seat>, why: Lost) {
        if !self.fanout.registry().remove(seat) {
            self.apart.remove(&seat.id);
            return;
        }
        self.bus.unsubscribe(&self.scopes(seat));
        self.metrics.presence_members.only().dec();
        self.leaving.push(seat.clone());
        self.abandon(seat, why);
    }

    fn abandon(&self, seat: &Seat, why: Lost) {
        self.fanout.book_lost(seat.outbox.end(), why);
    }

    /// Publishes a sealed message. Waits while the queue is full, up to the publish deadline.
    /// A message that fails later is told to `from` as a notice.
    ///
    /// # Errors
    /// It was not taken, and is booked as lost.
    pub async fn publish(
        &self,
        envelope: &Envelope,
        receipt: Option<&Receipt<'_>>,
        from: &Arc<Seat>,
        path: Path,
    ) -> Result<(), PublishError> {
        let to = match envelope.route() {
            Route::Group(group) => Address::Group(group.clone()),
            Route::Client(client) => Address::Client(client.clone()),
            Route::Broadcast => Address::Broadcast,
            // Not the hub's: the session answers its own client.
            Route::Sender => return Ok(()),
        };
        let text = wire::write(envelope, receipt, self.wire);
        let too_large = text.len() > self.max_message;
        let everywhere = from.global && receipt.is_some() && matches!(to, Address::Group(_));
        let account = envelope.account();
        let publication =
            |to, text| Publication { scope: self.keys.scope(to, account), text, path, from: Some(from.clone()) };
        if too_large {
            let why = PublishError::TooLarge;
            self.metrics.messages_lost.with(LostOn(path, Lost::TooLarge)).inc();
            return Err(why);
        }
        let copy = everywhere.then(|| publication(Address::V2, text.clone()));
        self.bus.publish(publication(to, text)).await?;
        match copy {
            Some(copy) => self.bus.publish(copy).await,
            None => Ok(()),
        }
    }

    /// What a connection says of itself from now on, a JSON text or nothing: shown beside its client to whoever asks
    /// who is present, as long as it is the client's newest connection. May be said before it is in.
    ///
    /// # Errors
    /// It is too long; what was said before stands.
    pub fn describe(&self, seat: &Arc<Seat>, metadata: Option<String>) -> Result<(), MetadataTooLong> {
        seat.metadata.set(metadata)?;
        if !seat.apart {
            self.bus.describe(seat);
        }
        Ok(())
    }

    /// Who is present in this connection's group, as far as its account may know.
    ///
    /// # Errors
    /// The hub did not answer in time.
    pub async fn members(&self, seat: &Seat) -> Result<Vec<Member>, HubUnavailable> {
        let Some(group) = &seat.origin.group else { return Ok(Vec::new()) };
        let tenancy = self.fanout.tenancy();
        let all = self.bus.members(group).await?;
        Ok(all.into_iter().filter(|m| tenancy.may_reach(m.account.as_ref(), seat.account())).collect())
    }

    /// One client of this connection's group, if it is present and the connection's account may know. Costs the same in
    /// a group of any size, `members` does not. Of several accounts' clients of that id it is the connection's own, or
    /// else one of no account, or else any that `members` would tell.
    ///
    /// # Errors
    /// The hub did not answer in time.
    pub async fn member(&self, seat: &Seat, client: &ClientId) -> Result<Option<Member>, HubUnavailable> {
        match Sought::by(seat, client, self.fanout.tenancy()) {
            Some(sought) => self.bus.member(sought).await,
            None => Ok(None),
        }
    }

    /// A sign of life of this connection: its presence is refreshed soon.
    pub fn touch(&self, seat: &Seat) {
        if !seat.apart {
            // Its own word may have been lost on the way.
            seat.said.store(true, Ordering::Relaxed);
            self.bus.touch(seat);
        }
    }

    /// Sends a connection what was held for it and is due.
    pub fn release(&self, seat: &Seat, now: Instant) {
        self.fanout.release(seat, now);
    }

    /// Does the hub take and deliver messages? With hysteresis, from memory: never asks Redis.
    pub fn is_up(&self) -> bool {
        self.bus.is_up()
    }

    /// All connections of this node, also those apart, for whoever ends them.
    pub fn seats(&self) -> Vec<Arc<Seat>> {
        let mut seats = self.registry().seats();
        seats.extend(self.apart.iter().map(|entry| entry.value().clone()));
        seats
    }

    /// The connections of this node.
    pub fn registry(&self) -> &Registry {
        self.fanout.registry()
    }

    /// Undoes what was begun of an `attach`.
    fn turn_away(&self, seat: &Arc<Seat>, scopes: &[Scope]) {
        self.fanout.registry().remove(seat);
        self.bus.unsubscribe(scopes);
        // What came for it meanwhile was never owed to anybody who was in.
        self.fanout.book_unowed(seat.outbox.end());
    }

    fn scopes(&self, seat: &Seat) -> Vec<Scope> {
        let scope = |to| self.keys.scope(to, seat.account());
        let mut scopes = vec![scope(Address::Client(seat.origin.client.clone())), scope(Address::Broadcast)];
        if let Some(group) = &seat.origin.group {
            scopes.push(scope(Address::Group(group.clone())));
        }
        if seat.global {
            scopes.push(scope(Address::V2));
        }
        scopes
    }
}

/// A connection that is being attached. Where that fails, or nobody waits for it any more (the client
/// hung up during its handshake), nothing of it stays.
struct Entering<'a> {
    hub: &'a Hub,
    seat: &'a Arc<Seat>,
    scopes: Vec<Scope>,
    done: bool,
}

impl Drop for Entering<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.hub.turn_away(self.seat, &self.scopes);
        }
    }
}
