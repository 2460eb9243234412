//! The migration from V2 to V3: who still speaks V2, how far each tenant is, who may still come, and when V2 can go.
//! Decisions are plain functions (`policy`, `stage`, `steps`, `lint`, `report`); what is remembered lies in `store`; what
//! this node sees is gathered in `roster` and carried there by `keeper`. It knows no client's socket and no HTTP.

pub mod capture;
mod gather;
mod keeper;
pub mod lint;
pub mod newcomer;
mod patterns;
mod pointer;
pub mod policy;
pub mod record;
pub mod report;
pub mod roster;
pub mod shadow;
pub mod stage;
mod stay;
pub mod steps;
pub mod store;

pub use capture::Capture;
pub use newcomer::Newcomer;
pub use policy::{Decision, Policies};
pub use roster::{Closer, Guest, Roster};
pub use shadow::{Mirror, Shadow};
pub use stay::Stay;
pub use store::{Store, StoreError};

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::dialect::Protocol;
use crate::envelope::AccountId;
use crate::redis_client::StartError;
use crate::telemetry::Metrics;
use keeper::Keeper;
use policy::{Scribe, Steward};
use report::view::ShadowView;
use stay::Watch;
use std::sync::Arc;
use store::{Bounds, Memory, Redis};
use tokio_tungstenite::tungstenite::http::Request;
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
    /// What is written down of V2 traffic; off until it is begun.
    pub capture: Arc<Capture>,
    watch: Arc<Watch>,
    shadow: Option<Shadow>,
}

impl Migration {
    /// Starts it. What it remembers lies where the hub is.
    ///
    /// # Errors
    /// The address of Redis cannot be used.
    pub fn start(parts: Parts<'_>) -> Result<Arc<Self>, StartError> {
        let Parts { config, clock, metrics, tasks, stop } = parts;
        let store = Arc::new(match config.hub.url.is_empty() {
            true => Store::Memory(Memory::new(Bounds::from(&config.migration))),
            false => Store::Redis(Redis::new(config)?),
        });
        let node: Arc<str> = format!("{:012x}", fastrand::u64(..) >> 16).into();
        let policies = Arc::new(Policies::new(&config.policy, clock.clone()));
        let shadow = Shadow::start(&config.shadow, clock.clone(), metrics.clone(), tasks.clone(), stop.clone());
        let config = config.migration.clone();
        let roster = Arc::new(Roster::new(clock.clone(), metrics.clone()));
        let capture = Capture::new(metrics.clone(), tasks.clone(), stop.clone());
        let watch = Arc::new(Watch {
            roster: roster.clone(),
            metrics: metrics.clone(),
            lint_sample: config.lint_sample,
            capture: capture.clone(),
        });
        let keeper = Keeper {
            roster: roster.clone(),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            config: config.clone(),
            node: node.clone(),
            policies: policies.clone(),
        };
        tasks.spawn(keeper.run(stop.clone()));
        let steward = Steward { policies: policies.clone(), roster: roster.clone(), clock: clock.clone(), metrics };
        // Before the first scrape.
        steward.tell();
        tasks.spawn(steward.run(stop.clone()));
        tasks.spawn(Scribe::new(policies.clone(), store.clone(), clock.clone()).run(stop));
        Ok(Arc::new(Self { config, clock, store, roster, policies, node, capture, watch, shadow }))
    }

    /// Is this one, which will hear this generation, to have a shadow? Who knows the request asks, before it is let in.
    pub fn mirror<B>(
        &self,
        newcomer: &Newcomer,
        account: Option<&AccountId>,
        hears: Protocol,
        request: &Request<B>,
    ) -> Option<Mirror> {
        self.shadow.as_ref()?.mirror(newcomer, account, hears, request)
    }

    /// Somebody was let in, on this seat of the hub. Dropping the stay ends it.
    pub fn enter(&self, seat: u64, newcomer: Newcomer, mirror: Option<Mirror>, closer: Closer) -> Stay {
        let shadowed = self.shadow.as_ref().zip(mirror).map(|(shadow, mirror)| shadow.tap(seat, &newcomer, mirror));
        Stay::new(seat, self.roster.enter(seat, newcomer, closer), self.watch.clone(), shadowed)
    }

    /// Somebody was let in who is none of the migration's business: a stay that nobody sees.
    pub fn overlook(&self, seat: u64, newcomer: Newcomer, closer: Closer) -> Stay {
        let guest = Guest::new(newcomer, closer, self.clock.now().as_secs());
        Stay::new(seat, Arc::new(guest), self.watch.clone(), None)
    }

    /// How the comparison with the legacy server stands, on this node.
    pub fn shadow_findings(&self) -> ShadowView {
        self.shadow.as_ref().map_or_else(ShadowView::default, Shadow::view)
    }
}
