//! An outage longer than the journal: what is lost is counted, named and told.

use super::QUICK;
use super::account::Summary;
use super::pair::Pair;
use super::traffic::Traffic;
use crate::harness::chaos::ChaosProxy;
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio::time::sleep;

/// Those of the first node that may miss something and be told nothing.
const V2: [&str; 4] = ["g0-speaker", "g1-listener", "g2-speaker", "crowd-v2-speaker"];

/// The first node is cut off while more is said than the journal holds. Its listeners: V2 in g1, V3 in g3 and the crowd.
async fn forgotten(v2: &str) -> Summary {
    let redis = RedisServer::start().await;
    let chaos = ChaosProxy::start(redis.addr()).await;
    let v2 = format!("hub.v2_on_gap = \"{v2}\"");
    // Redis trims whole pieces of a stream, of a hundred by default.
    redis.command(&["CONFIG", "SET", "stream-node-max-entries", "10"]).await;
    let lines = [&QUICK[..], &["hub.journal_length = 10", &v2]].concat();
    let pair = Pair::start(&lines, [&format!("redis://{}", chaos.addr()), &redis.url()]).await;
    let traffic = Traffic::open(pair.nodes(), 600).await;
    let summary = traffic
        .during(async {
            chaos.cut().await;
            sleep(Duration::from_millis(1000)).await;
            chaos.restore().await;
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    summary.nothing_repeated_or_disordered();
    for came in &summary.came {
        // V2 clients that are still there are those that config does not close. What a sender said on a connection
        // that was being closed is not the receivers' hole.
        let told = summary.books[&came.receiver].resyncs > 0 || V2.contains(&came.receiver.as_str());
        assert!(came.missing.len() <= came.broken || told, "{} was not told: {summary}", came.receiver);
    }
    for listener in ["g3-listener", "crowd-v3-listener"] {
        assert!(summary.books[listener].resyncs > 0, "{listener} was not told: {summary}");
    }
    assert!(pair.count("aether_hub_gaps_total", &[("result", "unrepaired")]).await >= 3.0);
    let lost = pair.count("aether_messages_lost_total", &[]).await;
    // Who is closed for the gap is gone while more may be under way to it.
    let gone = pair.count("aether_messages_lost_total", &[("reason", "disconnect")]).await;
    assert_eq!(lost - gone, 0.0, "every sender was served");
    let closed = summary.books.values().any(|book| !book.closes.is_empty());
    assert!(gone == 0.0 || closed, "{gone} lost on the way to clients that nobody closed: {summary}");
    assert!(pair.one.output().contains("messages are lost: the journal holds them no more"), "it is in the log");
    pair.balanced().await;
    summary
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_journal_no_longer_holds_is_counted_named_and_told_to_v3_and_closes_v2() {
    let summary = forgotten("close").await;
    // Once, or again where more is said than the journal holds while it catches up.
    let closes = &summary.books["g1-listener"].closes;
    assert!(!closes.is_empty() && closes.iter().all(|code| *code == 1012), "{summary}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v2_clients_stay_where_config_only_counts() {
    let summary = forgotten("count").await;
    assert!(summary.books.values().all(|book| book.closes.is_empty()), "{summary}");
    assert!(summary.missing() > 0);
}
