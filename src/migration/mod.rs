//! The migration from V2 to V3: who still speaks V2, how far each tenant is, who may still come, and when V2 can go.
//! Decisions are plain functions (`policy`, `stage`, `steps`, `lint`, `report`); what is remembered lies in `store`; what
//! this node sees is gathered in `roster` and carried there by `keeper`. It knows no client's socket and no HTTP.

mod gather;
mod keeper;
pub mod newcomer;
pub mod policy;
pub mod record;
pub mod report;
pub mod roster;
pub mod stage;
mod stay;
pub mod steps;
pub mod store;

pub use newcomer::Newcomer;
pub use policy::Policies;
pub use roster::{Closer, Guest, Roster};
pub use stay::Stay;
pub use store::{Store, StoreError};

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::telemetry::Metrics;
use keeper::Keeper;
use std::sync::Arc;
use store::{Bounds, Memory};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What it is made of.
#[derive(Debug)]
pub struct Parts<'c> {
    /// All settings.
    pub config: &'c Config,
    /// The calendar.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Background tasks.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

/// Everything about the migration, for sessions, the edge and operators' pages.
#[derive(Debug)]
pub struct Migration {
    /// `[migration]`
    pub config: config::Migration,
    /// The calendar.
    pub clock: Clock,
    /// What is remembered.
    pub store: Arc<Store>,
    /// Who is here.
    pub roster: Arc<Roster>,
    /// Who may still come.
    pub policies: Arc<Policies>,
    /// This node, in the store.
    pub node: Arc<str>,
}

impl Migration {
    /// Starts it.
    pub fn start(parts: Parts<'_>) -> Arc<Self> {
        let Parts { config, clock, metrics, tasks, stop } = parts;
        let node: Arc<str> = format!("{:012x}", fastrand::u64(..) >> 16).into();
        let policies = Arc::new(Policies::new(&config.policy, clock.clone()));
        let config = config.migration.clone();
        let store = Arc::new(Store::Memory(Memory::new(Bounds::from(&config))));
        let roster = Arc::new(Roster::new(clock.clone(), metrics.clone()));
        let keeper = Keeper {
            roster: roster.clone(),
            store: store.clone(),
            clock: clock.clone(),
            metrics,
            config: config.clone(),
            node: node.clone(),
            policies: policies.clone(),
        };
        tasks.spawn(keeper.run(stop));
        Arc::new(Self { config, clock, store, roster, policies, node })
    }

    /// Somebody was let in, on this seat of the hub. Dropping the stay ends it.
    pub fn enter(&self, seat: u64, newcomer: Newcomer, closer: Closer) -> Stay {
        Stay::new(seat, self.roster.enter(seat, newcomer, closer), self.roster.clone())
    }
}
