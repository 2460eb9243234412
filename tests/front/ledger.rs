//! At rest every delivery is accounted for: expected = delivered + suppressed + lost.

use crate::proxy::Proxy;
use aether_proxy::dialect::{Protocol, Spoken};
use aether_proxy::telemetry::labels::{ByDialect, Handshake, Outcome};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_mixed_run_nothing_is_unaccounted_for_and_nothing_lost() {
    let proxy = Proxy::start().await;
    let mut clients = Vec::new();
    for n in 0..12 {
        let group = format!("g{}", n % 3);
        let client = format!("c{n}");
        clients.push(if n % 2 == 0 { proxy.v2(&group, &client).await } else { proxy.v3(&group, &client).await });
    }
    for round in 0..50 {
        for (n, client) in clients.iter_mut().enumerate() {
            let text = match (n % 2, round % 5) {
                (0, 0) => "plain".to_owned(),
                (0, _) => format!(r#"{{"n": {n},"round":{round}}}"#),
                (_, 0) => format!(r#"{{"msg_type":"msg","target":"direct","to_id":"c{}"}}"#, (n + 1) % 12),
                (_, 1) => r#"{"msg_type":"heartbeat","target":"echo"}"#.to_owned(),
                (_, 2) => "invalid".to_owned(),
                _ => r#"{"msg_type":"msg","target":"group","payload":{"a":1}}"#.to_owned(),
            };
            client.text(&text).await;
        }
    }
    clients[1].text(r#"{"msg_type":"msg","target":"broadcast","msg":"end"}"#).await;
    // Each reads until the end of all: only then is everything on its way out.
    for client in &mut clients {
        while !client.message().await.to_text().is_ok_and(|text| text.contains("end")) {}
    }
    for client in &mut clients {
        client.send(Message::Close(None)).await;
    }
    proxy.has(0).await;
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1 && p.ledger().0 > 0).await;
    let metrics = proxy.metrics();
    for spoken in [Spoken::AetherV2, Spoken::AetherV3] {
        proxy.eventually("closed", |p| p.metrics().connections.with(ByDialect(spoken)).get() == 0).await;
        assert_eq!(metrics.connections_opened.with(ByDialect(spoken)).get(), 6);
        assert_eq!(metrics.messages_received.with(ByDialect(spoken)).get() % 50, u64::from(spoken == Spoken::AetherV3));
    }
    for protocol in [Protocol::V2, Protocol::V3] {
        assert_eq!(metrics.handshakes.with((protocol, Handshake::Accepted)).get(), 6);
    }
    assert!(proxy.outcome(Outcome::Delivered) > 1000);
    assert_eq!(metrics.invalid_messages.with(ByDialect(Spoken::AetherV3)).get(), 60);
}
