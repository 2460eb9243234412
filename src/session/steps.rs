//! Owns the vocabulary between the machine, which decides, and the loop, which does.

use crate::clock::Timestamp;
use crate::close::CloseReason;
use crate::dialect::{OwnedFrame, Receipt};
use crate::envelope::Envelope;
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
    /// Ask the hub who is present, and tell the machine.
    QueryPresence,
    /// Refresh this connection's presence.
    Touch,
    /// Send a ping.
    Ping,
    /// End the connection.
    Close(CloseReason),
}

/// What to do, in order. Mostly one thing, and every connection's task has room for it.
pub type Steps<'a> = SmallVec<[Step<'a>; 1]>;
