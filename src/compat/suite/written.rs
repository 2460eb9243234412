//! Owns how a frame is written in a case: a text, hex of a binary one, or parts put together to one text.

use crate::dialect::OwnedFrame;
use serde::Deserialize;

/// A frame as it stands in a case.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(try_from = "Form")]
pub struct Written(OwnedFrame);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    text: Option<String>,
    hex: Option<String>,
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Repeat { repeat: String, times: usize },
}

impl Written {
    /// A text frame.
    pub fn text_of(text: impl Into<String>) -> Self {
        Self(OwnedFrame::Text(text.into()))
    }

    /// The frame.
    pub fn frame(&self) -> &OwnedFrame {
        &self.0
    }

    /// Its text; none of a binary one.
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            OwnedFrame::Text(text) => Some(text),
            OwnedFrame::Binary(_) => None,
        }
    }
}

impl TryFrom<Form> for Written {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        match form {
            Form { text: Some(text), hex: None, parts: None } => Ok(Self(OwnedFrame::Text(text))),
            Form { text: None, hex: Some(hex), parts: None } => {
                bytes(&hex).map(OwnedFrame::Binary).map(Self).ok_or("hex: two digits each byte")
            }
            Form { text: None, hex: None, parts: Some(parts) } => Ok(Self(OwnedFrame::Text(
                parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => text.clone(),
                        Part::Repeat { repeat, times } => repeat.repeat(*times),
                    })
                    .collect(),
            ))),
            _ => Err("a frame is one of text, hex, parts"),
        }
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Written, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_frame_is_written_in_one_of_three_ways() {
        assert_eq!(read(r#"{"text":"a"}"#).unwrap().text(), Some("a"));
        assert_eq!(*read(r#"{"hex":"00fF"}"#).unwrap().frame(), OwnedFrame::Binary(vec![0, 255]));
        assert_eq!(read(r#"{"parts":["<",{"repeat":"ab","times":2},">"]}"#).unwrap().text(), Some("<abab>"));
        for bad in [r"{}", r#"{"text":"a","hex":""}"#, r#"{"hex":"0"}"#, r#"{"hex":"0ä"}"#, r#"{"word":"a"}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
