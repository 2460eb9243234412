//! Owns how V2 frames stand on a line: as their text, or as JSON records, which can hold any frame.

use crate::dialect::{Frame, OwnedFrame};
use serde::{Deserialize, Serialize};

/// The two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Frames {
    /// The text as it is; no binary frames, no line breaks
    Text,
    /// {"text":...} or {"binary_hex":...}
    Json,
}

/// A frame as a JSON record.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Opcode 1.
    Text(String),
    /// Opcode 2.
    BinaryHex(String),
}

impl From<&OwnedFrame> for Record {
    fn from(frame: &OwnedFrame) -> Self {
        match frame {
            OwnedFrame::Text(text) => Record::Text(text.clone()),
            OwnedFrame::Binary(bytes) => Record::BinaryHex(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
}

impl Frames {
    /// The frame on a line.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(self, line: &[u8]) -> Result<OwnedFrame, String> {
        let text = std::str::from_utf8(line)
            .map_err(|_| "not UTF-8: a text frame cannot hold it; for binary frames use --frames json".to_owned())?;
        if self == Frames::Text {
            return Ok(Frame::Text(text).to_owned());
        }
        let bad = || "not a record such as {\"text\":\"...\"} or {\"binary_hex\":\"00ff\"}".to_owned();
        match serde_json::from_str(text).map_err(|_| bad())? {
            Record::Text(text) => Ok(OwnedFrame::Text(text)),
            Record::BinaryHex(hex) => Ok(OwnedFrame::Binary(bytes(&hex).ok_or_else(bad)?)),
        }
    }

    /// A frame as a line.
    ///
    /// # Errors
    /// This form cannot hold it.
    pub fn write(self, frame: &OwnedFrame) -> Result<String, String> {
        match (self, frame) {
            (Frames::Text, OwnedFrame::Text(text)) if !text.contains('\n') => Ok(text.clone()),
            (Frames::Text, _) => Err("the frame is not one line of text: use --frames json".to_owned()),
            (Frames::Json, frame) => serde_json::to_string(&Record::from(frame)).map_err(|error| error.to_string()),
        }
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.len().is_multiple_of(2).then_some(())?;
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_any_frame() {
        for frame in [
            OwnedFrame::Text("a\nb \"😀\"".into()),
            OwnedFrame::Text(String::new()),
            OwnedFrame::Binary((0..=255).collect()),
            OwnedFrame::Binary(Vec::new()),
        ] {
            let line = Frames::Json.write(&frame).expect("a line");
            assert!(!line.contains('\n'));
            assert_eq!(Frames::Json.read(line.as_bytes()), Ok(frame));
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for line in [
            &b"{}"[..],
            b"{\"text\":1}",
            b"{\"text\":\"a\",\"x\":1}",
            b"{\"binary_hex\":\"0\"}",
            b"{\"binary_hex\":\"0g\"}",
            b"{\"binary_hex\":\"\xc3\xa9\"}",
            b"x",
            b"\xff",
        ] {
            assert!(Frames::Json.read(line).is_err(), "{line:?}");
        }
        assert!(Frames::Text.read(b"\xff").is_err());
        assert!(Frames::Text.write(&OwnedFrame::Binary(vec![1])).is_err());
    }
}
