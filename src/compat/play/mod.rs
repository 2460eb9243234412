//! Plays checks against a server, as its clients would: sockets, deadlines, what came. Owns who waits for what, and how
//! long; what is played is `compile`'s, what is right is the judge's, how results are shown is the command's.

mod able;
mod assign;
mod client;
mod enter;
mod entry;
mod expect;
mod hub;
mod inbox;
mod plan;
mod run;
mod secrets;
mod seen;
mod stage;
mod words;

pub use run::{RunError, run};

use super::Capability;
use std::collections::BTreeSet;
use std::time::Duration;

/// How a suite is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// Checks at the same time, where they do not disturb each other; 1 for a server that keeps no groups apart.
    pub jobs: usize,
    /// How long "nothing" is watched.
    pub quiet: Duration,
    /// How long an expected frame may take, and a handshake.
    pub patience: Duration,
    /// Checks that take longer by themselves are skipped.
    pub longest: Duration,
    /// Ids of checks or cases, or dialects, perhaps with `*`; empty: all.
    pub only: Vec<String>,
    /// What the target cannot do, whatever it seems to.
    pub without: BTreeSet<Capability>,
    /// What it must be able to do: checks that need it fail without it.
    pub require: BTreeSet<Capability>,
    /// After something else came than expected, go on to see everything.
    pub keep_going: bool,
}

impl Default for Options {
    /// For a server on the same machine or nearby.
    fn default() -> Self {
        Self {
            jobs: 16,
            quiet: Duration::from_millis(150),
            patience: Duration::from_secs(5),
            longest: Duration::from_secs(10),
            only: Vec::new(),
            without: BTreeSet::new(),
            require: BTreeSet::new(),
            keep_going: false,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Checks that ended, or were not played.
    pub done: usize,
    /// All of them.
    pub total: usize,
    /// Of those that ended.
    pub failed: usize,
    /// The id of what ended last; at the beginning those of probes.
    pub playing: String,
}
