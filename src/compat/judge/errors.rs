//! Owns how a V3 error to the sender is held against a case: what is wrong, as a set. Words are compared only where the
//! case gives them, and a server may say more of each problem.

use super::values::{Id, Value, Values};
use super::{Mismatch, diff, subset, told};
use crate::compat::Grade;
use crate::compat::suite::Wrong;
use crate::dialect::OwnedFrame;
use serde_json::{Map, json};

/// What the envelope of errors has beside the errors.
fn around() -> Map<String, serde_json::Value> {
    let wanted = json!({
        "version": "3", "msg_type": "cmd", "target": "direct", "from_id": "server", "to_id": subset::STRING,
        "cmd": "ERROR", "payload": {"code": "invalid_message"}, "sent_at": subset::TIME,
    });
    wanted.as_object().cloned().unwrap_or_default()
}

/// An error that names these problems and no other.
pub fn named(wanted: &[Wrong], came: &OwnedFrame) -> Result<Grade, Mismatch> {
    let mut values = Values::default();
    let read = match came {
        OwnedFrame::Text(text) => values.read(text),
        OwnedFrame::Binary(_) => None,
    };
    let mut reasons = Vec::new();
    let (around, problems) = (around(), read.and_then(|frame| problems(&values, frame)));
    match read {
        None => reasons.push("no JSON object".to_owned()),
        Some(frame) => subset::members(&around, &values, frame, &mut reasons),
    }
    match &problems {
        _ if !reasons.is_empty() => {}
        None => reasons.push("payload.errors is no list of problems".to_owned()),
        Some(problems) => {
            let (mut left, mut missing): (Vec<_>, Vec<_>) = (problems.iter().collect(), Vec::new());
            // Those that say more take theirs first.
            let mut sorted: Vec<_> = wanted.iter().collect();
            sorted.sort_by_key(|one| one.msg.is_none());
            for one in sorted {
                match left.iter().position(|problem| fits(one, problem)) {
                    Some(at) => drop(left.remove(at)),
                    None => missing.push(one),
                }
            }
            reasons.extend(missing.iter().map(|one| format!("not told: {}", line(one))));
            reasons.extend(left.iter().map(|one| format!("told, but not wrong: {}", line(one))));
        }
    }
    if reasons.is_empty() {
        return Ok(Grade::Exact);
    }
    let mut full = around;
    let list: Vec<_> = wanted.iter().map(|one| json!({"loc": one.loc, "msg": one.msg, "type": one.r#type})).collect();
    full.insert("payload".to_owned(), json!({"code": "invalid_message", "errors": list}));
    let full = serde_json::Value::Object(full).to_string();
    Err(Mismatch { why: told(&reasons), diff: diff::diff(&OwnedFrame::Text(full), came) })
}

fn fits(wanted: &Wrong, came: &Wrong) -> bool {
    wanted.loc == came.loc && wanted.r#type == came.r#type && (wanted.msg.is_none() || wanted.msg == came.msg)
}

fn line(one: &Wrong) -> String {
    super::short(&format!("{}: {}", one.loc.join("."), one.msg.as_ref().unwrap_or(&one.r#type)))
}

/// `payload.errors`; none when it is of another form.
fn problems(values: &Values, frame: Id) -> Option<Vec<Wrong>> {
    let list = |id: Id| match values.get(id) {
        Some(Value::List(items)) => Some(items.clone()),
        _ => None,
    };
    let text = |id: Id| values.text(id).map(str::to_owned);
    let all = list(values.member(values.member(frame, "payload")?, "errors")?)?;
    let one = |id: Id| {
        let loc = list(values.member(id, "loc")?)?.into_iter().map(text).collect::<Option<_>>()?;
        let msg = values.member(id, "msg").and_then(text);
        Some(Wrong { loc, r#type: text(values.member(id, "type")?)?, msg })
    };
    all.into_iter().map(one).collect()
}
