//! Owns how a member is written on Redis: in the hash of its group, and in the set of its node.
//! Ids hold no control characters, so these separate the parts.

use crate::dialect::Protocol;
use crate::envelope::{AccountId, ClientId, GroupId, Origin};
use crate::hub::presence::Member;
use crate::hub::seat::Seat;
use crate::label::Label;

/// Between parts.
const US: char = '\u{1f}';
/// Ends a connection in a client's list.
const RS: char = '\u{1e}';

/// One connection of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who, and in which group.
    pub origin: Origin,
    /// The generation it speaks.
    pub protocol: Protocol,
    node: String,
    seat: u64,
}

impl Entry {
    /// Of a connection of this node; None for one without a group.
    pub fn of(seat: &Seat, node: &str) -> Option<Self> {
        seat.origin.group.as_ref()?;
        let protocol = seat.spoken.protocol();
        Some(Self { origin: seat.origin.clone(), protocol, node: node.to_owned(), seat: seat.id.0 })
    }

    /// Its group.
    pub fn group(&self) -> Option<&GroupId> {
        self.origin.group.as_ref()
    }

    /// The field of its client in the group's hash.
    pub fn who(&self) -> String {
        let account = self.origin.account.as_ref().map_or("", AccountId::as_str);
        format!("{account}{US}{}", self.origin.client)
    }

    /// Its part in the value of that field.
    pub fn connection(&self) -> String {
        format!("{}{US}{}{US}{}{RS}", self.node, self.seat, self.protocol.label())
    }

    /// Its member of the node's set.
    pub fn note(&self) -> String {
        let group = self.origin.group.as_ref().map_or("", GroupId::as_str);
        format!("{group}{US}{}{US}{}{US}{}", self.who(), self.seat, self.protocol.label())
    }

    /// Reads a member of a node's set.
    pub fn from_note(note: &str, node: &str) -> Option<Self> {
        let mut parts = note.split(US);
        let group = GroupId::new(parts.next()?, usize::MAX).ok();
        let account = AccountId::new(parts.next()?, usize::MAX).ok();
        let client = ClientId::new(parts.next()?, usize::MAX).ok()?;
        let seat = parts.next()?.parse().ok()?;
        let protocol = protocol(parts.next()?)?;
        let origin = Origin { client, group, account };
        Some(Self { origin, protocol, node: node.to_owned(), seat })
    }
}

/// Reads a field of a group's hash; the newest connection tells the generation.
pub fn member(who: &str, connections: &str) -> Option<Member> {
    let (account, client) = who.split_once(US)?;
    let newest = connections.trim_end_matches(RS).rsplit(RS).next()?;
    Some(Member {
        account: AccountId::new(account, usize::MAX).ok(),
        client: ClientId::new(client, usize::MAX).ok()?,
        protocol: protocol(newest.rsplit(US).next()?)?,
    })
}

fn protocol(word: &str) -> Option<Protocol> {
    Protocol::ALL.iter().copied().find(|p| p.label() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let origin = Origin {
            client: ClientId::new("c:1 \"x\"", 99).expect("id"),
            group: GroupId::new("g", 99).ok(),
            account: None,
        };
        let entry = Entry { origin, protocol: Protocol::V3, node: "n1".into(), seat: 7 };
        assert_eq!(Entry::from_note(&entry.note(), "n1").as_ref(), Some(&entry));
        let older = Entry { protocol: Protocol::V2, seat: 6, ..entry.clone() };
        let found = member(&entry.who(), &(older.connection() + &entry.connection())).expect("a member");
        assert_eq!((found.client, found.account, found.protocol), (entry.origin.client, None, Protocol::V3));
    }
}
