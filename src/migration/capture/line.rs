//! Owns the form of a captured frame: one JSON object a line, written by the proxy and read by `lint` and `replay`.

use crate::clock::Timestamp;
use crate::dialect::OwnedFrame;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The form of today.
const VERSION: u32 = 1;

/// The content of a frame, shared with whoever else has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Opcode 1.
    Text(Utf8Bytes),
    /// Opcode 2.
    Binary(Bytes),
}

impl Body {
    /// Of a data frame.
    pub fn of(message: &Message) -> Option<Self> {
        match message {
            Message::Text(text) => Some(Body::Text(text.clone())),
            Message::Binary(bytes) => Some(Body::Binary(bytes.clone())),
            _ => None,
        }
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Binary(bytes) => bytes.len(),
        }
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which way a frame went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client.
    In,
    /// To the client.
    Out,
}

/// Its opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Text,
    Binary,
}

/// What is known of a frame's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    Whole(OwnedFrame),
    /// A text in which values are blacked out.
    Redacted(String),
    /// How long a text was that is no object and no list.
    TextOf(usize),
    /// How long a binary frame was.
    BinaryOf(usize),
}

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not UTF-8, no JSON object, or without a member that must be there.
    #[error("not a line of a capture")]
    Form,
    /// A later proxy wrote it.
    #[error("a form of a later version")]
    Version,
    /// Not exactly one of `data`, `data_b64` and `bytes`, or not what the kind says.
    #[error("its content cannot be read")]
    Content,
    /// No point in time.
    #[error("`at` is no time")]
    Time,
}

/// A captured frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<'a> {
    v: u32,
    at: String,
    /// Which way it went.
    pub dir: Direction,
    /// What the client speaks.
    #[serde(borrow)]
    pub dialect: Cow<'a, str>,
    /// Whose client it is.
    #[serde(borrow)]
    pub tenant: Cow<'a, str>,
    /// Its group; none on paths without one.
    pub group: Option<Cow<'a, str>>,
    /// Its id.
    #[serde(borrow)]
    pub client: Cow<'a, str>,
    /// Its connection: unique on one node from start to end.
    pub conn: u64,
    /// Of a delivery: from which generation to which. Answers to the client itself have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Cow<'a, str>>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    /// Values that are blacked out.
    #[serde(default)]
    pub redacted: u32,
}

