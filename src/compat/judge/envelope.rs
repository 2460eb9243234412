//! Owns how a V3 envelope, and what legacy clients get of one, is held against a case: the case says the content, the
//! server stamps it. It is exact when the stamps stand where the proxy puts them and all else is as written.

use super::subset::is_time;
use super::{Mismatch, Sender, diff, short, told, values};
use crate::compat::Grade;
use crate::dialect::OwnedFrame;
use crate::envelope::json::{self, Member};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a server stamps a message with.
const STAMPS: [&str; 3] = ["from_id", "group_id", "sent_at"];

/// Where stamps stand among the members, and which of the members is absent when it says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `sent_at` is the last of all; an empty payload is none.
    Envelope,
    /// In `_v3`: `sent_at` behind `group_id`; a payload there is always something.
    Note,
    /// Beside `_v3`: every member is the sender's own.
    Loose,
}

/// An envelope of this content.
pub fn sealed(content: &OwnedFrame, sender: &Sender<'_>, came: &OwnedFrame) -> Result<Grade, Mismatch> {
    let (Some(content_members), Some(members)) = (object(content), object(came)) else {
        return Err(no_object(content, came));
    };
    let mut reasons = Vec::new();
    if text_of(&members, "version").as_deref() != Some("3") {
        reasons.push("version is not \"3\"".to_owned());
    }
    let stamps = Stamps::check(&members, sender, &mut reasons);
    let wanted = stamps.put(content_members.clone(), Form::Envelope);
    compare(&content_members, &members, &[&STAMPS[..], &["version"]].concat(), Form::Envelope, &mut reasons);
    verdict(wanted, came, &reasons)
}

/// The flat rendering of a message of this content.
pub fn flat(content: &OwnedFrame, sender: &Sender<'_>, came: &OwnedFrame) -> Result<Grade, Mismatch> {
    let (Some(content_members), Some(members)) = (object(content), object(came)) else {
        return Err(no_object(content, came));
    };
    let Some(note) = value_of(&content_members, "_v3").and_then(|note| json::tokens(note).ok()) else {
        // Nothing is stamped that can be seen.
        return super::same(content, came);
    };
    let mut reasons = Vec::new();
    let own = value_of(&members, "_v3").and_then(|note| json::tokens(note).ok());
    let mut of_note = Vec::new();
    let stamps = Stamps::check(own.as_deref().unwrap_or_default(), sender, &mut of_note);
    match own {
        None => reasons.push("_v3 is missing".to_owned()),
        Some(own) => {
            compare(&note, &own, &STAMPS, Form::Note, &mut of_note);
            reasons.append(&mut of_note);
        }
    }
    let stamped = stamps.put(note, Form::Note);
    let exact = |member: Member<'_>| match member.key.as_ref() {
        "_v3" => format!("{}:{stamped}", member.key_token),
        _ => format!("{}:{}", member.key_token, member.value),
    };
    let wanted: Vec<_> = content_members.iter().cloned().map(exact).collect();
    compare(&content_members, &members, &["_v3"], Form::Loose, &mut reasons);
    verdict(format!("{{{}}}", wanted.join(",")), came, &reasons)
}

/// Do two envelopes say the same to whoever reads them? Absent is null there, and their times are of two runs.
pub fn alike(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (json::tokens(one), json::tokens(other)) else { return false };
    let is_envelope = |members: &[Member<'_>]| {
        let has = |name| text_of(members, name).is_some_and(|text| !text.is_empty());
        text_of(members, "version").as_deref() == Some("3") && ["msg_type", "target", "sent_at"].into_iter().all(has)
    };
    let mut reasons = Vec::new();
    compare(&one, &other, &["sent_at"], Form::Envelope, &mut reasons);
    is_envelope(&one) && is_envelope(&other) && reasons.is_empty()
}

fn verdict(wanted: String, came: &OwnedFrame, reasons: &[String]) -> Result<Grade, Mismatch> {
    let wanted = OwnedFrame::Text(wanted);
    match (reasons.is_empty(), wanted == *came) {
        (true, true) => Ok(Grade::Exact),
        (true, false) => Ok(Grade::Equal),
        (false, _) => Err(Mismatch { why: told(reasons), diff: diff::diff(&wanted, came) }),
    }
}

fn no_object(content: &OwnedFrame, came: &OwnedFrame) -> Mismatch {
    let why = match (object(content), came) {
        (None, _) => "the case itself is wrong: its content is no JSON object",
        (_, OwnedFrame::Binary(_)) => "a binary frame, not an envelope",
        _ => "no JSON object",
    };
    Mismatch { why: why.to_owned(), diff: diff::diff(content, came) }
}

/// What was stamped, as tokens.
struct Stamps<'a> {
    from_id: Cow<'a, str>,
    group_id: Option<Cow<'a, str>>,
    sent_at: Cow<'a, str>,
}

