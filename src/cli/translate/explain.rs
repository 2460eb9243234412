//! Owns what `--explain` tells: which rule of the lens a frame fell under, why its text must be kept beside
//! the envelope, and what is remarkable about it. It looks at results; what is translated how is the lens's.

use super::Bad;
use crate::cli::frames::Record;
use crate::dialect::lens::{self, Translated};
use crate::dialect::{Frame, Kind, OwnedFrame, Shaped};
use crate::envelope::json::{self, Document, Member};
use crate::label::labels;
use crate::migration::lint::has_big_number;
use serde::Serialize;
use serde_json::value::RawValue;

labels! {
    /// Which rule a V2 frame fell under (`dialect::lens`).
    pub enum Rule {
        /// Bytes, as base64 in `payload.data_b64`.
        Binary = "binary",
        /// String `msg` and `cmd` are lifted, everything else is payload.
        Object = "object",
        /// A V3 message on a V2 path: content lifted, and as the settings say its target honoured.
        V3Shaped = "v3_shaped",
        /// Other JSON, in `payload.value`.
        Value = "value",
        /// No JSON: the whole text is `msg`.
        Text = "text",
        /// Answered by the proxy.
        Keepalive = "keepalive",
        /// What was V3 is V3 again.
        Restored = "restored",
    }
}

labels! {
    /// Why rendering the envelope does not give the frame back, so that its text is kept.
    pub enum Kept {
        /// White space outside of strings.
        WhiteSpace = "white_space",
        /// A key that stands more than once.
        DuplicateKeys = "duplicate_keys",
        /// `msg` and `cmd` do not stand first, in this order.
        Order = "order_of_members",
        /// `msg` or `cmd`, written with escapes.
        EscapedKey = "escaped_key",
        /// A V3 message has members that V2 has not.
        V3Shaped = "v3_shaped",
        /// None of these.
        Other = "other",
    }
}

labels! {
    /// What is remarkable about a frame, most of it trouble for somebody who moves to V3.
    pub enum Note {
        /// A binary frame: V3 has none.
        Binary = "binary",
        /// JSON or text, but no object.
        NotAnObject = "not_an_object",
        /// A key that stands more than once; parsers take the last.
        DuplicateKeys = "duplicate_keys",
        /// A member named like one of the envelope's, which it is not.
        KeyCollides = "key_collides",
        /// A V3 message on a V2 path.
        HalfMigrated = "half_migrated",
        /// It says who it is, or when: only the server may.
        ServerOwned = "server_owned_member",
        /// An integer that a JavaScript number cannot hold.
        BigInteger = "integer_beyond_2_53",
        /// The group or client id looks like a database's.
        IntegerId = "integer_id",
        /// Above `limits.message`: the proxy would close the connection.
        TooLarge = "too_large",
        /// A member V3 does not know; it is left out.
        UnknownMember = "unknown_member",
        /// A receipt that does not lead to the visible message is not believed.
        ForgedReceipt = "forged_receipt",
    }
}

/// One line of `--explain`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Explained {
    Up(Box<Up>),
    Down(Down),
    Own(Box<super::own::Tale>),
}

/// V2 to V3.
#[derive(Debug, Default, Serialize)]
pub(super) struct Up {
    pub rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<&'static str>,
    /// What V3 clients see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v3: Option<Box<RawValue>>,
    /// What stands on Redis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<Box<RawValue>>,
    /// What the proxy answers by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Record>,
}

/// How a V2 frame comes back exactly.
#[derive(Debug, Serialize)]
pub(super) struct Receipt {
    /// Is the text itself kept?
    pub raw: bool,
    /// Why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<&'static str>,
}

/// V3 to V2.
#[derive(Debug, Serialize)]
pub(super) struct Down {
    /// `v2` or `v3`: where the message came from.
    pub origin: &'static str,
    /// `original`, `flat`, `envelope` or `hidden`.
    pub rule: &'static str,
    /// Why a V2 client gets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<&'static str>,
    /// What a V2 client gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v2: Option<Record>,
}

impl Explained {
    /// One JSON object, the line's number first.
    pub fn json(&self, line: u64) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Line<'a> {
            line: u64,
            #[serde(flatten)]
            explained: &'a Explained,
        }
        serde_json::to_string(&Line { line, explained: self })
    }
}

/// A JSON text that goes out as it is.
pub(super) fn verbatim(text: String) -> Result<Box<RawValue>, Bad> {
    RawValue::from_string(text).map_err(|error| Bad::new(format!("the envelope is no JSON: {error}")))
}

impl Rule {
    /// The rule that led to a translation.
    pub fn of(frame: Frame<'_>, translated: &Translated<'_>, shaped: Shaped) -> Self {
        match translated.receipt.kind {
            Kind::Binary => Rule::Binary,
            Kind::Value => Rule::Value,
            Kind::Text => Rule::Text,
            Kind::Json if shaped != Shaped::Opaque && lens::to_v3(frame, Shaped::Opaque).draft != translated.draft => {
                Rule::V3Shaped
            }
            Kind::Json => Rule::Object,
        }
    }
}

impl Receipt {
    /// What is kept of a frame, and why.
    pub fn of(frame: Frame<'_>, receipt: &lens::Receipt<'_>, rule: Rule) -> Self {
        let raw = receipt.raw.is_some();
        let why = match (frame, rule) {
            _ if !raw => Vec::new(),
            (_, Rule::V3Shaped) => vec![Kept::V3Shaped],
            (Frame::Text(text), Rule::Object) => Kept::of_object(text),
            (_, Rule::Value) => vec![Kept::WhiteSpace],
            _ => vec![Kept::Other],
        };
        Self { raw, why: why.into_iter().map(Kept::label).collect() }
    }
}

