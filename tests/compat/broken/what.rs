//! Faults in what a message looks like.

use super::dialects;
use super::faults::Fault;
use super::room::{Room, Side, Who};
use super::said::{Said, removed, replaced};
use super::wire::{BINARY, Frame, TEXT};
use serde_json::{Value, json};

/// Bytes that small buffers hold.
const SMALL: usize = 64 << 10;

/// Members of an envelope.
const KNOWN: [&str; 10] =
    ["version", "msg_type", "target", "from_id", "to_id", "group_id", "cmd", "msg", "payload", "sent_at"];

/// What a client gets instead of this message: mostly one.
pub fn comes(fault: Fault, room: &Room, who: &Who, said: Option<&Said>, frame: Frame) -> Vec<Frame> {
    match fault {
        _ if who.side == Side::Other => dialects::down(fault, frame),
        Fault::BinaryAsText if who.side == Side::V2 && frame.opcode == BINARY => {
            vec![Frame::new(TEXT, String::from_utf8_lossy(&frame.payload).into_owned())]
        }
        Fault::TextAsBinary if who.side == Side::V3 => vec![Frame { opcode: BINARY, ..frame }],
        Fault::Truncated if is_long(&frame) => vec![Frame { payload: frame.payload[..SMALL].into(), ..frame }],
        Fault::Split if is_long(&frame) => {
            let (one, two) = frame.payload.split_at(SMALL);
            [one, two].map(|part| Frame { payload: part.into(), ..frame.clone() }).into()
        }
        _ => match frame.text().and_then(|text| words(fault, room, who, said, text)) {
            Some(other) => vec![frame.with(other)],
            None => vec![frame],
        },
    }
}

/// A text cut within a character would be no text, and that is another fault.
fn is_long(frame: &Frame) -> bool {
    let long = frame.payload.len() > SMALL;
    long && frame.text().is_none_or(|text| text.is_char_boundary(SMALL))
}

