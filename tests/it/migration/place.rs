//! Where the store of the migration is tested: in memory, on one Redis, on a cluster; and batches by hand.

use crate::harness::{cluster::RedisCluster, redis::RedisServer};
use aether_proxy::config::{Config, RedisUrl};
use aether_proxy::migration::Store;
use aether_proxy::migration::record::{
    Batch, ClientDelta, ClientRecord, Findings, Open, Tally, TenantDelta, V3Sighting,
};
use aether_proxy::migration::store::{Bounds, ClientQuery, Memory, Order, Redis};
use std::sync::Arc;
use std::time::Duration;

/// A moment early in an hour that is early in a day.
pub const T0: i64 = 1_772_323_200 + 60;

/// What is kept, beside the defaults: clients, tenants.
pub type Most = (usize, usize);
/// More than any test has.
pub const ROOM: Most = (1000, 100);

/// Two stores that are one: those of two nodes on one Redis, or twice the same.
pub struct Place {
    stores: Vec<Store>,
    _redis: Option<RedisServer>,
    _cluster: Option<RedisCluster>,
}

/// Settings with these bounds.
pub fn config(url: &str, most: Most) -> Config {
    let mut config = Config::default();
    config.hub.url = RedisUrl::new(url);
    (config.migration.max_clients, config.migration.max_tenants) = most;
    config.migration.forget_after = Duration::from_secs(3600);
    config
}

/// A node's store on Redis.
pub fn on(url: &str, most: Most) -> Store {
    Store::Redis(Redis::new(&config(url, most)).expect("an address"))
}

/// One in this process.
pub fn in_memory(most: Most) -> Store {
    Store::Memory(Memory::new(Bounds::from(&config("", most).migration)))
}

impl Place {
    pub fn memory(most: Most) -> Self {
        Self { stores: vec![in_memory(most)], _redis: None, _cluster: None }
    }

    pub async fn redis(most: Most) -> Self {
        let redis = RedisServer::start().await;
        Self { stores: vec![on(&redis.url(), most), on(&redis.url(), most)], _redis: Some(redis), _cluster: None }
    }

    pub async fn cluster(most: Most) -> Self {
        let cluster = RedisCluster::start(3, 0).await;
        Self { stores: vec![on(&cluster.url(), most), on(&cluster.url(), most)], _redis: None, _cluster: Some(cluster) }
    }

    pub fn here(&self) -> &Store {
        &self.stores[0]
    }

    pub fn there(&self) -> &Store {
        self.stores.last().expect("a store")
    }
}

/// A batch in which nothing was seen.
pub fn batch(node: &str, number: u64, at: i64) -> Batch {
    Batch {
        node: node.into(),
        number,
        at,
        clients: Vec::new(),
        tenants: Vec::new(),
        v3: Vec::new(),
        tally: Tally::default(),
        open: Vec::new(),
    }
}

/// A client that connected with V2 and sat still.
pub fn delta(tenant: &str, client: &str, seen: i64) -> ClientDelta {
    ClientDelta {
        tenant: tenant.into(),
        client: client.into(),
        dialect: "aether-v2".into(),
        group: "g".into(),
        user_agent: "App/1".into(),
        origin: "app.example".into(),
        hears_v3: false,
        integer_id: false,
        seen,
        last_opened: seen,
        opened: 1,
        refused: 0,
        frames: 0,
        wrapped_at: 0,
        unwrapped_at: 0,
        findings: Findings::default(),
    }
}

pub fn sighting(tenant: &str, client: &str) -> V3Sighting {
    V3Sighting { tenant: tenant.into(), client: client.into(), opaque_ids: true }
}

/// A tenant of which V2 was seen.
pub fn tenant(name: &str, seen: i64) -> (Arc<str>, TenantDelta) {
    (name.into(), TenantDelta { v2_seen: seen, v2_opened: 1, ..TenantDelta::default() })
}

pub fn open(tenant: &str, v2: u64, v3: u64) -> (Arc<str>, Open) {
    (tenant.into(), Open { v2, v3 })
}

/// A node's batch with these clients.
pub fn seen(node: &str, number: u64, at: i64, clients: &[&str]) -> Batch {
    Batch { clients: clients.iter().map(|client| delta("acme", client, at)).collect(), ..batch(node, number, at) }
}

/// Everybody, in this order.
pub fn everybody(order: Order) -> ClientQuery {
    ClientQuery { tenant: None, search: None, since: None, left: false, order, cursor: None, limit: 1000 }
}

/// All pages of a query.
pub async fn all(store: &Store, mut query: ClientQuery) -> Vec<ClientRecord> {
    let mut found = Vec::new();
    for _ in 0..1000 {
        let page = store.clients(&query).await.expect("a page");
        assert!(page.clients.len() <= query.limit);
        found.extend(page.clients);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return found,
        }
    }
    panic!("a thousand pages, and no end");
}

/// Their ids.
pub async fn ids(store: &Store, query: ClientQuery) -> Vec<String> {
    all(store, query).await.into_iter().map(|client| client.client).collect()
}
