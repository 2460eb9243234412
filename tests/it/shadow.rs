//! The shadow of a group that is spread over two nodes, each of which mirrors its own clients to one legacy server.

use crate::harness::client::Client;
use crate::harness::eventually::eventually;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use crate::harness::scrape::Scrape;
use crate::legacy::{Legacy, Manner};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(15);
const WINDOW: Duration = Duration::from_millis(800);
/// What a client brings along for the legacy server.
const SECRET: &str = "hush-8d1f7c";

async fn compared(node: &ProxyProcess, result: &str) -> f64 {
    Scrape::of(node.admin()).await.value("aether_shadow_comparisons_total", &[("result", result)])
}

async fn start(redis: &RedisServer, legacy: &Legacy) -> ProxyProcess {
    let window = format!("shadow.window = \"{}ms\"", WINDOW.as_millis());
    let options = ProxyOptions::default().line("shadow.percent = 100").line(&window);
    let options = options.line(&format!("shadow.url = \"{}\"", legacy.url().expect("an address")));
    options.line("telemetry.log_level = \"trace\"").env("AETHER_HUB__URL", &redis.url()).start().await
}

#[tokio::test]
async fn a_group_on_two_nodes_is_compared_by_content() {
    for manner in [Manner::Faithful, Manner::Doubles] {
        let (redis, legacy) = (RedisServer::start().await, Legacy::start(manner).await);
        let (one, two) = tokio::join!(start(&redis, &legacy), start(&redis, &legacy));
        let connect = async |node: &ProxyProcess, name: &str| {
            let path = format!("/ws/group/g/client/{name}?token={SECRET}");
            Client::connect(&node.client_url(&path)).await.expect("connected")
        };
        let (mut a, mut b) = (connect(&one, "a").await, connect(&two, "b").await);
        for node in [&one, &two] {
            eventually!(
                PATIENCE,
                Scrape::of(node.admin()).await.value("aether_shadow_connections", &[]),
                |links: &f64| *links == 1.0
            );
        }
        tokio::time::sleep(WINDOW * 5 / 4).await;
        for n in 0..50 {
            for from_a in [true, false] {
                let text = format!("{n} {from_a}");
                let from = if from_a { &mut a } else { &mut b };
                from.send_text(text.as_str()).await;
                for client in [&mut a, &mut b] {
                    assert_eq!(client.expect_text().await, text);
                }
            }
        }
        let doubled = if manner == Manner::Doubles { 10.0 } else { 0.0 };
        for node in [&one, &two] {
            eventually!(PATIENCE, compared(node, "match").await, |n: &f64| *n == 100.0);
            tokio::time::sleep(WINDOW * 3 / 2).await;
            let (mismatches, ignored) = (compared(node, "mismatch").await, compared(node, "ignored").await);
            // What a machine that stood still could not judge is ignored.
            assert_eq!(mismatches + ignored, doubled);
            assert_eq!(mismatches > 0.0, doubled > 0.0);
            assert!(!node.output().contains(SECRET), "a credential is in the log");
        }
        assert_eq!(legacy.seen.lock().len(), 2);
    }
}