/// Whose frame it is, and which.
#[derive(Debug, Clone)]
pub struct Of<'a> {
    /// When it came or went.
    pub at: Timestamp,
    /// Which way.
    pub dir: Direction,
    /// What the client speaks.
    pub dialect: &'a str,
    /// Whose client.
    pub tenant: &'a str,
    /// Its group.
    pub group: Option<&'a str>,
    /// Its id.
    pub client: &'a str,
    /// Its connection.
    pub conn: u64,
    /// Of a delivery.
    pub path: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn new(of: Of<'a>, kind: Kind) -> Self {
        let mut at = String::with_capacity(24);
        of.at.write(&mut at);
        Self {
            v: VERSION,
            at,
            dir: of.dir,
            dialect: of.dialect.into(),
            tenant: of.tenant.into(),
            group: of.group.map(Cow::Borrowed),
            client: of.client.into(),
            conn: of.conn,
            path: of.path.map(Cow::Borrowed),
            kind,
            data: None,
            data_b64: None,
            bytes: None,
            redacted: 0,
        }
    }

    /// Of a text, in which so many values are blacked out.
    pub fn text(of: Of<'a>, text: Cow<'a, str>, redacted: u32) -> Self {
        Self { data: Some(text), redacted, ..Self::new(of, Kind::Text) }
    }

    /// Of a binary frame.
    pub fn binary(of: Of<'a>, bytes: &[u8]) -> Self {
        Self { data_b64: Some(STANDARD.encode(bytes)), ..Self::new(of, Kind::Binary) }
    }

    /// Of a frame of which only the length may be kept.
    pub fn length(of: Of<'a>, body: &Body) -> Self {
        let kind = if matches!(body, Body::Text(_)) { Kind::Text } else { Kind::Binary };
        Self { bytes: Some(body.len()), ..Self::new(of, kind) }
    }

    /// As it stands in the file, without the line break.
    ///
    /// # Errors
    /// Never; serde_json cannot know that.
    pub fn write(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// From the file.
    ///
    /// # Errors
    /// Why not; the text itself is not told.
    pub fn read(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line: Self = serde_json::from_slice(line).map_err(|_| Unreadable::Form)?;
        if line.v == VERSION { Ok(line) } else { Err(Unreadable::Version) }
    }

    /// When it came or went.
    ///
    /// # Errors
    /// It is no time.
    pub fn at(&self) -> Result<Timestamp, Unreadable> {
        let at: jiff::Timestamp = self.at.parse().map_err(|_| Unreadable::Time)?;
        Ok(Timestamp(at.as_millisecond()))
    }

    /// What is known of its content.
    ///
    /// # Errors
    /// Two members contradict each other, or none is there.
    pub fn content(&self) -> Result<Content, Unreadable> {
        match (self.kind, &self.data, &self.data_b64, self.bytes) {
            (Kind::Text, Some(text), None, None) if self.redacted > 0 => Ok(Content::Redacted(text.to_string())),
            (Kind::Text, Some(text), None, None) => Ok(Content::Whole(OwnedFrame::Text(text.to_string()))),
            (Kind::Binary, None, Some(bytes), None) => {
                let bytes = STANDARD.decode(bytes).map_err(|_| Unreadable::Content)?;
                Ok(Content::Whole(OwnedFrame::Binary(bytes)))
            }
            (Kind::Text, None, None, Some(bytes)) => Ok(Content::TextOf(bytes)),
            (Kind::Binary, None, None, Some(bytes)) => Ok(Content::BinaryOf(bytes)),
            _ => Err(Unreadable::Content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of() -> Of<'static> {
        Of {
            at: Timestamp(1_773_232_496_789),
            dir: Direction::In,
            dialect: "aether-v2",
            tenant: "acme",
            group: Some("g \"1\""),
            client: "c",
            conn: 7,
            path: None,
        }
    }

    #[test]
    fn a_line_is_what_was_written() {
        let text = "{\"a\": \"\u{1}\n😀\u{2028}\"}";
        let line = Line::text(of(), text.into(), 0);
        let written = line.write().expect("a line");
        assert!(!written.contains('\n'));
        let read = Line::read(written.as_bytes()).expect("a line");
        assert_eq!((&read, read.at()), (&line, Ok(Timestamp(1_773_232_496_789))));
        assert_eq!(read.content(), Ok(Content::Whole(OwnedFrame::Text(text.into()))));
        let redacted = Line::text(of(), "{}".into(), 2).write().expect("a line");
        assert_eq!(
            redacted,
            r#"{"v":1,"at":"2026-03-11T12:34:56.789Z","dir":"in","dialect":"aether-v2","tenant":"acme","group":"g \"1\"","client":"c","conn":7,"kind":"text","data":"{}","redacted":2}"#
        );
        assert_eq!(Line::read(redacted.as_bytes()).and_then(|l| l.content()), Ok(Content::Redacted("{}".into())));
    }

    #[test]
    fn bytes_and_lengths_are_told_apart() {
        let out = Of { dir: Direction::Out, group: None, path: Some("v3_v2"), ..of() };
        let written = Line::binary(out, &[0, 255]).write().expect("a line");
        let read = Line::read(written.as_bytes()).expect("a line");
        assert_eq!((read.dir, read.group.as_deref(), read.path.as_deref()), (Direction::Out, None, Some("v3_v2")));
        assert_eq!(read.content(), Ok(Content::Whole(OwnedFrame::Binary(vec![0, 255]))));
        for (body, want) in
            [(Body::Text("secret".into()), Content::TextOf(6)), (Body::Binary(vec![1, 2].into()), Content::BinaryOf(2))]
        {
            let written = Line::length(of(), &body).write().expect("a line");
            assert!(!written.contains("secret"));
            assert_eq!(Line::read(written.as_bytes()).and_then(|l| l.content()), Ok(want));
        }
    }

    #[test]
    fn what_is_no_line_is_said_without_its_text() {
        let good = Line::text(of(), "{}".into(), 0).write().expect("a line");
        let changed = |from: &str, to: &str| good.replace(from, to);
        for (line, why) in [
            ("secret".to_owned(), Unreadable::Form),
            ("{}".into(), Unreadable::Form),
            (changed("\"v\":1", "\"v\":2"), Unreadable::Version),
            (changed("\"in\"", "\"up\""), Unreadable::Form),
            (changed("\"data\":\"{}\",", ""), Unreadable::Content),
            (changed("\"data\"", "\"data_b64\""), Unreadable::Content),
            (changed("\"kind\":\"text\"", "\"kind\":\"binary\",\"bytes\":1"), Unreadable::Content),
            (changed("2026-03-11T", "tomorrow"), Unreadable::Time),
        ] {
            let told = Line::read(line.as_bytes()).and_then(|l| l.at().and(l.content().map(drop)));
            assert_eq!(told, Err(why), "{line}");
            assert!(!why.to_string().contains("secret"));
        }
    }
}
