//! Owns the lens between V2 and V3 and its laws. For every frame whatsoever:
//! L1 V2→V2 is exact; L2 V3→V2→V3 gives the envelope back (`flat`); L3 translating again
//! changes nothing; L4 the visible envelope is valid; L5 every (last-wins) member token stands verbatim in
//! it; L6 the hub text parses back to the same thing (`wire`); L7 a forged receipt never shows (`original`).

use super::{Frame, HubMessage, OwnedFrame};
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

/// Bytes of a frame whose white space around it is told to peers.
const MOST_RAW: usize = 64 * 1024;

/// What is needed beside the visible envelope to get the V2 frame back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// What it was.
    pub kind: Kind,
    /// The text itself, only where rendering the visible envelope gives something else.
    pub raw: Option<Cow<'a, str>>,
    /// The dialect that it was said in; None: Aether V2. Only that dialect takes it back by this receipt.
    pub dialect: Option<Cow<'a, str>>,
}

impl<'a> Receipt<'a> {
    /// Of an Aether V2 frame.
    pub fn new(kind: Kind, raw: Option<Cow<'a, str>>) -> Self {
        Self { kind, raw, dialect: None }
    }

    /// Of a JSON object in another dialect that stands in the envelope verbatim.
    pub fn verbatim(dialect: &'a str) -> Self {
        Self { kind: Kind::Json, raw: None, dialect: Some(Cow::Borrowed(dialect)) }
    }

    /// The same, of a frame with white space around the object. Of a large frame that is not kept: it says nothing,
    /// and the frame would be on the hub twice, which may be more than the hub takes.
    pub fn around(dialect: &'a str, frame: &'a str, object: &str) -> Self {
        let raw = (object.len() < frame.len() && frame.len() <= MOST_RAW).then_some(Cow::Borrowed(frame));
        Self { raw, ..Self::verbatim(dialect) }
    }
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
            return Translated { draft, receipt: Receipt::new(Kind::Binary, None) };
        }
    };
    let (draft, kind, exact) = match Document::parse(text) {
        Document::Object(members) => {
            let draft = object(&json::last_wins(members), shaped);
            // Translate, render, compare: whatever does not come back by itself is kept.
            let exact = is_rendering(&draft, text);
            (draft, Kind::Json, exact)
        }
        Document::Value(token) => {
            let mut draft = Draft::to_group(MsgType::Msg);
            draft.payload = Some(["{\"value\":", token, "}"].concat().into());
            (draft, Kind::Value, token.len() == text.len())
        }
        Document::Invalid => {
            let mut draft = Draft::to_group(MsgType::Msg);
            let mut token = String::new();
            json::write_str(&mut token, text);
            draft.msg = Some(token.into());
            (draft, Kind::Text, true)
        }
    };
    let raw = (!exact).then_some(Cow::Borrowed(text));
    Translated { draft, receipt: Receipt::new(kind, raw) }
}

/// An object's (last-wins) members, sorted into the envelope: of a V3-shaped one the content is lifted; of
/// any other string `msg` and `cmd`, and everything else stays under its own name in the payload.
fn object<'a>(members: &[Member<'a>], shaped: Shaped) -> Draft<'a> {
    if let Some(draft) = lifted(members).filter(|_| shaped != Shaped::Opaque) {
        return if shaped == Shaped::Content { draft.for_group() } else { draft };
    }
    let size = members.iter().map(|m| m.key_token.len() + m.value.len() + 2).sum::<usize>();
    let mut payload = String::with_capacity(size + 2);
    let (mut draft, has_payload) = sorted(members, &mut payload);
    draft.payload = has_payload.then(|| payload.into());
    draft
}

/// The draft of an object like any other but for its payload, which goes to the sink, if there is one.
fn sorted<'a>(members: &[Member<'a>], payload: &mut impl Sink) -> (Draft<'a>, bool) {
    let (mut cmd, mut msg, mut before) = (None, None, "{");
    for member in members {
        match member.key.as_ref() {
            "msg" if json::is_string(member.value) => msg = Some(Cow::Borrowed(member.value)),
            "cmd" if json::is_string(member.value) => cmd = Some(Cow::Borrowed(member.value)),
            _ => {
                for part in [before, member.key_token, ":", member.value] {
                    payload.put(part);
                }
                before = ",";
            }
        }
    }
    if members.is_empty() {
        payload.put("{");
    }
    let has_payload = members.is_empty() || before == ",";
    if has_payload {
        payload.put("}");
    }
    let mut draft = Draft::to_group(if cmd.is_some() { MsgType::Cmd } else { MsgType::Msg });
    (draft.cmd, draft.msg) = (cmd, msg);
    (draft, has_payload)
}

/// Is an object with these (last-wins) members V3-shaped: a message of a half-migrated client?
pub fn is_shaped(members: &[Member<'_>]) -> bool {
    lifted(members).is_some()
}

/// The draft of a V3-shaped object: schema members only, right types, `msg_type` msg or cmd.
fn lifted<'a>(members: &[Member<'a>]) -> Option<Draft<'a>> {
    if !members.iter().any(|m| m.key == "msg_type") {
        return None;
    }
    let mut fields = Fields::default();
    for member in members {
        fields.take(&member.key, member.value);
    }
    let draft = if fields.unknown == 0 { fields.draft().ok()? } else { return None };
    matches!(draft.msg_type(), MsgType::Msg | MsgType::Cmd).then_some(draft)
}

