//! What carries messages between nodes, and keeps who is present: the process itself, or Redis. One
//! contract, held by one suite of tests.

mod memory;
mod redis;

pub use redis::{NotResp, Push, Pushes};

use super::presence::{Announcer, Member, Sought};
use super::rivals::Rivals;
use super::{AttachError, Fanout, HubUnavailable, Keys, Parts, Publication, PublishError, Scope, Seat};
use crate::envelope::GroupId;
use crate::redis_client::StartError;
use std::sync::Arc;

/// The two.
#[derive(Debug, Clone)]
pub enum Bus {
    /// One node.
    Memory(Arc<memory::Memory>),
    /// Many.
    Redis(Arc<redis::Redis>),
}

impl Bus {
    /// Starts the configured one.
    pub fn start(
        parts: &Parts,
        keys: &Arc<Keys>,
        fanout: &Arc<Fanout>,
        announcer: Announcer,
    ) -> Result<Self, StartError> {
        if parts.config.url.is_empty() {
            parts.metrics.hub_up.only().set(1);
            Ok(Bus::Memory(Arc::new(memory::Memory::new(fanout.clone(), parts.metrics.clone(), announcer))))
        } else {
            redis::Redis::start(parts, keys.clone(), fanout.clone(), announcer).map(Bus::Redis)
        }
    }

    /// Hears these scopes from now on; counted, so that each call needs its `unsubscribe`.
    pub async fn subscribe(&self, scopes: &[Scope]) -> Result<(), AttachError> {
        match self {
            Bus::Memory(_) => Ok(()),
            Bus::Redis(redis) => redis.subscribe(scopes).await,
        }
    }

    /// Undoes one `subscribe`.
    pub fn unsubscribe(&self, scopes: &[Scope]) {
        match self {
            Bus::Memory(_) => {}
            Bus::Redis(redis) => redis.unsubscribe(scopes),
        }
    }

    /// Takes a message, in order with all others of its sender.
    pub async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        match self {
            Bus::Memory(memory) => memory.publish(&publication),
            Bus::Redis(redis) => redis.publish(publication).await,
        }
    }

    /// A connection is present; the first of its client is told to the group.
    pub fn join(&self, seat: &Arc<Seat>) {
        match self {
            Bus::Memory(memory) => memory.join(seat),
            Bus::Redis(redis) => redis.join(seat),
        }
    }

    /// A connection is no longer present; the last of its client is told to the group.
    pub fn leave(&self, seat: &Arc<Seat>) {
        match self {
            Bus::Memory(memory) => memory.leave(seat),
            Bus::Redis(redis) => redis.leave(seat),
        }
    }

    /// What a connection says of itself has changed; nothing where it is not present.
    pub fn describe(&self, seat: &Arc<Seat>) {
        match self {
            // Whoever is asked looks at the connection itself.
            Bus::Memory(_) => {}
            Bus::Redis(redis) => redis.describe(seat),
        }
    }

    /// Ends older connections of the same client, wherever they are, as far as they are rivals.
    pub fn replace(&self, seat: &Arc<Seat>, rivals: Rivals) {
        match self {
            Bus::Memory(memory) => memory.replace(seat, rivals),
            Bus::Redis(redis) => redis.replace(seat, rivals),
        }
    }

    /// Who is present in a group, of all accounts.
    pub async fn members(&self, group: &GroupId) -> Result<Vec<Member>, HubUnavailable> {
        match self {
            Bus::Memory(memory) => Ok(memory.members(group)),
            Bus::Redis(redis) => redis.members(group).await,
        }
    }

    /// Is this one present? Costs the same in a group of any size.
    pub async fn member(&self, sought: Sought) -> Result<Option<Member>, HubUnavailable> {
        match self {
            Bus::Memory(memory) => Ok(memory.member(&sought)),
            Bus::Redis(redis) => redis.member(sought).await,
        }
    }

    /// A sign of life.
    pub fn touch(&self, seat: &Seat) {
        match self {
            Bus::Memory(_) => {}
            Bus::Redis(redis) => redis.touch(seat),
        }
    }

    /// Does it work?
    pub fn is_up(&self) -> bool {
        match self {
            Bus::Memory(_) => true,
            Bus::Redis(redis) => redis.is_up(),
        }
    }
}
