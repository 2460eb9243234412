//! What a message from the server says of itself, and how one of its members is changed without touching the rest.

use super::room::Side;
use super::wire::Frame;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value};

/// An envelope, or the `_v3` of a flat frame.
#[derive(Debug, Clone)]
pub struct Said {
    /// It is a flat frame for V2.
    pub flat: bool,
    head: Value,
}

impl Said {
    /// None of a frame that tells nothing, such as one of a V2 client.
    pub fn of(side: Side, frame: &Frame) -> Option<Self> {
        let text = frame.text().filter(|_| side != Side::Other)?;
        let mut all: Value = serde_json::from_str(text).ok()?;
        if let Some(head) = all.get_mut("_v3").filter(|_| side == Side::V2) {
            return Some(Self { flat: true, head: head.take() });
        }
        let stamped = ["version", "from_id", "sent_at"].iter().all(|name| all.get(name).is_some());
        stamped.then_some(Self { flat: false, head: all })
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.head.get(name).and_then(Value::as_str) == Some(value)
    }

    fn word(&self, name: &str) -> &str {
        self.head.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn from(&self) -> &str {
        self.word("from_id")
    }

    pub fn to(&self) -> &str {
        self.word("to_id")
    }

    /// The group of the sender.
    pub fn group(&self) -> &str {
        self.word("group_id")
    }

    pub fn payload(&self) -> &Value {
        self.head.get("payload").unwrap_or(&Value::Null)
    }

    pub fn is_of_server(&self) -> bool {
        self.from() == "server"
    }

    pub fn is_error(&self) -> bool {
        self.is_of_server() && self.is("cmd", "ERROR")
    }

    pub fn is_heartbeat(&self) -> bool {
        self.is("msg_type", "heartbeat")
    }

    /// Of a client, to this target.
    pub fn is_to(&self, target: &str) -> bool {
        self.is("target", target) && !self.is_of_server() && !self.is("msg_type", "presence") && !self.is_heartbeat()
    }

    /// Somebody came or went: `join`, `leave`.
    pub fn presence(&self) -> Option<&str> {
        let event = self.is("msg_type", "presence") && self.is("target", "group");
        event.then(|| self.payload().get("event")?.as_str()).flatten()
    }

    /// The answer to the question who is there.
    pub fn is_members(&self) -> bool {
        self.is_of_server() && self.payload().get("members").is_some()
    }
}

/// Where a member of the envelope stands: its name and its value. The one that the server writes: the first, but of
/// `sent_at` the last.
fn place(text: &str, name: &str) -> Option<(usize, usize, usize)> {
    let key = format!("\"{name}\":");
    let head = text.rfind("\"_v3\":{").unwrap_or(0);
    let found = if name == "sent_at" { text[head..].rfind(&key) } else { text[head..].find(&key) };
    let start = head + found?;
    let value = start + key.len();
    let mut values = Deserializer::from_str(&text[value..]).into_iter::<&RawValue>();
    values.next()?.ok()?;
    Some((start, value, value + values.byte_offset()))
}

/// The same with another value.
pub fn replaced(text: &str, name: &str, token: &str) -> String {
    match place(text, name) {
        Some((_, value, end)) => format!("{}{token}{}", &text[..value], &text[end..]),
        None => text.to_owned(),
    }
}

/// The same without the member.
pub fn removed(text: &str, name: &str) -> String {
    match place(text, name) {
        Some((start, _, end)) if text[end..].starts_with(',') => format!("{}{}", &text[..start], &text[end + 1..]),
        Some((start, _, end)) => format!("{}{}", text[..start].trim_end_matches(','), &text[end..]),
        None => text.to_owned(),
    }
}

#[test]
fn a_member_is_changed_and_nothing_else() {
    let text = r#"{"version":"3","from_id":"a","payload":{"sent_at":1.10},"sent_at":"x"}"#;
    let other = r#"{"version":"3","from_id":"a","payload":{"sent_at":1.10},"sent_at":"y"}"#;
    assert_eq!(replaced(text, "sent_at", "\"y\""), other);
    assert_eq!(removed(text, "sent_at"), r#"{"version":"3","from_id":"a","payload":{"sent_at":1.10}}"#);
    assert_eq!(removed(text, "version"), r#"{"from_id":"a","payload":{"sent_at":1.10},"sent_at":"x"}"#);
    assert_eq!(replaced(text, "to_id", "1"), text);
    let flat = r#"{"from_id":1,"_v3":{"from_id":"a"}}"#;
    assert_eq!(replaced(flat, "from_id", "2"), r#"{"from_id":1,"_v3":{"from_id":2}}"#);
    assert_eq!(Said::of(Side::V2, &Frame::new(super::wire::TEXT, flat)).unwrap().from(), "a");
}
