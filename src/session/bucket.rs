//! Owns how often something may happen: a token bucket in one instant (the generic cell rate algorithm,
//! ITU-T I.371). No timer: time is told to it. What is counted, and what happens to the surplus, is its user's.

use std::time::Duration;
use tokio::time::Instant;

/// The time a burst may save up, beyond which a bucket takes no more.
const BURST: Duration = Duration::from_secs(2);
/// The time a debt may grow to, unless a burst is longer: nobody waits for longer than it takes to pay this back.
const DEBT: Duration = Duration::from_secs(10);

/// A rate: so many units a second, with a burst of two seconds' worth or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    units: u64,
    per: Duration,
    burst: Duration,
}

impl Rate {
    /// `per_second` with a burst of twice that, or of `at_least` units if they are more; None: 0 = no limit.
    pub fn new(per_second: u64, at_least: u64) -> Option<Self> {
        let rate = Self { units: per_second, per: Duration::from_secs(1), burst: BURST };
        (per_second > 0).then(|| Self { burst: BURST.max(rate.cost(at_least)), ..rate })
    }

    /// So many in a minute, and as many at once; None: 0 = no limit.
    pub fn per_minute(units: u64) -> Option<Self> {
        let per = Duration::from_secs(60);
        (units > 0).then_some(Self { units, per, burst: per })
    }

    /// The time in which so many units come back; at most some 584 years.
    fn cost(&self, units: u64) -> Duration {
        let nanos = u128::from(units) * self.per.as_nanos() / u128::from(self.units);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A bucket: when it will be full again.
#[derive(Debug, Clone, Copy)]
pub struct Bucket(Instant);

impl Bucket {
    /// A full one.
    pub fn full(now: Instant) -> Self {
        Self(now)
    }

    /// Takes so many units if they are there; if not, takes none.
    pub fn take(&mut self, units: u64, rate: Rate, now: Instant) -> bool {
        let full = self.0.max(now).checked_add(rate.cost(units)).filter(|full| *full <= now + rate.burst);
        if let Some(full) = full {
            self.0 = full;
        }
        full.is_some()
    }

    /// Takes so many units, there or not. Some: they were not, and will have come back then; whoever took them should
    /// take no more before. As each is told a time behind the one before, all have their turn. Nothing costs nothing.
    pub fn charge(&mut self, units: u64, rate: Rate, now: Instant) -> Option<Instant> {
        if units == 0 {
            return None;
        }
        let most = now + rate.burst + rate.burst.max(DEBT);
        self.0 = self.0.max(now).checked_add(rate.cost(units)).map_or(most, |full| full.min(most));
        self.0.checked_sub(rate.burst).filter(|there| *there > now)
    }

    /// Does it say no more than a new one would?
    pub fn is_full(&self, now: Instant) -> bool {
        self.0 <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_two_seconds_then_the_rate() {
        let start = Instant::now();
        let (mut bucket, rate) = (Bucket::full(start), Rate::new(10, 0).expect("a rate"));
        let mut taken = |now| (0..50).filter(|_| bucket.take(1, rate, now)).count();
        assert_eq!(taken(start), 20);
        assert_eq!(taken(start + Duration::from_millis(500)), 5);
        assert_eq!(taken(start + Duration::from_secs(100)), 20);
        assert!(!bucket.is_full(start + Duration::from_secs(101)));
        assert!(bucket.is_full(start + Duration::from_secs(102)));
    }

    #[test]
    fn a_minutes_worth_at_once_and_then_one_by_one() {
        let start = Instant::now();
        let (mut bucket, rate) = (Bucket::full(start), Rate::per_minute(10).expect("a rate"));
        let mut taken = |now| (0..50).filter(|_| bucket.take(1, rate, now)).count();
        assert_eq!(taken(start), 10);
        assert_eq!(taken(start + Duration::from_secs(6)), 1);
        assert_eq!(taken(start + Duration::from_secs(100)), 10);
        assert_eq!(Rate::per_minute(0), None);
    }

    #[test]
    fn what_is_allowed_at_once_fits_even_a_slow_rate() {
        let start = Instant::now();
        let (mut bucket, rate) = (Bucket::full(start), Rate::new(10, 1000).expect("a rate"));
        assert!(!bucket.take(1001, rate, start));
        assert!(bucket.take(1000, rate, start));
        assert!(!bucket.take(1, rate, start));
        assert!(bucket.take(10, rate, start + Duration::from_secs(1)));
    }

    #[test]
    fn who_takes_what_is_not_there_waits_for_its_turn() {
        let start = Instant::now();
        let (mut bucket, rate) = (Bucket::full(start), Rate::new(10, 0).expect("a rate"));
        assert!((0..20).all(|_| bucket.charge(1, rate, start).is_none()));
        // Three that come at once have a turn each, as far apart as the rate says.
        let turns: Vec<_> = (0..3).map(|_| bucket.charge(1, rate, start).expect("a turn") - start).collect();
        assert_eq!(bucket.charge(0, rate, start), None);
        assert_eq!(turns, [100, 200, 300].map(Duration::from_millis));
        // The first comes again at its turn: behind the others.
        let at = start + turns[0];
        assert_eq!(bucket.charge(1, rate, at), Some(start + Duration::from_millis(400)));
        assert_eq!(bucket.charge(1, rate, start + Duration::from_secs(1)), None);
        // Something larger than the burst passes, and is paid for.
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.charge(50, rate, later), Some(later + Duration::from_secs(3)));
    }

    #[test]
    fn a_debt_is_bounded_and_forgotten() {
        let start = Instant::now();
        let (mut bucket, rate) = (Bucket::full(start), Rate::new(10, 0).expect("a rate"));
        let longest = (0..100_000).filter_map(|_| bucket.charge(1, rate, start)).max();
        assert_eq!(longest, Some(start + DEBT));
        assert_eq!(bucket.charge(1, rate, start + DEBT + BURST), None);
        // What may come at once may be owed, too.
        let slow = Rate::new(1, 60).expect("a rate");
        let mut bucket = Bucket::full(start);
        assert_eq!(bucket.charge(60, slow, start), None);
        assert_eq!(bucket.charge(60, slow, start), Some(start + Duration::from_secs(60)));
        assert_eq!(bucket.charge(60, slow, start), Some(start + Duration::from_secs(60)));
    }

    #[test]
    fn no_number_is_too_large() {
        let start = Instant::now();
        let mut owing = Bucket::full(start);
        for rate in [Rate::new(1, 0), Rate::new(1, u64::MAX)].map(|rate| rate.expect("a rate")) {
            owing.charge(u64::MAX, rate, start);
            assert!(owing.charge(u64::MAX, rate, start) > Some(start));
        }
        let mut bucket = Bucket::full(start);
        assert!(!bucket.take(u64::MAX, Rate::new(1, 0).expect("a rate"), start));
        assert!(bucket.take(1, Rate::new(u64::MAX, u64::MAX).expect("a rate"), start));
        assert!(Rate::new(0, 9).is_none());
    }
}
