//! Owns which older connections of a client id a newer one ends, and with what word. Where they are, and which of two is
//! the older, is the bus's.

use super::seat::Seat;
use crate::close::CloseReason;
use crate::config::DuplicateClient;
use crate::dialect::Spoken;

/// Who must go when somebody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rivals {
    /// All of the client id and account.
    All,
    /// Of those the exclusive ones of this dialect.
    Exclusive(Spoken),
}

impl Rivals {
    /// Of a newcomer; None where it ends nobody.
    pub fn of(newcomer: &Seat, duplicate: DuplicateClient) -> Option<Self> {
        match (duplicate, newcomer.exclusive) {
            (DuplicateClient::Replace, _) => Some(Rivals::All),
            (DuplicateClient::Allow, Some(_)) => Some(Rivals::Exclusive(newcomer.spoken)),
            (DuplicateClient::Allow, None) => None,
        }
    }

    /// Why a connection of the same client id and account ends, where it does: for its own reason, if it has one.
    pub fn why(self, older: &Seat) -> Option<CloseReason> {
        match self {
            Rivals::All => Some(older.exclusive.unwrap_or(CloseReason::Replaced)),
            Rivals::Exclusive(spoken) => older.exclusive.filter(|_| older.spoken == spoken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SlowConsumer;
    use crate::dialect::{Hearing, View};
    use crate::envelope::{ClientId, Origin};
    use crate::hub::{Metadata, Outbox, SeatId};
    use CloseReason::{Replaced, Superseded};
    use DuplicateClient::{Allow, Replace};
    use std::sync::atomic::AtomicBool;

    fn seat(spoken: Spoken, exclusive: Option<CloseReason>) -> Seat {
        Seat {
            id: SeatId(1),
            origin: Origin { client: ClientId::new("c", 9).expect("an id"), group: None, account: None },
            spoken,
            hears: Hearing::Plain(View::AetherV3),
            global: false,
            apart: false,
            exclusive,
            said: AtomicBool::new(false),
            metadata: Metadata::default(),
            outbox: Outbox::new(1, SlowConsumer::Close),
        }
    }

    #[test]
    fn who_is_exclusive_ends_its_like_and_nobody_else_unless_config_says_so() {
        let [v2, v3] = [Spoken::AetherV2, Spoken::AetherV3];
        let plain = seat(v3, None);
        let only = seat(v3, Some(Superseded));
        let other = seat(v2, Some(Superseded));
        let ends = |newcomer: &Seat, duplicate, older: &Seat| Rivals::of(newcomer, duplicate)?.why(older);
        assert_eq!(ends(&only, Allow, &only), Some(Superseded));
        for (newcomer, older) in [(&only, &plain), (&plain, &only), (&plain, &plain), (&other, &only)] {
            assert_eq!(ends(newcomer, Allow, older), None);
        }
        for newcomer in [&plain, &only, &other] {
            let all = [&plain, &only, &other].map(|older| ends(newcomer, Replace, older));
            assert_eq!(all, [Some(Replaced), Some(Superseded), Some(Superseded)]);
        }
    }
}
