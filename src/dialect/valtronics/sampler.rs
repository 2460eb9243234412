//! Owns how often a receiver gets a value: the first at once, then one a period, the latest there is. What waits is
//! the hub's to keep (`Later`); here stands when, and in which slot.

use crate::dialect::Later;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Devices of one channel that are sampled for one connection. Values of those beyond it go at once: nothing is lost.
pub const SLOTS: usize = 4096;
/// A full table is looked through no more often than this.
const SWEEP: Duration = Duration::from_secs(1);
/// So long after its time a message that was held has surely gone.
const LAG: Duration = Duration::from_secs(60);

/// When one device was heard.
#[derive(Debug, Clone, Copy)]
struct Slot {
    number: u64,
    last: Instant,
    /// Something waits, or waited, until then.
    held: Option<Instant>,
}

/// The devices of one channel.
#[derive(Debug, Default)]
pub struct Sampler {
    /// Frames that name no device.
    none: Option<Slot>,
    devices: HashMap<Box<str>, Slot>,
    swept: Option<Instant>,
}

/// The numbers of a connection's slots: each is given out once.
#[derive(Debug, Default)]
pub struct Numbers {
    last: u64,
    /// Those whose messages are still wanted.
    live: HashSet<u64>,
}

impl Numbers {
    /// Is what waits in this slot still wanted?
    pub fn has(&self, number: u64) -> bool {
        self.live.contains(&number)
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.live.insert(self.last);
        self.last
    }

    fn forget(&mut self, slot: Slot) {
        self.live.remove(&slot.number);
    }
}

impl Sampler {
    /// A value comes: None: it goes at once.
    pub fn later(
        &mut self,
        device: Option<&str>,
        period: Option<Duration>,
        now: Instant,
        numbers: &mut Numbers,
    ) -> Option<Later> {
        let slot = match device {
            None => self.none.as_mut(),
            Some(device) => self.devices.get_mut(device),
        };
        match (slot, period) {
            (Some(slot), Some(period)) => slot.sample(period, now),
            (Some(slot), None) => slot.pass(now),
            (None, None) => None,
            (None, Some(period)) => {
                self.begin(device, period, now, numbers);
                None
            }
        }
    }

    fn begin(&mut self, device: Option<&str>, period: Duration, now: Instant, numbers: &mut Numbers) {
        self.sweep(period, now, numbers);
        if self.devices.len() < SLOTS || device.is_none() {
            let slot = Slot { number: numbers.next(), last: now, held: None };
            match device {
                None => self.none = Some(slot),
                Some(device) => drop(self.devices.insert(device.into(), slot)),
            }
        }
    }

    /// Forgets whom nothing is remembered of any more, when there is no place left.
    fn sweep(&mut self, period: Duration, now: Instant, numbers: &mut Numbers) {
        let is_due = self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP);
        if self.devices.len() >= SLOTS && is_due {
            self.swept = Some(now);
            self.devices.retain(|_, slot| {
                let keep = slot.held.is_some_and(|at| at + LAG > now) || slot.last + period > now;
                if !keep {
                    numbers.forget(*slot);
                }
                keep
            });
        }
    }

    /// Nothing of this device is heard any more, and what waits is not wanted.
    pub fn forget(&mut self, device: &str, numbers: &mut Numbers) {
        if let Some(slot) = self.devices.remove(device) {
            numbers.forget(slot);
        }
    }

    /// The same for all.
    pub fn forget_all(&mut self, numbers: &mut Numbers) {
        for slot in self.none.take().into_iter().chain(self.devices.drain().map(|(_, slot)| slot)) {
            numbers.forget(slot);
        }
    }
}

impl Slot {
    fn sample(&mut self, period: Duration, now: Instant) -> Option<Later> {
        let waited = self.held.is_some();
        if let Some(at) = self.held.filter(|at| *at <= now) {
            self.last = at;
            self.held = None;
        }
        let due = self.last + period;
        if due <= now && !waited {
            self.last = now;
            return None;
        }
        // What waited may be on its way only now: nothing overtakes it, but takes its place or follows.
        let at = due.max(now);
        self.held = Some(at);
        Some(Later { slot: self.number, at })
    }

    /// In real time; what still waits is older, and gives its place.
    fn pass(&mut self, now: Instant) -> Option<Later> {
        let waits = self.held.take().is_some_and(|at| at > now);
        self.last = now;
        waits.then_some(Later { slot: self.number, at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench(Sampler, Numbers, Instant);

    impl Bench {
        fn new() -> Self {
            Self(Sampler::default(), Numbers::default(), Instant::now())
        }

        /// When a value that comes at this second goes, and in which slot it waits until then.
        fn at(&mut self, device: &str, period: u64, second: u64) -> Option<(u64, u64)> {
            let period = Some(Duration::from_secs(period)).filter(|period| !period.is_zero());
            let now = self.2 + Duration::from_secs(second);
            let later = self.0.later(Some(device).filter(|d| !d.is_empty()), period, now, &mut self.1)?;
            Some((later.slot, later.at.duration_since(self.2).as_secs()))
        }
    }

    #[test]
    fn the_first_goes_at_once_and_then_one_a_period() {
        let mut bench = Bench::new();
        assert_eq!(bench.at("1", 30, 0), None);
        assert_eq!(bench.at("1", 30, 1), Some((1, 30)));
        assert_eq!(bench.at("1", 30, 29), Some((1, 30)));
        assert_eq!(bench.at("2", 30, 29), None);
        assert_eq!(bench.at("", 30, 29), None);
        assert_eq!(bench.at("", 30, 31), Some((3, 59)));
        // That of 29 went at 30.
        assert_eq!(bench.at("1", 30, 31), Some((1, 60)));
        // Nothing came for long.
        assert_eq!(bench.at("1", 30, 1000), Some((1, 1000)));
        assert_eq!(bench.at("1", 30, 1001), Some((1, 1030)));
        assert_eq!(bench.at("2", 30, 60), None);
    }

    #[test]
    fn another_period_counts_from_the_last_value() {
        let mut bench = Bench::new();
        assert_eq!(bench.at("1", 30, 0), None);
        assert_eq!(bench.at("1", 30, 1), Some((1, 30)));
        assert_eq!(bench.at("1", 5, 2), Some((1, 5)));
        assert_eq!(bench.at("1", 60, 3), Some((1, 60)));
        // In real time, what waits is replaced; later nothing does.
        assert_eq!(bench.at("1", 0, 4), Some((1, 4)));
        assert_eq!(bench.at("1", 0, 5), None);
        assert_eq!(bench.at("1", 10, 6), Some((1, 15)));
    }

    #[test]
    fn slots_are_bounded_and_come_back() {
        let mut bench = Bench::new();
        for device in 0..SLOTS + 5 {
            assert_eq!(bench.at(&device.to_string(), 30, 0), None);
        }
        let beyond = (SLOTS + 1).to_string();
        assert_eq!(bench.at(&beyond, 30, 1), None, "nothing is remembered of it");
        assert_eq!(bench.0.devices.len(), SLOTS);
        assert_eq!(bench.at(&beyond, 30, 40), None);
        assert_eq!(bench.0.devices.len(), 1);
        assert!(bench.at(&beyond, 30, 41).is_some());
    }
}
