//! Owns how many handshakes a second are begun, in all and by each address, key and account. Tables of its own (and not
//! `governor`, whose keyed limiter grows until somebody sweeps it and cannot change its rate on a reload): full
//! buckets say nothing and are forgotten, and above a cap new addresses are not followed.

use super::address::Source;
use super::quota::Holder;
use crate::session::{Bucket, Rate};
use crate::telemetry::labels::Limit;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use tokio::time::Instant;

/// Addresses that are followed, and tenants. A bucket is full again after two seconds, so more than that come only in
/// an attack from everywhere, which no limit for one of them can stop; the limit for all still holds.
const MOST: usize = 65_536;
/// Nobody is sent away for longer: many never come back, and then there is room sooner.
const LONGEST: Duration = Duration::from_secs(30);
/// Below so many, nobody is looked for to be forgotten.
const FEW: usize = 1024;

/// What stood in the way of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surplus {
    /// `limits.handshakes_per_second_per_ip`.
    OfAddress,
    /// `limits.handshakes_per_second_per_tenant`.
    OfTenant,
    /// `connects_per_minute` of a mount.
    OfUser,
    /// `limits.handshakes_per_second`; there is room for this one after so many seconds, when all who were sent
    /// away before have come back. Told "one second", all would come together every second, most of them in vain.
    InAll(u64),
}

impl Surplus {
    /// For the metric.
    pub fn limit(self) -> Limit {
        match self {
            Surplus::OfAddress => Limit::HandshakesPerIp,
            Surplus::OfTenant => Limit::HandshakesPerTenant,
            Surplus::OfUser => Limit::ConnectsPerMinute,
            Surplus::InAll(_) => Limit::Handshakes,
        }
    }
}

/// The buckets of all addresses and tenants, and one for all of them.
#[derive(Debug)]
pub struct Throttle {
    addresses: Mutex<Addresses>,
    /// Apart, since many addresses are easily had and must push nobody out here.
    tenants: Mutex<Followed<Holder>>,
    /// Apart for the same reason; such a bucket is full again after a minute.
    users: Mutex<Followed<Holder>>,
}

#[derive(Debug)]
struct Addresses {
    all: Bucket,
    /// When everybody who was sent away has had a turn.
    promised: Instant,
    followed: Followed<Source>,
}

#[derive(Debug)]
struct Followed<K> {
    buckets: HashMap<K, Bucket>,
    /// The size at which full buckets are looked for: twice what was left last time, so that the work is
    /// constant for each handshake.
    sweep_at: usize,
    swept: Instant,
}

impl Throttle {
    /// Nothing has happened yet.
    pub fn new(now: Instant) -> Self {
        let addresses = Addresses { all: Bucket::full(now), promised: now, followed: Followed::new(now) };
        let tenants = Mutex::new(Followed::new(now));
        Self { addresses: Mutex::new(addresses), tenants, users: Mutex::new(Followed::new(now)) }
    }

    /// A handshake begins: is it within the rates? Those of one address come first, so that one that floods
    /// does not use up what is there for all.
    ///
    /// # Errors
    /// It is not.
    pub fn admit(&self, source: Source, by_address: u32, in_all: u32, now: Instant) -> Result<(), Surplus> {
        if by_address == 0 && in_all == 0 {
            return Ok(());
        }
        let mut addresses = self.addresses.lock();
        let rate = Rate::new(by_address.into(), 0);
        if rate.is_some_and(|rate| !addresses.followed.take(source, rate, now)) {
            return Err(Surplus::OfAddress);
        }
        let rate = Rate::new(in_all.into(), 0);
        if rate.is_some_and(|rate| !addresses.all.take(1, rate, now)) {
            return Err(Surplus::InAll(addresses.promise(in_all, now)));
        }
        Ok(())
    }

    /// The same for a key or an account, once it is known.
    ///
    /// # Errors
    /// It is not.
    pub fn admit_tenant(&self, tenant: &Holder, by_tenant: u32, now: Instant) -> Result<(), Surplus> {
        let Some(rate) = Rate::new(by_tenant.into(), 0) else { return Ok(()) };
        let taken = self.tenants.lock().take(tenant.clone(), rate, now);
        if taken { Ok(()) } else { Err(Surplus::OfTenant) }
    }

    /// The same for a user of a mount that limits users, by the minute.
    ///
    /// # Errors
    /// It is not.
    pub fn admit_user(&self, user: &Holder, by_minute: u32, now: Instant) -> Result<(), Surplus> {
        let Some(rate) = Rate::per_minute(by_minute.into()) else { return Ok(()) };
        let taken = self.users.lock().take(user.clone(), rate, now);
        if taken { Ok(()) } else { Err(Surplus::OfUser) }
    }
}

impl Addresses {
    /// The next turn, in whole seconds from now.
    fn promise(&mut self, in_all: u32, now: Instant) -> u64 {
        let turn = self.promised.max(now) + Duration::from_secs(1) / in_all.max(1);
        self.promised = turn.min(now + LONGEST);
        let wait = self.promised.duration_since(now);
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
    }
}

impl<K: Eq + Hash> Followed<K> {
    fn new(now: Instant) -> Self {
        Self { buckets: HashMap::new(), sweep_at: FEW, swept: now }
    }

    fn take(&mut self, who: K, rate: Rate, now: Instant) -> bool {
        if let Some(bucket) = self.buckets.get_mut(&who) {
            return bucket.take(1, rate, now);
        }
        if self.buckets.len() >= self.sweep_at {
            self.sweep(now);
        }
        if self.buckets.len() >= MOST {
            return true;
        }
        let mut bucket = Bucket::full(now);
        let taken = bucket.take(1, rate, now);
        self.buckets.insert(who, bucket);
        taken
    }