/// Another text, where the fault makes one.
fn words(fault: Fault, room: &Room, who: &Who, said: Option<&Said>, text: &str) -> Option<String> {
    let own = who.side == Side::V2 && said.is_none();
    match fault {
        Fault::V2Reencoded if own => return again(text),
        Fault::NonAsciiEscaped if text.starts_with(['{', '[', '"']) => return Some(escaped(text)),
        Fault::SlashesEscaped if text.starts_with('{') => return Some(text.replace("\\/", "/").replace('/', "\\/")),
        Fault::HtmlEscaped => return Some(text.replace('<', "&lt;").replace('>', "&gt;")),
        Fault::NulLost => return Some(text.replace("\\u0000", "")),
        Fault::Trimmed if own => return Some(text.trim().to_owned()),
        _ => {}
    }
    let said = said?;
    let claim = |name: &str| room.said.get(said.from())?.get(name).cloned();
    let believed = |name: &str| claim(name).map(|value| replaced(text, name, &value.to_string()));
    let stamped = !said.is_of_server();
    match fault {
        Fault::FromIdBelieved => believed("from_id"),
        Fault::GroupIdBelieved => believed("group_id"),
        Fault::SentAtBelieved => believed("sent_at"),
        Fault::VersionBelieved => believed("version"),
        Fault::FromIdMissing if stamped => Some(removed(text, "from_id")),
        Fault::GroupIdMissing if stamped => Some(removed(text, "group_id")),
        Fault::SentAtMissing if stamped => Some(removed(text, "sent_at")),
        Fault::ToIdMissing if said.is_to("direct") => Some(removed(text, "to_id")),
        Fault::SentAtWithoutZone => Some(text.replace("Z\"}", "\"}")),
        Fault::FlatWithoutSender if said.flat => Some(removed(text, "_v3")),
        Fault::ReceiptForged if said.flat => claim("_hub")?.get("raw")?.as_str().map(str::to_owned),
        Fault::ReceiptInPayload if said.flat => claim("payload")?.get("_v2")?.get("raw")?.as_str().map(str::to_owned),
        _ if said.flat => None,
        Fault::VersionMissing => Some(removed(text, "version")),
        Fault::VersionNumber => Some(replaced(text, "version", "3")),
        Fault::NullsWritten if stamped => {
            let missing = ["to_id", "cmd", "msg", "payload"].map(|name| format!("\"{name}\":"));
            let nulls = missing.iter().filter(|key| !text.contains(*key)).map(|key| format!(",{key}null"));
            Some(format!("{}{}}}", text.strip_suffix('}')?, nulls.collect::<String>()))
        }
        Fault::CommandAsMessage if stamped => Some(text.replace("\"msg_type\":\"cmd\"", "\"msg_type\":\"msg\"")),
        Fault::EmptyPayloadLost => Some(text.replace(",\"payload\":{}", "")),
        Fault::UnknownMembersKept if stamped => {
            let said = room.said.get(said.from())?;
            let unknown = said.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
            let more = unknown.map(|(name, value)| format!(",{}:{value}", json!(name)));
            Some(format!("{}{}}}", text.strip_suffix('}')?, more.collect::<String>()))
        }
        Fault::OtherBase64 => {
            let data = said.payload().get("data_b64")?.as_str()?;
            let other = data.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
            Some(text.replace(&json!(data).to_string(), &json!(other).to_string()))
        }
        Fault::PresenceProtocol => {
            let presence = said.presence().is_some() || said.is_members();
            presence.then(|| text.replace("\"protocol\":\"v2\"", "\"protocol\":\"v3\""))
        }
        Fault::V3Reencoded => again(text),
        Fault::ErrorPlace if said.is_error() => {
            Some(text.replace("\"loc\":[\"", "\"loc\":[\"body\",\"").replace("\"loc\":[]", "\"loc\":[\"body\"]"))
        }
        Fault::ErrorType if said.is_error() => Some(text.replace("\"type\":\"", "\"type\":\"value_error.")),
        Fault::ErrorCode if said.is_error() => Some(text.replace("\"code\":\"", "\"code\":\"E_")),
        Fault::PresenceEmpty if said.is_members() => Some(replaced(text, "payload", r#"{"members":[],"count":0}"#)),
        Fault::PresenceOfOthers if said.is_members() => {
            Some(with_members(text, said, room, |one| one.group != who.group))
        }
        Fault::PresenceOfTabs if said.is_members() => {
            Some(with_members(text, said, room, |one| one.group == who.group && room.tabs(one).len() > 1))
        }
        Fault::PresenceCount if said.is_members() => {
            let mut payload = said.payload().clone();
            payload["count"] = json!(payload["count"].as_u64()? + 1);
            Some(replaced(text, "payload", &payload.to_string()))
        }
        Fault::ReceiptVisible if stamped => {
            Some(format!("{},\"_hub\":{{\"e\":\"e1\",\"s\":1,\"k\":\"json\"}}}}", text.strip_suffix('}')?))
        }
        _ => None,
    }
}

/// An answer with more members in it.
fn with_members(text: &str, said: &Said, room: &Room, are: impl Fn(&Who) -> bool) -> String {
    let mut members = said.payload()["members"].as_array().cloned().unwrap_or_default();
    let more = room.seats.values().map(|seat| &seat.who).filter(|one| are(one));
    members.extend(more.map(|one| json!({"client_id": one.client, "protocol": "v3"})));
    replaced(text, "payload", &json!({"count": members.len(), "members": members}).to_string())
}

/// Parsed and written again.
fn again(text: &str) -> Option<String> {
    serde_json::from_str::<Value>(text).ok().map(|value| value.to_string())
}

/// With escapes for all that is not ASCII.
fn escaped(text: &str) -> String {
    let mut units = [0; 2];
    text.chars().fold(String::new(), |mut out, char| {
        match char {
            ascii if ascii.is_ascii() => out.push(ascii),
            other => other.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
        out
    })
}
