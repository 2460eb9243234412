//! Owns the comparison of one group: what recipients got from us and what a legacy server sent them, as two multisets in
//! a window of time, and the order of each sender's frames. It does no I/O and asks no clock; whoever calls says when.
//!
//! It says "different" only where it can know: a frame counts if its recipient's link was up and answering all the
//! time, if its sender's was, and if the second legacy server does not differ from the first in the same way. A frame
//! that only we brought and that nobody of this node said is not judged either: its sender may sit on another node
//! whose link is down. What we lose or change is found all the same, since the legacy server's frame is left over.

mod member;
mod sends;
#[cfg(test)]
mod tests;
mod waiting;

use super::ignore::Mark;
use crate::label::labels;
use crate::telemetry::labels::Shadowed;
use member::{Found, Member};
use sends::{Origin, Sends};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use waiting::Entry;

/// Windows for which it is remembered who said what.
const REMEMBERED: u32 = 6;

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How long a frame may be missing on one side, and how long a link must have been up.
    pub window: Duration,
    /// The order of one sender's frames counts.
    pub order: bool,
    /// There is a second legacy server.
    pub noise: bool,
}

impl Rules {
    /// How long what we brought waits. With noise longer: what the legacy server said instead must be known first.
    pub fn patience(&self) -> Duration {
        if self.noise { self.window * 2 } else { self.window }
    }

    fn since(&self, at: Instant) -> Instant {
        at.checked_sub(self.window).unwrap_or(at)
    }
}

/// Which legacy server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legacy {
    /// We are compared with it.
    First,
    /// It is compared with the first.
    Second,
}

labels! {
    /// In what the two differ.
    pub enum Difference {
        /// The legacy server brought it, we did not.
        MissingHere = "missing_here",
        /// We brought it, the legacy server did not.
        MissingThere = "missing_there",
        /// Both brought it, but not in the same order among its sender's frames.
        Order = "order",
    }
}

/// What came of one frame of one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whose.
    pub member: u64,
    /// What it is.
    pub mark: Mark,
    /// How it was found.
    pub result: Shadowed,
    /// In what it differs, where it does.
    pub difference: Option<Difference>,
}

/// The comparison of one group. Verdicts gather in it until they are taken.
#[derive(Debug)]
pub struct Group {
    rules: Rules,
    members: HashMap<u64, Member>,
    sends: Sends,
    verdicts: Vec<Verdict>,
    /// Frames that were not judged, beside the verdicts.
    ignored: u64,
}

impl Group {
    /// Of nobody.
    pub fn new(rules: Rules) -> Self {
        Self { rules, members: HashMap::new(), sends: Sends::default(), verdicts: Vec::new(), ignored: 0 }
    }

    /// A client came; does it hear what the legacy server would say?
    pub fn join(&mut self, member: u64, hears: bool) {
        self.members.insert(member, Member::new(hears));
    }

    /// Its session has ended: it hears no more, what the legacy server sends it is still looked at.
    pub fn leave(&mut self, member: u64) {
        if let Some(member) = self.members.get_mut(&member) {
            member.left = true;
        }
    }

    /// Its links are gone, too.
    pub fn gone(&mut self, member: u64, now: Instant) {
        self.tick(now);
        if let Some(mut member) = self.members.remove(&member) {
            self.ignored += member.clear() as u64;
        }
    }

    /// A link is up.
    pub fn up(&mut self, member: u64, legacy: Legacy, now: Instant) {
        let settled = now + self.rules.window;
        if let Some(member) = self.members.get_mut(&member) {
            *member.link(legacy) = member::Link { settled: Some(settled), proved: None };
        }
    }

    /// A link is down. What was not read by then may be lost.
    pub fn down(&mut self, member: u64, legacy: Legacy, now: Instant) {
        self.tick(now);
        let Some(found) = self.members.get_mut(&member) else { return };
        let link = std::mem::take(found.link(legacy));
        match legacy {
            Legacy::First => {
                self.ignored += found.clear() as u64;
                self.sends.spoil(member, link.proved);
            }
            Legacy::Second => found.clear_noise(),
        }
    }

    /// The other end of a link has read what went into it up to `sent`. Late, if it took half a window or more: then it
    /// may be late with other things, too.
    pub fn proved(&mut self, member: u64, legacy: Legacy, sent: Instant, now: Instant) {
        let Some(found) = self.members.get_mut(&member) else { return };
        let link = found.link(legacy);
        let before = link.proved.replace(sent);
        if now.saturating_duration_since(sent) * 2 >= self.rules.window {
            found.disturb(now + self.rules.window);
            if legacy == Legacy::First {
                self.sends.spoil(member, before);
            }
        }
    }

    /// The client takes nothing for the moment, or takes something again.
    pub fn stalled(&mut self, member: u64, is: bool, now: Instant) {
        if let Some(member) = self.members.get_mut(&member) {
            member.stalled = is;
            member.disturb(now + self.rules.window);
        }
    }

    /// A client said something.
    pub fn sent(&mut self, member: u64, mark: Mark, at: Instant) {
        let settled = self.members.get(&member).and_then(|member| member.main.settled);
        self.sends.add(member, mark.hash, at, settled.is_some_and(|settled| settled <= at));
    }

