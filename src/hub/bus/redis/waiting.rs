//! Owns the messages that wait to be published: a queue for each hash slot, of which at most one piece is on
//! its way at a time. So messages of a scope keep their order whatever happens to a piece, and a slot that
//! cannot be served holds up no other. No I/O.

use super::job::Job;
use super::map::Map;
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
}

/// See the module.
#[derive(Debug, Default)]
pub struct Waiting {
    slots: HashMap<u16, Slot>,
    /// For each master, slots in the order in which they are served.
    ready: HashMap<Node, VecDeque<u16>>,
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
        queue.push_back(Numbered { job, number: self.number, taken: now });
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
        if slot.queue.is_empty() && !slot.busy {
            if !slot.ready {
                self.slots.remove(&number);
            }
            return;
        }
        if slot.busy || slot.ready || slot.parked.is_some() || slot.queue.is_empty() {
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

    /// Takes at most so many jobs for a master. Each piece must come back with `back`.
    pub fn take(&mut self, node: &Node, most: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let Some(line) = self.ready.get_mut(node) else { return pieces };
        let mut room = most;
        while room > 0 {
            let Some(number) = line.pop_front() else { break };
            let Some(slot) = self.slots.get_mut(&number) else { continue };
            slot.ready = false;
            let piece: Vec<_> = slot.queue.drain(..slot.queue.len().min(room)).collect();
            if piece.is_empty() {
                self.slots.remove(&number);
                continue;
            }
            slot.busy = true;
            room -= piece.len();
            self.len -= piece.len();
            pieces.push((number, piece));
        }
        pieces
    }

    /// A piece comes back with what is still to be published of it; not before `parked`.
    pub fn back(&mut self, number: u16, left: Vec<Numbered>, parked: Option<Instant>, map: &Map) {
        let slot = self.slots.entry(number).or_default();
        slot.busy = false;
        slot.parked = parked;
        self.len += left.len();
        for job in left.into_iter().rev() {
            slot.queue.push_front(job);
        }
        self.get_ready(number, map);
    }

    /// The map is another one: every slot is served by its present master.
    pub fn remap(&mut self, map: &Map) {
        self.ready.clear();
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

    /// How much waits for a master.
    pub fn waiting_for(&self, node: &Node, map: &Map) -> usize {
        self.slots.iter().filter(|(number, _)| map.owner(**number) == Some(node)).map(|(_, s)| s.queue.len()).sum()
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
    use crate::hub::bus::redis::wanted::Channel;
    use crate::hub::slot::tag_of;

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
        let first = waiting.take(&node(1), 1);
        assert_eq!(texts(&first), ["a"]);
        assert_eq!(texts(&waiting.take(&node(1), 9)), ["c"]);
        assert_eq!(texts(&waiting.take(&node(2), 9)), ["d"]);
        assert!(waiting.take(&node(1), 9).is_empty());
        for (slot, jobs) in first {
            waiting.back(slot, jobs, None, &halves());
        }
        assert_eq!(texts(&waiting.take(&node(1), 9)), ["a", "b"]);
    }

    #[tokio::test]
    async fn what_comes_back_goes_first_to_the_slots_new_master() {
        let mut waiting = waiting(&[(1, "a"), (1, "b")]);
        let pieces = waiting.take(&node(1), 1);
        let moved = Map::one(node(3));
        waiting.remap(&moved);
        assert!(waiting.take(&node(3), 9).is_empty(), "its first piece is still on its way to the old one");
        waiting.push(aside(1, "c"), Instant::now(), &moved);
        for (slot, jobs) in pieces {
            waiting.back(slot, jobs, None, &moved);
        }
        assert_eq!(texts(&waiting.take(&node(3), 9)), ["a", "b", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_slot_pauses_and_what_is_late_goes() {
        let map = halves();
        let mut waiting = waiting(&[(1, "a"), (2, "b")]);
        for (slot, jobs) in waiting.take(&node(1), 9) {
            let parked = (slot == 1).then(|| Instant::now() + Duration::from_millis(100));
            waiting.back(slot, jobs, parked, &map);
        }
        assert_eq!(texts(&waiting.take(&node(1), 9)), ["b"]);
        waiting.back(2, Vec::new(), None, &map);
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(waiting.tick(Instant::now(), &map).is_empty());
        assert_eq!(texts(&waiting.take(&node(1), 9)), ["a"]);
        waiting.push(aside(3, "late"), Instant::now(), &Map::unknown());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(waiting.tick(Instant::now(), &map).len(), 1);
        waiting.back(1, Vec::new(), None, &map);
        assert!(waiting.is_idle() && waiting.len() == 0);
    }
}
