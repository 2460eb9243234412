//! What becomes a WebSocket, and what is said to the rest.

use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::config::{ApiKey, RefuseWith, Secret};
use aether_proxy::dialect::Protocol;
use aether_proxy::telemetry::labels::Handshake;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Error;

const GOOD: &str = "/v3/ws/group/g/client/c";

/// A request that would be accepted, with changes: `-name` takes a header away, others are added.
pub fn request(path: &str, changes: &[&str]) -> String {
    let mut headers = vec![
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for change in changes {
        match change.strip_prefix('-') {
            Some(name) => headers.retain(|h| !h.starts_with(name)),
            None => headers.push(change),
        }
    }
    format!("GET {path} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"))
}

fn with_key(config: &mut aether_proxy::config::Config) {
    let key = Some(Secret::new("k3y"));
    config.auth.api_keys = vec![ApiKey {
        name: "test".into(),
        key,
        sha256: None,
        account: Some("acme".into()),
        group: None,
        broadcast: false,
    }];
}

#[tokio::test]
async fn every_refusal_says_what_is_wrong_as_json() {
    let proxy = Proxy::with(|c| {
        c.limits.id = 8;
        c.limits.url = 200;
    })
    .await;
    let long = format!("{GOOD}?x={}", "y".repeat(300));
    let cases: [(&str, String, u16, &str); 13] = [
        ("root", request("/", &["-Upgrade"]), 426, "upgrade_required"),
        ("plain", request(GOOD, &["-Upgrade"]), 426, "upgrade_required"),
        ("path", request("/v4/ws", &[]), 404, "unknown_path"),
        ("no client", request("/ws/group/g/client", &[]), 404, "unknown_path"),
        ("empty id", request("/ws/group/g/client/", &[]), 400, "bad_id"),
        ("long id", request("/ws/group/g/client/123456789", &[]), 400, "bad_id"),
        ("reserved id", request("/v3/ws/group/g/client/server", &[]), 400, "bad_id"),
        ("not utf-8", request("/ws/group/%ff/client/c", &[]), 400, "bad_id"),
        ("connection", request(GOOD, &["-Connection", "Connection: close"]), 400, "missing_connection_upgrade"),
        ("key", request(GOOD, &["-Sec-WebSocket-Key"]), 400, "bad_websocket_key"),
        ("version", request(GOOD, &["-Sec-WebSocket-Version"]), 426, "unsupported_version"),
        ("method", request(GOOD, &[]).replace("GET", "POST"), 405, "method_not_allowed"),
        ("url", request(&long, &[]), 414, "url_too_long"),
    ];
    for (name, request, status, code) in &cases {
        let (got, head, body) = proxy.http(request).await;
        assert_eq!(got, *status, "{name}: {head}");
        assert!(
            head.contains("content-type: application/json") && head.contains("connection: close"),
            "{name}: {head}"
        );
        let body: serde_json::Value = serde_json::from_str(&body).expect("json");
        assert_eq!(body["error"]["code"], *code, "{name}");
        assert!(body["error"]["message"].as_str().is_some_and(|m| m.len() > 10), "{name}");
    }
    let (_, head, _) = proxy.http(&request(GOOD, &["-Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"])).await;
    assert!(head.contains("sec-websocket-version: 13") && head.contains("upgrade: websocket"), "{head}");
    let (_, _, body) = proxy.http(&request("/v4/ws", &[])).await;
    assert!(body.contains("/v3/ws/group/{group_id}/client/{client_id}"), "{body}");
    let refused = |p, result| proxy.metrics().handshakes.with((p, result)).get();
    // A path of no mount counts as v3, and so do the requests that were refused before their mount mattered.
    assert_eq!(refused(Protocol::V3, Handshake::BadPath), 3);
    assert_eq!(refused(Protocol::V2, Handshake::BadRequest) + refused(Protocol::V3, Handshake::BadRequest), 12);
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let proxy = Proxy::start().await;
    let (status, head, body) = proxy.http(&request(GOOD, &["-Upgrade"]).replace("GET", "HEAD")).await;
    assert_eq!((status, body.as_str()), (426, ""), "{head}");
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let proxy = Proxy::start().await;
    let big = format!("X-Big: {}", "y".repeat(100_000));
    let (status, ..) = proxy.http(&request(GOOD, &[&big])).await;
    assert_eq!(status, 431);
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let proxy = Proxy::with(|c| c.limits.handshake_timeout = Duration::from_millis(100)).await;
    for bytes in ["", "GET /v3/ws HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = proxy.tcp().await;
        stream.write_all(bytes.as_bytes()).await.expect("written");
        let mut rest = Vec::new();
        let end = tokio::time::timeout(crate::PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "still open");
    }
    proxy.eventually("counted", |p| p.metrics().handshakes.with((Protocol::V3, Handshake::Limit)).get() == 2).await;
}

