//! Owns whose presence is asked for: one client of a group, of those accounts that the asker may hear.

use crate::envelope::{AccountId, ClientId, GroupId};
use crate::hub::seat::{Seat, Tenancy};

/// One client. Equal ones have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sought {
    /// Where.
    pub group: GroupId,
    /// Who.
    pub client: ClientId,
    /// The account that asks.
    asker: Option<AccountId>,
    tenancy: Tenancy,
}

impl Sought {
    /// Asked by this connection; None for one without a group.
    pub fn by(seat: &Seat, client: &ClientId, tenancy: Tenancy) -> Option<Self> {
        let group = seat.origin.group.clone()?;
        Some(Self { group, client: client.clone(), asker: seat.account().cloned(), tenancy })
    }

    /// The accounts whose client it may be, the asker's own first.
    pub fn accounts(&self) -> impl Iterator<Item = Option<AccountId>> {
        let nobodys = self.asker.is_some() && self.tenancy.may_reach(None, self.asker.as_ref());
        [self.asker.clone()].into_iter().chain(nobodys.then_some(None))
    }

    /// May it be any other account's as well?
    pub fn of_anyone(&self) -> bool {
        self.tenancy == Tenancy::Off || self.tenancy == Tenancy::Lenient && self.asker.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_found_is_who_may_be_heard() {
        let account = |name: &str| AccountId::new(name, 99).ok();
        for tenancy in [Tenancy::Strict, Tenancy::Lenient, Tenancy::Off] {
            for asker in [None, account("acme")] {
                let group = GroupId::new("g", 99).expect("id");
                let client = ClientId::new("c", 99).expect("id");
                let sought = Sought { group, client, asker: asker.clone(), tenancy };
                for of in [None, account("acme"), account("evil")] {
                    let found = sought.of_anyone() || sought.accounts().any(|one| one == of);
                    assert_eq!(found, tenancy.may_reach(of.as_ref(), asker.as_ref()), "{sought:?} {of:?}");
                }
            }
        }
    }
}
