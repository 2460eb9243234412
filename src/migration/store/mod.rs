//! What is remembered about the migration: one contract, kept in Redis or, for one node without Redis, in memory.
//! Everything in it is bounded and expires.

mod keys;
mod memory;
mod position;
mod redis;

pub use memory::Memory;
pub use redis::Redis;

use super::record::{Batch, Bucket, ClientRecord, DAY, Event, Open, Overview, Span, Stages, TenantRecord};
use crate::config;
use crate::telemetry::labels::Stage;
use std::collections::{BTreeMap, HashMap};

/// Events that are kept.
pub const EVENTS: usize = 1000;
/// Seconds after which a node that wrote nothing is no longer counted.
pub const NODE_LEASE: i64 = 60;
/// Seconds for which the number of its last batch is remembered: as long it may try to merge it again.
pub const NODE_KEPT: i64 = DAY;
/// Where tenants above `migration.max_tenants` are counted together.
pub const OTHERS: &str = "_other";

/// The store could not be asked, or did not understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Redis is away, or too slow.
    #[error("the store of the migration does not answer")]
    Unavailable,
    /// What came back is not what was written.
    #[error("the store of the migration holds something else than expected")]
    Corrupt,
}

impl StoreError {
    /// The same word in answers and logs.
    pub fn label(&self) -> &'static str {
        match self {
            StoreError::Unavailable => "store_unavailable",
            StoreError::Corrupt => "store_corrupt",
        }
    }
}

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// V2 clients; above it those go that were never let in, then the others, the longest unseen first.
    pub clients: usize,
    /// Tenants; later ones are `OTHERS`.
    pub tenants: usize,
    /// Seconds after which an unseen client goes.
    pub forget_after: i64,
    /// Seconds after which an unseen client is no longer left: `migration.quiet`.
    pub quiet: i64,
}

impl From<&config::Migration> for Bounds {
    fn from(config: &config::Migration) -> Self {
        Self {
            clients: config.max_clients,
            tenants: config.max_tenants,
            forget_after: i64::try_from(config.forget_after.as_secs()).unwrap_or(i64::MAX),
            quiet: i64::try_from(config.quiet.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

/// In which order clients are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By tenant, then id. Whoever is there from the first page to the last stands on exactly one, whatever changes meanwhile.
    Key,
    /// Latest first. Whoever is seen meanwhile may move.
    LastSeen,
}

/// Which clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientQuery {
    /// Of this tenant only.
    pub tenant: Option<String>,
    /// With this text in tenant, id, group, user agent or origin; case does not count.
    pub search: Option<String>,
    /// Seen at or after this moment.
    pub since: Option<i64>,
    /// Only those that have not moved since they were seen.
    pub left: bool,
    /// See `Order`.
    pub order: Order,
    /// Where the page before ended; it is to be used with the same query.
    pub cursor: Option<String>,
    /// Clients at most.
    pub limit: usize,
}

impl ClientQuery {
    /// Is this client meant?
    pub fn matches(&self, client: &ClientRecord) -> bool {
        let search = self.search.as_ref().map(|text| text.to_lowercase());
        let has = |text: &str| search.as_ref().is_none_or(|search| text.to_lowercase().contains(search));
        let texts = [&client.tenant, &client.client, &client.group, &client.user_agent, &client.origin];
        self.tenant.as_ref().is_none_or(|tenant| *tenant == client.tenant)
            && self.since.is_none_or(|since| client.last_seen >= since)
            && !(self.left && client.has_moved())
            && texts.into_iter().any(|text| has(text))
    }

    /// Where a client stands in the order: positions compare as their texts do. Ids and tenants hold no control characters.
    pub fn position(&self, client: &ClientRecord) -> String {
        position::of(self.order, client.last_seen, &keys::member(&client.tenant, &client.client))
    }
}

/// Some of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientPage {
    /// In the order that was asked for.
    pub clients: Vec<ClientRecord>,
    /// For the next page; None when this was the last. A page may be short, or empty, and still not be the last.
    pub next: Option<String>,
}

/// What merging a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Clients that had to go for newer ones.
    pub evicted: u64,
}

