//! Owns what the migration sees of one connection: it counts, and on V2 connections lints. Dropping it ends it.

use super::roster::{Guest, Roster};
use crate::clock::Timestamp;
use crate::dialect::Frame;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Stay {
    seat: u64,
    guest: Arc<Guest>,
    roster: Arc<Roster>,
}

impl Stay {
    /// Of a guest that has entered on this seat.
    pub(super) fn new(seat: u64, guest: Arc<Guest>, roster: Arc<Roster>) -> Self {
        Self { seat, guest, roster }
    }

    /// A data frame came from the client.
    pub fn frame(&mut self, _frame: Frame<'_>, _now: Timestamp) {
        self.guest.frame();
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.roster.leave(self.seat);
    }
}
