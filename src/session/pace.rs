//! Owns how fast a client may speak and how often it may be wrong. No timer: time is told to it.

use super::bucket::{Bucket, Rate};
use super::common::Common;
use super::settings::Settings;
use crate::telemetry::labels::Limit;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The pace of one connection.
#[derive(Debug)]
pub struct Pace {
    messages: Option<(Bucket, Rate)>,
    bytes: Option<(Bucket, Rate)>,
    /// What it shares with other connections: of its address, its key, its account.
    commons: Box<[Arc<Common>]>,
    most_errors: u32,
    errors: u32,
    minute: Instant,
}

impl Pace {
    /// Messages and bytes a second, invalid messages a minute.
    pub fn new(settings: &Settings, now: Instant) -> Self {
        let bucket = |rate: Option<Rate>| rate.map(|rate| (Bucket::full(now), rate));
        // The largest message that is allowed at all must fit into the bucket.
        let message = settings.socket.max_message_size.unwrap_or_default();
        Self {
            messages: bucket(Rate::new(settings.messages_per_second.into(), 0)),
            bytes: bucket(Rate::new(settings.bytes_per_second as u64, message as u64)),
            commons: Box::default(),
            most_errors: settings.errors_per_minute,
            errors: 0,
            minute: now,
        }
    }

    /// The same, sharing these with others.
    pub fn sharing(self, commons: Box<[Arc<Common>]>) -> Self {
        Self { commons, ..self }
    }

    /// A frame of so many bytes came: is it within the connection's own rates?
    ///
    /// # Errors
    /// Which one it is above.
    pub fn admits(&mut self, bytes: usize, now: Instant) -> Result<(), Limit> {
        let within = |limit: &mut Option<(Bucket, Rate)>, units: u64| {
            limit.as_mut().is_none_or(|(bucket, rate)| bucket.take(units, *rate, now))
        };
        if !within(&mut self.messages, 1) {
            return Err(Limit::Messages);
        }
        if !within(&mut self.bytes, bytes as u64) {
            return Err(Limit::Bytes);
        }
        Ok(())
    }

    /// It counts for the others who share a rate, too. Some: nothing more should be read before then. Pings and pongs
    /// are no messages here: thousands of connections that only live would use the rate up.
    pub fn shares(&self, bytes: usize, is_message: bool, now: Instant) -> Option<(Limit, Instant)> {
        let waits = self.commons.iter().filter_map(|common| common.take(is_message.into(), bytes as u64, now));
        waits.max_by_key(|(_, until)| *until)
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
    use crate::config::Config;

    fn pace(messages: u32, bytes: usize, errors: u32, now: Instant) -> Pace {
        let mut config = Config::default();
        config.limits.messages_per_second = messages;
        config.limits.bytes_per_second = bytes;
        config.limits.errors_per_minute = errors;
        config.limits.message = 100;
        Pace::new(&Settings::new(&config), now)
    }

    #[test]
    fn messages_and_bytes_have_their_own_bucket() {
        let start = Instant::now();
        let admitted = |mut pace: Pace, bytes| (0..500).filter(|_| pace.admits(bytes, start).is_ok()).count();
        assert_eq!(admitted(pace(10, 0, 0, start), 1_000_000), 20);
        assert_eq!(admitted(pace(0, 1000, 0, start), 100), 20);
        assert_eq!(admitted(pace(10, 1000, 0, start), 50), 20);
        assert_eq!(admitted(pace(10, 1000, 0, start), 200), 10);
        // The largest message is always one that can be sent, once.
        assert_eq!(admitted(pace(0, 1, 0, start), 100), 1);
        assert_eq!(admitted(pace(0, 1, 0, start), 0), 500);
    }

    #[test]
    fn no_limit_admits_everything() {
        let now = Instant::now();
        let mut pace = pace(0, 0, 0, now);
        assert!((0..100_000).all(|_| pace.admits(1_000_000, now).is_ok()));
        assert_eq!(pace.shares(1_000_000, true, now), None);
    }

    #[test]
    fn errors_are_forgiven_by_the_minute() {
        let start = Instant::now();
        let mut pace = pace(0, 0, 3, start);
        assert_eq!((0..5).map(|_| pace.forgives(start)).collect::<Vec<_>>(), [true, true, true, false, false]);
        assert!(pace.forgives(start + MINUTE));
    }
}
