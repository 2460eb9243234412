//! Owns what a line remembers of the messages it delivered last: enough to notice that the journal tells
//! another story (a replica took over that had not heard everything, and numbers were used again), and not to
//! deliver a second time what a publisher says again to the new master.

use crate::dialect::HubMessage;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Messages remembered, 8 bytes each. More than that are rarely under way between a master and its replica; and what a
/// publisher says again may be that many.
pub const MOST: usize = 256;
/// Messages after which nothing is said again any more: whoever publishes has long given up.
const PATIENCE: u32 = 1024;
/// Of a long text, so much of each end is looked at.
const END: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    recent: VecDeque<u64>,
    /// Delivered, but not in the journal any more.
    orphans: Vec<u64>,
    patience: u32,
}

impl History {
    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.recent.len()
    }

    /// A message was delivered.
    pub fn push(&mut self, print: u64) {
        if self.recent.len() == MOST {
            self.recent.pop_front();
        }
        self.recent.push_back(print);
    }

    /// The message so many before the last.
    pub fn back(&self, by: u64) -> Option<u64> {
        let place = self.recent.len().checked_sub(1)?.checked_sub(usize::try_from(by).ok()?)?;
        self.recent.get(place).copied()
    }

    /// What was delivered before has no place in front of what comes: messages were skipped.
    pub fn forget(&mut self) {
        self.recent.clear();
    }

    /// The last so many messages are not in the journal.
    pub fn disown(&mut self, last: u64) {
        let keep = self.recent.len().saturating_sub(usize::try_from(last).unwrap_or(usize::MAX));
        self.orphans = self.recent.split_off(keep).into();
        self.patience = PATIENCE;
    }

    /// Was this message delivered, and then forgotten by Redis? Told once.
    pub fn was_disowned(&mut self, message: &HubMessage<'_>) -> bool {
        if self.orphans.is_empty() {
            return false;
        }
        self.patience -= 1;
        if self.patience == 0 {
            self.orphans = Vec::new();
            return false;
        }
        let print = print(message);
        let found = self.orphans.iter().position(|orphan| *orphan == print);
        found.map(|place| self.orphans.swap_remove(place)).is_some()
    }
}

/// What makes a message the one it is, whatever its number in the journal: who said what, and when.
pub fn print(message: &HubMessage<'_>) -> u64 {
    let draft = message.draft();
    let mut hasher = DefaultHasher::new();
    let to = message.to_id().map(crate::envelope::ClientId::as_str);
    let parts = [message.from_id(), message.sent_at(), to, draft.cmd.as_deref(), draft.msg.as_deref()];
    for part in parts.into_iter().chain([draft.payload.as_deref()]) {
        let bytes = part.unwrap_or_default().as_bytes();
        bytes.len().hash(&mut hasher);
        hasher.write(&bytes[..bytes.len().min(END)]);
        hasher.write(&bytes[bytes.len().saturating_sub(END)..]);
    }
    hasher.finish()
}
