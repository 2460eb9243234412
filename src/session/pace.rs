//! Owns how fast a client may speak and how often it may be wrong. No timer: time is told to it.

use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The pace of one connection.
#[derive(Debug)]
pub struct Pace {
    /// Time one message costs; 0 = no limit. With `full`, a token bucket in one instant (GCRA).
    cost: Duration,
    /// When the bucket is full again.
    full: Instant,
    most_errors: u32,
    errors: u32,
    minute: Instant,
}

impl Pace {
    /// `messages_per_second` with a burst of twice that, 0 = no limit; `errors_per_minute`.
    pub fn new(messages_per_second: u32, errors_per_minute: u32, now: Instant) -> Self {
        let cost = Duration::from_secs(1).checked_div(messages_per_second).unwrap_or_default();
        Self { cost, full: now, most_errors: errors_per_minute, errors: 0, minute: now }
    }

    /// A frame came: is it within the rate?
    pub fn admits(&mut self, now: Instant) -> bool {
        if self.cost.is_zero() {
            return true;
        }
        let full = self.full.max(now) + self.cost;
        // Two seconds' worth of messages is the burst.
        let within = full <= now + Duration::from_secs(2);
        if within {
            self.full = full;
        }
        within
    }

    /// An invalid message came: may there be more?
    pub fn forgives(&mut self, now: Instant) -> bool {
        if now >= self.minute + MINUTE {
            self.minute = now;
            self.errors = 0;
        }
        self.errors = self.errors.saturating_add(1);
        self.errors <= self.most_errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_two_seconds_then_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(10, 0, start);
        assert_eq!((0..50).filter(|_| pace.admits(start)).count(), 20);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..50).filter(|_| pace.admits(later)).count(), 5);
        let much_later = start + Duration::from_secs(100);
        assert_eq!((0..50).filter(|_| pace.admits(much_later)).count(), 20);
    }

    #[test]
    fn no_limit_admits_everything() {
        let now = Instant::now();
        let mut pace = Pace::new(0, 0, now);
        assert!((0..100_000).all(|_| pace.admits(now)));
    }

    #[test]
    fn errors_are_forgiven_by_the_minute() {
        let start = Instant::now();
        let mut pace = Pace::new(0, 3, start);
        assert_eq!((0..5).map(|_| pace.forgives(start)).collect::<Vec<_>>(), [true, true, true, false, false]);
        assert!(pace.forgives(start + MINUTE));
    }
}
