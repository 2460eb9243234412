//! Owns the vocabulary between the machine, which decides, and the loop, which does.

use crate::clock::Timestamp;
use crate::close::CloseReason;
use crate::dialect::{Filtered, Now, OwnedFrame, Receipt};
use crate::envelope::{ClientId, Envelope};
use smallvec::SmallVec;
use tokio::time::Instant;

/// Now, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For deadlines.
    pub instant: Instant,
    /// For `sent_at`.
    pub at: Timestamp,
}

impl From<Moment> for Now {
    fn from(now: Moment) -> Self {
        Self { instant: now.instant.into_std(), at: now.at }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Publish a sealed message on the hub.
    Publish {
        /// The message.
        envelope: Envelope,
        /// How legacy clients get it back exactly.
        receipt: Option<Receipt<'a>>,
    },
    /// Send a frame to the client itself.
    Send(OwnedFrame),
    /// Ask the filter what a frame says, and tell the machine.
    Filter {
        /// Whose.
        by: Filtered,
        /// The frame.
        text: &'a str,
    },
    /// Ask the hub who is present, and tell the machine.
    QueryPresence,
    /// Ask the hub whether this client is present, and tell the machine as above.
    QueryClient(ClientId),
    /// What the client says of itself, for whoever asks who is present.
    Describe(Option<String>),
    /// Refresh this connection's presence.
    Touch,
    /// Send a ping.
    Ping,
    /// End the connection.
    Close(CloseReason),
}

/// What to do, in order. Mostly one thing, and every connection's task has room for it.
pub type Steps<'a> = SmallVec<[Step<'a>; 1]>;
