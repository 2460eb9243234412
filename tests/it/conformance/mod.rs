//! RFC 6455 by Autobahn's cases: all that apply, against the echo and the V2 endpoint, and against V3 in so far as no
//! case needs its own words back. Each verdict is OK, or is named here with the reason; the figures stand in
//! docs/PROTOCOL.md and are held to what came.

mod kosoku;

use crate::harness::proxy::ProxyProcess;
use kosoku::Verdict;
use std::collections::BTreeMap;

/// Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, and fragments made by the client's library.
const RULES: &str = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,10.*";
/// Large messages and many.
const LOAD: &str = "9.*";
/// Compression.
const COMPRESSION: &str = "12.*,13.*";

/// What a case says of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Ok,
    NonStrict,
    Informational,
    Unimplemented,
    /// Closed with 1009.
    TooLarge,
    Wrong,
}

/// All that is not OK, and why.
const NAMED: [(&[&str], Found); 3] = [
    // Their invalid UTF-8 comes octet by octet within one frame, and text is looked at frame by frame: it is refused
    // with the right code, but not before its frame is whole. 6.4.1 and 6.4.2, with fragments, are OK.
    (&["6.4.3", "6.4.4"], Found::NonStrict),
    // Close behind a message, and close codes that no rule speaks of: these cases have no other verdict.
    (&["7.1.6", "7.13.1", "7.13.2"], Found::Informational),
    // Messages of 16 MiB: `hub.max_message` cannot be so large that a proxy takes them.
    (&["9.1.6", "9.2.6"], Found::TooLarge),
];

/// A proxy that takes messages as large as a proxy can.
async fn proxy() -> ProxyProcess {
    let limits = ["limits.message = \"11MiB\"", "limits.outbound_queue = \"64MiB\"", "hub.max_message = \"16MiB\""];
    // A line for each connection would bury what a failure says.
    let rest = ["listen.echo = \"/echo\"", "telemetry.log_level = \"info,aether_proxy::session=warn\""];
    ProxyProcess::start(&[&rest, &limits[..]].concat()).await
}

/// Autobahn's own verdict.
fn by_autobahn(verdict: &Verdict) -> Found {
    match (verdict.behavior.as_str(), verdict.close.as_str(), verdict.code) {
        ("OK", "OK", _) => Found::Ok,
        ("NON-STRICT", "OK", _) => Found::NonStrict,
        ("INFORMATIONAL", "INFORMATIONAL", _) => Found::Informational,
        ("UNIMPLEMENTED", "OK", _) => Found::Unimplemented,
        ("FAILED", "FAILED", Some(1009)) => Found::TooLarge,
        _ => Found::Wrong,
    }
}

/// V3 answers each message with one of its own, mostly an error. So: as many messages, pongs and silences as wanted, in
/// this order. Who must be closed is closed as wanted; who waits for his own words in vain, and goes, is not.
fn by_outline(verdict: &Verdict) -> Found {
    let is_left_open = !verdict.server_fails && verdict.code.is_none();
    let word = verdict.wanted.iter().find(|(_, wanted)| **wanted == verdict.came).map(|(word, _)| word.as_str());
    match (verdict.behavior.as_str(), word) {
        ("INFORMATIONAL", _) => Found::Informational,
        (_, Some("OK")) if verdict.close == "OK" || is_left_open => Found::Ok,
        (_, Some("NON-STRICT")) if verdict.close == "OK" => Found::NonStrict,
        _ => Found::Wrong,
    }
}

/// What is to be found, where OK is `usual`.
fn expected(case: &str, usual: Found) -> Found {
    NAMED.iter().find(|(cases, _)| cases.contains(&case)).map_or(usual, |(_, found)| *found)
}

