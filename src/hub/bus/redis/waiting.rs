//! Owns the messages that wait to be published: a queue for each hash slot, of which at most one piece is on
//! its way at a time. So messages of a scope keep their order whatever happens to a piece, and a slot that
//! cannot be served holds up no other. No I/O.

use super::job::Job;
use super::map::Map;
use super::recent::Recent;
use crate::hub::slot::slot_of;
use crate::redis_client::Node;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A job with its running number, which stays the same when it is tried again.
#[derive(Debug)]
pub struct Numbered {
    /// What is to be said.
    pub job: Job,
    /// Higher than that of every job before it.
    pub number: u64,
    /// When it was taken up.
    pub taken: Instant,
    /// When Redis took it: then this is said again, to a master that may not have it.
    pub said: Option<Instant>,
}

/// A piece of a slot's queue.
pub type Piece = (u16, Vec<Numbered>);

/// Words among proxies are about the present.
const WORD_LASTS: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Slot {
    queue: VecDeque<Numbered>,
    /// A piece of it is on its way.
    busy: bool,
    /// It is in the line of slots that are ready.
    ready: bool,
    /// Redis refused it just now.
    parked: Option<Instant>,
    /// The piece on its way is with a former master.
    astray: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Waiting {
    slots: HashMap<u16, Slot>,
    /// For each master, slots in the order in which they are served.
    ready: HashMap<Node, VecDeque<u16>>,
    recent: Recent,
    len: usize,
    number: u64,
}

impl Waiting {
    /// Takes a job up.
    pub fn push(&mut self, job: Job, now: Instant, map: &Map) {
        let slot = slot_of(job.channel());
        self.number += 1;
        self.len += 1;
        let queue = &mut self.slots.entry(slot).or_default().queue;
        queue.push_back(Numbered { job, number: self.number, taken: now, said: None });
        self.get_ready(slot, map);
    }

    /// Jobs here, those on their way left out.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing waits, and nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    fn get_ready(&mut self, number: u16, map: &Map) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let empty = slot.queue.is_empty() && !self.recent.has(number);
        if empty && !slot.busy {
            if !slot.ready {
                self.slots.remove(&number);
            }
            return;
        }
        if slot.busy || slot.ready || slot.parked.is_some() || empty {
            return;
        }
        if let Some(owner) = map.owner(number) {
            slot.ready = true;
            match self.ready.get_mut(owner) {
                Some(line) => line.push_back(number),
                None => drop(self.ready.insert(owner.clone(), VecDeque::from([number]))),
            }
        }
    }

    /// Takes at most so many jobs for a master, and no more once they have so many bytes. Each piece must come back
    /// with `back`.
    pub fn take(&mut self, node: &Node, most: usize, bytes: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let Some(line) = self.ready.get_mut(node) else { return pieces };
        let (mut room, mut taken) = (most, 0);
        while room > 0 && taken < bytes {
            let Some(number) = line.pop_front() else { break };
            let Some(slot) = self.slots.get_mut(&number) else { continue };
            slot.ready = false;
            let fits = slot.queue.iter().take(room).take_while(|one| {
                let fits = taken < bytes;
                taken += one.job.bytes();
                fits
            });
            let fits = fits.count();
            // What is said again comes before everything that is new; it is bounded, and goes at once.
            let mut piece = self.recent.take(number);
            self.len -= fits;
            piece.extend(slot.queue.drain(..fits));
            if piece.is_empty() {
                self.slots.remove(&number);
                continue;
            }
            slot.busy = true;
            room -= fits;
            pieces.push((number, piece));
        }
        pieces
    }

    /// A piece comes back with what is still to be published of it; not before `parked`.
    pub fn back(&mut self, number: u16, left: Vec<Numbered>, parked: Option<Instant>, map: &Map) {
        let slot = self.slots.entry(number).or_default();
        (slot.busy, slot.parked) = (false, parked);
        if std::mem::take(&mut slot.astray) {
            self.recent.say_again(number);
        }
        let (again, left): (Vec<_>, Vec<_>) = left.into_iter().partition(|one| one.said.is_some());
        self.recent.back(number, again);
        self.len += left.len();
        for job in left.into_iter().rev() {
            slot.queue.push_front(job);
        }
        self.get_ready(number, map);
    }

    /// Redis has this; to be told before the rest of the piece comes `back`.
    pub fn done(&mut self, number: u16, done: Vec<Numbered>) {
        let now = Instant::now();
        done.into_iter().for_each(|one| self.recent.push(number, one, now));
    }

    /// A master is lost, or reached anew: it may be another machine now, or have forgotten what it took last.
    pub fn say_again(&mut self, node: &Node, map: &Map) {
        for number in self.recent.slots() {
            if map.owner(number) == Some(node) && self.recent.say_again(number) {
                self.slots.entry(number).or_default();
                self.get_ready(number, map);
            }
        }
    }

    /// The map is another one: every slot is served by its present master.
    pub fn remap(&mut self, map: &Map, before: &Map) {
        self.ready.clear();
        let moved = |number| before.owner(number) != map.owner(number);
        for number in self.recent.slots().into_iter().filter(|number| moved(*number)) {
            self.recent.say_again(number);
            self.slots.entry(number).or_default();
        }
        self.slots.iter_mut().for_each(|(number, slot)| slot.astray |= slot.busy && moved(*number));
        let numbers: Vec<u16> = self.slots.keys().copied().collect();
        for number in numbers {
            if let Some(slot) = self.slots.get_mut(&number) {
                (slot.ready, slot.parked) = (false, None);
            }
            self.get_ready(number, map);
        }
    }

    /// Takes out what has waited too long, and lets parked slots try again.
    pub fn tick(&mut self, now: Instant, map: &Map) -> Vec<Numbered> {
        self.recent.tick(now);
        let (mut late, mut again) = (Vec::new(), Vec::new());
        for (number, slot) in &mut self.slots {
            // Deadlines are in the order of the queue, so one that is kept keeps all behind it.
            while slot.queue.front().is_some_and(|job| job.is_late(now)) {
                late.extend(slot.queue.pop_front());
                self.len -= 1;
            }
            if slot.parked.is_some_and(|until| until <= now) {
                slot.parked = None;
            }
            if !slot.ready && !slot.busy {
                again.push(*number);
            }
        }
        again.into_iter().for_each(|number| self.get_ready(number, map));
        late
    }

    /// How much waits for a master: jobs, and their bytes.
    pub fn waiting_for(&self, node: &Node, map: &Map) -> (usize, usize) {
        let slots = self.slots.iter().filter(|(number, _)| map.owner(**number) == Some(node));
        let jobs = slots.flat_map(|(_, slot)| &slot.queue);
        jobs.fold((0, 0), |(jobs, bytes), one| (jobs + 1, bytes + one.job.bytes()))
    }

    /// What waits for a master takes no more room from others.
    pub fn give_room(&mut self, node: &Node, map: &Map) {
        let slots = self.slots.iter_mut().filter(|(number, _)| map.owner(**number) == Some(node));
        slots.flat_map(|(_, slot)| &mut slot.queue).for_each(|one| one.job.give_room());
    }
}