    fn sweep(&mut self, now: Instant) {
        // A table at its cap would be walked for every handshake.
        if self.buckets.len() >= MOST && now.duration_since(self.swept).as_millis() < 500 {
            return;
        }
        self.swept = now;
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        self.sweep_at = self.buckets.len().saturating_mul(2).clamp(FEW, MOST);
        self.buckets.shrink_to(self.sweep_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::AccountId;
    use std::net::IpAddr;

    fn source(n: u32) -> Source {
        IpAddr::from(n.to_be_bytes()).into()
    }

    #[test]
    fn one_address_that_floods_harms_no_other() {
        let now = Instant::now();
        let throttle = Throttle::new(now);
        let admitted = |n, count| (0..count).filter(|_| throttle.admit(source(n), 5, 20, now).is_ok()).count();
        assert_eq!(admitted(1, 1000), 10);
        assert_eq!(throttle.admit(source(1), 5, 20, now), Err(Surplus::OfAddress));
        // Only what was admitted counts against the limit for all.
        assert_eq!((2..=9).map(|n| admitted(n, 4)).sum::<usize>(), 30);
        assert_eq!(throttle.admit(source(10), 5, 20, now), Err(Surplus::InAll(1)));
        let later = now + Duration::from_secs(1);
        assert_eq!((0..20).filter(|_| throttle.admit(source(1), 5, 20, later).is_ok()).count(), 5);
    }

    #[test]
    fn a_tenant_that_floods_harms_no_other_and_a_claim_takes_nothing_from_the_proven() {
        let now = Instant::now();
        let throttle = Throttle::new(now);
        let admitted = |tenant: &Holder| (0..100).filter(|_| throttle.admit_tenant(tenant, 5, now).is_ok()).count();
        let acme = AccountId::new("acme", 99).expect("an id");
        for tenant in [Holder::Claimed(acme.clone()), Holder::Account(acme), Holder::Key("acme".into())] {
            assert_eq!(admitted(&tenant), 10);
            assert_eq!(throttle.admit_tenant(&tenant, 5, now), Err(Surplus::OfTenant));
            assert_eq!(throttle.admit_tenant(&tenant, 0, now), Ok(()));
        }
        assert!(throttle.addresses.lock().followed.buckets.is_empty());
    }

    #[test]
    fn a_user_comes_so_often_in_a_minute() {
        use super::super::quota::User;
        use crate::envelope::GroupId;
        let now = Instant::now();
        let throttle = Throttle::new(now);
        let user = |n| Holder::User(GroupId::new("g", 9).expect("an id"), User::Address(source(n)));
        let admitted = |n, now| (0..50).filter(|_| throttle.admit_user(&user(n), 10, now).is_ok()).count();
        assert_eq!((admitted(1, now), admitted(2, now), admitted(1, now)), (10, 10, 0));
        assert_eq!(admitted(1, now + Duration::from_secs(12)), 2);
        assert_eq!(throttle.admit_user(&user(1), 0, now), Ok(()));
    }

    #[test]
    fn whoever_obeys_comes_back_when_there_is_room() {
        let start = Instant::now();
        let throttle = Throttle::new(start);
        let knock = |n, second| throttle.admit(source(n), 0, 100, start + Duration::from_secs(second));
        let mut back = vec![Vec::new(); 20];
        let mut refused = 0;
        back[0] = (0..1000).collect();
        for second in 0..20 {
            for n in std::mem::take(&mut back[second]) {
                if let Err(Surplus::InAll(wait)) = knock(n, second as u64) {
                    refused += 1;
                    back[second + wait as usize].push(n);
                }
            }
        }
        assert_eq!(refused, 800, "two hundred at once, the rest at their second attempt");
        // However many there are, nobody is sent away for ever.
        assert!((0..100_000).filter_map(|n| knock(n, 100).err()).all(|e| matches!(e, Surplus::InAll(1..=30))));
    }

    #[test]
    fn no_limit_remembers_nobody() {
        let now = Instant::now();
        let throttle = Throttle::new(now);
        assert!((0..5000).all(|n| throttle.admit(source(n), 0, 0, now).is_ok()));
        assert!(throttle.addresses.lock().followed.buckets.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_forgets() {
        let now = Instant::now();
        let throttle = Throttle::new(now);
        for n in 0..100_000 {
            assert_eq!(throttle.admit(source(n), 1, 0, now), Ok(()));
        }
        assert_eq!(throttle.addresses.lock().followed.buckets.len(), MOST);
        // Those it knows are still held to the limit.
        assert_eq!(throttle.admit(source(7), 1, 0, now), Ok(()));
        assert_eq!(throttle.admit(source(7), 1, 0, now), Err(Surplus::OfAddress));
        let later = now + Duration::from_secs(3);
        assert_eq!(throttle.admit(source(200_000), 1, 0, later), Ok(()));
        let buckets = &throttle.addresses.lock().followed.buckets;
        assert_eq!(buckets.len(), 1);
        assert!(buckets.capacity() <= 4 * FEW, "{}", buckets.capacity());
    }

    #[test]
    fn trickling_addresses_do_not_pile_up() {
        let start = Instant::now();
        let throttle = Throttle::new(start);
        for n in 0..50_000 {
            let now = start + Duration::from_millis(u64::from(n) * 10);
            assert_eq!(throttle.admit(source(n), 1, 0, now), Ok(()));
        }
        assert!(throttle.addresses.lock().followed.buckets.len() <= FEW);
    }
}
