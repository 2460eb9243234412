//! Owns the only stamp: `seal` turns a draft into an envelope whose sender, group and time come from the
//! connection and the clock, never from the client's text. An `Envelope` cannot be made any other way.

use super::{AccountId, ClientId, Draft, GroupId, MsgType, Target};

/// The connection a message comes from, as the handshake established it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// From the URL, or the server itself.
    pub client: ClientId,
    /// From the URL or the mount; the server speaks from no group.
    pub group: Option<GroupId>,
    /// From the credential.
    pub account: Option<AccountId>,
}

impl Origin {
    /// The server speaking for itself.
    pub fn server() -> Self {
        Self { client: ClientId::server(), group: None, account: None }
    }
}

/// What a text is stamped with; a plain record of strings so that a hub text that was sealed
/// elsewhere can be written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// `from_id`
    pub from_id: &'a str,
    /// `group_id`
    pub group_id: Option<&'a str>,
    /// `sent_at`
    pub sent_at: &'a str,
}

/// How members without a value are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Not at all.
    Omit,
    /// As `null`, and `payload` as `{}`, like the reference server's dump.
    Include,
}

/// Where a sealed message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// Every connection of the group.
    Group(GroupId),
    /// Every connection of the client id.
    Client(ClientId),
    /// Every connection.
    Broadcast,
    /// The sender's own connection, without the hub.
    Sender,
}

/// A message the server vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    text: String,
    msg_type: MsgType,
    route: Route,
    account: Option<AccountId>,
}

impl Envelope {
    /// The JSON object V3 clients see.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// See `text`.
    pub fn into_text(self) -> String {
        self.text
    }

    /// `msg_type`
    pub fn msg_type(&self) -> MsgType {
        self.msg_type
    }

    /// Where it goes.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The sender's account.
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }
}

/// Stamps a draft: `version`, `from_id`, `group_id`, `sent_at` (guide section 3).
/// A group message of the server itself has no group and so goes back to the sender.
pub fn seal(draft: &Draft<'_>, origin: &Origin, sent_at: &str, nulls: Nulls) -> Envelope {
    let stamp =
        Stamp { from_id: origin.client.as_str(), group_id: origin.group.as_ref().map(GroupId::as_str), sent_at };
    let mut text = String::new();
    draft.write(&mut text, Some(&stamp), nulls == Nulls::Include);
    let route = match (draft.target(), draft.to_id(), &origin.group) {
        (Target::Direct, Some(to), _) => Route::Client(to.clone()),
        (Target::Group, _, Some(group)) => Route::Group(group.clone()),
        (Target::Broadcast, ..) => Route::Broadcast,
        _ => Route::Sender,
    };
    Envelope { text, msg_type: draft.msg_type(), route, account: origin.account.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            client: ClientId::new("c\"1", 99).expect("id"),
            group: GroupId::new("g1", 99).ok(),
            account: AccountId::new("acme", 99).ok(),
        }
    }

    #[test]
    fn members_stand_in_the_order_of_the_guide() {
        let mut draft = Draft::to_client(MsgType::Cmd, ClientId::new("c2", 99).expect("id"));
        draft.cmd = Some("\"RELOAD\"".into());
        draft.msg = Some("\"hi\"".into());
        draft.payload = Some("{ \"a\": 1.10 }".into());
        let sealed = seal(&draft, &origin(), "2026-03-11T12:34:56.789Z", Nulls::Omit);
        assert_eq!(
            sealed.text(),
            r#"{"version":"3","msg_type":"cmd","target":"direct","from_id":"c\"1","to_id":"c2","group_id":"g1","cmd":"RELOAD","msg":"hi","payload":{ "a": 1.10 },"sent_at":"2026-03-11T12:34:56.789Z"}"#
        );
        assert_eq!(sealed.route(), &Route::Client(ClientId::new("c2", 99).expect("id")));
        assert_eq!(sealed.account().map(AccountId::as_str), Some("acme"));
    }

    #[test]
    fn nulls_are_written_where_clients_expect_a_pydantic_dump() {
        let sealed = seal(&Draft::to_group(MsgType::Msg), &origin(), "T", Nulls::Include);
        assert_eq!(
            sealed.text(),
            r#"{"version":"3","msg_type":"msg","target":"group","from_id":"c\"1","to_id":null,"group_id":"g1","cmd":null,"msg":null,"payload":{},"sent_at":"T"}"#
        );
    }
}
