//! Owns what is looked for in a frame: its type, and what names the command it is about. Tokens stay verbatim; of
//! equal keys the last counts, as with the JSON parsers of agents and pages.

use crate::dialect::OwnedFrame;
use crate::envelope::json::{self, Member};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

/// What a frame is, by its `type` (guide, "Message Types").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Who I am.
    Auth,
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
    /// Figures of the server.
    Metrics,
    /// One entry of a log.
    Log,
    /// Something to look at.
    Alert,
    /// Something went wrong, maybe with a command.
    Error,
    /// What came of a command.
    Answer,
    /// What the guide does not know.
    Other,
}

impl Word {
    /// From the word on the wire.
    pub fn of(word: &str) -> Self {
        match word {
            "auth" => Word::Auth,
            "ping" => Word::Ping,
            "pong" => Word::Pong,
            "metrics" => Word::Metrics,
            "log" => Word::Log,
            "alert" => Word::Alert,
            "error" => Word::Error,
            "command_response" | "docker_response" | "command_result" => Word::Answer,
            // The real agent has one for each thing that it does to containers.
            other if other.starts_with("container_") => Word::Answer,
            _ => Word::Other,
        }
    }
}

/// The members of a frame.
#[derive(Debug)]
pub struct Parts<'a>(Vec<Member<'a>>);

impl<'a> Parts<'a> {
    /// None: not one JSON object.
    pub fn read(text: &'a str) -> Option<Self> {
        json::tokens(text).ok().map(Self)
    }

    /// All, in order, duplicates kept.
    pub fn all(&self) -> &[Member<'a>] {
        &self.0
    }

    /// The value of a member, as the token it is.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|member| member.key == key).map(|member| member.value)
    }

    /// The value of a member that is a text.
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).and_then(json::decode_str)
    }

    /// What the frame is; None: it does not say.
    pub fn word(&self) -> Option<Word> {
        self.text("type").map(|word| Word::of(&word))
    }

    /// What stands below `data`, where that is an object: the frame is nested already.
    pub fn nested(&self) -> Option<&'a str> {
        self.get("data").filter(|data| json::is_object(data))
    }

    /// The commands that it names.
    pub fn ids(&self) -> Ids {
        let id = |name: Name| self.get(name.key()).and_then(|token| Id::new(name, token));
        [Name::Command, Name::Request].into_iter().filter_map(id).collect()
    }
}

/// What a command is named by: the guide's agents and the real ones differ, and one frame can hold both.
pub type Ids = SmallVec<[Id; 2]>;

/// The member that names a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `command_id`, the guide's.
    Command,
    /// `request_id`, the real server's.
    Request,
}

impl Name {
    fn key(self) -> &'static str {
        match self {
            Name::Command => "command_id",
            Name::Request => "request_id",
        }
    }
}

/// Names one command, by any string or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    name: Name,
    /// A JSON token; strings in one spelling, so that 7 is not "7", and escapes do not matter.
    token: Arc<str>,
}

impl Id {
    /// Bytes of the token that are worth remembering.
    pub const LONGEST: usize = 256;

    /// None: it is too long to be remembered, or no name at all.
    fn new(name: Name, token: &str) -> Option<Self> {
        let is_name = token.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
        if !is_name || token.len() > Self::LONGEST {
            return None;
        }
        let spelled = json::decode_str(token).map(|text| quoted(&text));
        Some(Self { name, token: spelled.as_deref().unwrap_or(token).into() })
    }
}

/// A text as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut token = String::new();
    json::write_str(&mut token, text);
    token
}

/// The dialect's error frame (guide, "Error Handling").
pub fn error(message: &str) -> OwnedFrame {
    OwnedFrame::Text(format!("{{\"type\":\"error\",\"message\":{}}}", quoted(message)))
}

/// A frame of a few words.
pub fn plain(text: &str) -> OwnedFrame {
    OwnedFrame::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Ids {
        Parts::read(text).expect("an object").ids()
    }

    #[test]
    fn a_command_has_one_name_however_it_is_spelled() {
        assert_eq!(ids(r#"{"command_id":"a/b"}"#), ids(r#"{ "\u0063ommand_id" : "\u0061\/b" }"#));
        assert_ne!(ids(r#"{"command_id":"7"}"#), ids(r#"{"command_id":7}"#));
        assert_ne!(ids(r#"{"command_id":"7"}"#), ids(r#"{"request_id":"7"}"#));
        assert_eq!(ids(r#"{"command_id":"1","request_id":-2.5}"#).len(), 2);
    }

    #[test]
    fn what_is_no_name_is_none() {
        let long = format!(r#"{{"command_id":"{}"}}"#, "x".repeat(Id::LONGEST));
        for text in [r#"{"command_id":null}"#, r#"{"command_id":{"a":1}}"#, r#"{"request_id":[1]}"#, "{}", &long] {
            assert!(ids(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_last_of_two_types_counts() {
        let word = |text| Parts::read(text).expect("an object").word();
        assert_eq!(word(r#"{"type":"metrics","type":"ping"}"#), Some(Word::Ping));
        assert_eq!(word(r#"{"type":"container_logs"}"#), Some(Word::Answer));
        assert_eq!(word(r#"{"type":7}"#), None);
    }
}