/// Where a text is written to, or compared with what is there already.
pub(super) trait Sink {
    /// One part more.
    fn put(&mut self, part: &str);
}

impl Sink for String {
    fn put(&mut self, part: &str) {
        self.push_str(part);
    }
}

/// What is left of a text once the parts put so far are taken from its front; None when they differ.
pub(super) struct Left<'a>(Option<&'a str>);

impl Sink for Left<'_> {
    fn put(&mut self, part: &str) {
        self.0 = self.0.and_then(|left| left.strip_prefix(part));
    }
}

impl<'a> Left<'a> {
    /// All of it.
    pub fn of(text: &'a str) -> Self {
        Self(Some(text))
    }

    /// Every part was there, and nothing else is.
    pub fn is_nothing(&self) -> bool {
        self.0 == Some("")
    }
}

/// The object whose translation the draft is, in canonical form: no white space, `msg`, `cmd`, then the
/// payload's members.
fn render_object(draft: &Draft<'_>, out: &mut impl Sink) {
    let inner = draft.payload.as_deref().map(inner).filter(|inner| !inner.is_empty());
    let members = [("\"msg\":", draft.msg.as_deref()), ("\"cmd\":", draft.cmd.as_deref()), ("", inner)];
    let mut before = "{";
    for (name, token) in members {
        if let Some(token) = token {
            for part in [before, name, token] {
                out.put(part);
            }
            before = ",";
        }
    }
    if before == "{" {
        out.put("{");
    }
    out.put("}");
}

/// Is the text what `render_object` would write?
fn is_rendering(draft: &Draft<'_>, text: &str) -> bool {
    let mut left = Left::of(text);
    render_object(draft, &mut left);
    left.is_nothing()
}

/// The frame of this kind whose translation the visible part is, if there is one.
fn render(draft: &Draft<'_>, kind: Kind) -> Option<OwnedFrame> {
    let payload = draft.payload.as_deref();
    match kind {
        Kind::Json => {
            let text = |token: Option<&str>| token.map_or(0, str::len);
            let mut out =
                String::with_capacity(20 + text(payload) + text(draft.msg.as_deref()) + text(draft.cmd.as_deref()));
            render_object(draft, &mut out);
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
    original_by(message.receipt().filter(|receipt| receipt.dialect.is_none())?, message.draft())
}

/// The same by the receipt of a dialect that takes such frames as Aether V2 does.
pub(super) fn original_by(receipt: &Receipt<'_>, draft: &Draft<'_>) -> Option<OwnedFrame> {
    let frame = match (&receipt.raw, receipt.kind) {
        (Some(raw), Kind::Json | Kind::Value | Kind::Text) => OwnedFrame::Text(raw.as_ref().to_owned()),
        (Some(_), Kind::Binary) => return None,
        (None, kind) => render(draft, kind)?,
    };
    rederives(frame.borrow(), receipt.kind, draft).then_some(frame)
}

/// Does translating the frame give this draft, in one of the ways a mount may be set to?
fn rederives(frame: Frame<'_>, kind: Kind, draft: &Draft<'_>) -> bool {
    if let Frame::Text(text) = frame
        && let Document::Object(members) = Document::parse(text)
    {
        let members = json::last_wins(members);
        // Or the content was lifted: as it was sent; or to the group, which is where a broadcast by one who
        // may not goes, and everything on a mount that honours no target.
        let is_lifted = |lifted: Draft<'_>| same(&lifted, draft) || same(&lifted.for_group(), draft);
        return kind == Kind::Json && (is_opaque(&members, draft) || lifted(&members).is_some_and(is_lifted));
    }
    let translated = to_v3(frame, Shaped::Opaque);
    translated.receipt.kind == kind && same(&translated.draft, draft)
}

/// Is the draft what becomes of these members when they are an object like any other? Nothing is built.
fn is_opaque(members: &[Member<'_>], draft: &Draft<'_>) -> bool {
    let mut left = Left::of(draft.payload.as_deref().unwrap_or_default());
    let (mut translated, has_payload) = sorted(members, &mut left);
    if has_payload {
        if !left.is_nothing() {
            return false;
        }
        translated.payload = draft.payload.as_deref().map(Cow::Borrowed);
    }
    same(&translated, draft)
}

/// Equal, but for an absent payload that was written as an empty one (`envelope.nulls = "include"`).
pub(super) fn same(translated: &Draft<'_>, seen: &Draft<'_>) -> bool {
    let absent = translated.payload.is_none() && seen.payload.as_deref() == Some("{}");
    translated.msg_type() == seen.msg_type()
        && translated.target() == seen.target()
        && translated.to_id() == seen.to_id()
        && translated.cmd == seen.cmd
        && translated.msg == seen.msg
        && (absent || translated.payload == seen.payload)
}
