//! What legacy clients can be sent at all: many of them parse every frame and end on one that they cannot.

use super::cast::{Cast, Kind, alert, cmd, mark};
use crate::rooms::told;
use aether_proxy::telemetry::labels::Outcome;

/// Two hundred messages of a V3 client that no legacy server would send.
fn odd_messages() -> Vec<String> {
    let deep = format!("{}{}", r#"{"a":"#.repeat(200) + "1", "}".repeat(200));
    let long = "x".repeat(2000);
    let payloads = [
        "{}".to_owned(),
        r#"{"a":1}"#.to_owned(),
        r#"{"type":null}"#.to_owned(),
        r#"{"type":7,"type":[]}"#.to_owned(),
        r#"{"type":"metrics"}"#.to_owned(),
        r#"{"type":"metrics","data":7}"#.to_owned(),
        r#"{"type":"log","data":null,"type":"log"}"#.to_owned(),
        r#"{"type":"error","command_id":{}}"#.to_owned(),
        r#"{"type":"auth","token":"t"}"#.to_owned(),
        r#"{"type":"ping"}"#.to_owned(),
        r#"{"type":"pong"}"#.to_owned(),
        r#"{"type":"auth_response","success":false}"#.to_owned(),
        r#"{"type":"WORKER_STATUS","status":"offline"}"#.to_owned(),
        r#"{"type":"REGISTER_WORKER","metadata":{}}"#.to_owned(),
        r#"{"type":"telemetry_update","telemetry":[1]}"#.to_owned(),
        r#"{"type":"telemetry_update","telemetry":{},"device_id":[1]}"#.to_owned(),
        r#"{"type":"batch","messages":[{"type":"alert"}]}"#.to_owned(),
        r#"{"\ud800":"\udc00","":1E999,"é":-0}"#.to_owned(),
        r#"{"_v2":{"k":"text","raw":"not JSON"},"_hub":{"k":"text","d":"vectra","raw":"not JSON"}}"#.to_owned(),
        r#"{"type":"alert","_hub":{"k":"json","d":"valtronics","raw":" x "}}"#.to_owned(),
        r#"{"event":"join","protocol":"v2"}"#.to_owned(),
        format!(r#"{{"type":"alert","deep":{deep}}}"#),
        format!(r#"{{"type":"{long}"}}"#),
    ];
    let words = [r#""not JSON""#, r#""""#, r#""ping""#, r#""{""#, r#""WORKER_STATUS""#];
    let mut all = Vec::new();
    for payload in &payloads {
        for word in words {
            all.push(format!(r#"{{"msg_type":"msg","target":"group","msg":{word},"payload":{payload}}}"#));
            all.push(format!(r#"{{"msg_type":"cmd","target":"group","cmd":{word},"payload":{payload}}}"#));
        }
    }
    for word in words {
        all.push(format!(r#"{{"msg_type":"msg","target":"group","msg":{word}}}"#));
        all.push(format!(r#"{{"msg_type":"cmd","target":"broadcast","cmd":{word}}}"#));
        all.push(format!(r#"{{"msg_type":"heartbeat","target":"group","msg":{word}}}"#));
        all.push(format!(r#"{{"msg_type":"msg","target":"direct","to_id":"guide","msg":{word}}}"#));
    }
    all.push(r#"{"msg_type":"presence","target":"group","payload":{"event":"leave"}}"#.into());
    all.push("[]".into());
    all.push("no JSON".into());
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frame_to_a_legacy_client_is_json_or_pong() {
    let mut cast = Cast::new(|_| {}).await;
    let odd = odd_messages();
    assert!(odd.len() >= 200, "{}", odd.len());
    for text in &odd {
        cast.of(Kind::V3).text(text).await;
    }
    // Aether V2 clients say what is no JSON at all.
    for text in ["", "plain", "ping", "{", "[1]", "\"text\"", "7", "null", r#"{"type":"x""#] {
        cast.of(Kind::V2).text(text).await;
    }
    cast.of(Kind::V2).send(tokio_tungstenite::tungstenite::Message::binary(vec![0, 255])).await;
    for kind in [Kind::Page, Kind::Worker] {
        cast.of(kind).text("ping").await;
    }
    let (mut frames, mut pongs) = (0, 0);
    for (kind, heard) in cast.scene().await.into_iter().filter(|(kind, _)| Kind::LEGACY.contains(kind)) {
        for text in &heard {
            let is_pong = text == "pong" && kind.spoken() == Kind::Page.spoken();
            let value: Result<&serde_json::value::RawValue, _> = serde_json::from_str(text);
            assert!(is_pong || value.is_ok_and(|raw| raw.get().starts_with('{')), "{kind:?} hears {text}");
            (frames, pongs) = (frames + 1, pongs + usize::from(is_pong));
        }
    }
    assert_eq!(pongs, 2);
    assert!(frames > 200, "they heard something: {frames}");
    assert_eq!(cast.proxy.outcome(Outcome::Lost), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_frame_is_larger_than_a_mebibyte() {
    let mut cast = Cast::new(|_| {}).await;
    // As large as a client may send, in ways that grow when they are written otherwise.
    let room = 512 * 1024 - 300;
    let fill = |unit: &str| unit.repeat(room / unit.len());
    for unit in ["x", "é", r"\u0001", r#"\""#] {
        let payload = format!(r#"{{"type":"alert","big":"{}"}}"#, fill(unit));
        cast.of(Kind::V3).text(&told(&payload)).await;
        cast.of(Kind::V3).text(&cmd(&payload)).await;
        for kind in [Kind::V2, Kind::Guide, Kind::Agent, Kind::Worker] {
            cast.of(kind).text(&payload).await;
        }
        cast.scene().await.iter().for_each(|(kind, heard)| fits(*kind, heard, 1));
    }
    // White space around it is told to peers, but not at this price.
    for kind in [Kind::Guide, Kind::Agent, Kind::Worker] {
        let payload = format!("\n{{\"type\":\"alert\",\"big\":\"{}\"}}\n", fill(r#"\""#));
        cast.of(kind).text(&payload).await;
        let heard = cast.scene().await;
        heard.iter().for_each(|(by, heard)| fits(*by, heard, usize::from(by.hears(kind.name()))));
    }
    let metrics = format!(r#"{{"type":"metrics","server_id":[{}]}}"#, vec!["1"; room / 2 - 100].join(","));
    cast.of(Kind::Agent).text(&metrics).await;
    cast.scene().await.iter().for_each(|(kind, heard)| fits(*kind, heard, 0));
    // A text that six times as many bytes are needed for: below what the hub takes, it is passed on.
    cast.of(Kind::V2).text(&"\u{1}".repeat(160_000)).await;
    cast.scene().await.iter().for_each(|(kind, heard)| fits(*kind, heard, 0));
    assert_eq!(cast.proxy.outcome(Outcome::Lost), 0);
}

fn fits(kind: Kind, heard: &[String], at_least: usize) {
    let large = heard.iter().filter(|text| text.len() > 400_000).count();
    assert!(large >= at_least, "{kind:?} hears {large}");
    assert!(heard.iter().all(|text| text.len() <= 1 << 20), "{kind:?}");
    assert!(heard.iter().all(|text| mark(text).is_none()), "{kind:?}");
}

#[test]
fn a_mark_is_found_in_every_form() {
    for text in [alert("a", 7), told(&alert("a", 7)), format!(r#"{{"type":"metrics","data":{}}}"#, alert("a", 7))] {
        assert_eq!(mark(&text), Some(("a".to_owned(), 7)), "{text}");
    }
}
