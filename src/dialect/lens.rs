//! Owns the lens between V2 and V3 and its laws. For every frame whatsoever:
//! L1 V2→V2 is exact; L2 V3→V2→V3 gives the envelope back (`flat`); L3 translating again
//! changes nothing; L4 the visible envelope is valid; L5 every (last-wins) member token stands verbatim in
//! it; L6 the hub text parses back to the same thing (`wire`); L7 a forged receipt never shows (`original`).

use super::{Frame, HubMessage, OwnedFrame};
use crate::dialect::Notes;
use crate::dialect::aether_v3::Fields;
use crate::envelope::json::{self, Document, Member};
use crate::envelope::{Draft, MsgType};
use crate::label::{Label, labels};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::borrow::Cow;

labels! {
    /// What a V2 frame was, so that it can become the same again.
    pub enum Kind {
        /// A JSON object.
        Json = "json",
        /// Any text that is not JSON.
        Text = "text",
        /// JSON, but no object.
        Value = "value",
        /// A binary frame.
        Binary = "binary",
    }
}

impl Kind {
    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.label() == word)
    }
}

/// What is needed beside the visible envelope to get the V2 frame back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// What it was.
    pub kind: Kind,
    /// The text itself, only where rendering the visible envelope gives something else.
    pub raw: Option<Cow<'a, str>>,
}

/// How a V3-shaped frame on a V2 URL is taken: the half-migrated client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shaped {
    /// Content lifted, target honoured.
    Routing,
    /// Content lifted, to the group.
    Content,
    /// An object like any other.
    Opaque,
}

/// How much of the envelope a V2 client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Annotate {
    /// All: nothing is lost.
    Full,
    /// `from_id` and `group_id`.
    Min,
    /// Nothing.
    Off,
}

/// A V2 frame in V3 words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated<'a> {
    /// What it says.
    pub draft: Draft<'a>,
    /// How it comes back.
    pub receipt: Receipt<'a>,
}

/// Translates any V2 frame.
pub fn to_v3(frame: Frame<'_>, shaped: Shaped) -> Translated<'_> {
    let text = match frame {
        Frame::Text(text) => text,
        Frame::Binary(bytes) => {
            let mut draft = Draft::to_group(MsgType::Msg);
            draft.payload = Some(format!("{{\"data_b64\":\"{}\"}}", STANDARD.encode(bytes)).into());
            return Translated { draft, receipt: Receipt { kind: Kind::Binary, raw: None } };
        }
    };
    let (draft, kind) = match Document::parse(text) {
        Document::Object(members) => (object(json::last_wins(members), shaped), Kind::Json),
        Document::Value(token) => {
            let mut draft = Draft::to_group(MsgType::Msg);
            draft.payload = Some(format!("{{\"value\":{token}}}").into());
            (draft, Kind::Value)
        }
        Document::Invalid => {
            let mut draft = Draft::to_group(MsgType::Msg);
            let mut token = String::with_capacity(text.len() + 2);
            json::write_str(&mut token, text);
            draft.msg = Some(token.into());
            (draft, Kind::Text)
        }
    };
    // Translate, render, compare: whatever does not come back by itself is kept.
    let exact = render(&draft, kind).is_some_and(|again| again.borrow() == frame);
    let raw = (!exact).then_some(Cow::Borrowed(text));
    Translated { draft, receipt: Receipt { kind, raw } }
}

/// An object's members, sorted into the envelope: string `msg` and `cmd` are lifted, everything else stays
/// under its own name in the payload.
fn object<'a>(members: Vec<Member<'a>>, shaped: Shaped) -> Draft<'a> {
    if shaped != Shaped::Opaque {
        if let Some(draft) = lifted(&members) {
            return if shaped == Shaped::Content { draft.for_group() } else { draft };
        }
    }
    let (mut cmd, mut msg, mut payload) = (None, None, String::new());
    if members.is_empty() {
        payload.push('{');
    }
    for member in members {
        match member.key.as_ref() {
            "msg" if json::is_string(member.value) => msg = Some(Cow::Borrowed(member.value)),
            "cmd" if json::is_string(member.value) => cmd = Some(Cow::Borrowed(member.value)),
            _ => push(&mut payload, member.key_token, member.value),
        }
    }
    let mut draft = Draft::to_group(if cmd.is_some() { MsgType::Cmd } else { MsgType::Msg });
    if !payload.is_empty() {
        payload.push('}');
        draft.payload = Some(payload.into());
    }
    draft.cmd = cmd;
    draft.msg = msg;
    draft
}

/// Appends one member to an object that is being written; the brace at its end is the caller's.
fn push(out: &mut String, key_token: &str, value: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    out.push_str(key_token);
    out.push(':');
    out.push_str(value);
}

