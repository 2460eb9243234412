//! Vectra's worker: who it is says its secret, in a header or in the query, before the 101.

use crate::client::Client;
use crate::handshake::request;
use crate::proxy::Proxy;
use crate::rooms::{VECTRA, WORKER, proxy, told};
use aether_proxy::config::{Config, DialectName, RefuseWith};
use tokio_tungstenite::tungstenite::Error;

async fn worker(proxy: &Proxy, query: &str, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
    let path = format!("{VECTRA}?client_type=worker{query}");
    Client::try_open(proxy.tcp().await, &path, headers).await.map_err(|error| match *error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    })
}

fn vectra(c: &mut Config) -> &mut aether_proxy::config::Mount {
    c.mounts.iter_mut().find(|mount| mount.dialect == DialectName::Vectra).expect("a mount")
}

#[tokio::test]
async fn the_worker_is_who_knows_the_secret() {
    let proxy = proxy(|_| {}).await;
    let good = format!("&token={WORKER}");
    assert!(worker(&proxy, &good, &[]).await.is_ok());
    assert!(worker(&proxy, "&token=wrong", &[("x-worker-secret", WORKER)]).await.is_ok(), "the header wins");
    for (query, headers) in [
        ("", vec![]),
        ("&token=", vec![]),
        ("&token=wrong", vec![]),
        ("", vec![("x-worker-secret", "wrong")]),
        (good.as_str(), vec![("x-worker-secret", "wrong")]),
        ("&jwt=x", vec![("x-api-key", WORKER)]),
    ] {
        assert_eq!(worker(&proxy, query, &headers).await.err(), Some(403), "{query}");
    }
    let (status, _, body) = proxy.http(&request(&format!("{VECTRA}?client_type=admin"), &[])).await;
    assert_eq!(status, 403);
    assert!(body.contains("not_the_worker") && !body.contains(WORKER), "{body}");
}

#[tokio::test]
async fn a_page_reads_why_where_the_mount_says_so_and_no_secret_lets_nobody_in() {
    let closes = proxy(|c| vectra(c).refuse_with = Some(RefuseWith::Close)).await;
    let mut refused = worker(&closes, "&token=wrong", &[]).await.expect("a WebSocket");
    assert_eq!(refused.closed().await.0, 1008);
    let without = proxy(|c| vectra(c).vectra = None).await;
    for query in ["", "&token=", "&token=x"] {
        assert_eq!(worker(&without, query, &[]).await.err(), Some(403), "{query}");
    }
    assert!(Client::try_open(without.tcp().await, VECTRA, &[]).await.is_ok(), "clients come in");
}

#[tokio::test]
async fn clients_hear_the_one_worker_and_a_second_takes_over() {
    let proxy = proxy(|_| {}).await;
    let mut modern = proxy.v3("vectra", "m").await;
    let mut client = proxy.connect(VECTRA).await;
    assert!(client.next().await.contains(r#""status":"offline""#));
    let secret = [("x-worker-secret", WORKER)];
    let mut first = worker(&proxy, "", &secret).await.expect("in");
    assert!(client.until(r#""status":"online""#).await.is_empty());
    first.until(r#""status":"online""#).await;
    first.text(r#"{"type":"SYNC","n":1}"#).await;
    client.until(r#"{"type":"SYNC","n":1}"#).await;
    modern.until(r#""from_id":"worker""#).await;
    // What a V3 client commands reaches the worker only.
    modern.text(r#"{"version":"3","msg_type":"cmd","cmd":"TRIGGER_DOC_SYNC","target":"group","payload":{"type":"TRIGGER_DOC_SYNC","id":"d1"}}"#).await;
    first.until(r#""id":"d1""#).await;
    let mut second = worker(&proxy, "", &secret).await.expect("in");
    assert_eq!(first.closed().await.0, 1000);
    second.text(r#"{"type":"SYNC","n":2}"#).await;
    let between = client.until(r#"{"type":"SYNC","n":2}"#).await;
    assert!(between.iter().all(|m| !m.to_text().unwrap_or_default().contains("d1")), "{between:?}");
    // A client that says it is the worker is none.
    let mut forged = proxy.connect(&format!("{VECTRA}?client_id=worker")).await;
    forged.text(r#"{"type":"SYNC","n":3}"#).await;
    modern.text(&told(r#"{"type":"END"}"#)).await;
    let heard = client.until("END").await;
    assert!(heard.iter().all(|m| !m.to_text().unwrap_or_default().contains(r#""n":3"#)), "{heard:?}");
}
