//! Nothing that a client says ends a legacy connection, unless its server is known to do that; and what one dialect's
//! clients say troubles no other dialect.

use super::cast::{Cast, Kind, alert, cmd};
use crate::rooms::told;
use aether_proxy::config::Config;
use aether_proxy::telemetry::labels::{ByDialect, Outcome};
use serde_json::Value;
use std::path::Path;
use tokio_tungstenite::tungstenite::Message;

/// V3 clients are ended by too many errors, which is not what is looked at here.
fn patient(c: &mut Config) {
    c.limits.errors_per_minute = 1_000_000;
}

/// Two hundred frames of every kind that is none.
fn garbage() -> Vec<Message> {
    let deep = [1_000, 100_000].map(|n| "[".repeat(n));
    let nested = format!(r#"{{"type":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let texts = [
        "",
        " ",
        "\0",
        "{",
        "}",
        "{}",
        "[]",
        "[{}]",
        "null",
        "true",
        "7",
        "1E999",
        "\"\"",
        "\"type\"",
        "{\"type\"",
        "{\"type\":}",
        "{\"type\":null}",
        "{\"type\":7}",
        "{\"type\":{}}",
        "{\"type\":\"\"}",
        "{'type':'ping'}",
        "{\"type\":\"ping\"",
        "{\"type\":\"auth\"}",
        "{\"type\":\"auth\",\"token\":7}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"channel\":[]}",
        "{\"type\":\"subscribe\",\"channel\":\"alerts\",\"filters\":7}",
        "{\"type\":\"unsubscribe\",\"channel\":7}",
        "{\"type\":\"batch\"}",
        "{\"type\":\"batch\",\"messages\":[[],7]}",
        "{\"type\":\"subscribe_device\",\"device_id\":{}}",
        "{\"type\":\"command_response\",\"command_id\":{}}",
        "{\"type\":\"REGISTER_WORKER\",\"metadata\":",
        "{\"a\":NaN}",
        "{\"a\":1}{\"b\":2}",
        "\u{feff}{}",
        "ping pong",
        "{\"\\ud800\":\"\\udfff\"",
        "{\"type\":\"\\u0000\"",
        "\u{202e}\u{0}\u{7f}",
    ];
    let mut all: Vec<Message> = Vec::new();
    for text in texts.into_iter().map(str::to_owned).chain(deep).chain([nested]) {
        all.push(Message::binary(text.clone().into_bytes()));
        all.extend([format!("{text}\n"), format!("{text},"), text].map(Message::text));
    }
    let bytes = [vec![], vec![0], vec![0xff; 1000], (0..=255).collect(), vec![b'{'; 100_000]];
    all.extend(bytes.map(Message::binary));
    all.extend((0..30).map(|n| Message::text("x".repeat(n * 37))));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_ends_nobody_and_a_good_frame_works_behind_it() {
    let mut cast = Cast::new(patient).await;
    let garbage = garbage();
    assert!(garbage.len() >= 200);
    for kind in Kind::LEGACY.into_iter().chain([Kind::V2]) {
        for frame in &garbage {
            cast.of(kind).send(frame.clone()).await;
        }
        // Subscriptions stand as before, and what it says is heard.
        cast.scene().await;
    }
    let refused = |kind: Kind| cast.proxy.metrics().invalid_messages.with(ByDialect(kind.spoken())).get();
    for kind in [Kind::Guide, Kind::Agent, Kind::Page] {
        assert!(refused(kind) >= 200, "{kind:?}");
    }
    assert_eq!(cast.proxy.outcome(Outcome::Lost), 0);
}

/// What clients, V3 clients and peers say in the cases of every dialect, of the corpus.
fn corpus() -> (Vec<Message>, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/cases");
    let (mut frames, mut hub) = (Vec::new(), Vec::new());
    for dialect in ["valtronics", "server-monitor", "vectra"] {
        for entry in std::fs::read_dir(root.join(dialect)).expect("cases") {
            let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a text");
            let file: Value = serde_json::from_str(&text).expect("JSON");
            let steps = file["cases"].as_array().expect("cases").iter().filter_map(|case| case["steps"].as_array());
            for step in steps.flatten() {
                for who in ["client", "legacy"] {
                    frames.extend(frame(&step[who]));
                }
                hub.extend(step["hub"]["text"].as_str().map(str::to_owned));
            }
        }
    }
    (frames, hub)
}

fn frame(value: &Value) -> Option<Message> {
    let hex = |hex: &str| {
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        Message::binary((0..hex.len()).step_by(2).map(digits).collect::<Vec<_>>())
    };
    value["text"].as_str().map(Message::text).or_else(|| value["hex"].as_str().map(hex))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_dialect_is_troubled_by_what_another_one_says() {
    let mut cast = Cast::new(patient).await;
    let (frames, hub) = corpus();
    assert!(frames.len() > 100 && hub.len() > 50, "{} {}", frames.len(), hub.len());
    for kind in Kind::ALL {
        for frame in &frames {
            cast.of(kind).send(frame.clone()).await;
        }
        if kind == Kind::Guide {
            // It may have ended its subscriptions.
            cast.of(kind).text(r#"{"type":"unsubscribe","channel":"alerts"}"#).await;
            cast.of(kind).text(r#"{"type":"subscribe","channel":"alerts"}"#).await;
            cast.of(kind).text(r#"{"type":"ping","timestamp":"subscribed again"}"#).await;
            cast.of(kind).until("subscribed again").await;
        }
        cast.scene().await;
    }
    for text in hub {
        cast.of(Kind::V3).text(&text).await;
    }
    for (kind, heard) in cast.scene().await.into_iter().filter(|(kind, _)| Kind::LEGACY.contains(kind)) {
        for text in heard {
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok(), "{kind:?} hears {text}");
        }
    }
    assert_eq!(cast.proxy.outcome(Outcome::Lost), 0);
    assert_eq!(cast.proxy.running.shared.hub.registry().len(), Kind::ALL.len());
}

/// The one exception: the real server of the monitor ends an agent that it cannot understand.
#[tokio::test]
async fn unless_its_server_does() {
    use crate::rooms::{AGENT, agent, proxy};
    use aether_proxy::config::Compat;
    let proxy = proxy(|c| {
        c.mounts.iter_mut().filter(|m| m.path == AGENT).filter_map(|m| m.server_monitor.as_mut()).for_each(|monitor| {
            monitor.compat = Compat::Server;
        });
    })
    .await;
    let mut real = agent(&proxy, "key-srv-1").await;
    let mut v3 = proxy.v3("srv-1", "m").await;
    for text in [told(&alert("x", 1)), cmd(&alert("x", 1))] {
        v3.text(&text).await;
    }
    real.text("no JSON").await;
    assert_eq!(real.closed().await.0, 1011);
}
