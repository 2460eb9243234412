//! Presence on Redis when nodes die and Redis forgets.

use super::node::{Node, Who};
use crate::harness::redis::RedisServer;
use aether_proxy::hub::Tenancy;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(8);

fn start(redis: &RedisServer) -> Node {
    Node::start(&redis.url(), Tenancy::Lenient, |hub| hub.presence.lease = Duration::from_millis(900))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_nodes_clients_leave_once_unless_they_came_back_elsewhere() {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let who = Who { client: "watcher", group: "g", ..Who::default() };
    let mut watcher = here.attach(who).await;
    let _goes = there.attach(Who { client: "goes", ..who }).await;
    let _moves = there.attach(Who { client: "moves", ..who }).await;
    for _ in 0..3 {
        watcher.presence(SOON).await.expect("a join");
    }
    there.stop().await;
    let _moved = here.attach(Who { client: "moves", ..who }).await;
    assert_eq!(watcher.presence(SOON).await, Some(("goes".into(), "leave".into(), "v3".into())));
    assert_eq!(watcher.presence(Duration::from_millis(700)).await, None);
    assert_eq!(watcher.members().await, ["moves", "watcher"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_flush_each_node_adds_its_own_members_again_and_nobody_is_told() {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut watcher = here.attach(who).await;
    let _other = there.attach(Who { client: "b", ..who }).await;
    for _ in 0..2 {
        watcher.presence(SOON).await.expect("a join");
    }
    redis.command(&["FLUSHALL"]).await;
    assert_eq!(watcher.presence(Duration::from_millis(1200)).await, None);
    assert_eq!(watcher.members().await, ["a", "b"]);
}

/// A connection that Redis closes while it is idle was noticed by the next sign of life, which was lost with it, and
/// by the next one again: after three of them the other node took this one for dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_closed_while_idle_does_not_make_a_node_look_dead() {
    let redis = RedisServer::start().await;
    let start = || Node::start(&redis.url(), Tenancy::Lenient, |hub| hub.presence.lease = Duration::from_millis(3000));
    let (here, there) = (start(), start());
    let who = Who { client: "watcher", group: "g", ..Who::default() };
    let mut watcher = here.attach(who).await;
    let stays = there.attach(Who { client: "stays", ..who }).await;
    for _ in 0..2 {
        watcher.presence(SOON).await.expect("a join");
    }
    // Whatever is opened for a question is closed again before the next sign of life.
    for _ in 0..10 {
        stays.members().await;
        redis.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
        assert_eq!(watcher.presence(Duration::from_millis(700)).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_client_stays_on_redis_when_it_has_left() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    let who = Who { client: "a", group: "g", ..Who::default() };
    let client = node.attach(who).await;
    let other = node.attach(Who { client: "b", group: "h", ..who }).await;
    client.detach();
    let until = tokio::time::Instant::now() + SOON;
    while !other.members().await.eq(&["b"])
        || redis.command(&["EXISTS", "{ws:aether}:presence:g"]).await != redis::Value::Int(0)
    {
        assert!(tokio::time::Instant::now() < until, "the presence of a client that left is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
