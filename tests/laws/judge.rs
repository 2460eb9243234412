//! The laws of the judge of the compatibility suite: it is never put off, it is as strict as bytes where it says exact, as
//! right as a second reading of JSON where it says equal, and it knows what the proxy makes of a message.

use aether_proxy::compat::judge::{self, Mismatch};
use aether_proxy::compat::suite::{Pattern, Written, Wrong};
use aether_proxy::compat::{Grade, Ids};
use aether_proxy::dialect::aether_v2::Hears;
use aether_proxy::dialect::lens::Annotate;
use aether_proxy::dialect::{HubMessage, OwnedFrame, View};
use aether_proxy::envelope::json::any_number;
use aether_proxy::envelope::{ClientId, Draft, GroupId, Nulls, Origin, seal};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes and lines of a diff.
const DIFF: (usize, usize) = (4096, 60);
/// Digits that a second reading keeps.
const SHORT: usize = 15;
const FULL: View = View::AetherV2(Hears { annotate: Annotate::Full, as_envelope: false, presence: true });

/// Whatever is wanted and whatever comes.
pub fn strict(wanted: &str, came: &OwnedFrame) -> Result<(), String> {
    let own = OwnedFrame::Text(wanted.to_owned());
    let there = judged(&Pattern::Frame(Written::text_of(wanted)), came)?;
    let same = judged(&Pattern::Frame(Written::text_of(wanted)), &own)?;
    if same != Some(Grade::Exact) {
        return Err(format!("a frame is not itself: {same:?}"));
    }
    if (there == Some(Grade::Exact)) != (own == *came) {
        return Err(format!("{there:?}, but the bytes say otherwise"));
    }
    if let OwnedFrame::Text(text) = came {
        let back = judged(&Pattern::Frame(Written::text_of(text.as_str())), &own)?;
        if back != there {
            return Err(format!("{there:?}, but the other way round {back:?}"));
        }
        by_value(wanted, text, there)?;
    }
    for pattern in patterns(wanted) {
        judged(&pattern, came)?;
    }
    judge::is_presence_noise(came);
    Ok(())
}

/// Holds the verdict over two texts against what serde_json reads, as far as it reads it.
fn by_value(one: &str, other: &str, verdict: Option<Grade>) -> Result<(), String> {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (Some(a), Some(b)) = (read(one), read(other)) else { return Ok(()) };
    if verdict.is_some() && rounded(&a) != rounded(&b) {
        return Err(format!("{verdict:?}, but the values are others: {a} {b}"));
    }
    let long = |text: &str| any_number(text, |number| number.len() > SHORT || number.contains(['e', 'E']));
    if verdict.is_none() && !long(one) && !long(other) && rounded(&a) == rounded(&b) {
        return Err(format!("no verdict, but the values are the same: {a}"));
    }
    Ok(())
}

/// With every number as the nearest double: equal decimals have one.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, |near| (near + 0.0).into()),
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

/// What the proxy makes of a message, for V3 clients and for legacy ones, is exactly what its content promises; with nulls
/// it is equal; and of another message it is neither.
pub fn knows(draft: &Draft<'_>, other: &Draft<'_>) -> Result<(), String> {
    let (ids, at) = (ids(), "2026-03-11T12:34:56.789Z");
    let client = ClientId::new(ids.client("al"), 99).map_err(|e| e.to_string())?;
    let group = ids.group_of("al").and_then(|group| GroupId::new(group, 99).ok());
    let origin = Origin { client, group, account: None };
    let content = draft.content();
    let wanted = |content: &str| (Written::text_of(content), "al".to_owned());
    let (content_of_it, from) = wanted(&content);
    let envelope = Pattern::Envelope { content: content_of_it, from };
    for nulls in [Nulls::Omit, Nulls::Include] {
        let sealed = OwnedFrame::Text(seal(draft, &origin, at, nulls).into_text());
        let verdict = judged(&envelope, &sealed)?;
        if verdict != Some(Grade::Exact) && (nulls == Nulls::Omit || verdict.is_none()) {
            return Err(format!("{verdict:?}: {content} {sealed:?}"));
        }
    }
    let foreign = OwnedFrame::Text(seal(other, &origin, at, Nulls::Omit).into_text());
    if judged(&envelope, &foreign)? == Some(Grade::Exact) && other.content() != content {
        return Err(format!("{content} is taken for {foreign:?}"));
    }
    // An empty receipt behind it, so that a `_v2` in the payload is nobody's receipt.
    let flat = |text: &str| {
        let text = format!("{},\"_hub\":{{}}}}", &text[..text.len() - 1]);
        HubMessage::read(&text).ok().and_then(|message| FULL.downgrade(&message).ok())
    };
    let sealed = seal(draft, &origin, at, Nulls::Omit);
    if let (Some(OwnedFrame::Text(unstamped)), Some(stamped)) = (flat(&content), flat(sealed.text())) {
        let (content, from) = wanted(&unstamped);
        let verdict = judged(&Pattern::Flat { content, from }, &stamped)?;
        if verdict != Some(Grade::Exact) {
            return Err(format!("{verdict:?}: {unstamped} {stamped:?}"));
        }
    }
    Ok(())
}

fn ids() -> Ids {
    let clients = serde_json::from_str(r#"{"al":{"speaks":"v3","id":"a\"l"}}"#).expect("clients");
    Ids::new("t", &clients, &BTreeMap::new(), false)
}

/// The verdict; what is said of a wrong frame must be short.
fn judged(pattern: &Pattern, came: &OwnedFrame) -> Result<Option<Grade>, String> {
    match judge::frame(pattern, 0, came, &ids()) {
        Ok(grade) => Ok(Some(grade)),
        Err(Mismatch { why, diff }) => {
            let signed = diff.lines().all(|line| line.starts_with(['-', '+', ' ']));
            let short = diff.len() <= DIFF.0 && diff.lines().count() <= DIFF.1;
            let line = !why.is_empty() && why.len() < 1000 && !why.contains(char::is_control);
            if signed && short && line { Ok(None) } else { Err(format!("said badly: {why:?} {diff:?}")) }
        }
    }
}

/// Every sort of pattern that can be made of a text.
fn patterns(text: &str) -> Vec<Pattern> {
    let (content, name) = (Written::text_of(text), |name: &str| name.to_owned());
    let wrong = Wrong { loc: vec![name(text)], r#type: name("missing"), msg: Some(name(text)) };
    let mut all = vec![
        Pattern::Envelope { content: content.clone(), from: name("al") },
        Pattern::Envelope { content: content.clone(), from: name("<any>") },
        Pattern::Flat { content: content.clone(), from: name("server") },
        Pattern::Now(content),
        Pattern::Errors(vec![wrong]),
        Pattern::Presence { event: name(text), of: name("al") },
    ];
    if let Ok(Value::Object(members)) = serde_json::from_str(text) {
        all.push(Pattern::Json(members));
    }
    all
}
