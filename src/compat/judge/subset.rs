//! Owns patterns of JSON: an object that has these members at least, with words that stand for any value of a sort.

use super::values::{Id, Value, Values};
use super::{Mismatch, diff, short, told};
use crate::compat::Grade;
use crate::dialect::OwnedFrame;
use serde_json::{Map, Value as Wanted};

/// Any value. As a sender: any client.
pub const ANY: &str = "<any>";
/// Any text.
pub const STRING: &str = "<string>";
/// Any time, written as RFC 3339 in UTC.
pub const TIME: &str = "<time>";
const NUMBER: &str = "<number>";
const ABSENT: &str = "<absent>";

/// The frame is an object with these members at least.
pub fn matches(wanted: &Map<String, Wanted>, came: &OwnedFrame) -> Result<Grade, Mismatch> {
    let mut values = Values::default();
    let read = match came {
        OwnedFrame::Text(text) => values.read(text),
        OwnedFrame::Binary(_) => None,
    };
    let mut reasons = Vec::new();
    match read {
        None => reasons.push("no JSON object".to_owned()),
        Some(frame) => members(wanted, &values, frame, &mut reasons),
    }
    if reasons.is_empty() {
        return Ok(Grade::Exact);
    }
    let wanted = OwnedFrame::Text(Wanted::Object(wanted.clone()).to_string());
    Err(Mismatch { why: told(&reasons), diff: diff::diff(&wanted, came) })
}

/// As `matches`, of a value that was read: all that is wrong with it.
pub fn members(wanted: &Map<String, Wanted>, values: &Values, came: Id, reasons: &mut Vec<String>) {
    object(wanted, values, came, "", reasons);
}

fn object(wanted: &Map<String, Wanted>, values: &Values, came: Id, path: &str, reasons: &mut Vec<String>) {
    if !matches!(values.get(came), Some(Value::Object(_))) {
        let what = if path.is_empty() { String::new() } else { format!("{} is ", short(path)) };
        return reasons.push(format!("{what}no JSON object"));
    }
    for (key, wanted) in wanted {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (values.member(came, key), wanted == ABSENT) {
            (None, true) => {}
            (Some(_), true) => reasons.push(format!("{} is too much", short(&path))),
            (None, false) => reasons.push(format!("{} is missing", short(&path))),
            (Some(came), false) => value(wanted, values, came, &path, reasons),
        }
    }
}

/// A pattern is as deep as a case can be, whatever came.
fn value(wanted: &Wanted, values: &Values, came: Id, path: &str, reasons: &mut Vec<String>) {
    let good = match (wanted, values.get(came)) {
        (Wanted::Object(wanted), _) => return object(wanted, values, came, path, reasons),
        (Wanted::Array(wanted), Some(Value::List(items))) if wanted.len() == items.len() => {
            for (at, (wanted, came)) in wanted.iter().zip(items).enumerate() {
                value(wanted, values, *came, &format!("{path}.{at}"), reasons);
            }
            true
        }
        (Wanted::Array(wanted), Some(Value::List(items))) => {
            reasons.push(format!("{} has {} items, not {}", short(path), items.len(), wanted.len()));
            true
        }
        (Wanted::String(word), Some(came)) => match (word.as_str(), came) {
            (ANY, _) | (STRING, Value::Text(_) | Value::Units(_)) | (NUMBER, Value::Number(_)) => true,
            (TIME, Value::Text(text)) => is_time(text),
            (_, Value::Text(text)) => text == word,
            _ => false,
        },
        (Wanted::Number(number), Some(Value::Number(came))) => super::values::decimal(&number.to_string()) == *came,
        (Wanted::Null, Some(Value::Word(came))) => came == "null",
        (Wanted::Bool(wanted), Some(Value::Word(came))) => came == if *wanted { "true" } else { "false" },
        _ => false,
    };
    if !good {
        reasons.push(format!("{} is not {}", short(path), short(&wanted.to_string())));
    }
}

/// A time as `sent_at` is one: RFC 3339, and in UTC.
pub fn is_time(text: &str) -> bool {
    let date_and_time = text.len() < 64 && matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    date_and_time
        && ["Z", "z", "+00:00"].iter().any(|utc| text.ends_with(utc))
        && text.parse::<jiff::Timestamp>().is_ok()
}
