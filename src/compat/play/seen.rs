//! Owns how what a client got is written down so that two runs can be compared: names for ids, zeros for the digits of
//! times, and of what is long its beginning, its length and its hash. Pure.

use crate::compat::hex;
use crate::compat::{Ids, SeenWhat};
use crate::dialect::OwnedFrame;
use sha2::{Digest, Sha256};

/// Bytes of a text that is written down whole.
const WHOLE: usize = 2048;
/// Bytes of the beginning of one that is not.
const BEGINNING: usize = 256;
/// `d`: a digit; the rest stands for itself, `T` for a blank too.
const TIME: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";

/// A frame, as it is written down.
pub fn frame(frame: &OwnedFrame, ids: &Ids) -> SeenWhat {
    match frame {
        OwnedFrame::Text(text) => SeenWhat::Text(short(&text_of(text, ids))),
        OwnedFrame::Binary(bytes) => {
            // Legacy clients send JSON in binary frames too.
            let bytes =
                std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), |text| hex(text_of(text, ids).as_bytes()));
            SeenWhat::Binary(short(&bytes))
        }
    }
}

/// A text in which nothing is of this run alone.
pub fn text_of(text: &str, ids: &Ids) -> String {
    without_times(&ids.unfill(text))
}

/// A text as it may stand in a reason: on one line, and not long.
pub fn told(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut told: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        told.push('…');
    }
    told
}

/// The same of a frame.
pub fn told_frame(frame: &OwnedFrame, ids: &Ids) -> String {
    match frame {
        OwnedFrame::Text(text) if text.is_empty() => "an empty text".to_owned(),
        OwnedFrame::Text(text) => told(&ids.unfill(text)),
        OwnedFrame::Binary(bytes) => format!("a binary frame of {} bytes", bytes.len()),
    }
}

fn short(text: &str) -> String {
    if text.len() <= WHOLE {
        return text.to_owned();
    }
    let cut = (0..=BEGINNING).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let beginning = &text[..cut];
    let hash = hex(&Sha256::digest(text));
    format!("{beginning}… ({} bytes, sha256 {hash})", text.len())
}

/// In whatever looks like a time of RFC 3339, every digit is 0.
fn without_times(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + TIME.len()) {
        let fits = |(form, byte): (&u8, &u8)| match form {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            form => form == byte,
        };
        if !TIME.iter().zip(window).all(fits) {
            at += 1;
            continue;
        }
        // Fraction and offset belong to it.
        let rest = &bytes[at + TIME.len()..];
        let behind = rest.iter().take_while(|byte| byte.is_ascii_digit() || b".+-:".contains(byte)).count();
        let end = at + TIME.len() + behind;
        bytes[at..end].iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'0');
        at = end;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn seen(text: &str) -> String {
        let casts = serde_json::from_str(r#"{"bob":{"speaks":"v3"}}"#).unwrap();
        match frame(&OwnedFrame::Text(text.to_owned()), &Ids::new("t7", &casts, &BTreeMap::new(), true)) {
            SeenWhat::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_of_one_run_alone_is_written_down() {
        for (came, written) in [
            (
                r#"{"from_id":"bob-t7","sent_at":"2026-03-11T12:34:56.789Z"}"#,
                r#"{"from_id":"{bob}","sent_at":"0000-00-00T00:00:00.000Z"}"#,
            ),
            ("ä 2026-03-11 12:34:56+02:00, 2026-03-11", "ä 0000-00-00 00:00:00+00:00, 2026-03-11"),
            ("12026-03-11T12:34:56", "10000-00-00T00:00:00"),
        ] {
            assert_eq!(seen(came), written);
        }
    }

    #[test]
    fn of_what_is_long_the_beginning_is_enough_and_a_difference_shows() {
        let (one, other) = (seen(&"ä".repeat(3000)), seen(&format!("{}b", "ä".repeat(2999))));
        assert!(one.len() < 400 && one.contains("… (6000 bytes, sha256 "), "{one}");
        assert_ne!(one, other);
        assert_eq!(seen(&"x".repeat(WHOLE)).len(), WHOLE);
    }

    #[test]
    fn bytes_that_are_a_text_have_names_too() {
        let casts = serde_json::from_str(r#"{"bob":{"speaks":"v3"}}"#).unwrap();
        let ids = Ids::new("t7", &casts, &BTreeMap::new(), true);
        let of = |bytes: &[u8]| frame(&OwnedFrame::Binary(bytes.to_vec()), &ids);
        assert_eq!(of(b"bob-t7"), SeenWhat::Binary("7b626f627d".to_owned()));
        assert_eq!(of(&[0xff, 0]), SeenWhat::Binary("ff00".to_owned()));
        assert_eq!(told("a\nb"), "a\u{fffd}b");
    }
}
