//! A Redis that stands still and goes on, for shorter and for longer than messages may wait.

use super::QUICK;
use super::account::Summary;
use super::pair::{Pair, Watch};
use super::traffic::Traffic;
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio::time::sleep;

/// What came of it.
struct Frozen {
    summary: Summary,
    pair: Pair,
    watch: Watch,
    /// Of the freeze, on the watch.
    from: Duration,
    to: Duration,
    _redis: RedisServer,
}

impl Frozen {
    /// Two proxies under traffic, and Redis stands still for so long.
    async fn during(time: Duration, lines: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let pair = Pair::start(lines, [&redis.url(), &redis.url()]).await;
        let traffic = Traffic::open(pair.nodes(), 300).await;
        let watch = pair.watch();
        let (mut from, mut to) = Default::default();
        let summary = traffic
            .during(async {
                from = watch.now();
                redis.freeze().await;
                sleep(time).await;
                redis.thaw().await;
                to = watch.now();
                sleep(Duration::from_secs(1)).await;
            })
            .await;
        Self { summary, pair, watch, from, to, _redis: redis }
    }

    /// Both nodes said so, once.
    async fn was_an_outage(&self) {
        self.watch.down_once(0, self.from, self.to).await;
        self.watch.down_once(1, self.from, self.to).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_freeze_costs_nothing_and_is_no_outage() {
    let frozen = Frozen::during(Duration::from_millis(1000), &QUICK).await;
    frozen.summary.nothing_lost_repeated_or_disordered();
    frozen.watch.never_down();
    frozen.pair.balanced().await;
    assert_eq!(frozen.pair.count("aether_messages_lost_total", &[]).await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_shorter_than_the_deadline_is_an_outage_that_costs_nothing() {
    let frozen = Frozen::during(Duration::from_millis(4000), &QUICK).await;
    frozen.summary.nothing_lost_repeated_or_disordered();
    frozen.was_an_outage().await;
    frozen.pair.balanced().await;
    assert_eq!(frozen.pair.count("aether_messages_lost_total", &[]).await, 0.0);
}

/// A message whose fate nobody knows (it was on its way when Redis froze) may come although its sender was told that
/// it failed; none is lost without that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_longer_than_the_deadline_tells_the_sender_of_each_message_that_is_lost() {
    let lines = [&QUICK[..3], &["hub.publish_deadline = \"1s\""]].concat();
    let frozen = Frozen::during(Duration::from_millis(4000), &lines).await;
    let summary = &frozen.summary;
    summary.what_is_lost_was_told_to_its_sender();
    assert!(summary.errors("hub_unavailable") > 0 && summary.closes(1013) > 0, "senders of both protocols were told");
    assert_eq!(summary.resyncs(), 0, "no receiver missed what Redis had taken");
    frozen.was_an_outage().await;
    frozen.pair.balanced().await;
    let lost = frozen.pair.count("aether_messages_lost_total", &[("reason", "hub_unavailable")]).await;
    assert!(lost >= summary.errors("hub_unavailable") as f64, "{lost} counted as lost");
}
