//! Owns how many connections each address, key and account has open: counted up by a guard, and down when the
//! guard is dropped. The table holds only who has a connection open, so it is as large as they are many.

use super::address::Source;
use crate::auth::Principal;
use crate::envelope::AccountId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Under which name a connection is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Its address.
    Address(Source),
    /// The name of its API key.
    Key(Arc<str>),
    /// Its account, by a credential or by the operator's word.
    Account(AccountId),
    /// The account it only says it has: counted apart, so that nobody can use up what belongs to another.
    Claimed(AccountId),
}

impl Holder {
    /// Key and account of a client. Who has neither is counted by address alone.
    pub fn tenants(principal: &Principal, account_given: bool) -> impl Iterator<Item = Self> {
        let known = principal.account_proven || account_given;
        let account = principal.account.clone().map(if known { Self::Account } else { Self::Claimed });
        principal.key.clone().map(Self::Key).into_iter().chain(account)
    }
}

/// Open connections by holder.
#[derive(Debug, Clone, Default)]
pub struct Quotas(Arc<Mutex<HashMap<Holder, usize>>>);

/// One counted connection; dropping it counts it out.
#[derive(Debug)]
pub struct Hold {
    quotas: Quotas,
    holder: Holder,
}

impl Quotas {
    /// Counts a connection, if fewer than `limit` are open; 0 = no limit. It is counted without a limit too, so
    /// that a limit that comes with a reload knows who was there before.
    pub fn hold(&self, holder: Holder, limit: usize) -> Option<Hold> {
        let mut open = self.0.lock();
        match open.entry(holder.clone()) {
            Entry::Occupied(entry) if limit > 0 && *entry.get() >= limit => return None,
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
            Entry::Vacant(entry) => drop(entry.insert(1)),
        }
        drop(open);
        Some(Hold { quotas: self.clone(), holder })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut open = self.quotas.0.lock();
        if let Some(count) = open.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn address(n: u8) -> Holder {
        Holder::Address(IpAddr::from([192, 0, 2, n]).into())
    }

    #[test]
    fn each_holder_has_its_own_count_and_gets_it_back() {
        let quotas = Quotas::default();
        let mut first: Vec<_> = (0..2).map(|_| quotas.hold(address(1), 2).expect("room")).collect();
        assert!(quotas.hold(address(1), 2).is_none());
        let other = quotas.hold(address(2), 2).expect("room for another");
        first.pop();
        first.push(quotas.hold(address(1), 2).expect("room again"));
        assert!(quotas.hold(address(1), 2).is_none());
        drop((first, other));
        assert!(quotas.0.lock().is_empty());
    }

    #[test]
    fn who_was_there_before_the_limit_counts() {
        let quotas = Quotas::default();
        let all: Vec<_> = (0..5).map(|_| quotas.hold(address(1), 0).expect("no limit")).collect();
        assert!(quotas.hold(address(1), 5).is_none());
        assert!(quotas.hold(address(1), 6).is_some());
        drop(all);
        assert!(quotas.0.lock().is_empty());
    }

    #[test]
    fn a_claimed_account_takes_nothing_from_the_proven_one() {
        let quotas = Quotas::default();
        let account = AccountId::new("acme", 99).expect("an id");
        let _claimed = quotas.hold(Holder::Claimed(account.clone()), 1).expect("room");
        assert!(quotas.hold(Holder::Claimed(account.clone()), 1).is_none());
        assert!(quotas.hold(Holder::Account(account), 1).is_some());
        assert!(quotas.hold(Holder::Key("acme".into()), 1).is_some());
    }
}
