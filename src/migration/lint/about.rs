//! Owns what each rule says to people: how bad, what, and what to change. `docs/LINT.md` says it at length.

use crate::label::labels;
use crate::telemetry::labels::LintRule;

labels! {
    /// How bad it is, the worse first.
    pub enum Severity {
        /// V3 clients see something else than was meant, or it cannot be said in V3 as it is.
        Error = "error",
        /// It works, and is likely to go wrong when the client moves.
        Warning = "warning",
        /// A step of the move that is not done yet.
        Info = "info",
    }
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// How bad.
    pub severity: Severity,
    /// What was found, in a sentence.
    pub title: &'static str,
    /// What to change, in a sentence.
    pub advice: &'static str,
}

impl About {
    /// The one table.
    pub fn of(rule: LintRule) -> Self {
        use Severity::{Error, Info, Warning};
        let (severity, title, advice) = match rule {
            LintRule::V2Url => {
                (Info, "The connection came to a V2 address.", "Connect to the same path with `/v3` in front of it.")
            }
            LintRule::NotWrapped => (
                Info,
                "The message is not wrapped in `msg_type` and `target`.",
                "Send an object with `msg_type`, `target` and, for everything of your own, `payload`.",
            ),
            LintRule::IntegerId => (
                Warning,
                "A group or client id looks like a database integer.",
                "Use opaque texts as ids, such as a UUID, that no other table counts up to.",
            ),
            LintRule::EnvelopeKey => (
                Warning,
                "A key means something else in an envelope, or `msg` or `cmd` is not a text.",
                "Rename the key, or move it into `payload`; `msg` and `cmd` are texts.",
            ),
            LintRule::NotAnObject => (
                Error,
                "The message is not a JSON object.",
                "Send an object, with a text in `msg` and any other value in `payload`.",
            ),
            LintRule::DuplicateKey => {
                (Error, "The same key stands twice, and all but the last are dropped.", "Write each key once.")
            }
            LintRule::BigInteger => (
                Error,
                "A number is larger than JavaScript can hold, so browsers read another one.",
                "Send it as a text.",
            ),
            LintRule::Binary => (
                Error,
                "The frame is binary, which V3 does not know.",
                "Send the bytes as base64 in a member of `payload`.",
            ),
            LintRule::ServerMember => (
                Warning,
                "A member is set that only the server may set: `version`, `from_id`, `group_id` or `sent_at`.",
                "Leave it out: the server stamps who, where and when.",
            ),
            LintRule::TooLarge => (
                Error,
                "The message is larger than `limits.message`, and the connection is closed for it.",
                "Send less at once, or a reference to where the content lies.",
            ),
            LintRule::HalfMigrated => (
                Info,
                "A V3 message came to a V2 address: the client is half-way.",
                "Connect it to the V3 address; nothing else is missing.",
            ),
        };
        Self { severity, title, advice }
    }
}
