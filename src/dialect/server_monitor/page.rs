//! Owns how a page is shown what an agent told: metrics and log entries below `data`, wrapped once (guide, "Frontend
//! WebSocket Protocol"), and the server's id as the hub knows it, whatever the frame says.

use super::frame::{Parts, Word, quoted};
use crate::envelope::json::{self, Member};
use smallvec::SmallVec;
use std::borrow::Cow;

const SERVER_ID: &str = "server_id";

/// The frame for a page; `server` is the one that said it, where that is known. None: it is no frame.
pub fn shown(text: &str, server: Option<&str>) -> Option<String> {
    let parts = Parts::read(text)?;
    let text = match server.map(|server| (server, lies(&parts, server))) {
        Some((server, lies)) if !lies.is_empty() => Cow::Owned(corrected(text, &lies, server)),
        _ => Cow::Borrowed(text),
    };
    let wraps = match parts.word()? {
        Word::Metrics => Some("metrics"),
        Word::Log => Some("log"),
        _ => None,
    };
    match wraps {
        Some(word) if parts.nested().is_none() => Some(wrapped(word, Parts::read(&text)?.all())),
        _ => Some(text.into_owned()),
    }
}

/// How often the frame names another server than its own.
pub fn forged(parts: &Parts<'_>, server: &str) -> u32 {
    u32::try_from(lies(parts, server).len()).unwrap_or(u32::MAX)
}

/// Everything else below `data`, in order, tokens as they are.
fn wrapped(word: &str, members: &[Member<'_>]) -> String {
    let size = members.iter().map(|member| member.key_token.len() + member.value.len() + 2).sum::<usize>();
    let mut out = String::with_capacity(size + 32);
    for part in ["{\"type\":\"", word, "\",\"data\":{"] {
        out.push_str(part);
    }
    let mut before = "";
    for member in members.iter().filter(|member| member.key != "type") {
        for part in [before, member.key_token, ":", member.value] {
            out.push_str(part);
        }
        before = ",";
    }
    out.push_str("}}");
    out
}

/// The tokens that name another server, in the frame and below its `data`, in order: those that readers take, which of
/// equal keys is the last.
fn lies<'a>(parts: &Parts<'a>, server: &str) -> SmallVec<[&'a str; 2]> {
    let below = parts.nested().and_then(Parts::read);
    let said = [parts.get(SERVER_ID), below.and_then(|below| below.get(SERVER_ID))];
    let is_lie = |token: &&str| json::decode_str(token).is_none_or(|said| said != server);
    let mut lies: SmallVec<[&str; 2]> = said.into_iter().flatten().filter(is_lie).collect();
    lies.sort_unstable_by_key(|token| token.as_ptr());
    lies
}

/// The text with the server's id instead of these tokens, which were cut from it, in order.
fn corrected(text: &str, lies: &[&str], server: &str) -> String {
    let server = quoted(server);
    let mut out = String::with_capacity(text.len() + lies.len() * server.len());
    let mut from = 0;
    for lie in lies {
        let at = (lie.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(&server);
        from = at.saturating_add(lie.len());
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_ones_are_wrapped_once_and_nested_ones_not_again() {
        let flat = r#"{ "type": "metrics", "cpu": 45.20, "net": [1, 2], "cpu": 1e2 }"#;
        let wrapped = r#"{"type":"metrics","data":{"cpu":45.20,"net":[1, 2],"cpu":1e2}}"#;
        assert_eq!(shown(flat, Some("s")).as_deref(), Some(wrapped));
        for nested in [wrapped, r#"{"data": {}, "type" : "log", "x":1 }"#] {
            assert_eq!(shown(nested, Some("s")).as_deref(), Some(nested));
        }
        assert_eq!(shown(r#"{"type":"log"}"#, None).as_deref(), Some(r#"{"type":"log","data":{}}"#));
        let odd = shown(r#"{"type":"log","data":[1]}"#, None);
        assert_eq!(odd.as_deref(), Some(r#"{"type":"log","data":{"data":[1]}}"#));
        let alert = r#"{"type":"alert", "level":"high"}"#;
        assert_eq!(shown(alert, Some("s")).as_deref(), Some(alert));
    }

    #[test]
    fn a_server_is_what_its_key_says() {
        let cases = [
            (
                r#"{"type":"metrics","server_id":"x","a":1}"#,
                r#"{"type":"metrics","data":{"server_id":"s\"1","a":1}}"#,
                1,
            ),
            (
                r#"{"type":"log","server_\u0069d":[1],"data":{"a":{"server_id":"x"}, "server_id":7},"server_id":null}"#,
                r#"{"type":"log","server_\u0069d":[1],"data":{"a":{"server_id":"x"}, "server_id":"s\"1"},"server_id":"s\"1"}"#,
                2,
            ),
            (r#"{"type":"alert", "server_id" : "x"}"#, r#"{"type":"alert", "server_id" : "s\"1"}"#, 1),
            (r#"{"type":"alert","server_id":"s\u00221"}"#, r#"{"type":"alert","server_id":"s\u00221"}"#, 0),
        ];
        for (said, want, lies) in cases {
            assert_eq!(shown(said, Some("s\"1")).as_deref(), Some(want));
            assert_eq!(forged(&Parts::read(said).expect("an object"), "s\"1"), lies, "{said}");
        }
    }
}
