//! Owns where a message is said on the hub: a group, a client id, everyone, or every V2 client.

use crate::envelope::{AccountId, ClientId, GroupId};
use crate::telemetry::labels::Scope as ScopeLabel;

/// An address on the hub, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// What it addresses.
    pub to: Address,
    /// Who shares it.
    pub owner: Owner,
}

/// Who shares a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// All accounts: its name holds none, messages tell theirs.
    All,
    /// One account, or those without any: its name says which.
    Account(Option<AccountId>),
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
