//! Owns what the hub knows of one live connection: who it is, what it hears, and its queue.

use super::metadata::Metadata;
use super::outbox::Outbox;
use crate::close::CloseReason;
use crate::dialect::{Hearing, Spoken};
use crate::envelope::{AccountId, Origin};
use std::sync::atomic::AtomicBool;

/// Names one connection on this node, for ever: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatId(pub u64);

/// A live connection, as the hub sees it.
#[derive(Debug)]
pub struct Seat {
    /// This connection.
    pub id: SeatId,
    /// Client, group and account.
    pub origin: Origin,
    /// What it speaks.
    pub spoken: Spoken,
    /// What it hears.
    pub hears: Hearing,
    /// V2 frames reach it on the V2 scope instead of the group's (`v2.audience = "global"`).
    pub global: bool,
    /// It is for itself: it hears nobody, and nobody hears or sees it.
    pub apart: bool,
    /// Of its client id, account and dialect there is one such connection, on whatever node: a newer one ends it, with
    /// this reason. Those that are not exclusive are none of its business.
    pub exclusive: Option<CloseReason>,
    /// All proxies have heard that it is there. Who comes on two of them at the same moment must not be replaced by
    /// itself on both: whose word is heard first is the older one, and until a seat's own word is heard it is no older
    /// than anybody's.
    pub said: AtomicBool,
    /// What it says of itself.
    pub metadata: Metadata,
    /// Its queue.
    pub outbox: Outbox,
}

impl Seat {
    /// Its account.
    pub fn account(&self) -> Option<&AccountId> {
        self.origin.account.as_ref()
    }
}

/// Who hears whom across accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tenancy {
    /// Only equals: having no account is an account of its own.
    Strict,
    /// All but two different accounts.
    Lenient,
    /// Everyone.
    Off,
}

impl Tenancy {
    /// May a message from one account reach another?
    pub fn may_reach(self, from: Option<&AccountId>, to: Option<&AccountId>) -> bool {
        match self {
            Tenancy::Strict => from == to,
            Tenancy::Lenient => from.is_none() || to.is_none() || from == to,
            Tenancy::Off => true,
        }
    }
}
