//! A cluster under the traffic of two proxies: a master dies, and slots move.

use super::account::Summary;
use super::pair::Pair;
use super::traffic::Traffic;
use crate::harness::PATIENCE;
use crate::harness::cluster::RedisCluster;
use crate::harness::eventually::eventually;
use std::time::Duration;
use tokio::time::sleep;

const LINES: [&str; 2] = ["hub.publish_deadline = \"30s\"", "hub.top_check = \"500ms\""];

/// Kills the master of most of the traffic and waits for its replica.
async fn killed(replicas: &str) -> (Summary, Pair) {
    let mut cluster = RedisCluster::start(3, 1).await;
    let url = cluster.url();
    let pair = Pair::start(&[&LINES[..], &[replicas]].concat(), [&url, &url]).await;
    let traffic = Traffic::open(pair.nodes(), 1000).await;
    let dead = cluster.master_of("ws:group:crowd").await;
    let heir = cluster.replicas_of(dead).start;
    let summary = traffic
        .during(async {
            cluster.nodes[dead].kill();
            let role = async || cluster.nodes[heir].info("role").await;
            eventually!(PATIENCE * 2, role().await, |role| role.as_deref() == Some("master"));
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    eprintln!("{summary}");
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
    assert_eq!(pair.count("aether_hub_gaps_total", &[("result", "unrepaired")]).await, 0.0);
    (summary, pair)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_loses_nothing_when_a_replica_must_have_it() {
    let (summary, _) = killed("hub.wait_replicas = 1").await;
    summary.nothing_lost_repeated_or_disordered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_master_had_taken_last_is_said_again_to_its_replica() {
    let (summary, pair) = killed("hub.wait_replicas = 0").await;
    summary.nothing_lost_repeated_or_disordered();
    assert_eq!(pair.count("aether_hub_unreplicated_total", &[]).await, 0.0, "nobody was waited for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_under_traffic_loses_repeats_and_disorders_nothing() {
    let cluster = RedisCluster::start(3, 0).await;
    let url = cluster.url();
    let pair = Pair::start(&LINES, [&url, &url]).await;
    let traffic = Traffic::open(pair.nodes(), 1000).await;
    let summary = traffic
        .during(async {
            for channel in ["ws:group:crowd", "ws:group:g0", "ws:client:g2-listener", "ws:group:crowd"] {
                cluster.move_slot(channel).await;
            }
        })
        .await;
    eprintln!("{summary}");
    summary.nothing_lost_repeated_or_disordered();
    pair.balanced().await;
    assert_eq!(pair.count("aether_messages_lost_total", &[]).await, 0.0);
}