impl Kept {
    fn of_object(text: &str) -> Vec<Self> {
        let all = json::members(text).unwrap_or_default();
        let lifted = |m: &Member<'_>| matches!(m.key.as_ref(), "msg" | "cmd") && json::is_string(m.value);
        let kept = json::last_wins(all.clone());
        let place = |m: &Member<'_>| if !lifted(m) { 2 } else { usize::from(m.key == "cmd") };
        let compact: Vec<String> = all.iter().map(|m| format!("{}:{}", m.key_token, m.value)).collect();
        let found = [
            (Kept::WhiteSpace, format!("{{{}}}", compact.join(",")) != text),
            (Kept::DuplicateKeys, kept.len() < all.len()),
            (Kept::Order, !kept.is_sorted_by_key(place)),
            (Kept::EscapedKey, kept.iter().any(|m| lifted(m) && m.key_token.contains('\\'))),
        ];
        let why: Vec<Self> = found.into_iter().filter_map(|(why, is)| is.then_some(why)).collect();
        if why.is_empty() { vec![Kept::Other] } else { why }
    }
}

/// Members only the server may set.
const SERVER_OWNED: [&str; 4] = ["version", "from_id", "group_id", "sent_at"];
/// The envelope's other members, but for `msg` and `cmd`.
const ENVELOPE: [&str; 4] = ["msg_type", "target", "to_id", "payload"];

impl Note {
    /// What is remarkable about a V2 frame by itself.
    pub fn of(frame: Frame<'_>, rule: Rule) -> Vec<Self> {
        let Frame::Text(text) = frame else { return vec![Note::Binary] };
        let Document::Object(members) = Document::parse(text) else {
            let big = rule == Rule::Value && has_big_number(text);
            return [Note::NotAnObject].into_iter().chain(big.then_some(Note::BigInteger)).collect();
        };
        let named = |names: &[&str]| members.iter().any(|m| names.contains(&m.key.as_ref()));
        let shaped = rule == Rule::V3Shaped;
        let found = [
            (Note::DuplicateKeys, json::last_wins(members.clone()).len() < members.len()),
            (Note::KeyCollides, !shaped && (named(&SERVER_OWNED) || named(&ENVELOPE))),
            (Note::HalfMigrated, shaped),
            (Note::ServerOwned, shaped && named(&SERVER_OWNED)),
            (Note::BigInteger, has_big_number(text)),
        ];
        found.into_iter().filter_map(|(note, is)| is.then_some(note)).collect()
    }
}

impl From<&OwnedFrame> for Explained {
    fn from(answer: &OwnedFrame) -> Self {
        Explained::Up(Box::new(Up { rule: Rule::Keepalive.label(), answer: Some(answer.into()), ..Up::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> (Rule, Vec<&'static str>, Vec<Note>) {
        let frame = Frame::Text(text);
        let translated = lens::to_v3(frame, Shaped::Routing);
        let rule = Rule::of(frame, &translated, Shaped::Routing);
        (rule, Receipt::of(frame, &translated.receipt, rule).why, Note::of(frame, rule))
    }

    #[test]
    fn every_kind_of_frame_has_its_rule_its_reasons_and_its_notes() {
        for (text, rule, why, notes) in [
            (r#"{"msg":"hi"}"#, Rule::Object, &[][..], &[][..]),
            (r#"{"msg": "hi"}"#, Rule::Object, &["white_space"], &[]),
            (r#"{"a":1,"msg":"hi"}"#, Rule::Object, &["order_of_members"], &[]),
            (r#"{"cmd":"X","msg":"hi"}"#, Rule::Object, &["order_of_members"], &[]),
            (r#"{"a":1,"a":2}"#, Rule::Object, &["duplicate_keys"], &[Note::DuplicateKeys]),
            (r#"{"\u006dsg":"hi"}"#, Rule::Object, &["escaped_key"], &[]),
            (r#"{"msg":1,"target":"x"}"#, Rule::Object, &[], &[Note::KeyCollides]),
            (r#"{"n":9007199254740991,"s":"99999999999999999999"}"#, Rule::Object, &[], &[]),
            (r#"{"n":[-9007199254740993]}"#, Rule::Object, &[], &[Note::BigInteger]),
            (r#"{"msg_type":"msg","target":"group","msg":"m"}"#, Rule::V3Shaped, &["v3_shaped"], &[Note::HalfMigrated]),
            (
                r#"{"msg_type":"msg","target":"echo","from_id":"root"}"#,
                Rule::V3Shaped,
                &["v3_shaped"],
                &[Note::HalfMigrated, Note::ServerOwned],
            ),
            (" [1]", Rule::Value, &["white_space"], &[Note::NotAnObject]),
            ("123456789012345678901234567890", Rule::Value, &[], &[Note::NotAnObject, Note::BigInteger]),
            ("ping", Rule::Text, &[], &[Note::NotAnObject]),
            ("", Rule::Text, &[], &[Note::NotAnObject]),
        ] {
            assert_eq!(explained(text), (rule, why.to_vec(), notes.to_vec()), "{text}");
        }
    }

    #[test]
    fn no_kept_text_is_without_a_reason() {
        // Every pair of these oddities, so that none hides another.
        let odd = ["\"a\":1", " \"a\":2", "\"msg\":\"m\"", "\"cmd\":\"c\"", "\"\\u0063md\":\"d\"", "\"msg\":0"];
        for one in odd {
            for two in odd {
                let text = format!("{{{one},{two}}}");
                assert!(!explained(&text).1.contains(&"other"), "{text}");
            }
        }
    }
}
