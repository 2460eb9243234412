//! Owns who of this node said what in a group lately: without it nobody could tell whether a frame had a chance to reach
//! the legacy server.

use std::collections::{HashMap, VecDeque};
use tokio::time::Instant;

/// Frames that are remembered; of older ones the sender is unknown.
const MOST: usize = 8192;

/// Somebody said something.
#[derive(Debug, Clone, Copy)]
struct Send {
    sender: u64,
    hash: u64,
    at: Instant,
    /// It went to the legacy server, too, for all we know.
    mirrored: bool,
}

/// What is known of a frame's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Said by this member and nobody else; the last time at this moment.
    One(u64, Instant),
    /// Said by several, all mirrored.
    Several,
    /// Said by somebody who was not mirrored.
    Unmirrored,
    /// Nobody here said it.
    Unknown,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sends {
    /// In order of time; the first has the number `gone`.
    all: VecDeque<Send>,
    gone: usize,
    by_hash: HashMap<u64, VecDeque<usize>>,
}

impl Sends {
    /// A member said this.
    pub fn add(&mut self, sender: u64, hash: u64, at: Instant, mirrored: bool) {
        if self.all.len() >= MOST {
            self.forget_oldest();
        }
        self.by_hash.entry(hash).or_default().push_back(self.gone + self.all.len());
        self.all.push_back(Send { sender, hash, at, mirrored });
    }

    /// What it said from `since` on (none = ever) did not reach the legacy server, or may not have.
    pub fn spoil(&mut self, sender: u64, since: Option<Instant>) {
        for send in self.all.iter_mut().rev().take_while(|send| since.is_none_or(|since| send.at >= since)) {
            send.mirrored &= send.sender != sender;
        }
    }

    /// Who has said what was heard at this moment?
    pub fn origin(&self, hash: u64, heard: Instant) -> Origin {
        let Some(numbers) = self.by_hash.get(&hash) else { return Origin::Unknown };
        let sends = numbers.iter().filter_map(|number| self.all.get(number - self.gone));
        let mut found = Origin::Unknown;
        for send in sends.filter(|send| send.at <= heard) {
            found = match found {
                _ if !send.mirrored => return Origin::Unmirrored,
                Origin::Unknown => Origin::One(send.sender, send.at),
                Origin::One(sender, _) if sender == send.sender => Origin::One(sender, send.at),
                _ => Origin::Several,
            };
        }
        found
    }

    /// Forgets what was said at `until` or before.
    pub fn expire(&mut self, until: Instant) {
        while self.all.front().is_some_and(|send| send.at <= until) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(send) = self.all.pop_front() else { return };
        if let Some(numbers) = self.by_hash.get_mut(&send.hash) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.by_hash.remove(&send.hash);
            }
        }
        self.gone += 1;
    }
}
