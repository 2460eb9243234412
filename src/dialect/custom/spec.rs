//! Owns what a field map says before it is understood: steps as they were written, and what can be wrong with them.

use super::path;
use std::fmt;

/// One step, from legacy to V3. Paths on the legacy side name members of the frame as it came, whatever other steps do;
/// those on the V3 side begin with `msg`, `cmd`, `to_id`, `target`, `msg_type` or `payload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member stands somewhere else.
    Rename {
        /// Legacy path.
        from: String,
        /// V3 path.
        to: String,
    },
    /// Members of an inner object come up into `payload`.
    Hoist {
        /// Legacy path of the object.
        from: String,
        /// Which; empty = all. Then all that is in a V3 payload goes back into the object, but for `keep` and what other
        /// steps name.
        members: Vec<String>,
        /// Members beside the object, for the way back.
        keep: Vec<String>,
    },
    /// Members go into an object.
    Wrap {
        /// Legacy paths; each keeps its last name.
        members: Vec<String>,
        /// V3 path of the object.
        into: String,
    },
    /// A member that is not there has this value for V3; one that has just this value is left out for legacy clients.
    Default {
        /// Legacy path.
        of: String,
        /// JSON token.
        token: String,
    },
}

/// What becomes of frames that are no JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Others {
    /// Text in `msg`, other JSON in `payload.value`, bytes in `payload.data_b64`, as in Aether V2.
    Take,
    /// They are answered with this text; with nothing where it is empty.
    Refuse(String),
}

/// What becomes of what V3 clients say and no step leads to a legacy member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmapped {
    /// It stands in a member `_v3`.
    Note,
    /// It is left out.
    Drop,
    /// Then legacy clients do not get the message.
    Hide,
}

/// A field map as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// In the order in which the legacy protocol writes its members, so that most frames come back by themselves.
    pub steps: Vec<Step>,
    /// Frames that are no JSON object.
    pub others: Others,
    /// What V3 clients say beyond the map.
    pub unmapped: Unmapped,
}

/// Something wrong with a field map. Numbers count from nought, as settings do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In this step.
    pub step: Option<usize>,
    /// Shown by this fixture.
    pub fixture: Option<usize>,
    /// What.
    pub text: String,
}

impl Problem {
    /// Of a step.
    pub fn step(step: usize, text: impl Into<String>) -> Self {
        Self { step: Some(step), fixture: None, text: text.into() }
    }

    /// Of a fixture.
    pub fn fixture(fixture: usize, text: impl Into<String>) -> Self {
        Self { step: None, fixture: Some(fixture), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.step, self.fixture) {
            (Some(step), _) => write!(f, "steps[{step}]: {}", self.text),
            (None, Some(fixture)) => write!(f, "fixtures[{fixture}]: {}", self.text),
            (None, None) => f.write_str(&self.text),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| names.join(", ");
        match self {
            Step::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Step::Hoist { from, members, .. } if members.is_empty() => write!(f, "hoist {from}"),
            Step::Hoist { from, members, .. } => write!(f, "hoist {} of {from}", list(members)),
            Step::Wrap { members, into } => write!(f, "wrap {} into {into}", list(members)),
            Step::Default { of, token } => write!(f, "default {of} = {token}"),
        }
    }
}

/// Where a step leads on the V3 side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `msg`
    Msg,
    /// `cmd`
    Cmd,
    /// `to_id`
    ToId,
    /// `target`
    Target,
    /// `msg_type`
    MsgType,
    /// Below `payload`; at least one name.
    Payload(path::Path),
}

impl Place {
    /// Reads a V3 path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut names = path::parse(text).map_err(|why| format!("`{text}` {why}"))?;
        let is_alone = names.len() == 1;
        match (names[0].as_str(), is_alone) {
            ("msg", true) => Ok(Place::Msg),
            ("cmd", true) => Ok(Place::Cmd),
            ("to_id", true) => Ok(Place::ToId),
            ("target", true) => Ok(Place::Target),
            ("msg_type", true) => Ok(Place::MsgType),
            ("payload", false) => {
                names.remove(0);
                Ok(Place::Payload(names))
            }
            ("payload", true) => Err(format!("`{text}` is the whole payload: name a member of it, as `payload.x`")),
            ("from_id" | "group_id" | "sent_at" | "version", _) => {
                Err(format!("`{text}` is the server's to say; no step may lead there"))
            }
            _ => Err(format!(
                "`{text}` is no place in a V3 message; there is `msg`, `cmd`, `to_id`, `target`, `msg_type`, and \
                 `payload.` with a name"
            )),
        }
    }

    /// As it is told.
    pub fn show(&self) -> String {
        match self {
            Place::Msg => "msg".into(),
            Place::Cmd => "cmd".into(),
            Place::ToId => "to_id".into(),
            Place::Target => "target".into(),
            Place::MsgType => "msg_type".into(),
            Place::Payload(names) => {
                let mut whole = vec!["payload".to_owned()];
                whole.extend(names.iter().cloned());
                path::show(&whole)
            }
        }
    }
}
