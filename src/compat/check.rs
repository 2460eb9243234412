//! Owns a check: what the runner plays and what stands on a certificate, one line each. A case of one frame makes
//! several, one for each side that looks at it, so that a server without V3 can still show what its V2 does.

use super::Capability;
use super::suite::{Act, Cast, Name, Source};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something that is played and holds, or does not.
#[derive(Debug, Clone)]
pub struct Check {
    /// The case's id; where it makes several, `#` and the side that looks.
    pub id: String,
    /// The case's.
    pub version: u32,
    /// The case's.
    pub hash: String,
    /// The case's.
    pub title: String,
    /// The file's.
    pub dialect: String,
    /// The case's.
    pub source: Source,
    /// What the server must be able to do.
    pub needs: BTreeSet<Capability>,
    /// Settings of the server that it needs.
    pub settings: Map<String, Value>,
    /// What else may be played meanwhile.
    pub lane: Lane,
    /// How much time has to pass at least, of that which the server is told to wait.
    pub lasts: Duration,
    /// It is about bytes: the same values, written otherwise, are something else where no guide promises just the values.
    pub verbatim: bool,
    /// What cannot be played from outside, and why; such a check is skipped.
    pub unplayable: Option<&'static str>,
    /// What is done.
    pub script: Script,
}

/// What may be played at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Anything: its groups and ids are its own.
    Free,
    /// Nothing else of this name: they share an id or a group.
    Serial(String),
    /// Nothing at all: everybody hears it.
    Alone,
}

/// What is done, by whom.
#[derive(Debug, Clone)]
pub struct Script {
    /// Who takes part.
    pub clients: BTreeMap<Name, Cast>,
    /// In order.
    pub acts: Vec<Act>,
    /// `{name}` in frames stands for the id of that client or group. Frames of other cases are sent as they are.
    pub placeholders: bool,
}
