//! Owns the flat rendering of a V3 message for V2 clients, and its inverse: `msg`, `cmd`, the payload's
//! members, then one member `_v3` with everything else, so that nothing is lost (law L2).

use super::HubMessage;
use super::lens::Annotate;
use crate::envelope::json::{self, Member};
use crate::envelope::{ClientId, Draft, MsgType, Target};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// Renders a V3 message as loose JSON.
pub fn flat(message: &HubMessage<'_>, annotate: Annotate) -> String {
    let draft = message.draft();
    let payload = draft.payload.as_deref().map(|token| json::tokens(token).unwrap_or_default());
    let sorted = Sorted::new(draft, payload.as_deref().unwrap_or_default());
    let size = message.draft().payload.as_deref().map_or(0, str::len) + draft.msg.as_deref().map_or(0, str::len);
    let mut out = Object::with_capacity(size + 192);
    if let Some(msg) = &draft.msg {
        out.member("\"msg\"", msg);
    }
    if let Some(cmd) = &draft.cmd {
        out.member("\"cmd\"", cmd);
    }
    for member in &sorted.shown {
        if annotate != Annotate::Off && is_note(&member.key) {
            // One more underscore; the rest of the key's token stays verbatim.
            out.member(&format!("\"_{}", &member.key_token[1..]), member.value);
        } else {
            out.member(member.key_token, member.value);
        }
    }
    match annotate {
        Annotate::Off => {}
        Annotate::Min => {
            let mut note = Object::default();
            note.text("from_id", message.from_id());
            note.text("group_id", message.group_id());
            out.member("\"_v3\"", &note.end());
        }
        Annotate::Full => out.member("\"_v3\"", &note(message, payload.as_deref(), &sorted)),
    }
    out.end()
}

/// The payload's members: those shown as they are, and those that clash with the message's own.
struct Sorted<'m, 'a> {
    shown: Vec<&'m Member<'a>>,
    hidden: Vec<&'m Member<'a>>,
    nested: Vec<&'static str>,
}

impl<'m, 'a> Sorted<'m, 'a> {
    fn new(draft: &Draft<'_>, payload: &'m [Member<'a>]) -> Self {
        let mut sorted = Self { shown: Vec::with_capacity(payload.len()), hidden: Vec::new(), nested: Vec::new() };
        for member in payload {
            let (name, taken) = match member.key.as_ref() {
                "msg" => ("msg", draft.msg.is_some()),
                "cmd" => ("cmd", draft.cmd.is_some()),
                _ => {
                    sorted.shown.push(member);
                    continue;
                }
            };
            if taken {
                sorted.hidden.push(member);
            } else {
                sorted.shown.push(member);
                if !sorted.nested.contains(&name) {
                    sorted.nested.push(name);
                }
            }
        }
        sorted
    }
}

/// The value of `_v3`.
fn note(message: &HubMessage<'_>, payload: Option<&[Member<'_>]>, sorted: &Sorted<'_, '_>) -> String {
    let draft = message.draft();
    let mut note = Object::with_capacity(160);
    note.text("msg_type", Some(draft.msg_type().as_str()));
    note.text("target", Some(draft.target().as_str()));
    note.text("from_id", message.from_id());
    note.text("to_id", draft.to_id().map(ClientId::as_str));
    note.text("group_id", message.group_id());
    note.text("sent_at", message.sent_at());
    let Some(payload) = payload else { return note.end() };
    if payload.is_empty() || !sorted.hidden.is_empty() {
        let mut hidden = Object::default();
        for member in &sorted.hidden {
            hidden.member(member.key_token, member.value);
        }
        note.member("\"payload\"", &hidden.end());
    }
    if !sorted.nested.is_empty() {
        let names: Vec<_> = sorted.nested.iter().map(|name| format!("\"{name}\"")).collect();
        note.member("\"nested\"", &format!("[{}]", names.join(",")));
    }
    let in_order =
        sorted.shown.iter().chain(&sorted.hidden).map(|m| m.key_token).eq(payload.iter().map(|m| m.key_token));
    if !in_order {
        let keys: Vec<_> = payload.iter().map(|m| m.key_token).collect();
        note.member("\"order\"", &format!("[{}]", keys.join(",")));
    }
    note.end()
}

/// `_v3`, `__v3`, …: keys that would be taken for the note.
fn is_note(key: &str) -> bool {
    key.strip_suffix("v3").is_some_and(|bars| !bars.is_empty() && bars.bytes().all(|b| b == b'_'))
}

/// A message that came back out of its flat rendering.
#[derive(Debug, PartialEq, Eq)]
pub struct Restored {
    /// What it says.
    pub draft: Draft<'static>,
    /// `from_id`
    pub from_id: Option<String>,
    /// `group_id`
    pub group_id: Option<String>,
    /// `sent_at`
    pub sent_at: Option<String>,
}

