//! Owns what the migration sees of one connection: it counts, and on V2 connections lints. Dropping it ends it.

use super::roster::{Guest, Roster};
use super::shadow::Tap;
use crate::clock::Timestamp;
use crate::dialect::Frame;
use crate::telemetry::labels::Path;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;

/// See the module.
#[derive(Debug)]
pub struct Stay {
    seat: u64,
    guest: Arc<Guest>,
    roster: Arc<Roster>,
    /// Of a V2 client in a mirrored group.
    tap: Option<Tap>,
}

impl Stay {
    /// Of a guest that has entered on this seat.
    pub(super) fn new(seat: u64, guest: Arc<Guest>, roster: Arc<Roster>, tap: Option<Tap>) -> Self {
        Self { seat, guest, roster, tap }
    }

    /// A data frame came from the client.
    pub fn frame(&mut self, frame: Frame<'_>, _now: Timestamp) {
        self.guest.frame();
        if let Some(tap) = &self.tap {
            tap.sent(frame);
        }
    }

    /// A message from the hub is handed to the client's socket.
    pub fn delivered(&self, message: &Message, path: Path) {
        if let Some(tap) = &self.tap {
            tap.heard(message, path);
        }
    }

    /// So is an answer to the client alone.
    pub fn answered(&self, message: &Message) {
        if let Some(tap) = &self.tap {
            tap.answered(message);
        }
    }

    /// The client's socket takes nothing for the moment, or takes something again.
    pub fn stalled(&self, is: bool) {
        if let Some(tap) = &self.tap {
            tap.stalled(is);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.roster.leave(self.seat);
    }
}
