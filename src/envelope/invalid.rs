//! Owns what can be wrong with a V3 message, in the words Pydantic clients know: `loc`, `msg`, `type`.
//! How the answer is sent is the session's.

use super::{Draft, MsgType, json};
use std::borrow::Cow;

/// One thing wrong with one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The member; None = the whole message.
    pub loc: Option<Cow<'static, str>>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What can be wrong. Pydantic's own types and sentences where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// Not one JSON document; what the parser says.
    Json(String),
    /// JSON, but no object.
    NotAnObject,
    /// A binary frame: V3 speaks text.
    Binary,
    /// A required member is not there.
    Missing,
    /// Not a string.
    NotAString,
    /// Not an object.
    NotADict,
    /// None of the words of the enum; they are listed.
    NotOneOf(&'static str),
    /// `to_id` is required when the target is direct.
    DirectNeedsTo,
    /// A text that is no id.
    BadId(super::IdError),
    /// A member the schema does not know, where those are refused.
    Extra,
    /// A client may not send this kind of presence message.
    PresenceRefused,
}

impl Problem {
    /// Something wrong with one member.
    pub fn at(loc: &'static str, kind: ProblemKind) -> Self {
        Self { loc: Some(Cow::Borrowed(loc)), kind }
    }

    /// Something wrong with the message as a whole.
    pub fn whole(kind: ProblemKind) -> Self {
        Self { loc: None, kind }
    }

    /// The sentence, and Pydantic's `type` or one in its style.
    fn words(&self) -> (Cow<'static, str>, &'static str) {
        match &self.kind {
            ProblemKind::Json(why) => (format!("Invalid JSON: {why}").into(), "json_invalid"),
            ProblemKind::NotAnObject => ("Input should be an object".into(), "model_type"),
            ProblemKind::Binary => ("Input should be a text frame".into(), "binary_frame"),
            ProblemKind::Missing => ("Field required".into(), "missing"),
            ProblemKind::NotAString => ("Input should be a valid string".into(), "string_type"),
            ProblemKind::NotADict => ("Input should be a valid dictionary".into(), "dict_type"),
            ProblemKind::NotOneOf(words) => (format!("Input should be {words}").into(), "literal_error"),
            ProblemKind::DirectNeedsTo => {
                ("Value error, to_id is required when target is 'direct'".into(), "value_error")
            }
            ProblemKind::BadId(why) => (format!("Value error, the id {why}").into(), "value_error"),
            ProblemKind::Extra => ("Extra inputs are not permitted".into(), "extra_forbidden"),
            ProblemKind::PresenceRefused => (
                "Value error, presence is the server's to tell; a query has msg_type 'presence' and target 'echo'"
                    .into(),
                "value_error",
            ),
        }
    }

    /// Appends `{"loc":[…],"msg":…,"type":…}`.
    pub fn write_json(&self, out: &mut String) {
        let (msg, kind) = self.words();
        out.push_str("{\"loc\":[");
        if let Some(loc) = &self.loc {
            json::write_str(out, loc);
        }
        out.push_str("],\"msg\":");
        json::write_str(out, &msg);
        out.push_str(",\"type\":\"");
        out.push_str(kind);
        out.push_str("\"}");
    }

    /// The answer to an invalid message: `cmd: ERROR`, code `invalid_message`, every problem listed.
    pub fn answer(problems: &[Problem], to: &super::ClientId) -> Draft<'static> {
        let mut payload = String::from("{\"code\":\"invalid_message\",\"errors\":[");
        for (i, problem) in problems.iter().enumerate() {
            if i > 0 {
                payload.push(',');
            }
            problem.write_json(&mut payload);
        }
        payload.push_str("]}");
        let mut draft = Draft::to_client(MsgType::Cmd, to.clone());
        draft.cmd = Some("\"ERROR\"".into());
        let mut msg = String::new();
        let text = match problems.first() {
            Some(Problem { loc: Some(loc), .. }) => format!("invalid message: {loc}: {}", problems[0].words().0),
            Some(first) => format!("invalid message: {}", first.words().0),
            None => "invalid message".into(),
        };
        json::write_str(&mut msg, &text);
        draft.msg = Some(msg.into());
        draft.payload = Some(payload.into());
        draft
    }
}

impl ProblemKind {
    /// What `msg_type` may be.
    pub const MSG_TYPES: ProblemKind = ProblemKind::NotOneOf("'msg', 'cmd', 'heartbeat' or 'presence'");
    /// What `target` may be.
    pub const TARGETS: ProblemKind = ProblemKind::NotOneOf("'direct', 'group', 'broadcast' or 'echo'");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Target;

    #[test]
    fn the_words_listed_are_the_words_there_are() {
        let listed = |kind: ProblemKind| match kind {
            ProblemKind::NotOneOf(words) => words.replace(['\'', ','], "").replace(" or ", " "),
            _ => String::new(),
        };
        let words: Vec<_> = MsgType::ALL.iter().map(|w| w.as_str()).collect();
        assert_eq!(listed(ProblemKind::MSG_TYPES), words.join(" "));
        let words: Vec<_> = Target::ALL.iter().map(|w| w.as_str()).collect();
        assert_eq!(listed(ProblemKind::TARGETS), words.join(" "));
    }

    #[test]
    fn an_answer_is_the_envelope_of_the_design() {
        let to = super::super::ClientId::new("c1", 9).expect("id");
        let answer = Problem::answer(&[Problem::at("target", ProblemKind::Missing)], &to);
        assert_eq!(
            answer.content(),
            r#"{"version":"3","msg_type":"cmd","target":"direct","to_id":"c1","cmd":"ERROR","msg":"invalid message: target: Field required","payload":{"code":"invalid_message","errors":[{"loc":["target"],"msg":"Field required","type":"missing"}]}}"#
        );
    }
}
