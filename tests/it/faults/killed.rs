//! Connections to Redis that are killed again and again cost nobody a message.

use super::pair::Pair;
use super::traffic::Traffic;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio::time::sleep;

/// Connections of this type are killed every second for ten seconds, under a thousand messages a second.
async fn killed(kind: &str) {
    let redis = RedisServer::start().await;
    let pair = Pair::start(&["hub.top_check = \"500ms\""], [&redis.url(), &redis.url()]).await;
    let traffic = Traffic::open(pair.nodes(), 1000).await;
    let before = pair.count("aether_hub_reconnects_total", &[]).await;
    let watch = pair.watch();
    let summary = traffic
        .during(async {
            for _ in 0..10 {
                redis.command(&["CLIENT", "KILL", "TYPE", kind]).await;
                sleep(Duration::from_secs(1)).await;
                // A machine that needs longer to read on is not killed before it has.
                let up = async || pair.count("aether_hub_up", &[]).await;
                eventually!(Duration::from_secs(10), up().await, |up: &f64| *up == 2.0);
            }
        })
        .await;
    summary.nothing_lost_repeated_or_disordered();
    watch.never_down();
    pair.balanced().await;
    let reconnects = pair.count("aether_hub_reconnects_total", &[]).await - before;
    assert!(reconnects >= 10.0, "connections were really killed: {reconnects}");
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
    assert_eq!(pair.count("aether_hub_gaps_total", &[("result", "unrepaired")]).await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_killed_every_second_lose_repeat_and_disorder_nothing_and_readiness_stands() {
    killed("pubsub").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_killed_every_second_lose_repeat_and_disorder_nothing_and_readiness_stands() {
    killed("normal").await;
}
