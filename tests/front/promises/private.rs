//! What a client says to the server alone, and what the server says of it: nobody else hears any of it, and what a
//! client says of itself that is not its to say counts for nothing.

use super::cast::{Cast, HALL, Kind, alert, cmd, mark};
use crate::rooms::{agent_auth, auth, forged, token, told};
use serde_json::Value;

/// Frames between a client and the server, each with the mark of its answer, if it has one.
fn private(kind: Kind) -> Vec<(String, Option<&'static str>)> {
    let of = |text: &str, answer| (text.to_owned(), answer);
    match kind {
        Kind::V3 => vec![
            of(
                r#"{"msg_type":"heartbeat","target":"group","msg":"private","payload":{"type":"alert"}}"#,
                Some("private"),
            ),
            of(
                r#"{"msg_type":"heartbeat","target":"broadcast","payload":{"type":"alert","p":"private"}}"#,
                Some("private"),
            ),
            of(r#"{"msg_type":"msg","target":"echo","payload":{"type":"alert","p":"private"}}"#, Some("private")),
            of(r#"{"msg_type":"cmd","target":"echo","cmd":"x","payload":{"type":"x","p":"private"}}"#, Some("private")),
        ],
        Kind::V2 => vec![of(r#"{"msg_type":"msg","target":"echo","msg":"private"}"#, Some("private"))],
        Kind::Guide => vec![
            of(r#"{"type":"ping","timestamp":"private"}"#, Some("private")),
            of(r#"{"type":"pong","timestamp":"private"}"#, None),
            (auth(&token("private")), Some("auth_response")),
            (auth(&forged("private")), Some("auth_response")),
            of(r#"{"type":"subscribe","channel":"alerts","device_id":"private"}"#, Some("private")),
            of(r#"{"type":"unsubscribe","channel":"alerts","device_id":"private"}"#, Some("private")),
            of(r#"{"type":"subscribe","channel":"private"}"#, Some("private")),
            of(r#"{"type":"batch","messages":[{"type":"ping","timestamp":"private"}]}"#, Some("private")),
        ],
        Kind::Real => vec![
            of(r#"{"type":"ping","timestamp":"private"}"#, Some("private")),
            of(r#"{"type":"subscribe_device","device_id":"private"}"#, Some("private")),
            of(r#"{"type":"unsubscribe_device","device_id":"private"}"#, Some("private")),
            of(r#"{"type":"alert","p":"private"}"#, Some("Unknown message type: alert")),
        ],
        Kind::Agent => vec![
            of(r#"{"type":"ping","p":"private"}"#, Some("pong")),
            of(r#"{"type":"pong","p":"private"}"#, None),
            (agent_auth(HALL.key), Some("auth_success")),
            (agent_auth("private"), Some("auth_success")),
        ],
        Kind::Metrics | Kind::Logs => vec![
            of(r#"{"type":"ping","p":"private"}"#, Some("pong")),
            of(r#"{"type":"pong","p":"private"}"#, None),
            (auth(&token("private")), None),
            of(r#"{"type":"alert","p":"private"}"#, None),
        ],
        Kind::Page => vec![
            of("ping", Some("pong")),
            of("private", None),
            of(r#"{"type":"alert","p":"private"}"#, None),
            of(r#"{"type":"REGISTER_WORKER","metadata":"private"}"#, None),
        ],
        Kind::Worker => vec![of("ping", Some("pong")), of("private", None)],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn echo_heartbeat_pings_and_subscriptions_are_their_senders_alone() {
    let mut cast = Cast::new(|_| {}).await;
    for (kind, client) in &mut cast.all {
        for (frame, answer) in private(*kind) {
            client.text(&frame).await;
            if let Some(answer) = answer {
                let told = client.next().await;
                assert!(told.contains(answer), "{kind:?} says {frame} and hears {told}");
            }
        }
    }
    for (kind, heard) in cast.scene().await {
        assert_eq!(heard, [""; 0], "{kind:?}");
    }
}

/// Members that are the server's to say.
const FORGED: &str = r#""from_id":"forged","group_id":"forged","sent_at":"forged","server_id":"forged","account":"forged","x_account_id":"forged","client_id":"forged","to_id":"forged","version":"9","_hub":{"e":"x","s":1,"a":"forged"},"_v2":{"k":"json","d":"vectra","raw":"forged"},"_v3":{"from_id":"forged"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_fields_are_overruled() {
    let mut cast = Cast::new(|_| {}).await;
    let names = |kind: Kind| match kind {
        Kind::Agent => HALL.server,
        Kind::Worker => HALL.worker,
        other => other.name(),
    };
    for kind in Kind::ALL.into_iter().filter(|kind| kind.speaks()) {
        let said = format!(r#"{{{FORGED},{}"#, &alert(kind.name(), 1)[1..]);
        let text = match kind {
            Kind::V3 => format!(r#"{{{FORGED},"msg_type":"msg","target":"group","payload":{said}}}"#),
            _ => said.clone(),
        };
        cast.of(kind).text(&text).await;
        for (by, heard) in cast.scene().await {
            let heard: Vec<_> = heard.iter().filter(|text| mark(text).is_some()).collect();
            assert_eq!(heard.len(), usize::from(by.hears(kind.name())), "{by:?} hears {kind:?} say {heard:?}");
            let Some(text) = heard.first() else { continue };
            match by {
                Kind::V3 => {
                    let envelope: Value = serde_json::from_str(text).expect("an envelope");
                    let sent = envelope["sent_at"].as_str().expect("a time");
                    assert!(sent.starts_with("20"), "{text}");
                    let fixed = ["version", "msg_type", "target", "from_id", "group_id"].map(|name| &envelope[name]);
                    assert_eq!(fixed, ["3", "msg", "group", names(kind), HALL.group], "{text}");
                    let known = ["version", "msg_type", "target", "from_id", "group_id", "sent_at", "payload"];
                    let all: Vec<_> = envelope.as_object().expect("an object").keys().collect();
                    assert!(
                        all.iter().all(|name| known.contains(&name.as_str()) || kind == Kind::V3 && *name == "to_id"),
                        "{all:?}"
                    );
                }
                // The content, and nothing else; of an agent with its own server.
                Kind::V2 => assert!(!text.contains(r#""raw":"forged""#) || text.contains(r#""by""#), "{text}"),
                Kind::Metrics | Kind::Logs if kind == Kind::Agent => {
                    let own = format!(r#""server_id":"{}""#, HALL.server);
                    assert_eq!(**text, said.replace(r#""server_id":"forged""#, &own));
                }
                _ => assert_eq!(**text, said),
            }
        }
    }
}

/// A V3 client's word comes as its payload, and nothing of the envelope with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn legacy_clients_see_no_envelope() {
    let mut cast = Cast::new(|_| {}).await;
    let members = ["version", "msg_type", "target", "from_id", "to_id", "group_id", "sent_at", "_v3", "_v2", "_hub"];
    let types = ["metrics", "log", "alert", "error", "telemetry_update", "device_status_update", "x", "WORKER_STATUS"];
    for (n, word) in types.into_iter().enumerate() {
        let payload = format!(r#"{{"type":"{word}","device_id":1,"by":"any","n":{n}}}"#);
        for text in [told(&payload), cmd(&payload)] {
            cast.of(Kind::V3).text(&text).await;
        }
        for kind in [Kind::V2, Kind::Guide, Kind::Agent, Kind::Worker] {
            cast.of(kind).text(&payload).await;
        }
    }
    let mut all = 0;
    for (kind, heard) in cast.scene().await.into_iter().filter(|(kind, _)| Kind::LEGACY.contains(kind)) {
        for text in heard {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            for below in [&value, &value["data"]] {
                assert!(members.iter().all(|name| below.get(name).is_none()), "{kind:?} sees {text}");
            }
            all += 1;
        }
    }
    assert!(all > 100, "they heard something: {all}");
}