/// The draft of a V3-shaped object: schema members only, right types, `msg_type` msg or cmd.
fn lifted<'a>(members: &[Member<'a>]) -> Option<Draft<'a>> {
    if !members.iter().any(|m| m.key == "msg_type") {
        return None;
    }
    let mut notes = Notes::default();
    let draft = Fields::sort(members, false, &mut notes).draft().ok()?;
    (notes.unknown == 0 && matches!(draft.msg_type(), MsgType::Msg | MsgType::Cmd)).then_some(draft)
}

/// The frame of this kind whose translation the visible part is, if there is one: canonical form, no
/// white space, `msg`, `cmd`, then the payload's members.
fn render(draft: &Draft<'_>, kind: Kind) -> Option<OwnedFrame> {
    let payload = draft.payload.as_deref();
    match kind {
        Kind::Json => {
            let mut out =
                String::with_capacity(64 + payload.map_or(0, str::len) + draft.msg.as_deref().map_or(0, str::len));
            if let Some(msg) = &draft.msg {
                push(&mut out, "\"msg\"", msg);
            }
            if let Some(cmd) = &draft.cmd {
                push(&mut out, "\"cmd\"", cmd);
            }
            if let Some(inner) = payload.map(inner).filter(|inner| !inner.is_empty()) {
                out.push(if out.is_empty() { '{' } else { ',' });
                out.push_str(inner);
            }
            if out.is_empty() {
                out.push('{');
            }
            out.push('}');
            Some(OwnedFrame::Text(out))
        }
        Kind::Text => Some(OwnedFrame::Text(json::decode_str(draft.msg.as_deref()?)?.into_owned())),
        Kind::Value => {
            let token = payload?.strip_prefix("{\"value\":")?.strip_suffix('}')?;
            Some(OwnedFrame::Text(token.to_owned()))
        }
        Kind::Binary => {
            let token = payload?.strip_prefix("{\"data_b64\":\"")?.strip_suffix("\"}")?;
            Some(OwnedFrame::Binary(STANDARD.decode(token).ok()?))
        }
    }
}

/// What stands between an object's braces.
fn inner(object: &str) -> &str {
    object[1..object.len() - 1].trim_matches([' ', '\t', '\n', '\r'])
}

/// The V2 frame a message was, byte for byte; None for what was never V2, and for a receipt that does not
/// lead to the visible envelope: whoever forged it shows V2 peers just what V3 peers see.
pub fn original(message: &HubMessage<'_>) -> Option<OwnedFrame> {
    let receipt = message.receipt()?;
    let frame = match (&receipt.raw, receipt.kind) {
        (Some(raw), Kind::Json | Kind::Value | Kind::Text) => OwnedFrame::Text(raw.as_ref().to_owned()),
        (Some(_), Kind::Binary) => return None,
        (None, kind) => render(message.draft(), kind)?,
    };
    rederives(&frame, receipt.kind, message.draft()).then_some(frame)
}

/// Does translating the frame give this draft, in one of the ways a mount may be set to?
fn rederives(frame: &OwnedFrame, kind: Kind, draft: &Draft<'_>) -> bool {
    let routed = to_v3_draft(frame.borrow(), Shaped::Routing);
    if routed.1 != kind {
        return false;
    }
    if same(&routed.0, draft) {
        return true;
    }
    // A broadcast by one who may not went to the group; or the mount takes content only, or nothing.
    kind == Kind::Json
        && (same(&routed.0.for_group(), draft) || same(&to_v3_draft(frame.borrow(), Shaped::Opaque).0, draft))
}

/// Equal, but for an absent payload that was written as an empty one (`envelope.nulls = "include"`).
fn same(translated: &Draft<'_>, seen: &Draft<'_>) -> bool {
    let absent = translated.payload.is_none() && seen.payload.as_deref() == Some("{}");
    let payload = if absent { None } else { seen.payload.as_deref() };
    translated.msg_type() == seen.msg_type()
        && translated.target() == seen.target()
        && translated.to_id() == seen.to_id()
        && translated.cmd == seen.cmd
        && translated.msg == seen.msg
        && translated.payload.as_deref() == payload
}

/// `to_v3` without the receipt.
fn to_v3_draft(frame: Frame<'_>, shaped: Shaped) -> (Draft<'_>, Kind) {
    if let Frame::Text(text) = frame {
        if let Document::Object(members) = Document::parse(text) {
            return (object(json::last_wins(members), shaped), Kind::Json);
        }
    }
    let translated = to_v3(frame, shaped);
    (translated.draft, translated.receipt.kind)
}