#[tokio::test]
async fn extensions_are_declined() {
    let proxy = Proxy::start().await;
    let headers = [("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")];
    let client = Client::open(proxy.tcp().await, GOOD, &headers).await;
    assert!(client.response.headers().get("sec-websocket-extensions").is_none());
}

#[tokio::test]
async fn credentials_are_asked_for_and_accepted_wherever_they_stand() {
    let proxy = Proxy::with(with_key).await;
    for (path, changes, status) in [
        (GOOD.to_owned(), vec![], 401),
        (format!("{GOOD}?api_key=wrong"), vec![], 401),
        (format!("{GOOD}?api_key=k3y"), vec![], 101),
        (GOOD.to_owned(), vec!["X-Api-Key: k3y"], 101),
        (GOOD.to_owned(), vec!["Sec-WebSocket-Protocol: aether.v3, aether.api_key.k3y"], 101),
    ] {
        let mut stream = proxy.tcp().await;
        stream.write_all(request(&path, &changes).as_bytes()).await.expect("written");
        let mut answer = [0; 1024];
        let n = stream.read(&mut answer).await.expect("read");
        let head = String::from_utf8_lossy(&answer[..n]).into_owned();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{path} {changes:?}: {head}");
        assert!(!head.contains("k3y"), "{head}");
        assert_eq!(head.to_lowercase().contains("www-authenticate"), status == 401, "{head}");
    }
}

#[tokio::test]
async fn origins_that_are_not_listed_are_refused() {
    let proxy = Proxy::with(|c| c.auth.origins = vec!["https://app.example".into()]).await;
    let (status, _, body) = proxy.http(&request(GOOD, &["Origin: https://evil.example"])).await;
    assert_eq!(status, 403);
    assert!(body.contains("origin_denied"), "{body}");
    Client::open(proxy.tcp().await, GOOD, &[("origin", "https://app.example")]).await;
}

#[tokio::test]
async fn a_browser_reads_the_refusal_from_the_close_code() {
    let proxy = Proxy::with(|c| {
        with_key(c);
        c.policy.refuse_with = RefuseWith::Close;
        c.mounts[1].refuse_with = Some(RefuseWith::Http);
    })
    .await;
    let mut client = proxy.connect(GOOD).await;
    assert_eq!(client.closed().await, (4401, "authentication failed".into()));
    let refused = Client::try_open(proxy.tcp().await, "/ws/group/g/client/c", &[]).await;
    assert!(matches!(refused.err().as_deref(), Some(Error::Http(response)) if response.status() == 401));
    assert_eq!(proxy.running.shared.hub.registry().len(), 0);
}

#[tokio::test]
async fn no_more_come_in_than_there_is_room_for() {
    let proxy = Proxy::with(|c| c.limits.connections = 2).await;
    let first = proxy.v3("g", "a").await;
    let _second = proxy.v2("g", "b").await;
    let (status, head, body) = proxy.http(&request(GOOD, &[])).await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: ") && body.contains("too_many_connections"), "{head}");
    drop(first);
    proxy.has(1).await;
    let third = async {
        while Client::try_open(proxy.tcp().await, GOOD, &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::PATIENCE, third).await.expect("room again");
}

#[tokio::test]
async fn a_message_behind_the_request_is_not_lost() {
    let proxy = Proxy::start().await;
    let mut stream = proxy.tcp().await;
    let mut bytes = request(&format!("{GOOD}?x=1"), &[]).into_bytes();
    // A masked text frame with an all-zero mask, in the same segment as the request.
    let text = br#"{"msg_type":"msg","target":"echo","msg":"early"}"#;
    bytes.extend([0x81, 0x80 | text.len() as u8, 0, 0, 0, 0]);
    bytes.extend(text);
    stream.write_all(&bytes).await.expect("written");
    let mut got = Vec::new();
    let look = async {
        while !String::from_utf8_lossy(&got).contains("early") {
            let mut buffer = [0; 1024];
            let n = stream.read(&mut buffer).await.expect("read");
            assert!(n > 0, "closed");
            got.extend(&buffer[..n]);
        }
    };
    tokio::time::timeout(crate::PATIENCE, look).await.expect("the echo");
}

#[tokio::test]
async fn integer_ids_are_counted() {
    let proxy = Proxy::start().await;
    let _clients = (proxy.v2("7", "a").await, proxy.v2("g", "12345").await, proxy.v3("g", "1773266158823").await);
    assert_eq!(proxy.metrics().integer_ids.with((Protocol::V2,)).get(), 2);
    assert_eq!(proxy.metrics().integer_ids.with((Protocol::V3,)).get(), 0);
}