/// How many of each. Panics with every case that says something else than expected.
fn tally(verdicts: &[Verdict], usual: Found, judge: fn(&Verdict) -> Found) -> BTreeMap<Found, usize> {
    let (mut tally, mut wrong) = (BTreeMap::new(), Vec::new());
    for verdict in verdicts {
        let (found, expected) = (judge(verdict), expected(&verdict.case, usual));
        *tally.entry(found).or_default() += 1;
        if found != expected {
            let Verdict { case, behavior, close, description, expectation, expected: wanted, actual, .. } = verdict;
            wrong.push(format!(
                "case {case}: {found:?} instead of {expected:?} (messages {behavior}, end {close})\n  {description}\n  \
                 {expectation}\n  expected: {wanted}\n  actual:   {actual}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), verdicts.len(), wrong.join("\n"));
    tally
}

/// The protocol's documentation says so.
fn is_documented(endpoint: &str, cases: &str, tally: &BTreeMap<Found, usize>) {
    let of = |found| tally.get(&found).copied().unwrap_or_default();
    let figures = [Found::Ok, Found::NonStrict, Found::Informational, Found::TooLarge, Found::Unimplemented].map(of);
    let all: usize = tally.values().sum();
    let row = format!("| {endpoint} | {cases} | {all} | {} |", figures.map(|n| n.to_string()).join(" | "));
    let text = include_str!("../../../docs/PROTOCOL.md");
    assert!(text.lines().any(|line| line == row), "docs/PROTOCOL.md, \"WebSocket conformance\", needs the row\n{row}");
}

#[tokio::test]
async fn the_echo_keeps_every_rule_of_the_websocket_protocol() {
    let proxy = proxy().await;
    let verdicts = kosoku::run(&proxy.client_url("/echo"), RULES).await;
    is_documented("echo", "1–7, 10", &tally(&verdicts, Found::Ok, by_autobahn));
}

#[tokio::test]
async fn the_echo_carries_large_messages_and_many() {
    let proxy = proxy().await;
    let verdicts = kosoku::run(&proxy.client_url("/echo"), LOAD).await;
    is_documented("echo", "9", &tally(&verdicts, Found::Ok, by_autobahn));
}

#[tokio::test]
async fn compression_is_declined_by_not_answering_the_offer() {
    let proxy = proxy().await;
    let verdicts = kosoku::run(&proxy.client_url("/echo"), COMPRESSION).await;
    is_documented("echo", "12, 13", &tally(&verdicts, Found::Unimplemented, by_autobahn));
    for Verdict { case, response, .. } in &verdicts {
        assert!(response.starts_with("HTTP/1.1 101 "), "{case}: {response}");
        assert!(!response.to_lowercase().contains("sec-websocket-extensions"), "{case}: {response}");
    }
}

/// Alone in its group, a V2 client hears its own frames as they were, through the hub and back.
#[tokio::test]
async fn a_v2_client_is_served_by_every_rule_of_the_websocket_protocol() {
    let proxy = proxy().await;
    let verdicts = kosoku::run(&proxy.client_url("/ws/group/{case}/client/c"), RULES).await;
    is_documented("V2", "1–7, 10", &tally(&verdicts, Found::Ok, by_autobahn));
}

#[tokio::test]
async fn a_v2_client_gets_large_messages_and_many_back_through_the_hub() {
    let proxy = proxy().await;
    let verdicts = kosoku::run(&proxy.client_url("/ws/group/{case}/client/c"), LOAD).await;
    is_documented("V2", "9", &tally(&verdicts, Found::Ok, by_autobahn));
}

#[tokio::test]
async fn a_v3_client_is_answered_and_ended_by_every_rule_of_the_websocket_protocol() {
    let proxy = proxy().await;
    let verdicts = kosoku::run(&proxy.client_url("/v3/ws/group/{case}/client/c"), RULES).await;
    is_documented("V3", "1–7, 10", &tally(&verdicts, Found::Ok, by_outline));
}

mod tests {
    use super::*;

    fn verdict(case: &str, behavior: &str, close: &str, code: Option<u16>, came: &[&str]) -> Verdict {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Verdict {
            case: case.into(),
            behavior: behavior.into(),
            close: close.into(),
            code,
            wanted: [("OK".to_owned(), texts(&["message", "pong"])), ("NON-STRICT".to_owned(), texts(&["pong"]))]
                .into(),
            came: texts(came),
            ..Verdict::default()
        }
    }

    #[test]
    fn a_case_that_is_not_as_named_is_a_failure_that_says_which() {
        let report = |verdict: Verdict| {
            let told = std::panic::catch_unwind(|| tally(&[verdict], Found::Ok, by_autobahn)).err();
            told.map(|text| *text.downcast::<String>().unwrap())
        };
        assert_eq!(report(verdict("1.1.1", "OK", "OK", None, &[])), None);
        assert_eq!(report(verdict("6.4.3", "NON-STRICT", "OK", Some(1007), &[])), None);
        for wrong in [("1.1.1", "NON-STRICT", "OK"), ("6.4.3", "OK", "OK"), ("2.1", "OK", "WRONG CODE")] {
            let report = report(verdict(wrong.0, wrong.1, wrong.2, None, &[])).expect("a failure");
            assert!(report.contains(&format!("case {}: ", wrong.0)) && report.contains("actual:"), "{report}");
        }
    }

    #[test]
    fn the_outline_is_of_what_comes_and_of_how_it_ends() {
        let found = |close, code, server_fails, came: &[&str]| {
            by_outline(&Verdict { server_fails, ..verdict("2.1", "FAILED", close, code, came) })
        };
        assert_eq!(found("OK", Some(1000), false, &["message", "pong"]), Found::Ok);
        assert_eq!(found("FAILED", None, false, &["message", "pong"]), Found::Ok);
        assert_eq!(found("OK", Some(1002), true, &["pong"]), Found::NonStrict);
        assert_eq!(found("FAILED", Some(1002), false, &["message", "pong"]), Found::Wrong);
        assert_eq!(found("FAILED", None, true, &["message", "pong"]), Found::Wrong);
        assert_eq!(found("WRONG CODE", Some(1000), true, &["message", "pong"]), Found::Wrong);
        assert_eq!(found("OK", Some(1000), false, &["pong", "message"]), Found::Wrong);
    }
}
