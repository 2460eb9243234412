//! Owns how fast all connections of one address, key or account may speak together. Who is in debt is its user's to
//! slow down: a frame is never refused here, since it may be another connection that uses the rate up.

use super::bucket::{Bucket, Rate};
use crate::config::Limits;
use crate::telemetry::labels::Limit;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The rates that are shared, and what they are called when they are hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    messages: Option<(Rate, Limit)>,
    bytes: Option<(Rate, Limit)>,
}

impl Rates {
    /// Those of one address; None: no limit.
    pub fn per_ip(limits: &Limits) -> Option<Self> {
        let (messages, bytes) = (limits.messages_per_second_per_ip, limits.bytes_per_second_per_ip);
        Self::new((messages, Limit::MessagesPerIp), (bytes, Limit::BytesPerIp), limits.message)
    }

    /// Those of one account, and of one key; None: no limit.
    pub fn per_tenant(limits: &Limits) -> Option<Self> {
        let (messages, bytes) = (limits.messages_per_second_per_tenant, limits.bytes_per_second_per_tenant);
        Self::new((messages, Limit::MessagesPerTenant), (bytes, Limit::BytesPerTenant), limits.message)
    }

    fn new(messages: (u32, Limit), bytes: (usize, Limit), message: usize) -> Option<Self> {
        let messages = Rate::new(messages.0.into(), 0).map(|rate| (rate, messages.1));
        let bytes = Rate::new(bytes.0 as u64, message as u64).map(|rate| (rate, bytes.1));
        (messages.is_some() || bytes.is_some()).then_some(Self { messages, bytes })
    }
}

/// What is there for all of them. Shared by reference from the handshake on, so that a frame costs a lock that is held
/// for a few additions, and no look-up.
#[derive(Debug)]
pub struct Common {
    rates: Rates,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    messages: Bucket,
    bytes: Bucket,
}

impl Common {
    /// All of it is there.
    pub fn new(rates: Rates, now: Instant) -> Self {
        let full = Bucket::full(now);
        Self { rates, buckets: Mutex::new(Buckets { messages: full, bytes: full }) }
    }

    /// What it was made with.
    pub fn rates(&self) -> Rates {
        self.rates
    }

    /// Takes a frame that is so many messages and bytes, within the rates or not. Some: it was not, and this is when its
    /// connection should be read again.
    pub fn take(&self, messages: u64, bytes: u64, now: Instant) -> Option<(Limit, Instant)> {
        let charge = |bucket: &mut Bucket, limit: Option<(Rate, Limit)>, units| {
            limit.and_then(|(rate, limit)| Some((limit, bucket.charge(units, rate, now)?)))
        };
        let mut buckets = self.buckets.lock();
        let messages = charge(&mut buckets.messages, self.rates.messages, messages);
        let bytes = charge(&mut buckets.bytes, self.rates.bytes, bytes);
        drop(buckets);
        messages.into_iter().chain(bytes).max_by_key(|(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    fn rates(messages: u32, bytes: usize) -> Option<Rates> {
        let limits = Limits {
            message: 100,
            messages_per_second_per_ip: messages,
            bytes_per_second_per_tenant: bytes,
            ..Limits::default()
        };
        Rates::per_ip(&limits).or(Rates::per_tenant(&limits))
    }

    #[test]
    fn what_is_hit_has_the_name_of_its_setting() {
        let now = Instant::now();
        assert_eq!(rates(0, 0), None);
        let hit = |rates: Option<Rates>| {
            let common = Common::new(rates.expect("rates"), now);
            (0..100).find_map(|_| common.take(1, 100, now)).map(|(limit, until)| (limit, until - now))
        };
        assert_eq!(hit(rates(10, 0)), Some((Limit::MessagesPerIp, Duration::from_millis(100))));
        assert_eq!(hit(rates(0, 1000)), Some((Limit::BytesPerTenant, Duration::from_millis(100))));
        // The largest message is always one that can be sent, once; and one that is larger is only paid for.
        let common = Common::new(rates(0, 10).expect("rates"), now);
        assert_eq!(common.take(1, 100, now), None);
        assert_eq!(common.take(1, 100, now), Some((Limit::BytesPerTenant, now + Duration::from_secs(10))));
    }

    /// However many share a rate, all of them together send at that rate, and each as much as any other.
    #[test]
    fn all_have_their_turn_and_the_rate_holds() {
        let start = Instant::now();
        let common = Arc::new(Common::new(rates(10, 0).expect("rates"), start));
        let mut speakers = [(start, 0_u32); 7];
        let end = start + Duration::from_secs(100);
        // Each speaks as soon as it is read.
        while let Some(speaker) = speakers.iter_mut().min_by_key(|(due, _)| *due).filter(|(due, _)| *due < end) {
            speaker.1 += 1;
            // Who is read without a turn is so again at once, but others have a moment, too.
            let now = speaker.0;
            speaker.0 = common.take(1, 0, now).map_or(now + Duration::from_micros(1), |(_, until)| until);
        }
        let sent = speakers.map(|(_, sent)| sent);
        let (most, least) = (sent.iter().max().expect("one"), sent.iter().min().expect("one"));
        assert!(most - least <= 1, "{sent:?}");
        // The burst, a hundred seconds, and each is one message ahead.
        let all: u32 = sent.iter().sum();
        assert!((1020..=1027).contains(&all), "{all}");
    }
}
