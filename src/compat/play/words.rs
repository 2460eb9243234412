//! Owns what is said when something else came than was expected: in one line, with names for ids. Pure.

use super::seen::{told, told_frame};
use crate::compat::Ids;
use crate::compat::suite::{Expect, Pattern, Wrong};
use crate::dialect::OwnedFrame;
use std::fmt::Write;
use std::time::Duration;

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In one line.
    pub why: String,
    /// What was wanted and what came, in lines that begin with `-`, `+` or a blank.
    pub diff: Option<String>,
}

impl Fault {
    /// Without a diff.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), diff: None }
    }

    /// In which step it was found.
    #[must_use]
    pub fn at(self, step: usize) -> Self {
        Self { why: format!("step {step}: {}", self.why), ..self }
    }

    /// Something came that nobody expected.
    pub fn unasked(client: &str, frame: &OwnedFrame, ids: &Ids) -> Self {
        let came = told_frame(frame, ids);
        Self { why: format!("{client} should get nothing, but got {came}"), diff: Some(format!("+{came}")) }
    }

    /// Nothing came.
    pub fn missing(expect: &Expect, n: usize, within: Duration) -> Self {
        let wanted = wanted(&expect.what);
        let which = which(expect, n);
        Self {
            why: format!("{} should get {wanted}{which}, but nothing came within {within:?}", expect.client),
            diff: Some(format!("-{wanted}")),
        }
    }

    /// It came too late.
    pub fn late(expect: &Expect, n: usize, after: Duration) -> Self {
        let (wanted, which) = (wanted(&expect.what), which(expect, n));
        let within = expect.within.unwrap_or_default();
        Self::new(format!("{} should get {wanted}{which} within {within:?}, but it took {after:?}", expect.client))
    }

    /// Something else came.
    pub fn other(expect: &Expect, n: usize, frame: &OwnedFrame, why: &str, diff: &str, ids: &Ids) -> Self {
        let (wanted, which, came) = (wanted(&expect.what), which(expect, n), told_frame(frame, ids));
        let why = ids.unfill(why);
        Self {
            why: format!("{} should get {wanted}{which}, but got {came}: {why}", expect.client),
            diff: Some(ids.unfill(diff)).filter(|diff| !diff.is_empty()),
        }
    }
}

fn which(expect: &Expect, n: usize) -> String {
    if expect.times == 1 { String::new() } else { format!(" ({} of {})", n + 1, expect.times) }
}

/// What a client must get, in a few words.
pub fn wanted(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Frame(written) => frame(written.frame()),
        Pattern::Envelope { content, from } => format!("the envelope {} from {from}", frame(content.frame())),
        Pattern::Flat { content, from } => format!("the flat frame {} from {from}", frame(content.frame())),
        Pattern::Now(content) => format!("{}, of now", frame(content.frame())),
        Pattern::Errors(errors) => {
            let mut told = "an error".to_owned();
            for Wrong { loc, r#type, .. } in errors {
                let _ = write!(told, " {} at \"{}\"", r#type, loc.join("."));
            }
            told
        }
        Pattern::Presence { event, of } => format!("the {event} of {of}"),
        Pattern::Json(members) if members.is_empty() => "a JSON object".to_owned(),
        Pattern::Json(members) => {
            format!("an object with {}", told(&serde_json::Value::Object(members.clone()).to_string()))
        }
    }
}

fn frame(frame: &OwnedFrame) -> String {
    told_frame(frame, &Ids::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wanted_is_told_in_one_line() {
        for (pattern, told) in [
            (r#"{"frame":{"text":"a\nb"}}"#, "a\u{fffd}b"),
            (r#"{"frame":{"hex":"0001"}}"#, "a binary frame of 2 bytes"),
            (
                r#"{"envelope":{"content":{"text":"{\"to_id\":\"{bob}\"}"},"from":"alice"}}"#,
                "the envelope {\"to_id\":\"{bob}\"} from alice",
            ),
            (r#"{"errors":[{"loc":["to_id"],"type":"missing"}]}"#, "an error missing at \"to_id\""),
            (r#"{"presence":{"event":"join","of":"bob"}}"#, "the join of bob"),
            (r#"{"json":{"x":"<any>"}}"#, r#"an object with {"x":"<any>"}"#),
            (r#"{"json":{}}"#, "a JSON object"),
        ] {
            assert_eq!(wanted(&serde_json::from_str(pattern).unwrap()), told);
        }
        let expect = r#"{"client":"bob","what":{"frame":{"text":"x"}},"times":3}"#;
        let fault = Fault::missing(&serde_json::from_str(expect).unwrap(), 1, Duration::from_millis(150)).at(4);
        assert_eq!(fault.why, "step 4: bob should get x (2 of 3), but nothing came within 150ms");
        assert_eq!(fault.diff.as_deref(), Some("-x"));
    }
}
