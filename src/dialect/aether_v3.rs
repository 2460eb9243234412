//! Owns the strict V3 dialect: a client's text is an envelope draft or a list of problems
//! (guide sections 3 to 5). Content tokens pass verbatim; what only the server may set is dropped here.

use super::{Frame, Intent, Notes};
use crate::envelope::json::{self, Document};
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
    let mut fields = Fields { reject_unknown, ..Fields::default() };
    if json::each(text, |member| fields.take(&member.key, member.value)).is_none() {
        let problem = match Document::parse(text) {
            Document::Value(_) => ProblemKind::NotAnObject,
            _ => ProblemKind::Json(json::why_invalid(text).to_string()),
        };
        return Err(vec![Problem::whole(problem)]);
    }
    fields.count(notes);
    fields.draft()
}

/// The members of the schema, by name, as tokens of any type; the last of equal keys wins.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    version: Option<&'a str>,
    msg_type: Option<&'a str>,
    target: Option<&'a str>,
    from_id: Option<&'a str>,
    to_id: Option<&'a str>,
    group_id: Option<&'a str>,
    cmd: Option<&'a str>,
    msg: Option<&'a str>,
    pub payload: Option<&'a str>,
    sent_at: Option<&'a str>,
    /// Members the schema does not know.
    pub unknown: u32,
    reject_unknown: bool,
    /// Told at the end, behind those of the schema.
    extra: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Takes one member, in the order of the text. Null counts as absent, as Pydantic's Optional does.
    pub fn take(&mut self, key: &str, value: &'a str) {
        let slot = match key {
            "version" => &mut self.version,
            "msg_type" => &mut self.msg_type,
            "target" => &mut self.target,
            "from_id" => &mut self.from_id,
            "to_id" => &mut self.to_id,
            "group_id" => &mut self.group_id,
            "cmd" => &mut self.cmd,
            "msg" => &mut self.msg,
            "payload" => &mut self.payload,
            "sent_at" => &mut self.sent_at,
            other => {
                self.unknown += 1;
                if self.reject_unknown && self.extra.len() < MOST_PROBLEMS {
                    let cut = (0..=MOST_NAME.min(other.len())).rev().find(|&i| other.is_char_boundary(i)).unwrap_or(0);
                    let loc = Some(Cow::Owned(other[..cut].to_owned()));
                    self.extra.push(Problem { loc, kind: ProblemKind::Extra });
                }
                return;
            }
        };
        *slot = (!json::is_null(value)).then_some(value);
    }

    /// What the metrics want to know.
    fn count(&self, notes: &mut Notes) {
        let stamped = [self.from_id, self.group_id, self.sent_at];
        notes.overridden += stamped.iter().flatten().filter(|token| json::is_string(token)).count() as u32;
        notes.overridden += u32::from(self.version.is_some_and(|token| token != "\"3\""));
        notes.unknown += self.unknown;
    }

    /// `from_id`, `group_id`, `sent_at`, as far as they are texts.
    pub fn stamps(&self) -> [Option<Cow<'a, str>>; 3] {
        [self.from_id, self.group_id, self.sent_at].map(|token| token.and_then(json::decode_str))
    }

    /// The draft they make.
    ///
    /// # Errors
    /// All problems at once, up to a bound.
    pub fn draft(self) -> Result<Draft<'a>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut right = |name, token: Option<&'a str>, is_right: fn(&str) -> bool, wrong| match token {
            Some(token) if !is_right(token) => {
                problems.push(Problem::at(name, wrong));
                None
            }
            other => other,
        };
        right("version", self.version, json::is_string, ProblemKind::NotAString);
        right("from_id", self.from_id, json::is_string, ProblemKind::NotAString);
        right("group_id", self.group_id, json::is_string, ProblemKind::NotAString);
        right("sent_at", self.sent_at, json::is_string, ProblemKind::NotAString);
        let cmd = right("cmd", self.cmd, json::is_string, ProblemKind::NotAString);
        let msg = right("msg", self.msg, json::is_string, ProblemKind::NotAString);
        let payload = right("payload", self.payload, json::is_object, ProblemKind::NotADict);
        let msg_type = word("msg_type", self.msg_type, MsgType::parse, ProblemKind::MSG_TYPES, &mut problems);
        let target = word("target", self.target, Target::parse, ProblemKind::TARGETS, &mut problems);
        let to_id =
            self.to_id.and_then(|token| match json::decode_str(token).map(|id| ClientId::new(&id, usize::MAX)) {
                Some(Ok(id)) => Some(id),
                Some(Err(why)) => {
                    problems.push(Problem::at("to_id", ProblemKind::BadId(why)));
                    None
                }
                None => {
                    problems.push(Problem::at("to_id", ProblemKind::NotAString));
                    None
                }
            });
        problems.extend(self.extra);
        problems.truncate(MOST_PROBLEMS);
        let (Some(msg_type), Some(target), true) = (msg_type, target, problems.is_empty()) else {
            return Err(problems);
        };
        let mut draft = Draft::new(msg_type, target, to_id).map_err(|problem| vec![problem])?;
        draft.cmd = cmd.map(Cow::Borrowed);
        draft.msg = msg.map(Cow::Borrowed);
        draft.payload = payload.map(Cow::Borrowed);
        Ok(draft)
    }
}

/// A word of an enum, required.
fn word<T>(
    name: &'static str,
    token: Option<&str>,
    parse: fn(&str) -> Option<T>,
    wrong: ProblemKind,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let kind = match token {
        None => ProblemKind::Missing,
        Some(token) => match json::decode_str(token).and_then(|word| parse(&word)) {
            Some(word) => return Some(word),
            None => wrong,
        },
    };
    problems.push(Problem::at(name, kind));
    None
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
            ("msg", ProblemKind::NotAString),
            ("payload", ProblemKind::NotADict),
            ("msg_type", ProblemKind::Missing),
            ("target", ProblemKind::TARGETS),
            ("to_id", ProblemKind::NotAString),
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
