//! Owns what Redis took a moment ago. A master that dies takes along what its replica had not heard yet, and one that is
//! replaced in good order goes on taking messages until it hears of it; so whoever serves the slot next is told the same
//! again. The script knows what it has and takes only what it lacks. No I/O.

use super::job::Job;
use super::line::REMEMBERED;
use super::waiting::Numbered;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Replicas are rarely so far behind, and a master that is gone is noticed sooner: a probe is published every few seconds.
const KEPT: Duration = Duration::from_secs(6);
/// Fail-overs that take longer leave messages behind that are no news any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// For each slot. Receivers that have heard them must still know that they have.
const MOST: usize = REMEMBERED;
/// For all of them.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Recent {
    said: HashMap<u16, VecDeque<Numbered>>,
    /// To be said to the slot's next master.
    again: HashMap<u16, Vec<Numbered>>,
    bytes: usize,
}

impl Recent {
    /// Redis took it.
    pub fn push(&mut self, slot: u16, mut one: Numbered, now: Instant) {
        let Job::Message { publication, room, .. } = &mut one.job else { return };
        if publication.text.tail.is_empty() {
            // No journal, so nothing would know that it is said again.
            return;
        }
        // Its sender has nothing more to hear of it, and it takes no room from others.
        (publication.from, *room) = (None, None);
        one.said.get_or_insert(now);
        let said = self.said.entry(slot).or_default();
        self.bytes += one.job.bytes();
        said.push_back(one);
        while (said.len() > MOST || self.bytes > MOST_BYTES) && !said.is_empty() {
            self.bytes -= said.pop_front().map_or(0, |one| one.job.bytes());
        }
    }

    /// What was said in this slot is to be said again; true when there is anything.
    pub fn say_again(&mut self, slot: u16) -> bool {
        let said = self.said.remove(&slot).unwrap_or_default();
        self.bytes -= said.iter().map(|one| one.job.bytes()).sum::<usize>();
        if !said.is_empty() {
            self.back(slot, said.into());
        }
        self.has(slot)
    }

    /// Slots in which something was said a moment ago.
    pub fn slots(&self) -> Vec<u16> {
        self.said.keys().copied().collect()
    }

    /// Is anything of this slot to be said again?
    pub fn has(&self, slot: u16) -> bool {
        self.again.contains_key(&slot)
    }

    /// Takes what is to be said again in a slot, oldest first.
    pub fn take(&mut self, slot: u16) -> Vec<Numbered> {
        self.again.remove(&slot).unwrap_or_default()
    }

    /// To be said again: it could not be yet, or is to be.
    pub fn back(&mut self, slot: u16, left: Vec<Numbered>) {
        if !left.is_empty() {
            let again = self.again.entry(slot).or_default();
            again.extend(left);
            // What comes after a later one is not taken any more.
            again.sort_by_key(|one| one.number);
        }
    }

    /// Lets go what every replica has by now, and what is no news any more.
    pub fn tick(&mut self, now: Instant) {
        let old = |one: &Numbered, age| one.said.is_none_or(|said| now.duration_since(said) >= age);
        self.said.retain(|_, said| {
            while said.front().is_some_and(|one| old(one, KEPT)) {
                self.bytes -= said.pop_front().map_or(0, |one| one.job.bytes());
            }
            !said.is_empty()
        });
        self.again.retain(|_, again| {
            again.retain(|one| !old(one, PATIENCE));
            !again.is_empty()
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dialect::HubText;
    use crate::hub::bus::redis::wanted::Channel;
    use crate::hub::publication::Publication;
    use crate::hub::scope::{Address, Owner, Scope};
    use crate::telemetry::labels::Path;

    /// A message for a channel.
    pub fn message(channel: String, text: &str) -> Job {
        let text = HubText { head: text.into(), tail: "}".into() };
        let scope = Scope { to: Address::Broadcast, owner: Owner::All };
        let publication = Publication { scope, text, path: Path::V3V3, from: None };
        Job::Message { publication, channel: Channel::from(channel), until: Instant::now() + KEPT, room: None }
    }

    fn said(number: u64, bytes: usize) -> Numbered {
        Numbered { job: message("c".into(), &"x".repeat(bytes)), number, taken: Instant::now(), said: None }
    }

    fn numbers(of: &[Numbered]) -> Vec<u64> {
        of.iter().map(|one| one.number).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_moments_are_kept_within_bounds_and_said_again_in_order() {
        let mut recent = Recent::default();
        (0..MOST as u64 + 10).for_each(|n| recent.push(1, said(n, 1), Instant::now()));
        recent.push(2, said(0, MOST_BYTES), Instant::now());
        assert!(!recent.say_again(2), "a giant does not fit beside them");
        tokio::time::advance(KEPT / 2).await;
        recent.push(1, said(900, 1), Instant::now());
        tokio::time::advance(KEPT / 2).await;
        assert!(recent.slots() == [1] && !recent.has(1));
        recent.tick(Instant::now());
        assert!(recent.say_again(1));
        let again = recent.take(1);
        assert_eq!(numbers(&again), [900], "what is old every replica has");
        recent.push(1, said(901, 1), Instant::now());
        recent.say_again(1);
        recent.back(1, again);
        recent.push(1, said(899, 1), Instant::now());
        recent.say_again(1);
        assert_eq!(numbers(&recent.take(1)), [899, 900, 901]);
        assert_eq!(recent.bytes, 0);
        recent.push(1, said(902, 1), Instant::now());
        assert!(recent.say_again(1));
        tokio::time::advance(PATIENCE).await;
        recent.tick(Instant::now());
        assert!(!recent.has(1), "no news any more");
    }
}
