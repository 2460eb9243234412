//! The dialects beside Aether's own on two proxies and one real Redis: there is one agent of a server and one worker,
//! wherever they come.

use crate::harness::client::Client;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);
const MOUNTS: &str = r#"
auth.guests = "allow"
auth.api_keys = [{ name = "srv-1", key = "key-1" }]
[[mounts]]
path = "/v3/ws/group/{group_id}/client/{client_id}"
dialect = "aether-v3"
[[mounts]]
path = "/agents"
dialect = "server-monitor"
server_monitor = { role = "agent" }
[[mounts]]
path = "/metrics/{server_id}"
dialect = "server-monitor"
server_monitor = { role = "metrics" }
[[mounts]]
path = "/vectra"
dialect = "vectra"
vectra = { worker_secret = "the-secret" }
"#;

async fn start(redis: &RedisServer) -> ProxyProcess {
    let options = MOUNTS.lines().fold(ProxyOptions::default(), |options, line| options.line(line));
    options.env("AETHER_HUB__URL", &redis.url()).start().await
}

async fn connect(node: &ProxyProcess, path: &str) -> Client {
    Client::connect(&node.client_url(path)).await.expect("connected")
}

/// Reads up to a text that holds this.
async fn until(client: &mut Client, mark: &str) -> String {
    loop {
        let text = client.expect_text().await;
        if text.contains(mark) {
            return text;
        }
    }
}

/// The code of the close frame, whatever comes before it.
async fn closed(client: &mut Client) -> u16 {
    loop {
        if let Message::Close(frame) = client.next(PATIENCE).await.expect("a frame in time") {
            return frame.map_or(1005, |frame| frame.code.into());
        }
    }
}

async fn agent(node: &ProxyProcess) -> Client {
    let mut client = connect(node, "/agents").await;
    client.send_text(r#"{"type":"auth","api_key":"key-1"}"#).await;
    assert!(client.expect_text().await.contains(r#""server_id":"srv-1""#));
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_takes_over_from_one_on_another_node() {
    let redis = RedisServer::start().await;
    let (one, two) = tokio::join!(start(&redis), start(&redis));
    let mut page = connect(&one, "/metrics/srv-1").await;
    page.send_text(r#"{"type":"auth","token":"any"}"#).await;
    assert!(page.expect_text().await.contains("auth_success"));
    let mut first = agent(&one).await;
    first.send_text(r#"{"type":"metrics","cpu_percent":1}"#).await;
    until(&mut page, r#""cpu_percent":1"#).await;
    let mut second = agent(&two).await;
    assert_eq!(closed(&mut first).await, 4409);
    second.send_text(r#"{"type":"metrics","cpu_percent":2}"#).await;
    until(&mut page, r#""cpu_percent":2"#).await;
    second.expect_text().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_takes_over_from_one_on_another_node_and_every_node_knows_of_it() {
    let redis = RedisServer::start().await;
    let (one, two) = tokio::join!(start(&redis), start(&redis));
    let (mut here, mut there) = (connect(&one, "/vectra").await, connect(&two, "/vectra").await);
    for client in [&mut here, &mut there] {
        until(client, r#""status":"offline""#).await;
    }
    let worker = "/vectra?client_type=worker&token=the-secret";
    let mut first = connect(&one, worker).await;
    for client in [&mut here, &mut there] {
        until(client, r#""status":"online""#).await;
    }
    let mut second = connect(&two, worker).await;
    assert_eq!(closed(&mut first).await, 1000);
    second.send_text(r#"{"type":"SYNC"}"#).await;
    for client in [&mut here, &mut there] {
        until(client, r#"{"type":"SYNC"}"#).await;
    }
    drop(second);
    for client in [&mut here, &mut there] {
        until(client, r#""status":"offline""#).await;
    }
}
