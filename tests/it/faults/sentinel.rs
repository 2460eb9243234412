//! A master watched by sentinels: it dies, or hands over in good order, under the traffic of two proxies.

use super::pair::Pair;
use super::traffic::Traffic;
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::sentinel::{MASTER_NAME, Sentinel};
use std::time::Duration;
use tokio::time::sleep;

/// Long enough for every fail-over.
const LINES: [&str; 3] = ["hub.publish_deadline = \"30s\"", "hub.top_check = \"500ms\"", "hub.wait_replicas = 1"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_loses_nothing_when_a_replica_must_have_it() {
    let mut sentinel = Sentinel::start().await;
    let url = sentinel.url();
    let pair = Pair::start(&LINES, [&url, &url]).await;
    let traffic = Traffic::open(pair.nodes(), 1000).await;
    let heir = sentinel.servers[1].port();
    let summary = traffic
        .during(async {
            sentinel.servers[0].kill();
            eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(heir));
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    eprintln!("{summary}");
    summary.nothing_lost_repeated_or_disordered();
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
    assert_eq!(pair.count("aether_hub_gaps_total", &[("result", "unrepaired")]).await, 0.0);
    // Nobody follows the new master yet, and that is counted.
    assert!(pair.count("aether_hub_unreplicated_total", &[]).await > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_in_good_order_under_traffic_loses_repeats_and_disorders_nothing() {
    let sentinel = Sentinel::start().await;
    let url = sentinel.url();
    let pair = Pair::start(&LINES, [&url, &url]).await;
    let traffic = Traffic::open(pair.nodes(), 1000).await;
    let heir = sentinel.servers[1].port();
    let summary = traffic
        .during(async {
            sentinel.sentinels[0].command(&["SENTINEL", "FAILOVER", MASTER_NAME]).await;
            eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(heir));
            // The old master has become a replica, and what it still took is gone.
            eventually!(PATIENCE * 2, sentinel.servers[0].info("role").await, |r| r.as_deref() == Some("slave"));
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    eprintln!("{summary}");
    summary.nothing_repeated_or_disordered();
    // One proxy may go to the new master before the other: their clients hear two senders in another order.
    assert_eq!(summary.missing(), 0, "{summary}");
    assert!(summary.books.values().all(|book| book.errors.is_empty() && book.closes.is_empty()), "{summary}");
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
}
