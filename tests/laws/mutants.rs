//! Owns wrong lenses. Each is the real one but for one mistake that somebody could make, or that the lens
//! once had, and names the laws that must catch it.

use crate::lens::{Lens, Real};
use aether_proxy::dialect::aether_v3;
use aether_proxy::dialect::flat;
use aether_proxy::dialect::lens::{Annotate, Kind, Translated};
use aether_proxy::dialect::{Frame, HubMessage, HubText, Notes, OwnedFrame, Receipt, Shaped, Wire, wire};
use aether_proxy::envelope::json::{self, Document, Member};
use aether_proxy::envelope::{Draft, Envelope, MsgType};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

type Translate = fn(Frame<'_>, Shaped) -> (Draft<'static>, Kind);

/// A lens put together from parts, each of which can be wrong.
pub struct Mutant {
    pub name: &'static str,
    /// Laws that must catch it.
    pub caught_by: &'static [&'static str],
    translate: Translate,
    /// Must the text be kept? It gets the frame and what comes back without.
    keeps: fn(&OwnedFrame, Option<&OwnedFrame>) -> bool,
    /// Does the receipt lead to what V3 peers see?
    honours: fn(Translate, &OwnedFrame, Kind, &Draft<'_>) -> bool,
    flat: fn(&HubMessage<'_>) -> String,
    hub: fn(&Envelope, Option<&Receipt<'_>>, Wire) -> HubText,
    /// What is done to a legacy frame before it is sent.
    finish: fn(OwnedFrame, Kind) -> OwnedFrame,
}

impl Mutant {
    /// No mutant: the parts as they should be, which no law may blame.
    pub fn right() -> Self {
        RIGHT
    }
}

impl Lens for Mutant {
    fn up(&self, frame: Frame<'_>, shaped: Shaped) -> Translated<'static> {
        let (draft, kind) = (self.translate)(frame, shaped);
        let frame = frame.to_owned();
        let raw = match &frame {
            OwnedFrame::Text(text) if (self.keeps)(&frame, render(&draft, kind).as_ref()) => Some(text.clone().into()),
            _ => None,
        };
        Translated { draft, receipt: Receipt::new(kind, raw) }
    }

    fn hub(&self, sealed: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
        (self.hub)(sealed, receipt, wire)
    }

    fn v2(&self, hub: &str) -> Option<OwnedFrame> {
        let message = HubMessage::read(hub).ok()?;
        if let Some(receipt) = message.receipt() {
            let frame = match &receipt.raw {
                Some(raw) => Some(OwnedFrame::Text(raw.to_string())),
                None => render(message.draft(), receipt.kind),
            };
            let honoured = frame.filter(|frame| (self.honours)(self.translate, frame, receipt.kind, message.draft()));
            if let Some(frame) = honoured {
                return Some((self.finish)(frame, receipt.kind));
            }
        }
        Some(OwnedFrame::Text((self.flat)(&message)))
    }
}

/// The parts as they should be.
const RIGHT: Mutant = Mutant {
    name: "none",
    caught_by: &[],
    translate: right,
    keeps: |frame, back| back != Some(frame),
    honours: rederives,
    flat: |message| flat::flat(message, Annotate::Full),
    hub: wire::write,
    finish: |frame, _| frame,
};

/// The wrong lenses.
pub fn all() -> Vec<Mutant> {
    vec![
        Mutant { name: "through serde_json::Value", caught_by: &["L5"], translate: through_value, ..RIGHT },
        Mutant { name: "the first of equal keys wins", caught_by: &["L5"], translate: first_wins, ..RIGHT },
        Mutant { name: "sorts keys", caught_by: &["L5"], translate: sorts_keys, ..RIGHT },
        Mutant { name: "encodes strings anew", caught_by: &["L5"], translate: encodes_anew, ..RIGHT },
        Mutant { name: "drops an empty payload", caught_by: &["L5"], translate: drops_empty, ..RIGHT },
        Mutant { name: "never looks for V3 shape", caught_by: &["L5"], translate: never_shaped, ..RIGHT },
        Mutant { name: "lifts any msg", caught_by: &["L4"], translate: lifts_any, ..RIGHT },
        Mutant { name: "trims texts", caught_by: &["L5"], translate: trims, ..RIGHT },
        Mutant { name: "takes bytes for text", caught_by: &["L1", "L5"], translate: bytes_as_text, ..RIGHT },
        Mutant { name: "forgets white space", caught_by: &["L1"], keeps: forgets_space, ..RIGHT },
        Mutant { name: "never keeps the text", caught_by: &["L1"], keeps: |_, _| false, ..RIGHT },
        Mutant { name: "trusts receipts", caught_by: &["L7"], honours: |_, _, _, _| true, ..RIGHT },
        Mutant { name: "trusts the kind", caught_by: &["L7"], honours: kind_only, ..RIGHT },
        Mutant { name: "trusts what has the same msg", caught_by: &["L7"], honours: msg_only, ..RIGHT },
        Mutant { name: "knows one way only", caught_by: &["L1"], honours: routing_only, ..RIGHT },
        Mutant { name: "tells {} from nothing", caught_by: &["L1"], honours: exactly, ..RIGHT },
        Mutant { name: "encodes twice", caught_by: &["L1", "L3"], finish: encodes_twice, ..RIGHT },
        Mutant { name: "flat without order", caught_by: &["L2"], flat: |m| without(m, "order"), ..RIGHT },
        Mutant { name: "flat without nested", caught_by: &["L2"], flat: |m| without(m, "nested"), ..RIGHT },
        Mutant { name: "flat without payload", caught_by: &["L2"], flat: |m| without(m, "payload"), ..RIGHT },
        Mutant { name: "flat without one more underscore", caught_by: &["L2"], flat: same_underscores, ..RIGHT },
        Mutant { name: "flat through serde_json::Value", caught_by: &["L2"], flat: flat_value, ..RIGHT },
        Mutant { name: "raw without escapes", caught_by: &["L6"], hub: raw_unescaped, ..RIGHT },
        Mutant { name: "plain wire without a guard", caught_by: &["L6"], hub: unguarded, ..RIGHT },
        Mutant { name: "forgets the account", caught_by: &["L6"], hub: no_account, ..RIGHT },
        Mutant { name: "lets clients stamp", caught_by: &["L4"], hub: client_stamps, ..RIGHT },
    ]
}

fn right(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    let Translated { draft, receipt } = Real.up(frame, shaped);
    (draft, receipt.kind)
}

/// As the lens does it, written again so that its parts can be changed.
fn render(draft: &Draft<'_>, kind: Kind) -> Option<OwnedFrame> {
    let payload = draft.payload.as_deref();
    match kind {
        Kind::Json => {
            let mut all: Vec<String> = Vec::new();
            all.extend(draft.msg.as_ref().map(|t| format!("\"msg\":{t}")));
            all.extend(draft.cmd.as_ref().map(|t| format!("\"cmd\":{t}")));
            let inner = payload.map(|p| p[1..p.len() - 1].trim());
            all.extend(inner.filter(|inner| !inner.is_empty()).map(str::to_owned));
            Some(OwnedFrame::Text(format!("{{{}}}", all.join(","))))
        }
        Kind::Text => json::decode_str(draft.msg.as_deref()?).map(|t| OwnedFrame::Text(t.into_owned())),
        Kind::Value => Some(OwnedFrame::Text(payload?.strip_prefix("{\"value\":")?.strip_suffix('}')?.to_owned())),
        Kind::Binary => {
            let token = payload?.strip_prefix("{\"data_b64\":\"")?.strip_suffix("\"}")?;
            STANDARD.decode(token).ok().map(OwnedFrame::Binary)
        }
    }
}

fn rederives(translate: Translate, frame: &OwnedFrame, kind: Kind, draft: &Draft<'_>) -> bool {
    let mut bare = draft.clone();
    bare.payload = bare.payload.filter(|p| p != "{}");
    [Shaped::Routing, Shaped::Opaque].into_iter().any(|shaped| {
        let (got, got_kind) = translate(frame.borrow(), shaped);
        let is = |got: Draft<'_>| got == *draft || got == bare;
        got_kind == kind && (is(got.clone()) || (kind == Kind::Json && is(got.for_group())))
    })
}

fn kind_only(translate: Translate, frame: &OwnedFrame, kind: Kind, _: &Draft<'_>) -> bool {
    translate(frame.borrow(), Shaped::Routing).1 == kind
}

fn msg_only(translate: Translate, frame: &OwnedFrame, kind: Kind, draft: &Draft<'_>) -> bool {
    let (got, got_kind) = translate(frame.borrow(), Shaped::Routing);
    got_kind == kind && got.msg == draft.msg
}

fn routing_only(translate: Translate, frame: &OwnedFrame, _: Kind, draft: &Draft<'_>) -> bool {
    translate(frame.borrow(), Shaped::Routing).0 == *draft
}

fn exactly(translate: Translate, frame: &OwnedFrame, _: Kind, draft: &Draft<'_>) -> bool {
    [Shaped::Routing, Shaped::Opaque].into_iter().any(|shaped| {
        let got = translate(frame.borrow(), shaped).0;
        got == *draft || got.for_group() == *draft
    })
}

fn forgets_space(frame: &OwnedFrame, back: Option<&OwnedFrame>) -> bool {
    let solid = |frame: &OwnedFrame| match frame {
        OwnedFrame::Text(text) => text.split_whitespace().collect::<String>(),
        OwnedFrame::Binary(_) => String::new(),
    };
    back.map(solid) != Some(solid(frame))
}

/// The members of a JSON object that is not V3-shaped, translated by `with`; all else as it should be.
fn members_with(
    frame: Frame<'_>,
    shaped: Shaped,
    with: impl FnOnce(Vec<Member<'_>>) -> Vec<(String, String)>,
) -> (Draft<'static>, Kind) {
    let (draft, kind) = right(frame, shaped);
    let opaque = right(frame, Shaped::Opaque).0;
    let (Frame::Text(text), Kind::Json, true) = (frame, kind, draft == opaque) else { return (draft, kind) };
    let Document::Object(members) = Document::parse(text) else { return (draft, kind) };
    let (mut msg, mut cmd, mut rest) = (None, None, Vec::new());
    let empty = members.is_empty();
    for (key, value) in with(members) {
        match json::decode_str(&key).as_deref() {
            Some("msg") if value.starts_with('"') => msg = Some(value.into()),
            Some("cmd") if value.starts_with('"') => cmd = Some(value.into()),
            _ => rest.push(format!("{key}:{value}")),
        }
    }
    let mut out = Draft::to_group(if cmd.is_some() { MsgType::Cmd } else { MsgType::Msg });
    (out.msg, out.cmd) = (msg, cmd);
    out.payload = (empty || !rest.is_empty()).then(|| format!("{{{}}}", rest.join(",")).into());
    (out, kind)
}

fn pairs(members: Vec<Member<'_>>) -> Vec<(String, String)> {
    members.into_iter().map(|m| (m.key_token.to_owned(), m.value.to_owned())).collect()
}

/// A token as `serde_json::Value` writes it.
fn anew(token: &str) -> String {
    serde_json::from_str::<Value>(token).map_or_else(|_| token.to_owned(), |value| value.to_string())
}

fn through_value(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    members_with(frame, shaped, |all| {
        json::last_wins(all).into_iter().map(|m| (anew(m.key_token), anew(m.value))).collect()
    })
}

fn first_wins(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    members_with(frame, shaped, |mut all| {
        all.reverse();
        let mut kept = json::last_wins(all);
        kept.reverse();
        pairs(kept)
    })
}

fn sorts_keys(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    members_with(frame, shaped, |all| {
        let mut kept = json::last_wins(all);
        kept.sort_by(|a, b| a.key.cmp(&b.key));
        pairs(kept)
    })
}

fn encodes_anew(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    members_with(frame, shaped, |all| {
        let string = |token: &str| if json::is_string(token) { anew(token) } else { token.to_owned() };
        json::last_wins(all).into_iter().map(|m| (m.key_token.to_owned(), string(m.value))).collect()
    })
}

fn drops_empty(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    let (mut draft, kind) = right(frame, shaped);
    draft.payload = draft.payload.filter(|p| p != "{}");
    (draft, kind)
}

fn never_shaped(frame: Frame<'_>, _: Shaped) -> (Draft<'static>, Kind) {
    right(frame, Shaped::Opaque)
}

fn lifts_any(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    let (mut draft, kind) = members_with(frame, shaped, |all| {
        pairs(json::last_wins(all)).into_iter().filter(|(key, _)| key != "\"msg\"").collect()
    });
    if let (Kind::Json, Frame::Text(text), None) = (kind, frame, &draft.msg) {
        let members = json::last_wins(json::members(text).unwrap_or_default());
        draft.msg = members.iter().find(|m| m.key == "msg").map(|m| m.value.to_owned().into());
    }
    (draft, kind)
}

fn trims(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    match frame {
        Frame::Text(text) => right(Frame::Text(text.trim()), shaped),
        Frame::Binary(_) => right(frame, shaped),
    }
}

fn bytes_as_text(frame: Frame<'_>, shaped: Shaped) -> (Draft<'static>, Kind) {
    match frame {
        Frame::Binary(bytes) => right(Frame::Text(&String::from_utf8_lossy(bytes)), shaped),
        Frame::Text(_) => right(frame, shaped),
    }
}

fn encodes_twice(frame: OwnedFrame, kind: Kind) -> OwnedFrame {
    match (frame, kind) {
        (OwnedFrame::Text(text), Kind::Text) => OwnedFrame::Text(Value::String(text).to_string()),
        (frame, _) => frame,
    }
}

/// The flat rendering, its note changed.
fn without(message: &HubMessage<'_>, name: &str) -> String {
    let text = flat::flat(message, Annotate::Full);
    let mut members = json::tokens(&text).expect("flat is an object");
    let note = members.pop().map(|m| json::tokens(m.value).expect("a note")).unwrap_or_default();
    let object = |all: Vec<Member<'_>>| {
        let all: Vec<_> = all.iter().map(|m| format!("{}:{}", m.key_token, m.value)).collect();
        format!("{{{}}}", all.join(","))
    };
    let note = object(note.into_iter().filter(|m| m.key != name).collect());
    members.push(Member { key_token: "\"_v3\"", key: "_v3".into(), value: &note });
    object(members)
}

fn same_underscores(message: &HubMessage<'_>) -> String {
    flat::flat(message, Annotate::Full).replace("\"__v3\":", "\"_v3\":")
}

fn flat_value(message: &HubMessage<'_>) -> String {
    anew(&flat::flat(message, Annotate::Full))
}

fn raw_unescaped(sealed: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
    let mut text = wire::write(sealed, receipt, wire);
    if let Some(raw) = receipt.and_then(|r| r.raw.as_ref()) {
        let mut token = String::new();
        json::write_str(&mut token, raw);
        text.tail = text.tail.replace(&token, &format!("\"{raw}\""));
    }
    text
}

fn unguarded(sealed: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
    match (receipt, sealed.account(), wire) {
        (None, None, Wire::Plain) => HubText { head: sealed.text().to_owned(), tail: String::new() },
        _ => wire::write(sealed, receipt, wire),
    }
}

fn no_account(sealed: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
    let mut text = wire::write(sealed, receipt, wire);
    if let Some(end) = text.tail.find(",\"k\"") {
        text.tail.replace_range(..end, "");
    }
    text
}

fn client_stamps(sealed: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
    let mut text = wire::write(sealed, receipt, wire);
    let raw = receipt.and_then(|r| r.raw.as_deref()).unwrap_or_default();
    let mut notes = Notes::default();
    let claims = aether_v3::draft(raw, false, &mut notes).is_ok() && notes.overridden > 0;
    let members = json::members(raw).unwrap_or_default();
    let claimed = members.iter().find(|m| m.key == "from_id" && json::is_string(m.value)).filter(|_| claims);
    let own = json::members(sealed.text()).unwrap_or_default();
    if let (Some(claimed), Some(own)) = (claimed, own.iter().find(|m| m.key == "from_id")) {
        let from = format!("\"from_id\":{}", own.value);
        text.head = text.head.replacen(&from, &format!("\"from_id\":{}", claimed.value), 1);
    }
    text
}
