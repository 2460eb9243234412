//! The queue of what waits for Redis: its bounds, and that whoever is over one or too late is told, once each.

use super::node::{Client, Node, Who};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use aether_proxy::envelope::{Draft, MsgType};
use aether_proxy::hub::{Notice, PublishError, Tenancy};
use aether_proxy::telemetry::labels::{Lost, LostOn, Path};
use futures_util::future::join_all;
use std::time::Duration;

const WHO: Who = Who { client: "a", group: "g", account: None, v2: false, global: false };
const KIB: usize = 1024;

fn lost(node: &Node) -> u64 {
    node.metrics.messages_lost.with(LostOn(Path::V3V3, Lost::HubUnavailable)).get()
}

/// A client that is in and has heard so: its join can no longer be lost with what follows.
async fn entered(node: &Node) -> Client {
    let mut client = node.attach(WHO).await;
    assert_eq!(client.some(1, PATIENCE).await.len(), 1, "its join");
    client
}

fn unpublished(client: &Client, why: PublishError) -> usize {
    client.notices.iter().filter(|notice| **notice == Notice::Unpublished(why)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_fill_the_queue_by_their_bytes_and_each_that_found_no_room_is_told() {
    let mut redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Lenient, |hub| {
        hub.publish_deadline = Duration::from_millis(1500);
        hub.max_message = 64 * KIB;
        hub.publish_queue_bytes = 256 * KIB;
    });
    let mut client = entered(&node).await;
    redis.kill();
    let long = "x".repeat(32 * KIB);
    let mut draft = Draft::to_group(MsgType::Msg);
    draft.msg = Some(format!("\"{long}\"").into());
    let (sent, most) = tokio::join!(join_all((0..20).map(|_| client.send(draft.clone()))), async {
        let waiting = || node.metrics.hub_publish_queue_bytes.only().get();
        // Seven of 32 KiB and a little.
        eventually!(PATIENCE, waiting(), |waiting| *waiting > 224 * KIB as i64)
    });
    assert!(most <= 256 * KIB as i64, "{most} bytes waited");
    let overloaded = sent.iter().filter(|sent| **sent == Err(PublishError::Overloaded)).count();
    assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count() + overloaded, 20);
    while lost(&node) < 20 || unpublished(&client, PublishError::Unavailable) + overloaded < 20 {
        assert!(client.some(1, Duration::from_millis(100)).await.is_empty());
    }
    assert_eq!(unpublished(&client, PublishError::Unavailable) + overloaded, 20, "each is told once");
    assert_eq!(lost(&node), 20);
    eventually!(PATIENCE, node.metrics.hub_publish_queue_bytes.only().get(), |bytes| *bytes == 0);

    redis.restart().await;
    eventually!(PATIENCE, node.hub.is_up(), |up| *up);
    client.say("again").await;
    assert_eq!(client.texts(1, PATIENCE).await, ["again"], "the room was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_hundreds_that_are_late_is_told_once_and_what_follows_keeps_its_order() {
    let mut redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Lenient, |hub| hub.publish_deadline = Duration::from_secs(1));
    let mut client = entered(&node).await;
    redis.kill();
    for n in 0..300 {
        client.say(&n.to_string()).await;
    }
    eventually!(PATIENCE, lost(&node), |lost| *lost == 300);
    for n in 300..330 {
        client.say(&n.to_string()).await;
    }
    redis.restart().await;
    let came = client.texts(30, PATIENCE).await;
    assert_eq!(unpublished(&client, PublishError::Unavailable), 330 - came.len());
    let last: Vec<String> = (330 - came.len()..330).map(|n| n.to_string()).collect();
    assert_eq!(came, last, "none of those that were told, and the others in order");
}