impl<'a> Stamps<'a> {
    /// Looks at the stamps of what came. Those that are known are what they must be, whatever came.
    fn check(members: &[Member<'a>], sender: &Sender<'_>, reasons: &mut Vec<String>) -> Self {
        let mut token = |name: &'static str, wanted: Option<&str>, good: &dyn Fn(&str) -> bool, what: &str| {
            let came = value_of(members, name).filter(|token| !json::is_null(token));
            let text = came.and_then(json::decode_str);
            let is_good = text.as_deref().is_some_and(good);
            if !is_good {
                let is = match (came, text.as_deref()) {
                    (None, _) => "is missing".to_owned(),
                    (Some(_), Some(text)) => format!("is {}", short(text)),
                    (Some(token), None) => format!("is {}", short(token)),
                };
                reasons.push(format!("{name} {is}, not {what}"));
            }
            match (wanted, came) {
                (Some(wanted), _) => Some(Cow::Owned(quoted(wanted))),
                (None, came) => came.filter(|_| is_good).map(Cow::Borrowed),
            }
        };
        let somebody = |id: &str| !id.is_empty() && id != "server";
        let from_id = match sender.id {
            Some(id) => token("from_id", Some(id), &|came| came == id, &format!("its sender {}", short(id))),
            None => token("from_id", None, &somebody, "a client"),
        };
        let group_id = match sender.group {
            Some(id) => token("group_id", Some(id), &|came| came == id, &format!("its sender's {}", short(id))),
            None => value_of(members, "group_id").filter(|token| !json::is_null(token)).map(Cow::Borrowed),
        };
        let sent_at = token("sent_at", None, &is_time, "a time in UTC (RFC 3339)");
        let (id, time) = (Cow::Borrowed("\"<string>\""), Cow::Borrowed("\"<time>\""));
        Self { from_id: from_id.unwrap_or(id), group_id, sent_at: sent_at.unwrap_or(time) }
    }

    /// The members as one object, with the stamps where the proxy puts them.
    fn put(&self, content: Vec<Member<'_>>, form: Form) -> String {
        let addressed = content.iter().any(|member| member.key == "to_id");
        let (mut out, mut put) = (String::from("{"), false);
        let mut push = |key: &str, value: &str| {
            out.push_str(if out.len() > 1 { "," } else { "" });
            out.push_str(&format!("{key}:{value}"));
        };
        if form == Form::Envelope && !content.iter().any(|member| member.key == "version") {
            push("\"version\"", "\"3\"");
        }
        for member in content {
            push(member.key_token, member.value);
            if member.key == "target" {
                push("\"from_id\"", &self.from_id);
            }
            if !put && member.key == if addressed { "to_id" } else { "target" } {
                put = true;
                if let Some(group) = &self.group_id {
                    push("\"group_id\"", group);
                }
                if form == Form::Note {
                    push("\"sent_at\"", &self.sent_at);
                }
            }
        }
        if form == Form::Envelope {
            push("\"sent_at\"", &self.sent_at);
        }
        out.push('}');
        out
    }
}

/// Holds the members of both against each other; some of them are left to others.
fn compare(wanted: &[Member<'_>], came: &[Member<'_>], without: &[&str], form: Form, reasons: &mut Vec<String>) {
    let mut by_key: BTreeMap<&str, [Option<&str>; 2]> = BTreeMap::new();
    for (side, members) in [wanted, came].into_iter().enumerate() {
        for member in members.iter().filter(|member| !without.contains(&member.key.as_ref())) {
            let is_nothing = match form {
                Form::Envelope => {
                    json::is_null(member.value) || member.key == "payload" && values::equal(member.value, "{}")
                }
                Form::Note => json::is_null(member.value),
                Form::Loose => false,
            };
            // Of equal keys the last counts.
            by_key.entry(&member.key).or_default()[side] = (!is_nothing).then_some(member.value);
        }
    }
    for (key, sides) in by_key {
        let what = match sides {
            [None, None] => continue,
            [Some(_), None] => "is missing",
            [None, Some(_)] => "is too much",
            [Some(wanted), Some(came)] if wanted == came || values::equal(wanted, came) => continue,
            [Some(_), Some(_)] => "is another",
        };
        reasons.push(format!("{} {what}", short(key)));
    }
}

fn object(frame: &OwnedFrame) -> Option<Vec<Member<'_>>> {
    match frame {
        OwnedFrame::Text(text) => json::tokens(text).ok(),
        OwnedFrame::Binary(_) => None,
    }
}

fn value_of<'a>(members: &[Member<'a>], key: &str) -> Option<&'a str> {
    members.iter().rev().find(|member| member.key == key).map(|member| member.value)
}

fn text_of<'a>(members: &[Member<'a>], key: &str) -> Option<Cow<'a, str>> {
    value_of(members, key).and_then(json::decode_str)
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    json::write_str(&mut out, text);
    out
}
