//! Proxies in this process, on one Redis: what their clients do is found in the store, and outlives them.

use super::place::{all, everybody};
use crate::harness::PATIENCE;
use crate::harness::client::Client;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use aether_proxy::app::{self, Running};
use aether_proxy::config::{Config, RedisUrl};
use aether_proxy::migration::record::{Open, Span};
use aether_proxy::migration::store::Order;
use aether_proxy::migration::{Store, StoreError};
use aether_proxy::telemetry::labels::Stage;
use std::time::Duration;

async fn node(url: &str) -> Running {
    let mut config = Config::default();
    config.listen.clients = ([127, 0, 0, 1], 0).into();
    config.listen.admin = ([127, 0, 0, 1], 0).into();
    config.hub.url = RedisUrl::new(url);
    config.migration.flush_interval = Duration::from_millis(50);
    let running = app::start(config).await.expect("the proxy starts");
    eventually!(PATIENCE, running.shared.hub.is_up());
    running
}

fn store(node: &Running) -> &Store {
    &node.shared.migration.store
}

fn now(node: &Running) -> i64 {
    node.shared.clock.now().as_secs()
}

async fn connect(node: &Running, path: &str) -> Client {
    Client::connect(&format!("ws://{}{path}", node.clients)).await.expect("connected")
}

/// Nodes, and what is open on them: of the only tenant, and its stage.
async fn standing(node: &Running) -> (u64, Open, Option<Stage>) {
    let overview = store(node).overview(now(node)).await.expect("overview");
    let tenants = store(node).tenants(now(node)).await.expect("tenants");
    let open = tenants.first().map(|(_, open)| *open).unwrap_or_default();
    assert!(tenants.len() < 2, "{tenants:?}");
    (overview.nodes, open, tenants.first().map(|(tenant, _)| tenant.stage()))
}

/// Ids of V2 clients, how often they came, what they sent.
async fn inventory(node: &Running) -> Vec<(String, u64, u64)> {
    let clients = all(store(node), everybody(Order::Key)).await;
    clients.into_iter().map(|client| (client.client, client.opened, client.frames)).collect()
}

fn line(client: &str, opened: u64, frames: u64) -> (String, u64, u64) {
    (client.to_owned(), opened, frames)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_do_on_any_node_is_known_on_each_and_outlives_it() {
    let redis = RedisServer::start().await;
    let (one, two) = (node(&redis.url()).await, node(&redis.url()).await);
    let mut legacy = connect(&one, "/ws/group/g/client/old").await;
    let mut other = connect(&two, "/ws/group/g/client/older").await;
    let is = |v2, v3, stage| move |seen: &(u64, Open, Option<Stage>)| *seen == (2, Open { v2, v3 }, Some(stage));
    eventually!(PATIENCE, standing(&one).await, is(2, 0, Stage::V2Only));
    let modern = connect(&two, "/v3/ws/group/g/client/new").await;
    let again = connect(&two, "/v3/ws/group/g/client/older").await;
    for _ in 0..3 {
        legacy.send_text("hello").await;
    }
    other.send_text("hello").await;
    for node in [&one, &two] {
        eventually!(PATIENCE, standing(node).await, is(2, 2, Stage::Mixed));
        let expected = [line("old", 1, 3), line("older", 1, 1)];
        eventually!(PATIENCE, inventory(node).await, |seen: &Vec<_>| *seen == expected);
    }
    let events = store(&one).events(9).await.expect("events");
    assert_eq!(events.iter().map(|event| event.to.as_str()).collect::<Vec<_>>(), ["mixed"], "two nodes, one event");
    // Who is let in is open a moment before it is seen.
    let counts = async || {
        let overview = store(&one).overview(now(&one)).await.expect("overview");
        (overview.v2_clients, overview.v3_clients, overview.inventory)
    };
    eventually!(PATIENCE, counts().await, |counts: &(u64, u64, u64)| *counts == (2, 2, 2));
    let clients = all(store(&one), everybody(Order::Key)).await;
    assert!(clients[1].v3_seen > 0 && clients[0].v3_seen == 0, "{clients:?}");

    // One node ends and another comes: what it had seen last is not lost.
    legacy.send_text("last words").await;
    legacy.expect_text().await;
    one.shutdown().await;
    let three = node(&redis.url()).await;
    let expected = [line("old", 1, 4), line("older", 1, 1)];
    eventually!(PATIENCE, inventory(&three).await, |seen: &Vec<_>| *seen == expected);
    let _back = connect(&three, "/ws/group/g/client/old").await;
    let expected = [line("old", 2, 4), line("older", 1, 1)];
    eventually!(PATIENCE, inventory(&two).await, |seen: &Vec<_>| *seen == expected);
    let open = eventually!(PATIENCE, standing(&two).await.1, |open: &Open| open.v2 == 2);
    assert_eq!(open, Open { v2: 2, v3: 2 });
    drop((modern, again, other));
    three.shutdown().await;
    two.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nothing_is_forgotten_and_afterwards_nothing_counts_twice() {
    let mut redis = RedisServer::start_persistent().await;
    let one = node(&redis.url()).await;
    let mut client = connect(&one, "/ws/group/g/client/c").await;
    eventually!(PATIENCE, inventory(&one).await, |seen: &Vec<_>| *seen == [line("c", 1, 0)]);
    redis.freeze().await;
    for _ in 0..5 {
        client.send_text("hello").await;
    }
    // It waits in memory; nobody who asks waits longer than a deadline.
    eventually!(PATIENCE, store(&one).overview(now(&one)).await == Err(StoreError::Unavailable));
    redis.restart().await;
    eventually!(PATIENCE, store(&one).overview(now(&one)).await.is_ok());
    eventually!(PATIENCE, inventory(&one).await, |seen: &Vec<_>| *seen == [line("c", 1, 5)]);
    let hours = store(&one).history(Span::Hour, 0, i64::MAX).await.expect("history");
    assert!(!hours.is_empty());
    one.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_refuses_does_not_hold_up_what_comes_later() {
    let redis = RedisServer::start().await;
    let one = node(&redis.url()).await;
    eventually!(PATIENCE, store(&one).overview(now(&one)).await.is_ok());
    redis.command(&["SET", "{ws:aether:migration}:clients", "not a hash"]).await;
    let first = connect(&one, "/ws/group/g/client/first").await;
    let forgotten = || one.shared.metrics.migration_forgotten.only().get();
    eventually!(PATIENCE, forgotten() > 0);
    redis.command(&["DEL", "{ws:aether:migration}:clients"]).await;
    let second = connect(&one, "/ws/group/g/client/second").await;
    eventually!(PATIENCE, inventory(&one).await, |seen: &Vec<_>| *seen == [line("second", 1, 0)]);
    drop((first, second));
    one.shutdown().await;
}
