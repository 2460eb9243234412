//! Owns how a member is written on Redis: in the hash of its group, and in the set of its node.
//! Ids hold no control characters, so these separate the parts.

use crate::dialect::Protocol;
use crate::envelope::{AccountId, ClientId, GroupId, Origin};
use crate::hub::presence::Member;
use crate::hub::seat::Seat;
use crate::label::Label;
use std::collections::HashMap;

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
        who(self.origin.account.as_ref(), &self.origin.client)
    }

    /// Its part in the value of that field.
    pub fn connection(&self) -> String {
        format!("{}{US}{}{US}{}{RS}", self.node, self.seat, self.protocol.label())
    }

    /// The field beside it for what the connection says of itself.
    pub fn about(&self) -> String {
        about(&self.node, &self.seat.to_string())
    }

    /// The field that lists the accounts which have a client of its id there, and its account's part in the list. Both
    /// are empty without an account: such a client is found without a list.
    pub fn listed(&self) -> [String; 2] {
        match &self.origin.account {
            Some(account) => [accounts(&self.origin.client), format!("{US}{account}{RS}")],
            None => Default::default(),
        }
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

/// The field of an account's client in the group's hash.
pub fn who(account: Option<&AccountId>, client: &ClientId) -> String {
    format!("{}{US}{client}", account.map_or("", AccountId::as_str))
}

/// The field that lists the accounts which have a client of this id there. It has no `US`, as `about` has none.
pub fn accounts(client: &ClientId) -> String {
    format!("accounts{RS}{client}")
}

/// Proxies that know of no such fields take a name without `US` for no member, and let it be.
fn about(node: &str, seat: &str) -> String {
    format!("about{RS}{node}{RS}{seat}")
}

/// Reads a group's hash, in the order of client ids.
pub fn members(fields: HashMap<String, String>) -> Vec<Member> {
    let (clients, mut abouts): (HashMap<_, _>, HashMap<_, _>) =
        fields.into_iter().partition(|(name, _)| name.contains(US));
    let mut members: Vec<_> =
        clients.iter().filter_map(|(who, all)| one(who, all, |about| abouts.remove(&about))).collect();
    members.sort_by(|a, b| a.client.cmp(&b.client));
    members
}

/// Reads one client; its newest connection tells the generation, and what it is.
pub fn one(who: &str, connections: &str, said: impl FnOnce(String) -> Option<String>) -> Option<Member> {
    let (account, client) = who.split_once(US)?;
    let newest = connections.trim_end_matches(RS).rsplit(RS).next()?;
    let (connection, word) = newest.rsplit_once(US)?;
    let (node, seat) = connection.split_once(US)?;
    Some(Member {
        account: AccountId::new(account, usize::MAX).ok(),
        client: ClientId::new(client, usize::MAX).ok()?,
        protocol: protocol(word)?,
        metadata: said(about(node, seat)),
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
        let both = (entry.who(), older.connection() + &entry.connection());
        let (old, new) = ((older.about(), "1".to_owned()), (entry.about(), "2".to_owned()));
        let member = |metadata: Option<&str>| Member {
            account: None,
            client: entry.origin.client.clone(),
            protocol: Protocol::V3,
            metadata: metadata.map(str::to_owned),
        };
        // What an older connection says is not the newer one's word.
        assert_eq!(members([both.clone(), old.clone()].into()), [member(None)]);
        assert_eq!(members([both, old.clone(), new.clone()].into()), [member(Some("2"))]);
        // Nobody is there whose word it was: an older proxy let it go.
        assert_eq!(members([old, new].into()), []);
    }

    #[test]
    fn an_older_proxy_reads_a_members_connections_as_ever_and_no_member_where_there_is_none() {
        let former = |who: &str, connections: &str| {
            let (_, client) = who.split_once(US)?;
            let newest = connections.trim_end_matches(RS).rsplit(RS).next()?;
            Some((client.to_owned(), protocol(newest.rsplit(US).next()?)?))
        };
        let origin = Origin { client: ClientId::new("c", 99).expect("id"), group: None, account: None };
        let entry = Entry { origin, protocol: Protocol::V2, node: "n1".into(), seat: 7 };
        assert_eq!(former(&entry.who(), &entry.connection()), Some(("c".into(), Protocol::V2)));
        assert_eq!(former(&entry.about(), "{\"\u{1f}v2\":1}"), None);
        let [field, part] =
            Entry { origin: Origin { account: AccountId::new("a", 9).ok(), ..entry.origin }, ..entry }.listed();
        assert_eq!(former(&field, &part), None);
    }
}
