//! Owns the frames of one side that wait for their like on the other: found by what they are, expired in the order in
//! which they came.

use super::super::ignore::Mark;
use std::collections::{BTreeMap, HashMap, VecDeque};
use tokio::time::Instant;

/// A frame that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub mark: Mark,
    /// When it came.
    pub at: Instant,
    /// Counts up on this side, waiting or not.
    pub number: u64,
    /// Nothing is missing if it finds no like.
    pub spare: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Waiting {
    entries: BTreeMap<u64, Entry>,
    by_hash: HashMap<u64, VecDeque<u64>>,
    next: u64,
}

impl Waiting {
    /// A frame came: it gets its number, and does not wait yet.
    pub fn came(&mut self, mark: Mark, at: Instant, spare: bool) -> Entry {
        self.next += 1;
        Entry { mark, at, number: self.next, spare }
    }

    /// It waits.
    pub fn push(&mut self, entry: Entry) {
        self.entries.insert(entry.number, entry);
        self.by_hash.entry(entry.mark.hash).or_default().push_back(entry.number);
    }

    /// Takes the oldest of these that came at `since` or later.
    pub fn take(&mut self, hash: u64, since: Instant) -> Option<Entry> {
        let numbers = self.by_hash.get(&hash)?;
        let number = *numbers.iter().find(|number| self.entries.get(number).is_some_and(|entry| entry.at >= since))?;
        self.remove(number)
    }

    /// Does this very frame still wait?
    pub fn has(&self, number: u64) -> bool {
        self.entries.contains_key(&number)
    }

    /// Takes the oldest, if it came at `until` or before.
    pub fn expire(&mut self, until: Instant) -> Option<Entry> {
        let (number, entry) = self.entries.first_key_value()?;
        let number = (entry.at <= until).then_some(*number)?;
        self.remove(number)
    }

    /// Takes the oldest.
    pub fn oldest(&mut self) -> Option<Entry> {
        let number = *self.entries.first_key_value()?.0;
        self.remove(number)
    }

    /// Nothing waits, and numbers go on.
    pub fn emptied(&self) -> Self {
        Self { next: self.next, ..Self::default() }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        if let Some(numbers) = self.by_hash.get_mut(&entry.mark.hash) {
            numbers.retain(|n| *n != number);
            if numbers.is_empty() {
                self.by_hash.remove(&entry.mark.hash);
            }
        }
        Some(entry)
    }
}
