//! Owns the laws of the lens, each a plain function that says what is broken. Where a law says "the same",
//! an absent payload and `{}` are the same under `nulls = include`, which writes them alike.

use super::lens::{Lens, Real, SENT_AT, Sample, send, send_native};
use aether_proxy::dialect::aether_v3;
use aether_proxy::dialect::lens::Kind;
use aether_proxy::dialect::{HubMessage, Notes, OwnedFrame, Receipt, Shaped, Wire, wire};
use aether_proxy::envelope::json::{self, Document, Member};
use aether_proxy::envelope::{AccountId, Draft, Envelope, MsgType, Nulls, Target, seal};
use base64::{Engine, engine::general_purpose::STANDARD};

pub type Law = fn(&dyn Lens, &Sample) -> Result<(), String>;

/// All, by name.
pub const LAWS: [(&str, Law); 7] = [("L1", l1), ("L2", l2), ("L3", l3), ("L4", l4), ("L5", l5), ("L6", l6), ("L7", l7)];

fn holds(is: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(otherwise()) }
}

/// V2 to V2: bytes and opcode are exact.
pub fn l1(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    let sent = send(lens, sample);
    let got = lens.v2(&sent.hub);
    holds(got.as_ref() == Some(&sample.frame), || format!("hub {:?} gave {got:?}", sent.hub))
}

/// V3 to V2 to V3: the envelope is the same again, but for white space between the payload's own members.
pub fn l2(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    let hub = send_native(lens, sample).1;
    let Some(OwnedFrame::Text(flat)) = lens.v2(&hub) else { return Err(format!("{hub:?} is not shown to V2")) };
    holds(json::tokens(&flat).is_ok(), || format!("{flat:?} is no JSON object"))?;
    let Some(back) = lens.restore(&flat) else { return Err(format!("{flat:?} does not come back")) };
    let how = &sample.how;
    let stamps = [back.from_id.as_deref(), back.group_id.as_deref(), back.sent_at.as_deref()];
    holds(stamps == [Some(how.client.as_str()), Some(how.group.as_str()), Some(SENT_AT)], || format!("{stamps:?}"))?;
    let again = seal(&solid(back.draft), &how.origin(), SENT_AT, how.nulls);
    let sealed = seal(&solid(sample.native.clone()), &how.origin(), SENT_AT, how.nulls);
    holds(again.text() == sealed.text(), || format!("{flat:?} gave {:?}", again.text()))
}

