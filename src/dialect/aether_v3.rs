//! Owns the strict V3 dialect: a client's text is an envelope draft or a list of problems
//! (guide sections 3 to 5). Content tokens pass verbatim; what only the server may set is dropped here.

use super::{Frame, Intent, Notes};
use crate::envelope::json::{self, Document, Member};
use crate::envelope::{ClientId, Draft, MsgType, Problem, ProblemKind, Target};
use std::borrow::Cow;

/// How strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Speaks {
    /// Refuse members the schema does not know instead of dropping them.
    pub reject_unknown: bool,
}

/// Problems told at once; a frame can be made to have a million.
const MOST_PROBLEMS: usize = 16;
/// Bytes of an unknown member's name that are told back.
const MOST_NAME: usize = 64;

/// See `Dialect::upgrade`.
pub fn upgrade<'a>(speaks: &Speaks, frame: Frame<'a>) -> (Intent<'a>, Notes) {
    let mut notes = Notes::default();
    let intent = match frame {
        Frame::Binary(_) => Intent::Invalid(vec![Problem::whole(ProblemKind::Binary)]),
        Frame::Text(text) => match draft(text, speaks.reject_unknown, &mut notes) {
            Ok(draft) => intent(draft),
            Err(problems) => Intent::Invalid(problems),
        },
    };
    (intent, notes)
}

/// Which way a valid draft goes.
fn intent(draft: Draft<'_>) -> Intent<'_> {
    match (draft.msg_type(), draft.target()) {
        (MsgType::Presence, Target::Echo) => Intent::PresenceQuery,
        (MsgType::Presence, _) => Intent::Invalid(vec![Problem::at("msg_type", ProblemKind::PresenceRefused)]),
        (MsgType::Heartbeat, _) => Intent::Heartbeat { draft },
        (_, Target::Echo) => Intent::Echo { draft, exact: false },
        _ => Intent::Publish { draft, receipt: None },
    }
}

/// Validates one text (guide section 3, "Message Fields").
///
/// # Errors
/// All problems, as Pydantic would list them, up to a bound.
pub fn draft<'a>(text: &'a str, reject_unknown: bool, notes: &mut Notes) -> Result<Draft<'a>, Vec<Problem>> {
    let members = match Document::parse(text) {
        Document::Object(members) => json::last_wins(members),
        Document::Value(_) => return Err(vec![Problem::whole(ProblemKind::NotAnObject)]),
        Document::Invalid => {
            return Err(vec![Problem::whole(ProblemKind::Json(json::why_invalid(text)))]);
        }
    };
    Fields::sort(&members, reject_unknown, notes).draft()
}

