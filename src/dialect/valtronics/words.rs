//! Owns what the server says by itself, in the tone of the guide: confirmations, pongs, errors. The guide names
//! `auth_response`, `pong` and `invalid_token`; every other word here is the proxy's choice.

use super::Channel;
use super::filter::{LIST, LONGEST};
use super::subscriptions::SUBSCRIPTIONS;
use crate::clock::Timestamp;
use crate::dialect::OwnedFrame;
use crate::envelope::json;

/// Characters of a client's own word that an error gives back.
const QUOTED: usize = 64;

/// Why a frame is refused; what it displays is what the client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No JSON at all.
    #[error("Invalid JSON format")]
    NotJson,
    /// JSON, but no object.
    #[error("Message must be a JSON object")]
    NotObject,
    /// Opcode 2.
    #[error("Binary messages are not supported")]
    Binary,
    /// In the guide's own words.
    #[error("Missing message type")]
    NoType,
    /// Not logged in yet.
    #[error("Authentication required")]
    NotIn,
    /// Nothing to subscribe to.
    #[error("Missing channel")]
    NoChannel,
    /// A channel that there is not.
    #[error("Unknown channel: {0}")]
    UnknownChannel(String),
    /// `filters` is no object.
    #[error("Invalid filters: must be an object")]
    Filters,
    /// A filter that can mean nothing.
    #[error("Invalid {0}")]
    Invalid(&'static str),
    /// A list without end.
    #[error("Invalid {0}: at most {LIST} values of {LONGEST} bytes")]
    TooLong(&'static str),
    /// More subscriptions than one connection may have.
    #[error("Too many subscriptions: at most {SUBSCRIPTIONS}")]
    TooMany,
    /// Above the guide's message size.
    #[error("Message too large: at most {0} bytes")]
    TooBig(usize),
    /// Above the guide's message rate.
    #[error("Rate limit exceeded: at most {0} messages per second")]
    TooFast(u32),
    /// A batch without messages.
    #[error("Invalid batch: messages must be a list")]
    NoList,
    /// Above the guide's batch size.
    #[error("Batch too large: at most {0} messages")]
    BatchTooBig(usize),
    /// A batch in a batch.
    #[error("Invalid batch: a batch may not hold a batch")]
    Nested,
    /// Only the real server says so.
    #[error("Unknown message type: {0}")]
    UnknownType(String),
    /// Only the real server's clients subscribe to nothing else.
    #[error("Missing device_id")]
    NoDevice,
}

/// The beginning of a client's word, to be given back to it.
pub fn quoted(word: &str) -> String {
    word.chars().take(QUOTED).collect()
}

/// The guide server's error frame.
pub fn error(wrong: &Wrong) -> OwnedFrame {
    text("{\"type\":\"error\",\"message\":", &wrong.to_string())
}

/// The real server's error frame.
pub fn bare_error(wrong: &Wrong) -> OwnedFrame {
    text("{\"error\":", &wrong.to_string())
}

fn text(head: &str, what: &str) -> OwnedFrame {
    let mut out = String::with_capacity(head.len() + what.len() + 3);
    out.push_str(head);
    json::write_str(&mut out, what);
    out.push('}');
    OwnedFrame::Text(out)
}

/// The answer to a ping: with its own token, or with the time.
pub fn pong(timestamp: Option<&str>, at: Timestamp) -> OwnedFrame {
    let mut out = String::from("{\"type\":\"pong\",\"timestamp\":");
    match timestamp {
        Some(token) => out.push_str(token),
        None => write_time(&mut out, at),
    }
    out.push('}');
    OwnedFrame::Text(out)
}

/// The real server's sign of life.
pub fn heartbeat(at: Timestamp) -> OwnedFrame {
    let mut out = String::from("{\"type\":\"heartbeat\",\"timestamp\":");
    write_time(&mut out, at);
    out.push_str(",\"status\":\"alive\"}");
    OwnedFrame::Text(out)
}

fn write_time(out: &mut String, at: Timestamp) {
    out.push('"');
    at.write(out);
    out.push('"');
}

/// What is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// A subscription.
    On,
    /// Its end.
    Off,
}

/// Of which channel, and of which devices: the client's own token.
pub fn confirmed(what: Confirmed, channel: Option<Channel>, device: Option<&str>) -> OwnedFrame {
    let mut out = String::from(match what {
        Confirmed::On => "{\"type\":\"subscription_confirmed\"",
        Confirmed::Off => "{\"type\":\"unsubscription_confirmed\"",
    });
    if let Some(channel) = channel {
        out.push_str(",\"channel\":\"");
        out.push_str(channel.label());
        out.push('"');
    }
    if let Some(device) = device {
        out.push_str(",\"device_id\":");
        out.push_str(device);
    }
    out.push('}');
    OwnedFrame::Text(out)
}

/// The client is in.
pub fn welcome() -> OwnedFrame {
    OwnedFrame::Text(r#"{"type":"auth_response","success":true,"message":"Authentication successful"}"#.to_owned())
}

/// The client may not come in: the word its program looks at, and a sentence.
pub fn refusal(word: &str, sentence: &str) -> OwnedFrame {
    let mut out = String::from("{\"type\":\"auth_response\",\"success\":false,\"error\":");
    json::write_str(&mut out, word);
    text(&format!("{out},\"message\":"), sentence)
}
