//! Owns what is to be said on Redis, and how it is written there. Who says it when is `publisher`'s.

use super::wanted::Channel;
use crate::hub::publication::Publication;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

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