/// The members of the schema, by name. Null counts as absent, as Pydantic's Optional does.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub msg_type: Option<&'a str>,
    pub target: Option<&'a str>,
    pub from_id: Option<&'a str>,
    pub to_id: Option<&'a str>,
    pub group_id: Option<&'a str>,
    pub cmd: Option<&'a str>,
    pub msg: Option<&'a str>,
    pub payload: Option<&'a str>,
    pub sent_at: Option<&'a str>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Sorts members by name and checks each one's type.
    pub fn sort(members: &[Member<'a>], reject_unknown: bool, notes: &mut Notes) -> Self {
        let mut fields = Self::default();
        for member in members {
            fields.take(member, reject_unknown, notes);
        }
        fields
    }

    fn take(&mut self, member: &Member<'a>, reject_unknown: bool, notes: &mut Notes) {
        let value = member.value;
        let (name, slot, is_right, wrong): (&'static str, _, fn(&str) -> bool, _) = match member.key.as_ref() {
            "msg_type" => ("msg_type", &mut self.msg_type, json::is_string, ProblemKind::MSG_TYPES),
            "target" => ("target", &mut self.target, json::is_string, ProblemKind::TARGETS),
            "to_id" => ("to_id", &mut self.to_id, json::is_string, ProblemKind::NotAString),
            "cmd" => ("cmd", &mut self.cmd, json::is_string, ProblemKind::NotAString),
            "msg" => ("msg", &mut self.msg, json::is_string, ProblemKind::NotAString),
            "payload" => ("payload", &mut self.payload, json::is_object, ProblemKind::NotADict),
            "from_id" => ("from_id", &mut self.from_id, json::is_string, ProblemKind::NotAString),
            "group_id" => ("group_id", &mut self.group_id, json::is_string, ProblemKind::NotAString),
            "sent_at" => ("sent_at", &mut self.sent_at, json::is_string, ProblemKind::NotAString),
            "version" => {
                notes.overridden += u32::from(value != "\"3\"" && !json::is_null(value));
                if !json::is_string(value) && !json::is_null(value) {
                    self.problem(Problem::at("version", ProblemKind::NotAString));
                }
                return;
            }
            other => {
                notes.unknown += 1;
                if reject_unknown {
                    let cut = (0..=MOST_NAME.min(other.len())).rev().find(|&i| other.is_char_boundary(i)).unwrap_or(0);
                    self.problem(Problem { loc: Some(Cow::Owned(other[..cut].to_owned())), kind: ProblemKind::Extra });
                }
                return;
            }
        };
        if is_right(value) {
            *slot = Some(value);
            notes.overridden += u32::from(matches!(name, "from_id" | "group_id" | "sent_at"));
        } else if !json::is_null(value) {
            self.problem(Problem::at(name, wrong));
        }
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// The draft they make.
    pub fn draft(mut self) -> Result<Draft<'a>, Vec<Problem>> {
        let msg_type = self.word("msg_type", self.msg_type, MsgType::parse, ProblemKind::MSG_TYPES);
        let target = self.word("target", self.target, Target::parse, ProblemKind::TARGETS);
        let to_id = match self.to_id.map(|token| json::decode_str(token).map(|t| ClientId::new(&t, usize::MAX))) {
            None => None,
            Some(Some(Ok(id))) => Some(id),
            Some(Some(Err(why))) => {
                self.problem(Problem::at("to_id", ProblemKind::BadId(why)));
                None
            }
            Some(None) => {
                self.problem(Problem::at("to_id", ProblemKind::NotAString));
                None
            }
        };
        let mut draft = match (msg_type, target, self.problems.is_empty()) {
            (Some(msg_type), Some(target), true) => {
                Draft::new(msg_type, target, to_id).map_err(|problem| vec![problem])?
            }
            _ => return Err(self.problems),
        };
        draft.cmd = self.cmd.map(Cow::Borrowed);
        draft.msg = self.msg.map(Cow::Borrowed);
        draft.payload = self.payload.map(Cow::Borrowed);
        Ok(draft)
    }

    fn word<T>(
        &mut self,
        name: &'static str,
        token: Option<&str>,
        parse: fn(&str) -> Option<T>,
        kind: ProblemKind,
    ) -> Option<T> {
        match token.map(|token| json::decode_str(token).and_then(|word| parse(&word))) {
            Some(Some(word)) => Some(word),
            Some(None) => {
                self.problem(Problem::at(name, kind));
                None
            }
            None => {
                if !self.problems.iter().any(|p| p.loc.as_deref() == Some(name)) {
                    self.problem(Problem::at(name, ProblemKind::Missing));
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: Speaks = Speaks { reject_unknown: false };

    fn problems(text: &str, speaks: Speaks) -> Vec<(String, ProblemKind)> {
        match upgrade(&speaks, Frame::Text(text)).0 {
            Intent::Invalid(all) => {
                all.into_iter().map(|p| (p.loc.map_or_else(String::new, Cow::into_owned), p.kind)).collect()
            }
            other => panic!("{text} is valid: {other:?}"),
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let got = problems(r#"{"target":"all","to_id":7,"msg":1,"payload":[1]}"#, LOOSE);
        let want = [
            ("to_id", ProblemKind::NotAString),
            ("msg", ProblemKind::NotAString),
            ("payload", ProblemKind::NotADict),
            ("msg_type", ProblemKind::Missing),
            ("target", ProblemKind::TARGETS),
        ];
        assert_eq!(got, want.map(|(loc, kind)| (loc.to_owned(), kind)));
    }

    #[test]
    fn direct_needs_an_addressee() {
        let text = r#"{"msg_type":"msg","target":"direct","to_id":null}"#;
        assert_eq!(problems(text, LOOSE), [("to_id".to_owned(), ProblemKind::DirectNeedsTo)]);
    }

    #[test]
    fn a_client_cannot_say_who_it_is() {
        let text = r#"{"version":"3","msg_type":"msg","target":"group","from_id":"root","group_id":"x","sent_at":"now","msg":"hi"}"#;
        let (intent, notes) = upgrade(&LOOSE, Frame::Text(text));
        assert_eq!(notes.overridden, 3);
        let Intent::Publish { draft, .. } = intent else { panic!("{intent:?}") };
        assert_eq!(draft.content(), r#"{"version":"3","msg_type":"msg","target":"group","msg":"hi"}"#);
    }

    #[test]
    fn unknown_members_are_dropped_or_refused() {
        let text = r#"{"msg_type":"msg","target":"group","color":"red"}"#;
        assert_eq!(upgrade(&LOOSE, Frame::Text(text)).1.unknown, 1);
        assert_eq!(problems(text, Speaks { reject_unknown: true }), [("color".to_owned(), ProblemKind::Extra)]);
    }

    #[test]
    fn hostile_frames_get_bounded_answers() {
        let many: String = (0..5000).map(|i| format!(r#""{}{i}":1,"#, "x".repeat(200))).collect();
        let text = format!("{{{}}}", many.trim_end_matches(','));
        let got = problems(&text, Speaks { reject_unknown: true });
        assert!(got.len() <= MOST_PROBLEMS && got.iter().all(|(loc, _)| loc.len() <= MOST_NAME));
    }

    #[test]
    fn presence_is_asked_never_told() {
        assert_eq!(upgrade(&LOOSE, Frame::Text(r#"{"msg_type":"presence","target":"echo"}"#)).0, Intent::PresenceQuery);
        let told = problems(r#"{"msg_type":"presence","target":"group"}"#, LOOSE);
        assert_eq!(told, [("msg_type".to_owned(), ProblemKind::PresenceRefused)]);
    }
}