impl Numbered {
    fn is_late(&self, now: Instant) -> bool {
        match &self.job {
            Job::Message { until, .. } => *until <= now,
            Job::Aside { .. } => now.duration_since(self.taken) >= WORD_LASTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::bus::redis::recent::tests::message;
    use crate::hub::bus::redis::wanted::Channel;
    use crate::hub::slot::tag_of;

    const MANY: usize = usize::MAX;

    fn node(port: u16) -> Node {
        Node { host: "h".into(), port }
    }

    /// Slots 0 to 9 here, the others there.
    fn halves() -> Map {
        Map::of([(0, 9, node(1)), (10, 16_383, node(2))])
    }

    fn aside(slot: u16, text: &str) -> Job {
        Job::Aside { channel: Channel::from(format!("{{{}}}", tag_of(slot))), text: text.into() }
    }

    fn waiting(texts: &[(u16, &str)]) -> Waiting {
        let mut waiting = Waiting::default();
        for (slot, text) in texts {
            waiting.push(aside(*slot, text), Instant::now(), &halves());
        }
        waiting
    }

    fn texts(pieces: &[Piece]) -> Vec<&str> {
        let jobs = pieces.iter().flat_map(|(_, jobs)| jobs);
        jobs.map(|n| match &n.job {
            Job::Aside { text, .. } => text.as_str(),
            Job::Message { .. } => "",
        })
        .collect()
    }

    #[tokio::test]
    async fn a_slot_waits_until_its_last_piece_is_back_and_others_do_not() {
        let mut waiting = waiting(&[(1, "a"), (1, "b"), (2, "c"), (20, "d")]);
        let first = waiting.take(&node(1), 1, MANY);
        assert_eq!(texts(&first), ["a"]);
        assert_eq!(texts(&waiting.take(&node(1), 9, MANY)), ["c"]);
        assert_eq!(texts(&waiting.take(&node(2), 9, MANY)), ["d"]);
        assert!(waiting.take(&node(1), 9, MANY).is_empty());
        for (slot, jobs) in first {
            waiting.back(slot, jobs, None, &halves());
        }
        assert_eq!(texts(&waiting.take(&node(1), 9, MANY)), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_piece_is_bounded_in_bytes_and_never_empty() {
        let long = "x".repeat(100);
        let mut waiting = waiting(&[(1, &long), (1, "b"), (2, "c"), (3, "d")]);
        let first = waiting.take(&node(1), 9, 50);
        assert_eq!(texts(&first), [&long], "a giant goes alone");
        assert_eq!(texts(&waiting.take(&node(1), 9, 2)), ["c", "d"]);
        first.into_iter().for_each(|(slot, _)| waiting.back(slot, Vec::new(), None, &halves()));
        assert_eq!(texts(&waiting.take(&node(1), 9, 50)), ["b"]);
        waiting.push(aside(7, &long), Instant::now(), &halves());
        waiting.push(aside(20, &long), Instant::now(), &halves());
        assert_eq!((waiting.waiting_for(&node(1), &halves()), waiting.len()), ((1, 100), 2));
    }

    #[tokio::test]
    async fn what_comes_back_goes_first_to_the_slots_new_master() {
        let mut waiting = waiting(&[(1, "a"), (1, "b")]);
        let pieces = waiting.take(&node(1), 1, MANY);
        let moved = Map::one(node(3));
        waiting.remap(&moved, &halves());
        assert!(waiting.take(&node(3), 9, MANY).is_empty(), "its first piece is still on its way to the old one");
        waiting.push(aside(1, "c"), Instant::now(), &moved);
        for (slot, jobs) in pieces {
            waiting.back(slot, jobs, None, &moved);
        }
        assert_eq!(texts(&waiting.take(&node(3), 9, MANY)), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn what_a_former_master_took_last_is_said_again_to_the_next_before_anything_new() {
        let (old, new) = (Map::one(node(1)), Map::one(node(2)));
        let mut waiting = Waiting::default();
        let push = |waiting: &mut Waiting, map: &Map| {
            waiting.push(message(format!("{{{}}}", tag_of(1)), "x"), Instant::now(), map);
        };
        let numbers =
            |pieces: &[Piece]| -> Vec<u64> { pieces.iter().flat_map(|(_, jobs)| jobs).map(|one| one.number).collect() };
        let published = |waiting: &mut Waiting, pieces: Vec<Piece>, map: &Map| {
            for (slot, jobs) in pieces {
                waiting.done(slot, jobs);
                waiting.back(slot, Vec::new(), None, map);
            }
        };
        push(&mut waiting, &old);
        let pieces = waiting.take(&node(1), 9, MANY);
        published(&mut waiting, pieces, &old);
        assert!(waiting.is_idle(), "it is done");
        push(&mut waiting, &old);
        let pieces = waiting.take(&node(1), 9, MANY);
        waiting.remap(&new, &old);
        // Taken by the old master when it was none any more.
        published(&mut waiting, pieces, &new);
        push(&mut waiting, &new);
        let pieces = waiting.take(&node(2), 1, MANY);
        assert_eq!(numbers(&pieces), [1, 2, 3]);
        for (slot, mut jobs) in pieces {
            let left = jobs.split_off(1);
            waiting.done(slot, jobs);
            waiting.back(slot, left, None, &new);
        }
        let pieces = waiting.take(&node(2), 9, MANY);
        assert_eq!(numbers(&pieces), [2, 3], "1 is there");
        published(&mut waiting, pieces, &new);
        // The same master is reached anew: it may have forgotten.
        waiting.say_again(&node(2), &new);
        let pieces = waiting.take(&node(2), 9, MANY);
        assert_eq!(numbers(&pieces), [1, 2, 3]);
        assert_eq!(waiting.len(), 0);
        published(&mut waiting, pieces, &new);
        assert!(waiting.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_slot_pauses_and_what_is_late_goes() {
        let map = halves();
        let mut waiting = waiting(&[(1, "a"), (2, "b")]);
        for (slot, jobs) in waiting.take(&node(1), 9, MANY) {
            let parked = (slot == 1).then(|| Instant::now() + Duration::from_millis(100));
            waiting.back(slot, jobs, parked, &map);
        }
        assert_eq!(texts(&waiting.take(&node(1), 9, MANY)), ["b"]);
        waiting.back(2, Vec::new(), None, &map);
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(waiting.tick(Instant::now(), &map).is_empty());
        assert_eq!(texts(&waiting.take(&node(1), 9, MANY)), ["a"]);
        waiting.push(aside(3, "late"), Instant::now(), &Map::unknown());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(waiting.tick(Instant::now(), &map).len(), 1);
        waiting.back(1, Vec::new(), None, &map);
        assert!(waiting.is_idle() && waiting.len() == 0);
    }
}
