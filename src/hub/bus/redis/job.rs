//! Owns what is to be said on Redis, and how it is written there. Who says it when is `publisher`'s.

use super::wanted::Channel;
use crate::hub::publication::Publication;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
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
        /// Its bytes of `hub.publish_queue_bytes`; none where it takes room from nobody.
        room: Option<OwnedSemaphorePermit>,
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

    /// How long it is, names left out.
    pub fn bytes(&self) -> usize {
        match self {
            Job::Message { publication, .. } => publication.text.len(),
            Job::Aside { text, .. } => text.len(),
        }
    }

    /// Only to see whether it is heard: every other word says something.
    pub fn is_probe(&self) -> bool {
        matches!(self, Job::Aside { text, .. } if text.is_empty())
    }

    /// It stands, and takes no more room from others.
    pub fn give_room(&mut self) {
        if let Job::Message { room, .. } = self {
            *room = None;
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
    /// How many replicas must have a message before it counts as published.
    pub replicas: u32,
    /// How long they may take for one answer, and until they count as away.
    pub patience: [Duration; 2],
}
