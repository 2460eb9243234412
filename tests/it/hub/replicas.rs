//! Replicas that must have a message before it counts as published: a master that dies takes none along, and replicas
//! that are away hold up nothing for long.

use super::node::{Client, Node, Who};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use crate::harness::sentinel::Sentinel;
use aether_proxy::hub::Tenancy;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const WHO: Who = Who { client: "a", group: "g", account: None, v2: false, global: false };

fn start(url: &str, replicas: u32, command_timeout: Duration) -> Node {
    Node::start(url, Tenancy::Lenient, |hub| {
        hub.wait_replicas = replicas;
        hub.command_timeout = command_timeout;
        hub.publish_deadline = Duration::from_secs(30);
    })
}

fn numbers(of: std::ops::Range<usize>) -> Vec<String> {
    of.map(|n| n.to_string()).collect()
}

async fn say(client: &Client, of: std::ops::Range<usize>) {
    for text in numbers(of) {
        client.say(&text).await;
    }
}

/// Ends the master's connection to its replica and lets it in no more; open connections of others stay.
pub async fn cut_off(master: &RedisServer) {
    master.command(&["CONFIG", "SET", "requirepass", "closed"]).await;
    let client = redis::Client::open(format!("redis://:closed@{}", master.addr())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let killed: usize =
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "replica"]).query_async(&mut connection).await.unwrap();
    assert_eq!(killed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_must_have_is_not_published_before_and_a_dying_master_takes_nothing_along() {
    taken_along(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dying_master_had_taken_last_is_said_again_to_its_replica_and_heard_once() {
    taken_along(0).await;
}

/// A master dies that its replica had not heard for a while.
async fn taken_along(replicas: u32) {
    let mut sentinel = Sentinel::start().await;
    let node = start(&sentinel.url(), replicas, Duration::from_secs(6));
    let mut client = node.attach(WHO).await;
    say(&client, 0..10).await;
    assert_eq!(client.texts(10, PATIENCE).await, numbers(0..10));
    cut_off(&sentinel.servers[0]).await;
    say(&client, 10..110).await;
    // The master has taken them, or the first, and told it to whoever listens.
    let heard = if replicas == 0 { 100 } else { 1 };
    assert_eq!(client.texts(heard, PATIENCE).await, numbers(10..10 + heard));
    sentinel.servers[0].kill();
    let heir = sentinel.servers[1].port();
    eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(heir));
    assert_eq!(client.texts(100 - heard, PATIENCE).await, numbers(10 + heard..110), "once, and in order");
    let kept = async || sentinel.servers[1].ask::<usize>(&["XLEN", "{ws:group:g}:j"]).await;
    // With its presence; nothing that was said is missing for whoever reads the journal.
    eventually!(PATIENCE, kept().await, |kept| *kept == 111);
    assert!(client.texts(1, Duration::from_millis(300)).await.is_empty());
    assert!(client.notices.is_empty(), "{:?}", client.notices);
    assert_eq!(node.metrics.hub_republished.only().get() >= 100, replicas == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_away_are_counted_and_waited_for_once_until_they_are_back() {
    let config = ["save \"\"", "repl-diskless-sync-delay 0"];
    let (master, replica) = tokio::join!(RedisServer::start_with(&config, &[]), RedisServer::start_with(&config, &[]));
    replica.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]).await;
    eventually!(PATIENCE, replica.info("master_link_status").await, |s| s.as_deref() == Some("up"));
    let node = start(&master.url(), 1, Duration::from_secs(1));
    let mut client = node.attach(WHO).await;
    let alone = || node.metrics.hub_unreplicated.only().get();
    say(&client, 0..20).await;
    assert_eq!(client.texts(20, PATIENCE).await, numbers(0..20));
    assert_eq!(alone(), 0);

    replica.freeze().await;
    let began = Instant::now();
    for n in 20..60 {
        say(&client, n..n + 1).await;
        assert_eq!(client.texts(1, PATIENCE).await, [n.to_string()]);
    }
    // The first is waited for three seconds, all others find nobody to wait for.
    assert!(began.elapsed() < Duration::from_secs(6), "forty messages took {:?}", began.elapsed());
    eventually!(PATIENCE, alone(), |alone| *alone >= 40);

    replica.thaw().await;
    let mut n = 60;
    let began = Instant::now();
    loop {
        let before = alone();
        say(&client, n..n + 1).await;
        assert_eq!(client.texts(1, PATIENCE).await, [n.to_string()]);
        sleep(Duration::from_millis(150)).await;
        n += 1;
        if alone() == before {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the replica is back and nobody notices");
    }
    assert!(client.notices.is_empty(), "nobody is told of what came");
}
