//! Owns what clients say and how to know it again: a frame follows from its marker alone, so whoever gets one can
//! tell whether it is whole, and V2 whether it is the very same bytes.

use super::common::mark::{MARK, Mark};
use super::common::wire::TEXT;
use super::plan::{Scope, Seat, of_voice};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Opcode of a binary frame (RFC 6455 section 5.2).
pub const BINARY: u8 = 0x2;
/// The longest text behind a marker.
const LONGEST: usize = 64 * 1024 - 512;
/// Ends the text.
const END: u8 = b'~';
/// The name of what V3 sees of a V2 binary frame.
const BASE64: &[u8] = b"\"data_b64\":\"";

/// What all texts are cut from.
static TEXTS: LazyLock<Vec<u8>> = LazyLock::new(|| (b'a'..=b'z').cycle().take(LONGEST + 26).collect());

/// A number without pattern for each message (splitmix64).
fn scatter(mark: &Mark) -> u64 {
    let mut x = (u64::from(mark.publisher) << 32 | u64::from(mark.number)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The text behind the marker: mostly short, seldom long.
fn text(mark: &Mark) -> &'static [u8] {
    let chance = scatter(mark);
    let most = match chance % 1000 {
        0..700 => 256,
        700..900 => 2_048,
        900..985 => 16_384,
        _ => LONGEST,
    };
    let length = 16 + (chance >> 10) as usize % (most - 16);
    let from = (chance >> 40) as usize % 26;
    &TEXTS[from..from + length]
}

fn body(mark: &Mark) -> Vec<u8> {
    let text = text(mark);
    let mut body = Vec::with_capacity(MARK + text.len() + 1);
    body.extend_from_slice(mark.write().as_bytes());
    body.extend_from_slice(text);
    body.push(END);
    body
}

fn around(head: &str, mark: &Mark, tail: &str) -> (u8, Vec<u8>) {
    (TEXT, [head.as_bytes(), &body(mark), tail.as_bytes()].concat())
}

/// Opcode and content of a message. `to` is the id of the partner.
pub fn say(from: &Seat, scope: Scope, mark: &Mark, to: &str) -> (u8, Vec<u8>) {
    let chance = scatter(mark) >> 20;
    match (scope, from.speaks_v2) {
        // Legal V2 is whatever comes to mind.
        (Scope::Group, true) => match chance % 20 {
            0..11 => around(r#"{"msg": ""#, mark, r#"", "n": 1.10, "deep": {"a": [1, 2, {"b": null}]}}"#),
            11..15 => around("", mark, ""),
            15..17 => around(r#"[""#, mark, r#"", 30000000000000000000000000000001]"#),
            _ => (BINARY, [body(mark), (0..=u8::MAX).collect()].concat()),
        },
        (Scope::Group, false) => match chance % 4 {
            0 => around(r#"{"msg_type":"cmd","target":"group","cmd":"move","payload":{"a":""#, mark, r#""}}"#),
            _ => around(r#"{"msg_type":"msg","target":"group","msg":""#, mark, r#"","payload":{"n":1.10}}"#),
        },
        (Scope::Direct, _) => {
            around(&format!(r#"{{"msg_type":"msg","target":"direct","to_id":"{to}","msg":""#), mark, r#""}"#)
        }
        (Scope::Broadcast, _) => around(r#"{"msg_type":"msg","target":"broadcast","msg":""#, mark, r#""}"#),
        (Scope::Echo, _) if chance.is_multiple_of(2) => {
            around(r#"{"msg_type":"heartbeat","target":"echo","msg":""#, mark, r#""}"#)
        }
        (Scope::Echo, _) => around(r#"{"msg_type":"msg","target":"echo","msg":""#, mark, r#""}"#),
    }
}

/// Finds the marker, also in what was binary.
pub fn find(content: &[u8]) -> Option<(Mark, Cow<'_, [u8]>)> {
    if let Some(mark) = Mark::find(content) {
        return Some((mark, content.into()));
    }
    let at = content.windows(BASE64.len()).position(|part| part == BASE64)? + BASE64.len();
    let length = content[at..].iter().position(|byte| *byte == b'"')?;
    let decoded = STANDARD.decode(&content[at..at + length]).ok()?;
    Some((Mark::find(&decoded)?, decoded.into()))
}

/// Is this what was said? `seats` are all, `to` who heard it.
pub fn is_whole(seats: &[Seat], to: &Seat, opcode: u8, content: &[u8], mark: &Mark) -> bool {
    let (from, scope) = of_voice(mark.publisher);
    let Some(from) = seats.get(from) else { return false };
    if from.speaks_v2 && to.hears_v2 && scope == Scope::Group {
        return say(from, scope, mark, "") == (opcode, content.to_vec());
    }
    let Some(at) = content.iter().position(|byte| *byte == b'@') else { return false };
    let text = text(mark);
    content[at + MARK..].starts_with(text) && content.get(at + MARK + text.len()) == Some(&END)
}

/// Does it tell good frames from bad? Called at the start.
pub fn self_check() {
    let seats = super::plan::Plan::new(80).seats;
    let v2 = seats.iter().find(|seat| seat.hears_v2).unwrap_or(&seats[0]);
    for number in 0..200 {
        let from = seats.iter().position(|seat| seat.hears_v2).unwrap_or(0);
        let mark = Mark { publisher: super::plan::voice(from, Scope::Group), number, intended: 9 };
        let (opcode, mut content) = say(v2, Scope::Group, &mark, "");
        let found = find(&content).map(|(found, _)| found);
        assert!(found == Some(mark) && is_whole(&seats, v2, opcode, &content, &mark));
        assert!(opcode == TEXT || std::str::from_utf8(&content).is_err());
        content[MARK + 12] ^= 1;
        assert!(!is_whole(&seats, v2, opcode, &content, &mark), "a changed frame looks whole");
    }
}
