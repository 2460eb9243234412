//! Owns how many connections each address, key and account has open, and what these share: counted up by a guard, and
//! down when the guard is dropped. The table holds only who has a connection open, so it is as large as they are many.

use super::address::Source;
use crate::auth::Principal;
use crate::envelope::{AccountId, GroupId};
use crate::session::{Common, Rates};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

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
    /// One user of a dialect that limits users, in its group.
    User(GroupId, User),
    /// All users of such a group.
    Users(GroupId),
}

/// A user: whom its token names, else its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum User {
    /// Account and subject.
    Subject(Option<AccountId>, Arc<str>),
    /// Its address.
    Address(Source),
}

impl User {
    /// Who it is.
    pub fn new(principal: &Principal, source: Source) -> Self {
        match &principal.subject {
            Some(subject) => Self::Subject(principal.account.clone(), subject.as_str().into()),
            None => Self::Address(source),
        }
    }
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
pub struct Quotas(Arc<Mutex<HashMap<Holder, Open>>>);

#[derive(Debug, Default)]
struct Open {
    connections: usize,
    /// What those share that came last.
    common: Option<Arc<Common>>,
}

/// One counted connection; dropping it counts it out.
#[derive(Debug)]
pub struct Hold {
    quotas: Quotas,
    holder: Holder,
    common: Option<Arc<Common>>,
}

impl Quotas {
    /// Counts a connection, if fewer than `limit` are open; 0 = no limit. It is counted without a limit too, so
    /// that a limit that comes with a reload knows who was there before.
    ///
    /// Connections of one holder that came with the same rates share them; with others, after a reload, they share them
    /// with those that come from then on.
    pub fn hold(&self, holder: Holder, limit: usize, rates: Option<Rates>) -> Option<Hold> {
        let mut all = self.0.lock();
        let open = all.entry(holder.clone()).or_default();
        // Who has none open is below every limit, so no empty entry stays behind.
        if limit > 0 && open.connections >= limit {
            return None;
        }
        open.connections += 1;
        if open.common.as_ref().map(|common| common.rates()) != rates {
            open.common = rates.map(|rates| Arc::new(Common::new(rates, Instant::now())));
        }
        let common = open.common.clone();
        drop(all);
        Some(Hold { quotas: self.clone(), holder, common })
    }
}

impl Hold {
    /// What the connection shares with the others of its holder.
    pub fn common(&self) -> Option<&Arc<Common>> {
        self.common.as_ref()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.quotas.0.lock();
        if let Some(open) = all.get_mut(&self.holder) {
            open.connections -= 1;
            if open.connections == 0 {
                all.remove(&self.holder);
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
        let mut first: Vec<_> = (0..2).map(|_| quotas.hold(address(1), 2, None).expect("room")).collect();
        assert!(quotas.hold(address(1), 2, None).is_none());
        let other = quotas.hold(address(2), 2, None).expect("room for another");
        first.pop();
        first.push(quotas.hold(address(1), 2, None).expect("room again"));
        assert!(quotas.hold(address(1), 2, None).is_none());
        drop((first, other));
        assert!(quotas.0.lock().is_empty());
    }

    #[test]
    fn who_was_there_before_the_limit_counts() {
        let quotas = Quotas::default();
        let all: Vec<_> = (0..5).map(|_| quotas.hold(address(1), 0, None).expect("no limit")).collect();
        assert!(quotas.hold(address(1), 5, None).is_none());
        assert!(quotas.hold(address(1), 6, None).is_some());
        drop(all);
        assert!(quotas.0.lock().is_empty());
    }

    #[test]
    fn all_of_one_holder_share_until_the_last_has_gone_or_the_rates_change() {
        let rates = |messages| {
            Rates::per_ip(&crate::config::Limits { messages_per_second_per_ip: messages, ..Default::default() })
        };
        let quotas = Quotas::default();
        let hold = |n, messages| quotas.hold(address(n), 0, rates(messages)).expect("no limit");
        let same = |a: &Hold, b: &Hold| Arc::ptr_eq(a.common().expect("rates"), b.common().expect("rates"));
        let (first, second, other) = (hold(1, 5), hold(1, 5), hold(2, 5));
        assert!(same(&first, &second) && !same(&first, &other));
        let free = hold(1, 0);
        assert!(free.common().is_none());
        let (third, fourth) = (hold(1, 7), hold(1, 7));
        assert!(same(&third, &fourth) && !same(&first, &third));
        let table = Arc::downgrade(fourth.common().expect("rates"));
        drop((first, second, third, fourth));
        assert!(table.upgrade().is_some(), "one is still there");
        drop((free, other));
        assert!(table.upgrade().is_none() && quotas.0.lock().is_empty());
    }

    #[test]
    fn a_claimed_account_takes_nothing_from_the_proven_one() {
        let quotas = Quotas::default();
        let account = AccountId::new("acme", 99).expect("an id");
        let _claimed = quotas.hold(Holder::Claimed(account.clone()), 1, None).expect("room");
        assert!(quotas.hold(Holder::Claimed(account.clone()), 1, None).is_none());
        assert!(quotas.hold(Holder::Account(account), 1, None).is_some());
        assert!(quotas.hold(Holder::Key("acme".into()), 1, None).is_some());
    }
}