    /// A client got a frame from us; `spare` if the legacy server need not know it.
    pub fn ours(&mut self, id: u64, mark: Mark, at: Instant, spare: bool) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.hears) else { return };
        if member.main.settled.is_none() {
            self.ignored += 1;
            return;
        }
        let found = member.ours(mark, at, spare, &self.rules);
        self.found(id, found);
    }

    /// A legacy server sent a frame for a client.
    pub fn theirs(&mut self, id: u64, legacy: Legacy, mark: Mark, at: Instant) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.hears) else { return };
        match legacy {
            Legacy::First => {
                let found = member.theirs(mark, at, &self.rules);
                self.found(id, found);
            }
            Legacy::Second => member.noise(mark, at, &self.rules),
        }
    }

    fn found(&mut self, id: u64, found: Found) {
        let Some(member) = self.members.get_mut(&id) else { return };
        match found {
            Found::Pair(ours, theirs) => {
                let sender = match self.sends.origin(ours.mark.hash, ours.at.min(theirs.at)) {
                    Origin::One(sender, _) if self.rules.order => Some(sender),
                    _ => None,
                };
                let difference = (!member.in_order(&ours, &theirs, sender)).then_some(Difference::Order);
                let result = if difference.is_some() { Shadowed::Mismatch } else { Shadowed::Match };
                self.verdicts.push(Verdict { member: id, mark: ours.mark, result, difference });
            }
            Found::Waits(None) => {}
            // Its like will be left over, which then says nothing.
            Found::Waits(Some(gone)) => {
                member.disturb(gone.at + self.rules.patience() + self.rules.window);
                self.ignored += 1;
            }
        }
    }

    /// Judges what has waited long enough.
    pub fn tick(&mut self, now: Instant) {
        let before = |wait: Duration| now.checked_sub(wait);
        let (window, patience) = (before(self.rules.window), before(self.rules.patience()));
        let mut left_over = Vec::new();
        for (id, member) in &mut self.members {
            while let Some(entry) = window.and_then(|until| member.theirs.expire(until)) {
                left_over.push((*id, Difference::MissingHere, entry));
            }
            while let Some(entry) = patience.and_then(|until| member.ours.expire(until)) {
                left_over.push((*id, Difference::MissingThere, entry));
            }
        }
        for (id, difference, entry) in left_over {
            let result = match difference {
                Difference::MissingHere => self.judge_theirs(id, &entry),
                _ => self.judge_ours(id, &entry),
            };
            let difference = (result == Shadowed::Mismatch).then_some(difference);
            self.verdicts.push(Verdict { member: id, mark: entry.mark, result, difference });
        }
        // Only now: what was judged has looked for them.
        for member in self.members.values_mut() {
            let Some(until) = before(self.rules.window * 3) else { continue };
            while member.first_only.expire(until).is_some() || member.second_only.expire(until).is_some() {}
        }
        if let Some(until) = before(self.rules.window * REMEMBERED) {
            self.sends.expire(until);
        }
    }

    /// The legacy server brought it, and we did not.
    fn judge_theirs(&mut self, id: u64, entry: &Entry) -> Shadowed {
        let origin = self.sends.origin(entry.mark.hash, entry.at);
        let rules = self.rules;
        let Some(member) = self.members.get_mut(&id) else { return Shadowed::Ignored };
        let heard = !member.left && !member.stalled && member.is_calm(entry.at) && member.main.counts(entry.at);
        if !heard || origin == Origin::Unmirrored || (rules.noise && !member.noise.counts(entry.at)) {
            return Shadowed::Ignored;
        }
        if rules.noise && member.first_only.has(entry.number) {
            member.credit(entry.at);
            return Shadowed::Noise;
        }
        Shadowed::Mismatch
    }

    /// We brought it, and the legacy server did not.
    fn judge_ours(&mut self, id: u64, entry: &Entry) -> Shadowed {
        let reached = match self.sends.origin(entry.mark.hash, entry.at) {
            Origin::One(sender, at) => self.members.get(&sender).is_some_and(|sender| sender.main.has_read(at)),
            Origin::Unknown => self.members.get(&id).is_some_and(|member| member.repeats(entry.mark.hash)),
            Origin::Several | Origin::Unmirrored => false,
        };
        let rules = self.rules;
        let Some(member) = self.members.get_mut(&id) else { return Shadowed::Ignored };
        let heard = !entry.spare && member.is_calm(entry.at) && member.main.counts(entry.at);
        if !heard || !reached || (rules.noise && !member.noise.counts(entry.at)) {
            return Shadowed::Ignored;
        }
        let noise = rules.noise
            && (member.second_only.take(entry.mark.hash, rules.since(entry.at)).is_some()
                || member.take_credit(entry.at, &rules));
        if noise { Shadowed::Noise } else { Shadowed::Mismatch }
    }

    /// Takes the verdicts, and how many frames more were not judged.
    pub fn take(&mut self) -> (Vec<Verdict>, u64) {
        (std::mem::take(&mut self.verdicts), std::mem::take(&mut self.ignored))
    }

    /// Forgets all that waits: there is too much of it.
    pub fn shed(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            self.ignored += member.clear() as u64;
            member.disturb(now + self.rules.patience() + self.rules.window);
        }
    }

    /// Frames that wait.
    pub fn waiting(&self) -> usize {
        self.members.values().map(Member::waiting).sum()
    }

    /// Nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}
