//! Owns every name on Redis: channels, journals, presence, leases, probes. Nothing else writes one.

use super::scope::{Address, Owner, Scope};
use super::slot::{slot_of, tag_of};
use crate::config::{self, ACCOUNT};
use crate::envelope::{AccountId, GroupId};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What stands for "no account" in a name.
const NO_ACCOUNT: &str = "_";

/// Names from the templates of `[hub.channels]`.
#[derive(Debug, Clone)]
pub struct Keys {
    channels: config::Channels,
}

impl Keys {
    /// Names by these templates.
    pub fn new(channels: config::Channels) -> Self {
        Self { channels }
    }

    /// The scope of an address for somebody of this account.
    pub fn scope(&self, to: Address, account: Option<&AccountId>) -> Scope {
        let owner = match self.template(&to).contains(ACCOUNT) {
            true => Owner::Account(account.cloned()),
            false => Owner::All,
        };
        Scope { to, owner }
    }

    fn template(&self, to: &Address) -> &str {
        match to {
            Address::Group(_) => &self.channels.group,
            Address::Client(_) => &self.channels.client,
            Address::Broadcast => &self.channels.broadcast,
            Address::V2 => &self.channels.v2,
        }
    }

    /// The Pub/Sub channel of a scope. Two scopes never share one: `config` sees to it that the templates are apart.
    pub fn channel(&self, scope: &Scope) -> String {
        let template = self.template(&scope.to);
        let account = match &scope.owner {
            Owner::Account(Some(account)) => encoded(account.as_str(), template),
            Owner::Account(None) | Owner::All => Cow::Borrowed(NO_ACCOUNT),
        };
        // Ids are put in last and once, so that an id that looks like a placeholder stays an id.
        let fill = |name: &str, id: &str| match template.split_once(name) {
            Some((before, after)) => {
                format!("{}{id}{}", before.replace(ACCOUNT, &account), after.replace(ACCOUNT, &account))
            }
            None => template.replace(ACCOUNT, &account),
        };
        match &scope.to {
            Address::Group(id) => fill("{group_id}", id.as_str()),
            Address::Client(id) => fill("{client_id}", id.as_str()),
            Address::Broadcast | Address::V2 => fill("{none}", ""),
        }
    }

    /// Epoch and sequence number of a channel's journal. It lies in the slot of the channel.
    pub fn journal_meta(&self, channel: &str) -> String {
        tagged(channel, "m")
    }

    /// The stream of a channel's journal. It lies in the slot of the channel.
    pub fn journal(&self, channel: &str) -> String {
        tagged(channel, "j")
    }

    /// The hash of a group's members.
    pub fn presence(&self, group: &GroupId) -> String {
        self.home(&format!("presence:{group}"))
    }

    /// The sorted set of nodes, scored by the end of their lease in milliseconds.
    pub fn nodes(&self) -> String {
        self.home("nodes")
    }

    /// Where a node notes its members, so that others can let them go when it dies.
    pub fn node_members(&self, node: &str) -> String {
        self.home(&format!("node:{node}:members"))
    }

    /// The lock of whoever lets a dead node's members go.
    pub fn reaper(&self, node: &str) -> String {
        self.home(&format!("node:{node}:reaper"))
    }

    /// Marks a node whose members were let go by another while it was silent.
    pub fn reaped(&self, node: &str) -> String {
        self.home(&format!("node:{node}:reaped"))
    }

    /// The channel on which proxies tell each other what no client sees.
    pub fn control(&self) -> String {
        self.home("control")
    }

    /// The channel on which a node hears its own probes of the master that serves this slot.
    pub fn probe(&self, node: &str, slot: u16) -> String {
        // A tag in the prefix would come first.
        format!("{}:probe:{{{}}}:{node}", self.channels.prefix.replace(['{', '}'], ""), tag_of(slot))
    }

    /// What belongs to all nodes lies in one slot of a cluster, so that one script can change it.
    fn home(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.channels.prefix)
    }
}

/// An account as it stands in a name: what separates parts of this template is percent-encoded, so that the part is known
/// by its end whatever the ids beside it hold, and nobody is called as those without account are. Most stay as they are.
fn encoded<'a>(account: &'a str, template: &str) -> Cow<'a, str> {
    let must = |c: char| matches!(c, '%' | '{' | '}') || (c.is_ascii_punctuation() && template.contains(c));
    let is_taken = account == NO_ACCOUNT;
    if !is_taken && !account.contains(must) {
        return Cow::Borrowed(account);
    }
    account
        .chars()
        .fold(String::with_capacity(account.len() + 8), |mut text, c| {
            // Writing to a String cannot fail.
            let _ = if is_taken || must(c) { write!(text, "%{:02X}", u32::from(c)) } else { write!(text, "{c}") };
            text
        })
        .into()
}

