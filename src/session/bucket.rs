//! Owns how often something may happen: a token bucket in one instant (the generic cell rate algorithm,
//! ITU-T I.371). No timer: time is told to it. What is counted, and what happens to the surplus, is its user's.

use std::time::Duration;
use tokio::time::Instant;

/// The time a burst may save up, beyond which a bucket takes no more.
const BURST: Duration = Duration::from_secs(2);

/// A rate: so many units a second, with a burst of two seconds' worth or more.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    per_second: u64,
    burst: Duration,
}

impl Rate {
    /// `per_second` with a burst of twice that, or of `at_least` units if they are more; None: 0 = no limit.
    pub fn new(per_second: u64, at_least: u64) -> Option<Self> {
        let rate = Self { per_second, burst: BURST };
        (per_second > 0).then(|| Self { burst: BURST.max(rate.cost(at_least)), ..rate })
    }

    /// The time in which so many units come back; at most some 584 years.
    fn cost(&self, units: u64) -> Duration {
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(self.per_second);
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
    fn what_is_allowed_at_once_fits_even_a_slow_rate() {
        let start = Instant::now();
        let (mut bucket, rate) = (Bucket::full(start), Rate::new(10, 1000).expect("a rate"));
        assert!(!bucket.take(1001, rate, start));
        assert!(bucket.take(1000, rate, start));
        assert!(!bucket.take(1, rate, start));
        assert!(bucket.take(10, rate, start + Duration::from_secs(1)));
    }

    #[test]
    fn no_number_is_too_large() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert!(!bucket.take(u64::MAX, Rate::new(1, 0).expect("a rate"), start));
        assert!(bucket.take(1, Rate::new(u64::MAX, u64::MAX).expect("a rate"), start));
        assert!(Rate::new(0, 9).is_none());
    }
}
