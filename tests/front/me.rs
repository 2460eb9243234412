//! The request by which agents of a server monitor test their key before they connect.

use crate::PATIENCE;
use crate::proxy::Proxy;
use crate::rooms::{AGENT, proxy};
use aether_proxy::config::{self, Config, WebUrl};
use aether_proxy::telemetry::labels::Limit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const PATH: &str = "/api/v1/api-keys/me";

fn monitor(c: &mut Config) -> &mut config::ServerMonitor {
    let mount = c.mounts.iter_mut().find(|mount| mount.path == AGENT).expect("a mount");
    mount.server_monitor.as_mut().expect("a table")
}

async fn ask(proxy: &Proxy, path: &str, header: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n");
    let (status, head, body) = proxy.http(&request).await;
    assert!(head.contains("content-type: application/json") && head.contains("cache-control: no-store"), "{head}");
    (status, body)
}

#[tokio::test]
async fn it_is_answered_from_the_keys_of_the_house() {
    let proxy = proxy(|c| monitor(c).me = Some(config::Me::Answer)).await;
    let key = |key: &str| format!("X-API-Key: {key}\r\n");
    let good = r#"{"id":"srv-2","server_id":"srv-2","name":"second","is_active":true}"#;
    assert_eq!(ask(&proxy, PATH, &key("key-second")).await, (200, good.to_owned()));
    let unknown = (401, r#"{"detail":"Invalid or inactive API key"}"#.to_owned());
    assert_eq!(ask(&proxy, PATH, &key("wrong")).await, unknown);
    assert_eq!(ask(&proxy, PATH, "").await, unknown);
    assert_eq!(ask(&proxy, &format!("{PATH}?api_key=key-second"), "").await, unknown, "only the header counts");
    assert_eq!(ask(&proxy, "/api/v1/api-keys/you", &key("key-second")).await.0, 404);
}

#[tokio::test]
async fn it_is_unknown_where_no_mount_says_so_and_bounded_where_one_does() {
    let without = proxy(|_| {}).await;
    assert_eq!(ask(&without, PATH, "X-API-Key: key-second\r\n").await.0, 404);
    let slow = proxy(|c| {
        monitor(c).me = Some(config::Me::Answer);
        c.limits.handshakes_per_second_per_ip = 1;
    })
    .await;
    let mut refused = 0;
    for _ in 0..20 {
        refused += u64::from(ask(&slow, PATH, "X-API-Key: wrong\r\n").await.0 == 429);
    }
    assert!(refused > 0);
    assert_eq!(slow.metrics().limit_hits.with((Limit::HandshakesPerIp,)).get(), refused);
}

/// Answers one request so and returns what was asked.
async fn upstream(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").expect("a connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("a byte");
        head.push(byte);
    }
    // Whoever has enough need not read the rest.
    let _ = stream.write_all(answer.as_bytes()).await;
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn it_is_forwarded_with_the_key_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let proxy = proxy(|c| {
        let monitor = monitor(c);
        monitor.me = Some(config::Me::Forward);
        monitor.me_upstream = Some(WebUrl::new(format!("http://{address}")));
    })
    .await;
    let header = "X-API-Key: theirs\r\nCookie: private\r\n";
    let answer = "HTTP/1.1 203 Odd\r\nContent-Type: application/json\r\nSet-Cookie: x=y\r\nContent-Length: 11\r\n\r\n{\"mine\":42}";
    let path = format!("{PATH}?a=b");
    let (asked, told) = tokio::join!(upstream(&listener, answer), ask(&proxy, &path, header));
    assert_eq!(told, (203, r#"{"mine":42}"#.into()));
    assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\n")) && asked.contains("x-api-key: theirs"), "{asked}");
    assert!(!asked.to_lowercase().contains("cookie"), "{asked}");
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    let (_, told) = tokio::join!(upstream(&listener, &endless), ask(&proxy, PATH, header));
    assert_eq!(told.0, 502);
    drop(listener);
    assert_eq!(ask(&proxy, PATH, header).await.0, 502);
}
