//! Owns where a message is said on the hub: a group, a client id, everyone, or every V2 client.

use crate::envelope::{AccountId, ClientId, GroupId};
use crate::telemetry::labels::Scope as ScopeLabel;

/// An address on the hub. The account is part of it only where the channel's name holds one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// What it addresses.
    pub to: Address,
    /// The account in the channel's name.
    pub account: Option<AccountId>,
}

/// What a scope addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A group.
    Group(GroupId),
    /// A client id.
    Client(ClientId),
    /// Everyone.
    Broadcast,
    /// Every V2 client whose audience is global.
    V2,
}

impl Address {
    /// Its metric label.
    pub fn label(&self) -> ScopeLabel {
        match self {
            Address::Group(_) => ScopeLabel::Group,
            Address::Client(_) => ScopeLabel::Client,
            Address::Broadcast => ScopeLabel::Broadcast,
            Address::V2 => ScopeLabel::V2,
        }
    }
}