/// See the module.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it, behind a pointer")]
pub enum Store {
    /// Of this process.
    Memory(Memory),
    /// Of all nodes.
    Redis(Redis),
}

impl Store {
    /// Adds what a node has seen. A batch that was merged already, in whole or in part, is not merged twice: after an
    /// error it is sent again, unchanged.
    ///
    /// # Errors
    /// It may or may not have been merged.
    pub async fn merge(&self, batch: &Batch) -> Result<Merged, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.merge(batch)),
            Store::Redis(redis) => redis.merge(batch).await,
        }
    }

    /// How it stands.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn overview(&self, now: i64) -> Result<Overview, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.overview(now)),
            Store::Redis(redis) => redis.overview(now).await,
        }
    }

    /// All tenants, by name, with their open connections on all nodes.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn tenants(&self, now: i64) -> Result<Vec<(TenantRecord, Open)>, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.tenants(now)),
            Store::Redis(redis) => redis.tenants(now).await,
        }
    }

    /// A page of the inventory.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn clients(&self, query: &ClientQuery) -> Result<ClientPage, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.clients(query)),
            Store::Redis(redis) => redis.clients(query).await,
        }
    }

    /// The buckets that begin within `from..=to`, oldest first; those in which nothing was written are left out.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn history(&self, span: Span, from: i64, to: i64) -> Result<Vec<Bucket>, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.history(span, from, to)),
            Store::Redis(redis) => redis.history(span, from, to).await,
        }
    }

    /// The latest events, latest first.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn events(&self, most: usize) -> Result<Vec<Event>, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.events(most)),
            Store::Redis(redis) => redis.events(most).await,
        }
    }

    /// Notes that something is `to` now, unless that is noted as its latest state already: of many nodes that notice
    /// the same, one event remains. Returns whether it was new.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn note(&self, event: &Event) -> Result<bool, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.note(event)),
            Store::Redis(redis) => redis.note(event).await,
        }
    }

    /// Moves a tenant from one stage to another and notes it, unless it is no longer in the first. Returns whether it moved.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn advance(&self, tenant: &str, from: Stage, to: Stage, at: i64) -> Result<bool, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.advance(tenant, from, to, at)),
            Store::Redis(redis) => redis.advance(tenant, from, to, at).await,
        }
    }

    /// Writes how many tenants are in which stage, and how many connections are open, into the current hour and day.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn mark(&self, at: i64, stages: &Stages, open: Open) -> Result<(), StoreError> {
        match self {
            Store::Memory(memory) => {
                memory.mark(at, stages, open);
                Ok(())
            }
            Store::Redis(redis) => redis.mark(at, stages, open).await,
        }
    }

    /// Forgets what is older than it may be: clients, buckets, nodes. Returns how many clients went.
    ///
    /// # Errors
    /// See `StoreError`.
    pub async fn trim(&self, now: i64) -> Result<u64, StoreError> {
        match self {
            Store::Memory(memory) => Ok(memory.trim(now)),
            Store::Redis(redis) => redis.trim(now).await,
        }
    }
}

/// Tenants by name, with what is open of them; those that are not remembered are open among the others.
fn with_open<'n>(
    tenants: BTreeMap<String, TenantRecord>,
    nodes: impl Iterator<Item = (&'n str, Open)>,
) -> Vec<(TenantRecord, Open)> {
    let mut open: HashMap<&str, Open> = HashMap::new();
    for (tenant, n) in nodes {
        let name = if tenants.contains_key(tenant) { tenant } else { OTHERS };
        let sum = open.entry(name).or_default();
        *sum = *sum + n;
    }
    tenants.into_iter().map(|(name, record)| (record, open.get(&*name).copied().unwrap_or_default())).collect()
}
