//! Presence on Redis when nodes die and Redis forgets.

use super::node::{Node, Who};
use crate::harness::redis::RedisServer;
use aether_proxy::hub::Tenancy;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(8);
const KEY: &str = "{ws:aether}:presence:g";

fn start(redis: &RedisServer) -> Node {
    Node::start(&redis.url(), Tenancy::Lenient, |hub| hub.presence.lease = Duration::from_millis(900))
}

/// How many fields the hash of the group has.
async fn fields(redis: &RedisServer) -> u64 {
    redis.ask(&["HLEN", KEY]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_nodes_clients_leave_once_unless_they_came_back_elsewhere() {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let who = Who { client: "watcher", group: "g", ..Who::default() };
    let mut watcher = here.attach(who).await;
    let goes = there.attach(Who { client: "goes", ..who }).await;
    goes.describe("{}");
    let _moves = there.attach(Who { client: "moves", ..who }).await;
    for _ in 0..3 {
        watcher.presence(SOON).await.expect("a join");
    }
    watcher.sees("goes", "{}").await;
    assert_eq!(fields(&redis).await, 4);
    there.stop().await;
    let _moved = here.attach(Who { client: "moves", ..who }).await;
    assert_eq!(watcher.presence(SOON).await, Some(("goes".into(), "leave".into(), "v3".into())));
    assert_eq!(watcher.presence(Duration::from_millis(700)).await, None);
    assert_eq!(watcher.members().await, ["moves", "watcher"]);
    assert_eq!(fields(&redis).await, 2, "nothing stays of what the others said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_flush_each_node_adds_its_own_members_again_and_nobody_is_told() {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut watcher = here.attach(who).await;
    let other = there.attach(Who { client: "b", ..who }).await;
    other.describe("{}");
    for _ in 0..2 {
        watcher.presence(SOON).await.expect("a join");
    }
    watcher.sees("b", "{}").await;
    redis.command(&["FLUSHALL"]).await;
    assert_eq!(watcher.presence(Duration::from_millis(1200)).await, None);
    assert_eq!(watcher.members().await, ["a", "b"]);
    watcher.sees("b", "{}").await;
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
    let who = Who { client: "a", group: "g", account: Some("acme"), ..Who::default() };
    let client = node.attach(who).await;
    client.describe("{}");
    let other = node.attach(Who { client: "b", group: "h", ..who }).await;
    client.detach();
    let until = tokio::time::Instant::now() + SOON;
    while !other.members().await.eq(&["b"]) || redis.command(&["EXISTS", KEY]).await != redis::Value::Int(0) {
        assert!(tokio::time::Instant::now() < until, "the presence of a client that left is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a proxy that knows of no metadata writes is read, and what it leaves behind is not taken for anybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_of_before_there_was_metadata_are_understood() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    let who = Who { client: "a", group: "g", ..Who::default() };
    let watcher = node.attach(who).await;
    watcher.describe("{}");
    watcher.sees("a", "{}").await;
    let old = "old\u{1f}1\u{1f}v2\u{1e}";
    redis.command(&["HSET", KEY, "\u{1f}b", old, "about\u{1e}old\u{1e}2", "\"a word of one that was let go\""]).await;
    assert_eq!((watcher.members().await, watcher.about("b").await), (vec!["a".into(), "b".into()], None));
    // Its connection is the newest, and says nothing.
    let own: String = redis.ask(&["HGET", KEY, "\u{1f}a"]).await;
    redis.command(&["HSET", KEY, "\u{1f}a", &(own + old)]).await;
    watcher.sees("a", None).await;
}

/// Redis did not answer, and more was to be written than may wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_and_found_no_room_is_written_later() {
    let redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Lenient, |hub| {
        hub.command_timeout = Duration::from_millis(500);
        hub.presence.lease = Duration::from_secs(2);
    });
    let who = Who { client: "a", group: "g", ..Who::default() };
    let (one, two) = (node.attach(who).await, node.attach(Who { client: "b", ..who }).await);
    let three = node.attach(Who { client: "c", ..who }).await;
    two.describe("{}");
    one.sees("b", "{}").await;
    redis.freeze().await;
    // So many wait that the words of the others are not among them.
    for _ in 0..10_000 {
        one.describe("1");
    }
    two.describe(None);
    three.describe("3");
    redis.thaw().await;
    for (client, about) in [("a", Some("1")), ("b", None), ("c", Some("3"))] {
        one.sees(client, about).await;
    }
}
