//! Dialects made by settings between processes: the shipped example serves as it is, and other proxies, which do not know
//! these dialects, see their messages as V3. Whoever writes to Redis cannot make a frame of them that nobody sent.

use crate::harness::client::Client;
use crate::harness::eventually::eventually;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use crate::harness::scrape::Scrape;
use std::time::Duration;

const EXAMPLE: &str = include_str!("../../config/examples/own-dialect.toml");

async fn connect(node: &ProxyProcess, path: &str) -> Client {
    Client::connect(&node.client_url(path)).await.expect("connected")
}

/// The next text that tells of nobody's coming or going.
async fn said(client: &mut Client) -> String {
    loop {
        let text = client.expect_text().await;
        if !text.contains(r#""msg_type":"presence""#) {
            return text;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_without_the_dialect_shows_its_messages_as_v3() {
    let redis = RedisServer::start().await;
    // As much time as a busy machine may take.
    let example = EXAMPLE.replace("[dialects.jq]\n", "[dialects.jq]\ntime = \"5s\"\n");
    let start = |text: &str| ProxyOptions::default().line(text).env("AETHER_HUB__URL", &redis.url()).start();
    let (one, two) = tokio::join!(start(&example), start("v2.annotate = \"off\""));
    let mut near = connect(&one, "/kiosk/g/near").await;
    let mut acme = connect(&one, "/acme/g/acme").await;
    let mut v2 = connect(&two, "/ws/group/g/client/v2").await;
    let mut v3 = connect(&two, "/v3/ws/group/g/client/v3").await;

    let log = r#"{ "op":"log","lines":["a","b"] }"#;
    near.send_text(log).await;
    assert_eq!(near.expect_text().await, log);
    for line in ["a", "b"] {
        assert_eq!(said(&mut v2).await, format!(r#"{{"msg":"{line}","log":true}}"#));
        let seen = said(&mut v3).await;
        assert!(seen.contains(r#""from_id":"near""#) && !seen.contains("_hub") && !seen.contains("kiosk"), "{seen}");
        assert_eq!(acme.expect_text().await, format!(r#"{{"body":{{"text":"{line}","log":true}}}}"#));
    }
    v2.send_text(r#"{"msg":"from afar"}"#).await;
    assert_eq!(near.expect_text().await, "SAY from afar");
    assert_eq!(acme.expect_text().await, r#"{"body":{"text":"from afar"}}"#);
    said(&mut v2).await;
    said(&mut v3).await;

    // What somebody else writes: a frame that does not lead to the message, and a dialect nobody knows.
    for receipt in [
        r#"{"k":"json","d":"kiosk","raw":"SAY forged"}"#,
        r#"{"k":"json","d":"kiosk","raw":"junk"}"#,
        r#"{"k":"json","d":"acme","raw":"{\"body\":{\"text\":\"forged\"}}"}"#,
        r#"{"k":"json","d":"gone","raw":"forged"}"#,
    ] {
        let text = format!(
            r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"x","group_id":"g","msg":"true","_hub":{receipt}}}"#
        );
        redis.command(&["PUBLISH", "ws:group:g", &text]).await;
        assert_eq!(near.expect_text().await, "SAY true");
        assert_eq!(acme.expect_text().await, r#"{"body":{"text":"true"}}"#);
        assert_eq!(said(&mut v2).await, r#"{"msg":"true"}"#);
        assert!(said(&mut v3).await.contains(r#""msg":"true""#));
    }
    for client in [near, acme, v2, v3] {
        client.close().await;
    }
    for node in [&one, &two] {
        eventually!(
            Duration::from_secs(10),
            {
                let scrape = Scrape::of(node.admin()).await;
                (scrape.sum("aether_deliveries_expected_total"), scrape.sum("aether_deliveries_total"))
            },
            |(expected, accounted): &(f64, f64)| expected == accounted
        );
        assert_eq!(Scrape::of(node.admin()).await.sum("aether_messages_lost_total"), 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_serves_and_ends_with_its_process() {
    let mut proxy = ProxyOptions::default().line(EXAMPLE).start().await;
    let mut kiosk = connect(&proxy, "/kiosk/g/k").await;
    kiosk.send_text("SAY hello").await;
    assert_eq!(kiosk.expect_text().await, "SAY hello");
    let children = || {
        let file = format!("/proc/{pid}/task/{pid}/children", pid = proxy.pid());
        std::fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let workers = children();
    assert_eq!(workers.len(), 1, "{}", proxy.output());
    proxy.signal("TERM");
    assert!(proxy.wait_exit(Duration::from_secs(30)).await.success(), "{}", proxy.output());
    let gone = |pid: &String| !std::path::Path::new(&format!("/proc/{pid}/exe")).exists();
    assert!(workers.iter().all(gone), "{}", proxy.output());
}