/// The payload without white space between its own members.
fn solid(mut draft: Draft<'_>) -> Draft<'_> {
    if let Some(payload) = &draft.payload {
        let members: Vec<_> = json::tokens(payload).expect("a payload is an object");
        let members: Vec<_> = members.iter().map(|m| format!("{}:{}", m.key_token, m.value)).collect();
        draft.payload = Some(format!("{{{}}}", members.join(",")).into());
    }
    draft
}

/// Translating again what came back changes nothing.
pub fn l3(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    let sent = send(lens, sample);
    let Some(back) = lens.v2(&sent.hub) else { return Err("nothing came back".into()) };
    let again = send(lens, &Sample { frame: back, ..sample.clone() });
    holds(again.draft == sent.draft && again.receipt == sent.receipt && again.hub == sent.hub, || {
        format!("{:?} became {:?}", sent.hub, again.hub)
    })
}

/// The visible envelope is valid, says who, whence and when by the server's word alone, and has the members
/// of the guide in its order, each once.
pub fn l4(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    const ORDER: [&str; 10] =
        ["version", "msg_type", "target", "from_id", "to_id", "group_id", "cmd", "msg", "payload", "sent_at"];
    for hub in [send(lens, sample).hub, send_native(lens, sample).1] {
        let Some(text) = lens.v3(&hub) else { return Err(format!("{hub:?} is not shown to V3")) };
        let mut notes = Notes::default();
        let draft = aether_v3::draft(&text, true, &mut notes).map_err(|problems| format!("{text:?}: {problems:?}"))?;
        holds(!(draft.target() == Target::Direct && draft.to_id().is_none()), || text.clone())?;
        let members = json::members(&text).map_err(|e| e.to_string())?;
        let mut order = ORDER.iter();
        holds(members.iter().all(|m| order.any(|name| *name == m.key)), || format!("order of {text:?}"))?;
        let text_of = |name: &str| members.iter().find(|m| m.key == name).and_then(|m| json::decode_str(m.value));
        for (name, want) in
            [("version", "3"), ("from_id", &sample.how.client), ("group_id", &sample.how.group), ("sent_at", SENT_AT)]
        {
            holds(text_of(name).as_deref() == Some(want), || format!("{name} in {text:?}"))?;
        }
    }
    Ok(())
}

/// Every (last-wins) member token of the V2 frame stands verbatim in the envelope, in order, and nothing is
/// invented; of a V3-shaped frame, the content.
pub fn l5(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    let sent = send(lens, sample);
    let Some(visible) = lens.v3(&sent.hub) else { return Err("not shown to V3".into()) };
    let members = json::members(&visible).map_err(|e| e.to_string())?;
    let token = |name: &str| members.iter().find(|m| m.key == name && m.value != "null").map(|m| m.value);
    let (cmd, msg, payload) = (token("cmd"), token("msg"), token("payload"));
    let payload = payload.filter(|p| sample.how.nulls == Nulls::Omit || *p != "{}");
    let wrong = |what: &str| format!("{what} in {visible:?}");
    let alone = |value: Option<&str>, other: [Option<&str>; 2]| value.is_some() && other == [None, None];
    let text = match &sample.frame {
        OwnedFrame::Binary(bytes) => {
            let want = format!("{{\"data_b64\":\"{}\"}}", STANDARD.encode(bytes));
            return holds(payload == Some(&want) && alone(payload, [cmd, msg]), || wrong("bytes"));
        }
        OwnedFrame::Text(text) => text,
    };
    let all = match Document::parse(text) {
        Document::Invalid => {
            let is = msg.and_then(json::decode_str).is_some_and(|t| t == *text);
            return holds(is && alone(msg, [cmd, payload]), || wrong("text"));
        }
        Document::Value(value) => {
            let want = format!("{{\"value\":{value}}}");
            return holds(payload == Some(&want) && alone(payload, [cmd, msg]), || wrong("value"));
        }
        Document::Object(all) => json::last_wins(all),
    };
    if sample.how.shaped != Shaped::Opaque && is_shaped(&all) {
        let said = |name: &str| all.iter().find(|m| m.key == name && m.value != "null").map(|m| m.value);
        holds(said("cmd") == cmd && said("msg") == msg, || wrong("content"))?;
        let whole = said("payload").filter(|p| sample.how.nulls == Nulls::Omit || *p != "{}");
        holds(whole == payload, || wrong("payload"))?;
        let text_of = |token: Option<&str>| token.and_then(|t| json::decode_str(t).map(|t| t.into_owned()));
        holds(text_of(said("to_id")) == text_of(token("to_id")), || wrong("addressee"))?;
        let target = text_of(said("target")).unwrap_or_default();
        let target = match (sample.how.shaped, target.as_str()) {
            (Shaped::Content, _) => "group",
            (_, "broadcast") if sample.how.denied => "group",
            (_, other) => other,
        };
        return holds(text_of(token("target")).as_deref() == Some(target), || wrong("target"));
    }
    holds(token("to_id").is_none() && token("target") == Some("\"group\""), || wrong("routing"))?;
    let mut rest = Vec::new();
    for member in &all {
        match member.key.as_ref() {
            "msg" if json::is_string(member.value) => holds(msg == Some(member.value), || wrong("msg"))?,
            "cmd" if json::is_string(member.value) => holds(cmd == Some(member.value), || wrong("cmd"))?,
            _ => rest.push((member.key_token, member.value)),
        }
    }
    let lifted = [msg, cmd].iter().flatten().count();
    holds(rest.len() + lifted == all.len(), || wrong("invented msg or cmd"))?;
    let there: Vec<_> = match payload {
        Some(token) => json::tokens(token).map_err(|e| e.to_string())?,
        None => Vec::new(),
    };
    holds(there.iter().map(|m| (m.key_token, m.value)).eq(rest.iter().copied()), || wrong("payload members"))?;
    let wanted = !rest.is_empty() || (all.is_empty() && sample.how.nulls == Nulls::Omit);
    holds(payload.is_some() == wanted, || wrong("presence of payload"))
}

/// Is this what the design calls V3-shaped? Written apart from the lens.
fn is_shaped(all: &[Member<'_>]) -> bool {
    let get = |name: &str| all.iter().find(|m| m.key == name && m.value != "null").map(|m| m.value);
    let word = |name: &str| get(name).and_then(|t| json::decode_str(t).map(|t| t.into_owned())).unwrap_or_default();
    let is_id = |id: &str| !id.is_empty() && !id.chars().any(char::is_control);
    let types = all.iter().all(|m| match m.key.as_ref() {
        _ if m.value == "null" => {
            matches!(
                m.key.as_ref(),
                "version"
                    | "msg_type"
                    | "target"
                    | "from_id"
                    | "to_id"
                    | "group_id"
                    | "cmd"
                    | "msg"
                    | "payload"
                    | "sent_at"
            )
        }
        "version" | "msg_type" | "target" | "from_id" | "to_id" | "group_id" | "cmd" | "msg" | "sent_at" => {
            m.value.starts_with('"')
        }
        "payload" => m.value.starts_with('{'),
        _ => false,
    });
    types
        && MsgType::parse(&word("msg_type")).is_some_and(|t| matches!(t, MsgType::Msg | MsgType::Cmd))
        && Target::parse(&word("target")).is_some()
        && get("to_id").map_or(word("target") != "direct", |_| is_id(&word("to_id")))
}

/// The hub text parses back to the same thing.
pub fn l6(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    let sent = send(lens, sample);
    let (native, native_hub) = send_native(lens, sample);
    for (hub, sealed, draft, receipt) in
        [(&sent.hub, &sent.sealed, &sent.draft, Some(&sent.receipt)), (&native_hub, &native, &sample.native, None)]
    {
        let read = HubMessage::read(hub).map_err(|e| format!("{hub:?}: {e}"))?;
        let mut draft = draft.clone();
        if sample.how.nulls == Nulls::Include && draft.payload.is_none() {
            draft.payload = Some("{}".into());
        }
        let how = &sample.how;
        holds(read.visible() == sealed.text(), || format!("{hub:?}: visible {:?}", read.visible()))?;
        holds(*read.draft() == draft, || format!("{hub:?}: draft {:?}", read.draft()))?;
        holds(read.receipt() == receipt, || format!("{hub:?}: receipt {:?}", read.receipt()))?;
        holds(read.account().map(AccountId::as_str) == how.account.as_deref(), || format!("{hub:?}: account"))?;
        let stamps = (read.from_id(), read.group_id(), read.sent_at());
        let want = (Some(how.client.as_str()), Some(how.group.as_str()), Some(SENT_AT));
        holds(stamps == want, || format!("{hub:?}: {stamps:?}"))?;
        let journal = (how.stamped && how.wire == Wire::Extended).then_some(("epoch-1", u64::MAX));
        holds(read.stamp() == journal, || format!("{hub:?}: stamp {:?}", read.stamp()))?;
    }
    Ok(())
}

/// A forged receipt never shows: whatever stands on the hub, V2 peers see what translates to what V3 peers see.
pub fn l7(lens: &dyn Lens, sample: &Sample) -> Result<(), String> {
    let (how, forgery) = (&sample.how, &sample.forgery);
    let sent = send(lens, sample);
    let own_text = match &sample.frame {
        OwnedFrame::Text(text) => Some(text.as_str()),
        OwnedFrame::Binary(_) => None,
    };
    let forged = |sealed: &Envelope, kind: Kind, raw: Option<&str>| {
        how.text(&wire::write(sealed, Some(&Receipt::new(kind, raw.map(Into::into))), how.wire))
    };
    let native = seal(&sample.native, &how.origin(), SENT_AT, how.nulls);
    let edited = own_text.map(|text| forgery.edit.apply(text));
    for hub in [
        forged(&sent.sealed, forgery.kind, forgery.raw.as_deref()),
        forged(&sent.sealed, sent.receipt.kind, edited.as_deref()),
        forged(&native, forgery.kind, None),
        forged(&native, sent.receipt.kind, own_text),
        forgery.edit.apply(&sent.hub),
        forgery.text.clone(),
    ] {
        shows_the_same(lens, &hub)?;
    }
    Ok(())
}

/// Law L7 for one text of the hub.
pub fn shows_the_same(lens: &dyn Lens, hub: &str) -> Result<(), String> {
    let Some(v3) = lens.v3(hub) else { return Ok(()) };
    let mut notes = Notes::default();
    let seen = aether_v3::draft(&v3, false, &mut notes).map_err(|p| format!("{hub:?}: V3 sees {v3:?}: {p:?}"))?;
    let Some(v2) = lens.v2(hub) else { return Err(format!("{hub:?}: V2 sees nothing")) };
    let same = |draft: Draft<'_>| {
        let draft = solid(draft);
        let mut seen = solid(seen.clone());
        if draft.payload.is_none() && seen.payload.as_deref() == Some("{}") {
            seen.payload = None;
        }
        draft == seen
    };
    if let OwnedFrame::Text(text) = &v2
        && lens.restore(text).is_some_and(|flat| same(flat.draft))
    {
        return Ok(());
    }
    let is = [Shaped::Routing, Shaped::Content, Shaped::Opaque].into_iter().any(|shaped| {
        let draft = Real.up(v2.borrow(), shaped).draft;
        same(draft.clone()) || same(draft.for_group())
    });
    holds(is, || format!("{hub:?}: V3 sees {v3:?}, V2 sees {v2:?}"))
}