/// A key in the slot of a channel: its own hash tag where it has one, else the whole name as tag
/// (Redis Cluster specification, "Hash tags"). What a closing brace keeps from being a tag as a whole gets
/// another tag that lies in the same slot.
fn tagged(channel: &str, suffix: &str) -> String {
    let own_tag =
        channel.split_once('{').and_then(|(_, rest)| rest.split_once('}')).is_some_and(|(tag, _)| !tag.is_empty());
    match own_tag {
        true => format!("{channel}:{suffix}"),
        false if channel.contains('}') => {
            format!("{{{}}}:{channel}:{suffix}", tag_of(slot_of(channel.as_bytes())))
        }
        false => format!("{{{channel}}}:{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::ClientId;

    fn id(text: &str) -> ClientId {
        ClientId::new(text, 99).expect("an id")
    }

    #[test]
    fn names_are_those_of_the_reference_backend() {
        let keys = Keys::new(config::Channels::default());
        let scope = |to| keys.channel(&keys.scope(to, None));
        assert_eq!(scope(Address::Client(id("c1"))), "ws:client:c1");
        assert_eq!(scope(Address::Broadcast), "ws:broadcast");
        assert_eq!(keys.journal("ws:client:c1"), "{ws:client:c1}:j");
        assert_eq!(keys.journal("ws:client:{t}1"), "ws:client:{t}1:j");
    }

    #[test]
    fn a_journal_lies_in_the_slot_of_its_channel_whatever_the_id() {
        let keys = Keys::new(config::Channels { prefix: "{x}:aether".into(), ..Default::default() });
        for client in ["c1", "{t}1", "a}b", "{}", "{", "}{", "}{x}", "{}{x}", "a{b", "{{x}}"] {
            let channel = keys.channel(&keys.scope(Address::Client(id(client)), None));
            let slot = slot_of(channel.as_bytes());
            assert_eq!(slot_of(keys.journal(&channel).as_bytes()), slot, "{channel}");
            assert_eq!(slot_of(keys.journal_meta(&channel).as_bytes()), slot, "{channel}");
            assert_eq!(slot_of(keys.probe("n", slot).as_bytes()), slot);
        }
    }

    #[test]
    fn no_account_can_be_written_so_that_it_hears_another() {
        let channels = config::Channels {
            group: "ws:{account}:group:{group_id}".into(),
            client: "{account}-{client_id}".into(),
            broadcast: "all_{account}".into(),
            ..Default::default()
        };
        let keys = Keys::new(channels);
        let name = |account: &str, to| {
            let account = AccountId::new(account, 99).ok();
            keys.channel(&keys.scope(to, account.as_ref()))
        };
        let group = |text| Address::Group(GroupId::new(text, 99).expect("an id"));
        assert_eq!(name("a:group:b", group("c")), "ws:a%3Agroup%3Ab:group:c");
        assert_eq!(name("a", group("b:group:c")), "ws:a:group:b:group:c");
        assert_eq!(name("a-b", Address::Client(id("c"))), "a%2Db-c");
        assert_eq!(name("a", Address::Client(id("b-c"))), "a-b-c");
        // Having no account is no account's name; what stands for itself stays as foreign publishers know it.
        assert_eq!((name("", Address::Broadcast), name("_", Address::Broadcast)), ("all__".into(), "all_%5F".into()));
        assert_eq!(name("ops@acme.eu", group("g")), "ws:ops@acme.eu:group:g");
        assert_ne!(name("%5F", Address::Broadcast), name("_", Address::Broadcast));
        assert_eq!(name("{x}", group("g")), "ws:%7Bx%7D:group:g");
    }

    #[test]
    fn an_id_that_looks_like_a_placeholder_stays_an_id() {
        let channels = config::Channels { client: "{account}:c:{client_id}".into(), ..Default::default() };
        let keys = Keys::new(channels);
        let acme = AccountId::new("acme", 99).expect("an id");
        let scope = keys.scope(Address::Client(id("{account}")), Some(&acme));
        assert_eq!(keys.channel(&scope), "acme:c:{account}");
        assert_eq!(keys.channel(&keys.scope(Address::Client(id("x")), None)), "_:c:x");
    }
}
