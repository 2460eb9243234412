//! Owns what is known of one recipient: its links to the legacy servers, and the frames that still lack their like.

use super::super::ignore::Mark;
use super::waiting::{Entry, Waiting};
use super::{Legacy, Rules};
use std::collections::VecDeque;
use tokio::time::Instant;

/// Frames that may wait on each side of one recipient.
const MOST_WAITING: usize = 1024;
/// Pairs that are remembered, for the order and to know a repetition.
const MOST_PAIRS: usize = 512;

/// A link to a legacy server, as far as the comparison goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    /// It is up, and what happens from this moment on counts.
    pub settled: Option<Instant>,
    /// Whatever went into it up to this moment was read by the other end.
    pub proved: Option<Instant>,
}

impl Link {
    /// Can something that came at this moment be judged?
    pub fn counts(&self, at: Instant) -> bool {
        self.settled.is_some_and(|settled| settled <= at) && self.has_read(at)
    }

    /// Did the other end read what went into it before this moment?
    pub fn has_read(&self, at: Instant) -> bool {
        self.proved.is_some_and(|proved| proved >= at)
    }
}

/// A frame that both have brought.
#[derive(Debug, Clone, Copy)]
struct Pair {
    hash: u64,
    sender: Option<u64>,
    ours: u64,
    theirs: u64,
}

/// What came of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Its like was there.
    Pair(Entry, Entry),
    /// It waits; perhaps another had to go for it.
    Waits(Option<Entry>),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Member {
    /// What it hears can be compared.
    pub hears: bool,
    /// Its session has ended.
    pub left: bool,
    /// Its client takes nothing at the moment.
    pub stalled: bool,
    /// What came before this moment is not judged.
    pub calm: Option<Instant>,
    /// The link to the first legacy server.
    pub main: Link,
    /// The link to the second.
    pub noise: Link,
    /// Waiting for the legacy server.
    pub ours: Waiting,
    /// Waiting for us.
    pub theirs: Waiting,
    /// What the first brought and the second did not yet, and the other way round.
    pub first_only: Waiting,
    pub second_only: Waiting,
    /// When something turned out to be noise that the first server alone has said: one frame of ours may differ for it.
    credits: VecDeque<Instant>,
    pairs: VecDeque<Pair>,
}

impl Member {
    /// Without links.
    pub fn new(hears: bool) -> Self {
        Self { hears, ..Self::default() }
    }

    /// The link of this server.
    pub fn link(&mut self, of: Legacy) -> &mut Link {
        match of {
            Legacy::First => &mut self.main,
            Legacy::Second => &mut self.noise,
        }
    }

    /// The client got a frame from us.
    pub fn ours(&mut self, mark: Mark, at: Instant, spare: bool, rules: &Rules) -> Found {
        let entry = self.ours.came(mark, at, spare);
        match self.theirs.take(mark.hash, rules.since(at)) {
            Some(theirs) => Found::Pair(entry, theirs),
            None => Found::Waits(push(&mut self.ours, entry)),
        }
    }

    /// The first legacy server sent a frame for the client.
    pub fn theirs(&mut self, mark: Mark, at: Instant, rules: &Rules) -> Found {
        let entry = self.theirs.came(mark, at, false);
        if rules.noise && self.second_only.take(mark.hash, rules.since(at)).is_none() {
            push(&mut self.first_only, entry);
        }
        match self.ours.take(mark.hash, rules.since(at)) {
            Some(ours) => Found::Pair(ours, entry),
            None => Found::Waits(push(&mut self.theirs, entry)),
        }
    }

    /// The second did.
    pub fn noise(&mut self, mark: Mark, at: Instant, rules: &Rules) {
        if self.first_only.take(mark.hash, rules.since(at)).is_none() {
            let entry = self.second_only.came(mark, at, false);
            push(&mut self.second_only, entry);
        }
    }

    /// Remembers a pair; false when it stands in another order than the sender's others. Those that contradict it are
    /// forgotten with it, so that a difference is found once.
    pub fn in_order(&mut self, ours: &Entry, theirs: &Entry, sender: Option<u64>) -> bool {
        let new = Pair { hash: ours.mark.hash, sender, ours: ours.number, theirs: theirs.number };
        let agrees = |pair: &Pair| {
            sender.is_none() || pair.sender != sender || (pair.ours < new.ours) == (pair.theirs < new.theirs)
        };
        let all = self.pairs.iter().all(agrees);
        if !all {
            for pair in self.pairs.iter_mut().filter(|pair| !agrees(pair)) {
                pair.sender = None;
            }
        }
        if self.pairs.len() >= MOST_PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { sender: sender.filter(|_| all), ..new });
        all
    }

    /// Was the same brought by both a moment ago? Then one more of it is one too many.
    pub fn repeats(&self, hash: u64) -> bool {
        self.pairs.iter().any(|pair| pair.hash == hash)
    }

    /// The first server alone said something.
    pub fn credit(&mut self, at: Instant) {
        if self.credits.len() >= MOST_WAITING {
            self.credits.pop_front();
        }
        self.credits.push_back(at);
    }

    /// Takes a credit of about this moment.
    pub fn take_credit(&mut self, at: Instant, rules: &Rules) -> bool {
        let near = |credit: &Instant| *credit + rules.window >= at && at + rules.window >= *credit;
        let Some(found) = self.credits.iter().position(near) else { return false };
        self.credits.remove(found).is_some()
    }

    /// What came before this moment is not judged.
    pub fn disturb(&mut self, until: Instant) {
        self.calm = self.calm.max(Some(until));
    }

    /// Is nothing in the way of judging what came at this moment?
    pub fn is_calm(&self, at: Instant) -> bool {
        self.calm.is_none_or(|calm| calm <= at)
    }

    /// Nothing can be compared for now: how many frames were waiting.
    pub fn clear(&mut self) -> usize {
        let waiting = self.ours.len() + self.theirs.len();
        (self.ours, self.theirs) = (self.ours.emptied(), self.theirs.emptied());
        self.clear_noise();
        self.pairs.clear();
        waiting
    }

    /// The same between the two legacy servers.
    pub fn clear_noise(&mut self) {
        (self.first_only, self.second_only) = (Waiting::default(), self.second_only.emptied());
        self.credits.clear();
    }

    /// Frames that wait, of whatever kind.
    pub fn waiting(&self) -> usize {
        self.ours.len() + self.theirs.len() + self.first_only.len() + self.second_only.len()
    }
}

/// It waits; the oldest goes where there is no room.
fn push(waiting: &mut Waiting, entry: Entry) -> Option<Entry> {
    let gone = if waiting.len() >= MOST_WAITING { waiting.oldest() } else { None };
    waiting.push(entry);
    gone
}
