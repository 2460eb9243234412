//! Owns what is wrong, or worth knowing, about one V2 frame on its way to V3. A plain function of the frame: no
//! connection, no clock. What each rule means is `about`'s.

mod about;
mod rules;

pub use about::{About, Severity};
pub use rules::Rules;

use crate::dialect::{Frame, lens};
use crate::envelope::json::{self, Document, Member};
use crate::telemetry::labels::LintRule;

/// The largest integer that JavaScript holds without doubt (`Number.MAX_SAFE_INTEGER`).
const LARGEST: u64 = (1 << 53) - 1;
/// Members only the server may set.
const SERVERS: [&str; 4] = ["version", "from_id", "group_id", "sent_at"];

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Each rule once.
    pub rules: Rules,
    /// It is V3-shaped, as the lens decides.
    pub wrapped: bool,
}

/// Looks at a frame that may have `most` bytes. Every frame falls under exactly one of V2002, V2005, V2008 and V2011;
/// rules of a connection (V2001, V2003) are not its business.
pub fn frame(frame: Frame<'_>, most: usize) -> Found {
    let mut found = Found::default();
    found.note(LintRule::TooLarge, frame.len() > most);
    match frame {
        Frame::Binary(_) => found.note(LintRule::Binary, true),
        Frame::Text(text) => match Document::parse(text) {
            Document::Object(members) => {
                found.object(members);
                found.note(LintRule::BigInteger, has_big_number(text));
            }
            Document::Value(token) => {
                found.note(LintRule::NotAnObject, true);
                found.note(LintRule::BigInteger, has_big_number(token));
            }
            Document::Invalid => found.note(LintRule::NotAnObject, true),
        },
    }
    found
}

impl Found {
    fn note(&mut self, rule: LintRule, is: bool) {
        if is {
            self.rules.insert(rule);
        }
    }

    fn object(&mut self, members: Vec<Member<'_>>) {
        let written = members.len();
        let members = json::last_wins(members);
        self.note(LintRule::DuplicateKey, members.len() < written);
        self.wrapped = lens::is_shaped(&members);
        self.note(if self.wrapped { LintRule::HalfMigrated } else { LintRule::NotWrapped }, true);
        for member in &members {
            let key = member.key.as_ref();
            let is_envelopes = match key {
                "target" | "payload" | "to_id" | "msg_type" => true,
                "msg" | "cmd" => !json::is_string(member.value),
                _ => false,
            };
            self.note(LintRule::EnvelopeKey, is_envelopes && !self.wrapped);
            // Null counts as absent, as V3 has it.
            self.note(LintRule::ServerMember, SERVERS.contains(&key) && !json::is_null(member.value));
        }
    }
}

/// Is there a number, outside of strings and at any depth, that a JavaScript client does not get as it was sent?
pub fn has_big_number(json: &str) -> bool {
    json::any_number(json, is_big)
}

/// An integer beyond 2^53 - 1. One with a fraction or an exponent is a floating point number to everybody, and only too
/// big where that overflows.
fn is_big(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // Shorter ones are the rule, and need no look at their digits.
        return digits.len() > 15 && digits.parse::<u64>().map_or(true, |n| n > LARGEST);
    }
    digits.parse::<f64>().is_ok_and(f64::is_infinite)
}

#[cfg(test)]
mod tests;
