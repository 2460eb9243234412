//! What stays behind of clients that came and went, in quick succession or while Redis was away: nothing.

use super::node::{Client, Node, Who};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use aether_proxy::hub::Tenancy;
use aether_proxy::telemetry::labels::Scope;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const WHO: Who = Who { client: "a", group: "g", account: None, v2: false, global: false };

fn start(redis: &RedisServer) -> Node {
    Node::start(&redis.url(), Tenancy::Lenient, |hub| {
        hub.command_timeout = Duration::from_millis(500);
        hub.attach_timeout = Duration::from_millis(400);
        hub.publish_deadline = Duration::from_secs(10);
    })
}

/// Channels of groups, of clients, and for everyone.
fn subscriptions(node: &Node) -> [i64; 3] {
    [Scope::Group, Scope::Client, Scope::Broadcast].map(|scope| node.metrics.hub_subscriptions.with((scope,)).get())
}

/// Subscribers of a channel, as Redis counts them.
async fn heard(redis: &RedisServer, channel: &str) -> u64 {
    let (_, n): (String, u64) = redis.ask(&["PUBSUB", "NUMSUB", channel]).await;
    n
}

async fn up(node: &Node) {
    eventually!(PATIENCE, node.hub.is_up(), |up| *up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_ready_soon_after_its_start_and_says_so() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    assert!(!node.hub.is_up() && node.metrics.hub_up.only().get() == 0);
    let began = tokio::time::Instant::now();
    up(&node).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(node.metrics.hub_up.only().get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_counted_right_through_reconnects() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    up(&node).await;
    let mut clients = Vec::new();
    for client in ["a", "b", "c"] {
        clients.push(node.attach(Who { client, ..WHO }).await);
    }
    for _ in 0..4 {
        assert_eq!(subscriptions(&node), [1, 3, 1]);
        let before = node.metrics.hub_reconnects.only().get();
        redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        eventually!(PATIENCE, node.metrics.hub_reconnects.only().get(), |n| *n > before);
        eventually!(PATIENCE, heard(&redis, "ws:client:c").await, |n| *n == 1);
    }
    clients.iter().for_each(Client::detach);
    eventually!(PATIENCE, subscriptions(&node), |n| *n == [0, 0, 0]);
    eventually!(PATIENCE, heard(&redis, "ws:group:g").await, |n| *n == 0);
    assert!(node.hub.registry().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_handshakes_that_fail_or_are_given_up_nothing_stays() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    up(&node).await;
    redis.freeze().await;
    for _ in 0..2 {
        let (fails, gives_up) = (node.client(WHO), node.client(Who { client: "b", ..WHO }));
        assert!(node.hub.attach(&fails.seat).await.is_err());
        assert!(timeout(Duration::from_millis(50), node.hub.attach(&gives_up.seat)).await.is_err());
        assert!(node.hub.registry().is_empty());
    }
    redis.thaw().await;
    // The subscriptions that were sent are confirmed now, to nobody.
    up(&node).await;
    eventually!(PATIENCE, subscriptions(&node), |n| *n == [0, 0, 0]);
    eventually!(PATIENCE, heard(&redis, "ws:group:g").await + heard(&redis, "ws:client:b").await, |n| *n == 0);
    assert_eq!(node.metrics.presence_members.only().get(), 0);
    let client = node.attach(WHO).await;
    assert_eq!(subscriptions(&node), [1, 1, 1]);
    assert_eq!(client.members().await, ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_comes_and_goes_quickly_is_heard_in_the_end() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    up(&node).await;
    let other = node.attach(Who { client: "b", group: "h", ..WHO }).await;
    for n in 0..200 {
        let mut client = node.attach(WHO).await;
        if n % 20 == 0 {
            other.tell("a", &n.to_string()).await;
            assert_eq!(client.texts(1, PATIENCE).await, [n.to_string()]);
        }
        client.detach();
    }
    let mut client = node.attach(WHO).await;
    client.say("at last").await;
    assert_eq!(client.texts(1, PATIENCE).await, ["at last"]);
    assert_eq!((heard(&redis, "ws:group:g").await, subscriptions(&node)), (1, [2, 2, 1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_full_for_a_while_loses_and_disorders_nothing() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    let mut client = node.attach(WHO).await;
    tokio::join!(
        async {
            for n in 0..300 {
                client.say(&n.to_string()).await;
                sleep(Duration::from_millis(5)).await;
            }
        },
        async {
            for _ in 0..3 {
                sleep(Duration::from_millis(200)).await;
                redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
                sleep(Duration::from_millis(200)).await;
                redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
            }
        }
    );
    assert_eq!(client.texts(300, PATIENCE).await, (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_leaves_than_can_wait_for_redis_are_made_up_for() {
    let redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Lenient, |hub| {
        hub.command_timeout = Duration::from_millis(500);
        hub.presence.lease = Duration::from_secs(2);
    });
    up(&node).await;
    let stays = node.attach(WHO).await;
    let mut clients = Vec::new();
    for n in 0..5000 {
        let id: &'static str = format!("c{n}").leak();
        clients.push(node.attach(Who { client: id, group: id, ..WHO }).await);
    }
    let mut watched = node.attach(Who { client: "w", group: "c4999", ..WHO }).await;
    // While it is behind, presence may say that it cannot answer.
    let present = async |client: &Client| node.hub.members(&client.seat).await.ok().map(|members| members.len());
    eventually!(PATIENCE, present(&watched).await, |members| *members == Some(2));
    redis.freeze().await;
    clients.iter().for_each(Client::detach);
    // Their grace is over; more leaves are due than may wait.
    sleep(Duration::from_millis(1000)).await;
    redis.thaw().await;
    eventually!(PATIENCE, redis.ask::<Vec<String>>(&["KEYS", "{ws:aether}:presence:*"]).await.len(), |n| *n == 2);
    eventually!(PATIENCE, (present(&watched).await, present(&stays).await), |n| *n == (Some(1), Some(1)));
    // It may be told later than it is seen in the set; and once it is told, it is not told again.
    let leave = |(client, what, _): &(String, String, String)| client == "c4999" && what == "leave";
    let told = loop {
        match watched.presence(PATIENCE).await {
            Some(event) if leave(&event) => break true,
            Some(_) => {}
            None => break false,
        }
    };
    assert!(told, "the leave was never told");
    while let Some(event) = watched.presence(Duration::from_millis(500)).await {
        assert!(!leave(&event), "told twice");
    }
}
