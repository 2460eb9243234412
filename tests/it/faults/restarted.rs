//! A Redis that crashes and comes back, with what it knew and without.

use super::QUICK;
use super::pair::Pair;
use super::traffic::Traffic;
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio::time::sleep;

/// Kills Redis under traffic and starts it again.
async fn crashed(mut redis: RedisServer, check: impl FnOnce(super::account::Summary)) {
    let pair = Pair::start(&QUICK, [&redis.url(), &redis.url()]).await;
    let traffic = Traffic::open(pair.nodes(), 300).await;
    let watch = pair.watch();
    let (mut from, mut to) = Default::default();
    let summary = traffic
        .during(async {
            from = watch.now();
            redis.kill();
            sleep(Duration::from_millis(3000)).await;
            redis.restart().await;
            to = watch.now();
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    summary.nothing_repeated_or_disordered();
    watch.down_once(0, from, to).await;
    watch.down_once(1, from, to).await;
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
    check(summary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_a_redis_that_keeps_its_data_costs_nothing() {
    crashed(RedisServer::start_persistent().await, |summary| summary.nothing_lost_repeated_or_disordered()).await;
}

/// What Redis had taken and told nobody yet is gone with it; nobody can say whether there was anything, so V3 clients
/// are asked to look. What senders still held is said again, to a journal that begins anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_a_redis_that_forgets_repeats_nothing_and_asks_receivers_to_look() {
    crashed(RedisServer::start().await, |summary| {
        let listeners = ["g0-listener", "g3-listener", "crowd-v3-listener"];
        for listener in listeners {
            assert!(summary.books[listener].resyncs > 0, "{listener} was not told: {summary}");
        }
        assert!(summary.missing() < 10, "more is lost than can have been between two sockets: {summary}");
        assert!(
            summary.errors("hub_unavailable") == 0 && summary.closes(1013) == 0,
            "nothing waited too long: {summary}"
        );
    })
    .await;
}
