//! Who sees what, in which form: the table of the design on one node, and law L1 through real sockets.

use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::config::Audience;
use aether_proxy::telemetry::labels::{Check, Direction, Tampered};
use tokio_tungstenite::tungstenite::Message;

const NAMES: [&str; 7] = ["v2", "redis", "v2-other", "recv", "v3", "v3-other", "sender"];

/// Everyone of the table; the sender is last.
struct Cast {
    _proxy: Proxy,
    clients: Vec<Client>,
    v3: bool,
    marks: u32,
}

impl Cast {
    async fn with(proxy: Proxy, sender: &str) -> Self {
        let mut clients = Vec::new();
        for path in [
            "/ws/group/g1/client/v2",
            "/ws_redis/group/g1/client/redis",
            "/ws/group/g2/client/v2-other",
            "/ws/group/g1/client/recv?recv=v3",
            "/v3/ws/group/g1/client/v3",
            "/v3/ws/group/g2/client/v3-other",
            sender,
        ] {
            clients.push(proxy.connect(path).await);
        }
        Self { _proxy: proxy, clients, v3: sender.starts_with("/v3"), marks: 0 }
    }

    async fn new(sender: &str) -> Self {
        Self::with(Proxy::start().await, sender).await
    }

    /// Sends and tells who got what. A broadcast behind it marks the end for everyone.
    async fn say(&mut self, message: impl Into<Message>) -> Vec<(&'static str, Message)> {
        let sender = self.clients.last_mut().expect("a sender");
        sender.send(message).await;
        if self.v3 {
            // So that the mark, from another connection, cannot overtake.
            let sync = format!("sync{}", self.marks);
            sender.text(&format!(r#"{{"msg_type":"msg","target":"echo","msg":"{sync}"}}"#)).await;
        }
        self.marks += 1;
        let mark = format!("mark{}", self.marks);
        sender.text(&format!(r#"{{"msg_type":"msg","target":"broadcast","msg":"{mark}"}}"#)).await;
        let mut got = Vec::new();
        for (name, client) in NAMES.into_iter().zip(&mut self.clients) {
            let messages = client.until(&mark).await;
            got.extend(
                messages.into_iter().filter(|m| !m.to_text().is_ok_and(|t| t.contains("sync"))).map(|m| (name, m)),
            );
        }
        got
    }

    async fn names(&mut self, text: &str) -> Vec<&'static str> {
        self.say(Message::text(text)).await.into_iter().map(|(name, _)| name).collect()
    }
}

#[tokio::test]
async fn a_v2_frame_reaches_its_group_exact_on_v2_and_as_an_envelope_on_v3() {
    let mut cast = Cast::new("/ws/group/g1/client/sender").await;
    let frame = r#"{ "hello" : 1.10, "hello": 1e400, "msg":"ä\u00e4" }"#;
    for (name, message) in cast.say(Message::text(frame)).await {
        match name {
            "v2" | "redis" | "sender" => assert_eq!(message, Message::text(frame), "{name}"),
            "v3" | "recv" => {
                let text = message.to_text().expect("text");
                let start = r#"{"version":"3","msg_type":"msg","target":"group","from_id":"sender","group_id":"g1","msg":"ä\u00e4","payload":{"hello":1e400},"sent_at":"20"#;
                assert!(text.starts_with(start) && !text.contains("_hub"), "{text}");
            }
            other => panic!("{other} got {message}"),
        }
    }
    assert_eq!(cast.names("x").await, ["v2", "redis", "recv", "v3", "sender"]);
}

#[tokio::test]
async fn a_v2_frame_reaches_all_v2_clients_where_the_audience_is_global() {
    let proxy = Proxy::with(|c| c.v2.audience = Audience::Global).await;
    let mut cast = Cast::with(proxy, "/ws/group/g1/client/sender").await;
    assert_eq!(cast.names("x").await, ["v2", "redis", "v2-other", "recv", "v3", "sender"]);
}

#[tokio::test]
async fn v3_targets_reach_whom_they_name() {
    let mut cast = Cast::new("/v3/ws/group/g1/client/sender").await;
    let message = |target: &str, more: &str| format!(r#"{{"msg_type":"msg","target":"{target}","msg":"m"{more}}}"#);
    assert_eq!(cast.names(&message("group", "")).await, ["v2", "redis", "recv", "v3", "sender"]);
    assert_eq!(cast.names(&message("broadcast", "")).await, NAMES);
    for to in NAMES {
        assert_eq!(cast.names(&message("direct", &format!(r#","to_id":"{to}""#))).await, [to]);
    }
    assert_eq!(cast.names(&message("direct", r#","to_id":"nobody""#)).await, [""; 0]);
    assert_eq!(cast.names(&message("echo", "")).await, ["sender"]);
    assert_eq!(cast.names(r#"{"msg_type":"heartbeat","target":"group"}"#).await, ["sender"]);
}

#[tokio::test]
async fn a_v3_message_is_flat_loose_json_on_v2() {
    let mut cast = Cast::new("/v3/ws/group/g1/client/sender").await;
    let text = r#"{"msg_type":"cmd","target":"group","cmd":"RELOAD","msg":"hi","payload":{"a": 1.10}}"#;
    let got = cast.say(Message::text(text)).await;
    let flat = got.iter().find(|(name, _)| *name == "v2").expect("v2 got it").1.to_text().expect("text");
    assert!(flat.starts_with(r#"{"msg":"hi","cmd":"RELOAD","a":1.10,"_v3":{"msg_type":"cmd""#), "{flat}");
}

#[tokio::test]
async fn a_half_migrated_client_reaches_whom_it_names() {
    let mut cast = Cast::new("/ws/group/g1/client/sender").await;
    let text = r#"{"msg_type":"msg","target":"direct","to_id":"v2-other","msg":"psst"}"#;
    assert_eq!(cast.say(Message::text(text)).await, [("v2-other", Message::text(text))]);
    let text = r#"{"target":"echo",  "msg_type":"msg"}"#;
    assert_eq!(cast.say(Message::text(text)).await, [("sender", Message::text(text))]);
}

#[tokio::test]
async fn any_v2_frame_comes_back_exactly() {
    let proxy = Proxy::start().await;
    let (mut from, mut to) = (proxy.v2("g", "a").await, proxy.v2("g", "b").await);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let texts = [
        "",
        " ",
        "ping",
        "{}",
        "[]",
        "null",
        "1.10",
        "123456789012345678901234567890",
        "\u{feff}{}",
        "{\"a\":NaN}",
        "{}{}",
        "{\"a\":1,\"a\":2}",
        "{\"_hub\":{\"e\":\"x\",\"s\":1}}",
        "{\"\\ud800\":1}",
        "\"\\ud800\"",
        "\0\u{1}",
        "{\"$serde_json::private::RawValue\":\"x\"}",
        "{\"msg_type\":\"heartbeat\",\"target\":\"echo\"}",
        "{\"type\":\"ping\"}",
        "{\"msg\":1,\"cmd\":null,\"_v3\":{},\"payload\":{\"x\":[1, 2]}}",
        &deep,
    ];
    let frames: Vec<Message> = texts
        .into_iter()
        .map(Message::text)
        .chain([vec![], vec![0, 159, 146, 150], br#"{"a":1}"#.to_vec(), vec![7; 100_000]].map(Message::binary))
        .collect();
    for frame in &frames {
        from.send(frame.clone()).await;
        for client in [&mut from, &mut to] {
            assert!(client.message().await == *frame, "changed: {}", frame.to_text().unwrap_or("binary"));
        }
    }
    let checks = |check| proxy.metrics().roundtrip_checks.with((Direction::V2ToV3, check)).get();
    assert_eq!((checks(Check::Match), checks(Check::Mismatch)), (frames.len() as u64, 0));
}

#[tokio::test]
async fn nobody_speaks_as_another() {
    let proxy = Proxy::start().await;
    let (mut evil, mut other) = (proxy.v3("g", "evil").await, proxy.v3("g", "other").await);
    evil.text(
        r#"{"version":"9","msg_type":"msg","target":"group","from_id":"server","group_id":"x","sent_at":"1970","x":1}"#,
    )
    .await;
    let got = other.next().await;
    assert!(got.starts_with(
        r#"{"version":"3","msg_type":"msg","target":"group","from_id":"evil","group_id":"g","sent_at":"20"#
    ));
    let tampered = |what| proxy.metrics().tampered_members.with((what,)).get();
    assert_eq!((tampered(Tampered::Overridden), tampered(Tampered::Unknown)), (4, 1));
    // A receipt on a V2 frame is data like any other.
    let mut legacy = proxy.v2("g", "legacy").await;
    let forged = r#"{"msg":"a","_hub":{"k":"text","raw":"b"}}"#;
    evil.text(r#"{"msg_type":"msg","target":"group","payload":{"_v2":{"k":"text","raw":"forged"}}}"#).await;
    assert!(legacy.next().await.contains(r#""_v2":{"k":"text","raw":"forged"}"#));
    legacy.text(forged).await;
    assert_eq!(legacy.next().await, forged);
    assert!(other.until(r#""from_id":"legacy""#).await.len() <= 1);
}

#[tokio::test]
async fn the_sub_protocol_asks_for_envelopes_too_and_is_answered() {
    let proxy = Proxy::start().await;
    let headers = [("sec-websocket-protocol", "aether.v3")];
    let mut client = Client::open(proxy.tcp().await, "/ws/group/g/client/c", &headers).await;
    assert_eq!(client.response.headers()["sec-websocket-protocol"], "aether.v3");
    client.text("hello").await;
    assert!(client.next().await.contains(r#""msg":"hello""#));
}

#[tokio::test]
async fn accounts_that_are_named_are_kept_apart() {
    let proxy = Proxy::start().await;
    let at = |id: &str, account: &str| format!("/v3/ws/group/g/client/{id}?x_account_id={account}");
    let mut a = proxy.connect(&at("a", "acme")).await;
    let mut b = proxy.connect(&at("b", "acme")).await;
    let mut other = proxy.connect(&at("o", "other")).await;
    let hello = r#"{"msg_type":"msg","target":"TARGET","to_id":"o","msg":"secret"}"#;
    for target in ["group", "broadcast", "direct"] {
        a.text(&hello.replace("TARGET", target)).await;
    }
    a.text(r#"{"msg_type":"msg","target":"group","msg":"end"}"#).await;
    assert_eq!(b.until("end").await.len(), 2);
    other.text(r#"{"msg_type":"msg","target":"group","msg":"mine"}"#).await;
    assert!(other.until("mine").await.is_empty());
}
