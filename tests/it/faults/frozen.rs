//! A Redis that stands still and goes on, for shorter and for longer than messages may wait.

use super::QUICK;
use super::pair::Pair;
use super::traffic::Traffic;
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_freeze_costs_nothing_and_is_no_outage() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(&QUICK, [&redis.url(), &redis.url()]).await;
    let traffic = Traffic::open(pair.nodes(), 300).await;
    let watch = pair.watch();
    let summary = traffic
        .during(async {
            redis.freeze().await;
            sleep(Duration::from_millis(1000)).await;
            redis.thaw().await;
        })
        .await;
    summary.nothing_lost_repeated_or_disordered();
    watch.never_down();
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_shorter_than_the_deadline_is_an_outage_that_costs_nothing() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(&QUICK, [&redis.url(), &redis.url()]).await;
    let traffic = Traffic::open(pair.nodes(), 300).await;
    let watch = pair.watch();
    let (mut from, mut to) = Default::default();
    let summary = traffic
        .during(async {
            from = watch.now();
            redis.freeze().await;
            sleep(Duration::from_millis(4000)).await;
            redis.thaw().await;
            to = watch.now();
        })
        .await;
    summary.nothing_lost_repeated_or_disordered();
    watch.down_once(0, from, to).await;
    watch.down_once(1, from, to).await;
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
}

/// A message whose fate nobody knows (it was on its way when Redis froze) may come although its sender was told that
/// it failed; none is lost without that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_longer_than_the_deadline_tells_the_sender_of_each_message_that_is_lost() {
    let redis = RedisServer::start().await;
    let lines = [&QUICK[..3], &["hub.publish_deadline = \"1s\""]].concat();
    let pair = Pair::start(&lines, [&redis.url(), &redis.url()]).await;
    let traffic = Traffic::open(pair.nodes(), 300).await;
    let watch = pair.watch();
    let (mut from, mut to) = Default::default();
    let summary = traffic
        .during(async {
            from = watch.now();
            redis.freeze().await;
            sleep(Duration::from_millis(4000)).await;
            redis.thaw().await;
            to = watch.now();
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    summary.what_is_lost_was_told_to_its_sender();
    assert!(summary.errors("hub_unavailable") > 0 && summary.closes(1013) > 0, "senders of both protocols were told");
    assert_eq!(summary.resyncs(), 0, "no receiver missed what Redis had taken");
    watch.down_once(0, from, to).await;
    watch.down_once(1, from, to).await;
    pair.balanced().await;
    let lost = pair.count("aether_messages_lost_total", &[("reason", "hub_unavailable")]).await;
    assert!(lost >= summary.errors("hub_unavailable") as f64, "{lost} counted as lost");
}
