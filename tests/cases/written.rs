//! Owns how a frame is written in a case: a text, hex of a binary one, or parts put together to one text.

use aether_proxy::dialect::OwnedFrame;
use serde::Deserialize;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Written {
    pub text: Option<String>,
    pub hex: Option<String>,
    pub parts: Option<Vec<Part>>,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
pub enum Part {
    Text(String),
    Repeat { repeat: String, times: usize },
}

impl Written {
    /// The frame.
    pub fn frame(&self) -> OwnedFrame {
        match (&self.text, &self.hex, &self.parts) {
            (Some(text), None, None) => OwnedFrame::Text(text.clone()),
            (None, Some(hex), None) => OwnedFrame::Binary(
                (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect(),
            ),
            (None, None, Some(parts)) => OwnedFrame::Text(
                parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => text.clone(),
                        Part::Repeat { repeat, times } => repeat.repeat(*times),
                    })
                    .collect(),
            ),
            _ => panic!("a frame is text, hex, or parts"),
        }
    }

    /// Its text.
    pub fn text(&self) -> String {
        match self.frame() {
            OwnedFrame::Text(text) => text,
            OwnedFrame::Binary(_) => panic!("a text is expected"),
        }
    }
}
