//! The store on Redis, and what happens to Redis: it is slow, away, emptied, moved, or holds nonsense.

use super::place::{ROOM, T0, all, batch, config, delta, everybody, ids, seen, tenant};
use crate::harness::PATIENCE;
use crate::harness::cluster::RedisCluster;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use crate::harness::sentinel::Sentinel;
use aether_proxy::migration::Store;
use aether_proxy::migration::record::{Batch, DAY, HOUR, Span};
use aether_proxy::migration::store::{Order, Redis, StoreError};
use aether_proxy::telemetry::labels::Stage;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(300);
/// A slow machine is no fault.
const SLACK: Duration = Duration::from_secs(2);

fn quick(url: &str) -> Store {
    let mut config = config(url, ROOM);
    config.hub.command_timeout = DEADLINE;
    Store::Redis(Redis::new(&config).expect("an address"))
}

/// As the keeper does: the same batch again, until it is merged.
async fn merged(store: &Store, batch: &Batch) {
    eventually!(PATIENCE * 2, store.merge(batch).await, |merged| merged.is_ok()).expect("it was waited for");
}

async fn opened(store: &Store) -> u64 {
    all(store, everybody(Order::Key)).await.iter().map(|client| client.opened).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_cut_is_opened_again_and_nothing_counts_twice() {
    let redis = RedisServer::start().await;
    let store = quick(&redis.url());
    for number in 1..=5 {
        merged(&store, &seen("n", number, T0, &["a"])).await;
        redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        redis.command(&["SCRIPT", "FLUSH"]).await;
        merged(&store, &seen("n", number, T0, &["a"])).await;
    }
    assert_eq!(opened(&store).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_unavailable_in_time_and_may_have_merged_all_the_same() {
    let redis = RedisServer::start().await;
    let store = quick(&redis.url());
    merged(&store, &seen("n", 1, T0, &["a"])).await;
    redis.freeze().await;
    let second = seen("n", 2, T0 + 1, &["a"]);
    let began = Instant::now();
    assert_eq!(store.merge(&second).await, Err(StoreError::Unavailable));
    assert!(began.elapsed() < DEADLINE + SLACK, "{:?}", began.elapsed());
    assert_eq!(store.overview(T0).await, Err(StoreError::Unavailable), "at once, or after a deadline");
    assert!(began.elapsed() < DEADLINE * 4 + SLACK, "{:?}", began.elapsed());
    redis.thaw().await;
    merged(&store, &second).await;
    assert_eq!(opened(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_forgot_everything_begins_anew() {
    let mut redis = RedisServer::start().await;
    let store = quick(&redis.url());
    merged(&store, &seen("n", 7, T0, &["a"])).await;
    redis.kill();
    let next = seen("n", 8, T0 + 1, &["b"]);
    eventually!(PATIENCE, store.merge(&next).await == Err(StoreError::Unavailable));
    redis.restart().await;
    merged(&store, &next).await;
    assert_eq!(ids(&store, everybody(Order::Key)).await, ["b"]);
    assert_eq!(store.overview(T0 + 1).await.expect("overview").since, T0 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_none_hides_no_other_and_is_healed() {
    let redis = RedisServer::start().await;
    let store = quick(&redis.url());
    let mut first = seen("n", 1, T0, &["a", "b", "c", "d", "e"]);
    first.tenants = vec![tenant("x", T0), tenant("y", T0)];
    first.open.push(super::place::open("x", 1, 0));
    merged(&store, &first).await;
    let clients = "{ws:aether:migration}:clients";
    // Older nodes know fewer fields, newer ones more.
    let older = r#"{"tenant":"acme","client":"e","last_seen":5,"opened":6,"first_seen":4,"tomorrow":[1]}"#;
    let broken = [("b", "garbage"), ("c", "{}"), ("d", r#"{"opened":"many"}"#), ("e", older)];
    for (client, text) in broken {
        redis.command(&["HSET", clients, &format!("acme\u{1f}{client}"), text]).await;
    }
    redis.command(&["HSET", "{ws:aether:migration}:tenants", "x", "[]"]).await;
    redis.command(&["HSET", "{ws:aether:migration}:open", "n", "?"]).await;
    redis.command(&["LPUSH", "{ws:aether:migration}:events", "?"]).await;
    for order in [Order::Key, Order::LastSeen] {
        assert_eq!(ids(&store, everybody(order)).await, ["a"]);
    }
    assert_eq!(store.tenants(T0).await.expect("tenants").len(), 1);
    assert_eq!(store.events(9).await, Ok(Vec::new()));
    assert_eq!(store.overview(T0).await.expect("overview").nodes, 1);
    merged(&store, &Batch { number: 2, at: T0 + 1, ..first }).await;
    let found = all(&store, everybody(Order::Key)).await;
    let told: Vec<_> = found.iter().map(|c| (c.client.as_str(), c.opened)).collect();
    assert_eq!(told, [("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 7)]);
    assert_eq!(store.tenants(T0).await.expect("tenants").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_asking_again_cannot_mend_is_told_apart() {
    let redis = RedisServer::start().await;
    let store = quick(&redis.url());
    redis.command(&["SET", "{ws:aether:migration}:clients", "not a hash"]).await;
    assert_eq!(store.merge(&seen("n", 1, T0, &["a"])).await, Err(StoreError::Corrupt));
    redis.command(&["DEL", "{ws:aether:migration}:clients"]).await;
    // It was refused whole: nothing of it was written.
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "*"]).await, [""; 0]);
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(store.merge(&seen("n", 1, T0, &["a"])).await, Err(StoreError::Unavailable));
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    merged(&store, &seen("n", 1, T0, &["a"])).await;
    assert_eq!(opened(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_expires_in_the_end() {
    let redis = RedisServer::start().await;
    let store = quick(&redis.url());
    let mut one = seen("n", 1, T0, &["a"]);
    one.v3.push(super::place::sighting("acme", "b"));
    one.tenants.push(tenant("acme", T0));
    merged(&store, &one).await;
    store.mark(T0, &Default::default(), Default::default()).await.expect("marked");
    store.trim(T0).await.expect("trimmed");
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        let ttl: i64 = redis.ask(&["TTL", &key]).await;
        let most = match key.rsplit_once('}').expect("a tag").1 {
            of if of.starts_with(":hour:") && of.matches(':').count() > 2 => 26 * HOUR,
            of if of.starts_with(":hour:") => (15 * 24 + 1) * HOUR,
            of if of.starts_with(":day:") && of.matches(':').count() > 2 => 2 * DAY,
            _ => 401 * DAY,
        };
        assert!(ttl > most - 60 && ttl <= most, "{key}: {ttl} of {most}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_of_a_cluster_shows_the_way_and_a_moved_slot_is_followed() {
    let cluster = RedisCluster::start(3, 0).await;
    for (place, node) in cluster.nodes.iter().enumerate() {
        let store = quick(&format!("redis+cluster://{}", node.addr()));
        merged(&store, &seen(&format!("n{place}"), 1, T0, &["a"])).await;
        assert_eq!(store.history(Span::Hour, 0, T0).await.expect("history").len(), 1, "a pipeline finds it, too");
        assert_eq!(opened(&store).await, place as u64 + 1);
    }
    // The slot goes to another master, as resharding does it, with all that is in it.
    let store = quick(&cluster.url());
    merged(&store, &seen("last", 1, T0, &["a"])).await;
    let key = "{ws:aether:migration}:clients";
    let from = cluster.master_of(key).await;
    let to = (from + 1) % 3;
    let slot = cluster.nodes[0].ask::<u64>(&["CLUSTER", "KEYSLOT", key]).await.to_string();
    let id = |place: usize| {
        let node = &cluster.nodes[place];
        async move { node.ask::<String>(&["CLUSTER", "MYID"]).await }
    };
    let (from_id, to_id) = (id(from).await, id(to).await);
    cluster.nodes[to].command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    cluster.nodes[from].command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
    let keys: Vec<String> = cluster.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]).await;
    let port = cluster.nodes[to].port().to_string();
    for key in &keys {
        cluster.nodes[from].command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]).await;
    }
    // Half of it is there, half here: this is asked again later.
    let next = seen("last", 2, T0 + 1, &["b"]);
    assert_eq!(store.merge(&next).await, Err(StoreError::Unavailable));
    for place in [to, from] {
        cluster.nodes[place].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    }
    merged(&store, &next).await;
    assert_eq!(opened(&store).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_are_asked_again_when_the_master_dies() {
    let mut sentinel = Sentinel::start().await;
    let store = quick(&sentinel.url());
    merged(&store, &seen("n", 1, T0, &["a"])).await;
    let old: i64 = sentinel.servers[0].ask(&["WAIT", "1", "5000"]).await;
    assert_eq!(old, 1, "the replica has it");
    sentinel.servers[0].kill();
    merged(&store, &seen("n", 2, T0 + 1, &["a"])).await;
    assert_eq!(opened(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_takes_about_a_kilobyte_and_a_batch_holds_redis_for_a_moment() {
    let redis = RedisServer::start().await;
    let mut settings = config(&redis.url(), (50_000, 100));
    settings.hub.command_timeout = Duration::from_secs(10);
    let store = Store::Redis(Redis::new(&settings).expect("an address"));
    merged(&store, &batch("warm", 1, T0)).await;
    let used = async || -> i64 { redis.info("used_memory").await.and_then(|n| n.parse().ok()).expect("a number") };
    let before = used().await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";
    let client = |n: usize| {
        let mut client = delta("acme", &format!("client-{n:06}"), T0);
        client.user_agent = agent.into();
        client
    };
    let began = Instant::now();
    for number in 1..=20 {
        let clients = (number * 500..(number + 1) * 500).map(client).collect();
        merged(&store, &Batch { clients, ..batch("n", number as u64, T0) }).await;
    }
    let each = (used().await - before) / 10_000;
    let spent: String = redis.ask::<String>(&["INFO", "commandstats"]).await;
    let spent = spent.lines().find(|line| line.starts_with("cmdstat_evalsha")).unwrap_or_default().to_owned();
    eprintln!("{each} bytes a client; {:?} for 20 batches of 500; {spent}", began.elapsed());
    assert!((300..1500).contains(&each), "{each} bytes a client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_that_the_operators_guide_names_may_do_all_of_it() {
    let redis = RedisServer::start().await;
    let guide = include_str!("../../../docs/OPERATIONS.md");
    let rules = guide.split_once("ACL SETUSER aether on >PASSWORD ").expect("a user").1;
    let rules = rules.split_once("\n\n").expect("an end").0;
    let words: Vec<&str> =
        ["ACL", "SETUSER", "aether", "on", ">secret"].into_iter().chain(rules.split_whitespace()).collect();
    redis.command(&words).await;
    let store = quick(&format!("redis://aether:secret@{}", redis.addr()));
    let mut one = seen("n", 1, T0, &["a"]);
    one.v3.push(super::place::sighting("acme", "a"));
    one.tenants.push(tenant("acme", T0));
    assert!(store.merge(&one).await.is_ok());
    assert!(store.mark(T0, &Default::default(), Default::default()).await.is_ok());
    assert!(store.trim(T0 + 400 * DAY).await.is_ok());
    assert_eq!(store.advance("acme", Stage::V2Only, Stage::Mixed, T0).await, Ok(true));
    assert_eq!(store.events(9).await.map(|events| events.len()), Ok(1));
    assert!(store.overview(T0).await.is_ok() && store.history(Span::Day, 0, T0).await.is_ok());
    assert!(store.clients(&everybody(Order::LastSeen)).await.is_ok());
}