#[derive(Deserialize)]
struct Note<'a> {
    msg_type: Cow<'a, str>,
    target: Cow<'a, str>,
    from_id: Option<String>,
    to_id: Option<String>,
    group_id: Option<String>,
    sent_at: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(default)]
    nested: Vec<String>,
    #[serde(borrow)]
    order: Option<Vec<&'a RawValue>>,
}

/// The inverse of `flat` with full annotation; None for any other text. For tools and tests: on the live
/// path a V2 client's `_v3` is data like everything else it says.
pub fn restore(text: &str) -> Option<Restored> {
    let mut members = json::tokens(text).ok()?;
    let last = members.pop().filter(|m| m.key_token == "\"_v3\"")?;
    let note: Note<'_> = serde_json::from_str(last.value).ok()?;
    let to_id = note.to_id.map(|id| ClientId::new(&id, usize::MAX)).transpose().ok()?;
    let mut draft = Draft::new(MsgType::parse(&note.msg_type)?, Target::parse(&note.target)?, to_id).ok()?;
    let mut flat: Vec<(String, &str)> = Vec::with_capacity(members.len());
    for member in &members {
        let nested = |name: &str| note.nested.iter().any(|n| n == name);
        match member.key.as_ref() {
            "msg" if !nested("msg") => draft.msg = Some(Cow::Owned(member.value.to_owned())),
            "cmd" if !nested("cmd") => draft.cmd = Some(Cow::Owned(member.value.to_owned())),
            // Take the underscore away again, which `flat` never writes as an escape.
            key if is_note(key) => {
                let shorter = member.key_token.strip_prefix("\"_").filter(|_| key != "_v3")?;
                flat.push((format!("\"{shorter}"), member.value));
            }
            _ => flat.push((member.key_token.to_owned(), member.value)),
        }
    }
    let hidden = note.payload.map(|raw| json::tokens(raw.get())).transpose().ok()?;
    let is_object = hidden.is_some() || !flat.is_empty();
    flat.extend(hidden.unwrap_or_default().into_iter().map(|m| (m.key_token.to_owned(), m.value)));
    if let Some(order) = note.order {
        let mut by_key: HashMap<String, VecDeque<&str>> = HashMap::new();
        for (key, value) in flat {
            by_key.entry(key).or_default().push_back(value);
        }
        flat = order
            .iter()
            .map(|key| Some((key.get().to_owned(), by_key.get_mut(key.get())?.pop_front()?)))
            .collect::<Option<_>>()?;
    }
    if is_object {
        let mut payload = Object::default();
        for (key, value) in flat {
            payload.member(&key, value);
        }
        draft.payload = Some(Cow::Owned(payload.end()));
    }
    Some(Restored { draft, from_id: note.from_id, group_id: note.group_id, sent_at: note.sent_at })
}

/// A JSON object that is being written from tokens.
#[derive(Default)]
struct Object(String);

impl Object {
    fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    fn member(&mut self, key_token: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(key_token);
        self.0.push(':');
        self.0.push_str(value);
    }

    /// A member with a text, if there is one.
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.push_str(if self.0.is_empty() { "{\"" } else { ",\"" });
            self.0.push_str(name);
            self.0.push_str("\":");
            json::write_str(&mut self.0, value);
        }
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(text: &str) -> (String, String) {
        let message = HubMessage::read(text).expect("a message");
        let flat = flat(&message, Annotate::Full);
        let back = restore(&flat).expect("a flat message");
        assert_eq!(back.from_id.as_deref(), message.from_id());
        assert_eq!(back.sent_at.as_deref(), message.sent_at());
        (flat, back.draft.content())
    }

    #[test]
    fn members_that_clash_wait_in_the_note() {
        let text = r#"{"version":"3","msg_type":"msg","target":"group","from_id":"c1","group_id":"g1","msg":"top","payload":{"msg":"x","b":1,"cmd":[2],"_v3":0},"sent_at":"T"}"#;
        let (flat, back) = there_and_back(text);
        assert_eq!(
            flat,
            r#"{"msg":"top","b":1,"cmd":[2],"__v3":0,"_v3":{"msg_type":"msg","target":"group","from_id":"c1","group_id":"g1","sent_at":"T","payload":{"msg":"x"},"nested":["cmd"],"order":["msg","b","cmd","_v3"]}}"#
        );
        assert_eq!(back, HubMessage::read(text).expect("a message").draft().content());
    }

    #[test]
    fn an_empty_payload_is_not_an_absent_one() {
        for payload in ["", r#","payload":{}"#] {
            let text = format!(r#"{{"msg_type":"cmd","target":"broadcast","cmd":"GO"{payload}}}"#);
            let (_, back) = there_and_back(&text);
            assert_eq!(back.contains("payload"), !payload.is_empty());
        }
    }

    #[test]
    fn order_with_escaped_note_keys_comes_back() {
        let text = r#"{"msg_type":"msg","target":"group","msg":"m","payload":{"msg":1,"_v3":2,"\u005fv3":3,"msg":4}}"#;
        let (_, back) = there_and_back(text);
        assert_eq!(back, HubMessage::read(text).expect("a message").draft().content());
    }
}
