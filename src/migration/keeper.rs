//! Owns the task that carries what this node has seen to the store, and puts right there what time alone changes:
//! stages, marks, expiry. What is seen meanwhile waits in the roster.

use super::policy::Policies;
use super::record::{Batch, Count, Open, Stages, Tally};
use super::report::gates::GateState;
use super::roster::Roster;
use super::stage::{self, Evidence};
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::config;
use crate::dialect::Protocol;
use crate::label::Label;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{ByDialect, Check, Direction, Done, Lost, LostOn, Outcome, Path, Policy, PolicyDone};
use crate::telemetry::labels::{GuideStep, Shadowed, Stage};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Clients and V3 sightings in one batch: it holds up a Redis that carries messages, too, for about 2 ms.
const MOST_IN_BATCH: usize = 200;
/// How often stages are looked at, at least, and after how many flushes; by the calendar, which they follow.
const SWEEP: Duration = Duration::from_secs(30);
const SWEEP_AFTER: u32 = 6;
/// How long the last batches may take when the proxy ends, and how soon a failed one is sent again.
const LAST: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub struct Keeper {
    /// Who is here.
    pub roster: Arc<Roster>,
    /// Where to.
    pub store: Arc<Store>,
    /// The calendar.
    pub clock: Clock,
    /// The metrics: what is counted there is added up by the hour, too.
    pub metrics: Arc<Metrics>,
    /// `[migration]`
    pub config: config::Migration,
    /// This node, in the store.
    pub node: Arc<str>,
    /// Who may still come.
    pub policies: Arc<Policies>,
}

impl Keeper {
    /// Works until told to stop; then once more, so that a restart forgets nothing.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(self.config.flush_interval.max(Duration::from_millis(10)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work = Work::new(&self);
        loop {
            tokio::select! {
                _ = ticks.tick() => work.turn().await,
                () = stop.cancelled() => break,
            }
        }
        let last = async {
            while work.flush().await.is_err() {
                tokio::time::sleep(AGAIN).await;
            }
        };
        if tokio::time::timeout(LAST, last).await.is_err() {
            tracing::warn!("the last of what was seen did not reach the store of the migration in time");
        }
    }
}

/// The keeper at work.
struct Work<'k> {
    keeper: &'k Keeper,
    /// The next batch has this number.
    number: u64,
    /// A batch that may or may not have been merged: it comes first, unchanged.
    unsure: Option<Batch>,
    /// What the metrics said last.
    counted: Tally,
    counted_at: i64,
    /// When stages were last looked at, by the calendar: they follow it.
    swept: i64,
    failing: bool,
}

impl<'k> Work<'k> {
    fn new(keeper: &'k Keeper) -> Self {
        let counted = counts(&keeper.metrics);
        let counted_at = keeper.clock.now().as_secs();
        Self { keeper, number: 1, unsure: None, counted, counted_at, swept: 0, failing: false }
    }

    async fn turn(&mut self) {
        let mut went = self.flush().await;
        let pause = SWEEP.min(self.keeper.config.flush_interval * SWEEP_AFTER);
        let now = self.keeper.clock.now().0;
        // A clock that was set back must not end it.
        if went.is_ok() && u128::from((now - self.swept).unsigned_abs()) >= pause.as_millis() {
            went = self.sweep().await;
            self.swept = now;
        }
        let result = if went.is_ok() { Done::Ok } else { Done::Error };
        self.keeper.metrics.migration_flushes.with((result,)).inc();
        match (&went, self.failing) {
            (Err(error), false) => tracing::warn!(reason = error.label(), %error, "what was seen waits in memory"),
            (Ok(()), true) => tracing::info!("the store of the migration answers again"),
            _ => {}
        }
        self.failing = went.is_err();
    }

    /// Carries everything over, in batches.
    async fn flush(&mut self) -> Result<(), StoreError> {
        if let Some(batch) = self.unsure.take() {
            self.merge(batch).await?;
        }
        let keeper = self.keeper;
        let (mut seen, open) = keeper.roster.take();
        let mut v3 = seen.sightings();
        let mut clients: Vec<_> = std::mem::take(&mut seen.clients).into_values().collect();
        let mut tenants: Vec<_> = seen.tenants.into_iter().collect();
        let mut tally = self.tally();
        loop {
            let batch = Batch {
                node: keeper.node.clone(),
                number: self.number,
                at: keeper.clock.now().as_secs(),
                clients: clients.split_off(clients.len().saturating_sub(MOST_IN_BATCH)),
                tenants: tenants.split_off(tenants.len().saturating_sub(MOST_IN_BATCH)),
                v3: v3.split_off(v3.len().saturating_sub(MOST_IN_BATCH)),
                tally: std::mem::take(&mut tally),
                open: open.clone(),
            };
            self.number += 1;
            if let Err(error) = self.merge(batch).await {
                keeper.roster.give_back(clients, tenants, v3);
                return Err(error);
            }
            if clients.is_empty() && tenants.is_empty() && v3.is_empty() {
                return Ok(());
            }
        }
    }

    async fn merge(&mut self, batch: Batch) -> Result<(), StoreError> {
        match self.keeper.store.merge(&batch).await {
            Ok(merged) => {
                self.keeper.metrics.migration_forgotten.only().inc_by(merged.evicted);
                Ok(())
            }
            Err(StoreError::Corrupt) => {
                // It would be refused again, and hold up all that comes after it.
                let lost = batch.clients.len() + batch.v3.len();
                self.keeper.metrics.migration_forgotten.only().inc_by(lost as u64);
                tracing::error!(clients = lost, "the store of the migration refuses what was seen, it is forgotten");
                Err(StoreError::Corrupt)
            }
            Err(error) => {
                self.unsure = Some(batch);
                Err(error)
            }
        }
    }

    /// What was counted since the last batch.
    fn tally(&mut self) -> Tally {
        let keeper = self.keeper;
        let (now, counts) = (keeper.clock.now().as_secs(), counts(&keeper.metrics));
        let mut tally = Tally::default();
        for word in Count::ALL {
            tally.set(*word, counts.get(*word).saturating_sub(self.counted.get(*word)));
        }
        let refusing =
            [Policy::Brownout, Policy::Block].iter().any(|p| keeper.metrics.policy_active.with((*p,)).get() > 0);
        if refusing {
            // A clock that was set back, or a night in suspend, is no brownout.
            let passed = (now - self.counted_at).clamp(0, 60);
            tally.set(Count::BrownoutSeconds, passed.unsigned_abs());
        }
        (self.counted, self.counted_at) = (counts, now);
        tally
    }

    /// Puts right what time changes.
    async fn sweep(&mut self) -> Result<(), StoreError> {
        let keeper = self.keeper;
        let (store, metrics, now) = (&keeper.store, &keeper.metrics, keeper.clock.now().as_secs());
        let quiet = i64::try_from(keeper.config.quiet.as_secs()).unwrap_or(i64::MAX);
        let mut stages = Stages::default();
        let mut open = Open::default();
        let mut tenants = store.tenants(now).await?;
        keeper.policies.learn(tenants.iter().map(|(tenant, _)| tenant));
        for (tenant, connections) in &mut tenants {
            let was = tenant.stage();
            let denied = keeper.policies.denies(&tenant.tenant);
            let is = stage::next(tenant, Evidence { now, quiet, denied });
            if is != was && store.advance(&tenant.tenant, was, is, now).await? {
                tracing::info!(
                    tenant = tenant.tenant,
                    from = was.label(),
                    to = is.label(),
                    "a tenant is in another stage"
                );
            }
            tenant.stage = is.label().into();
            stages.add(is, 1);
            open = open + *connections;
        }
        store.mark(now, &stages, open).await?;
        metrics.migration_forgotten.only().inc_by(store.trim(now).await?);
        let facts = super::gather::facts(store, &keeper.policies, &keeper.config, now, tenants).await?;
        let overview = &facts.overview;
        let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for stage in Stage::ALL {
            metrics.migration_tenants.with((*stage,)).set(gauge(stages.get(*stage)));
        }
        for step in GuideStep::ALL {
            metrics.migration_clients.with((*step,)).set(gauge(overview.steps[step.index()]));
        }
        metrics.migration_clients_seen.with((Protocol::V2,)).set(gauge(overview.v2_clients));
        metrics.migration_clients_seen.with((Protocol::V3,)).set(gauge(overview.v3_clients));
        metrics.migration_inventory.only().set(gauge(overview.inventory));
        metrics.migration_left.only().set(gauge(overview.left));
        for (gate, state, _) in super::report::gates::all(&facts) {
            metrics.migration_gate.with((gate,)).set((state == GateState::Pass).into());
        }
        Ok(())
    }
}

/// The metrics of this node that are added up by the hour.
fn counts(metrics: &Metrics) -> Tally {
    let mut tally = Tally::default();
    for spoken in crate::dialect::Spoken::ALL {
        let (opened, frames) = match spoken.protocol() {
            Protocol::V2 => (Count::V2Opened, Count::V2Frames),
            Protocol::V3 => (Count::V3Opened, Count::V3Frames),
        };
        tally.add(opened, metrics.connections_opened.with(ByDialect(*spoken)).get());
        tally.add(frames, metrics.messages_received.with(ByDialect(*spoken)).get());
    }
    for policy in Policy::ALL {
        tally.add(Count::V2Refused, metrics.policy_decisions.with((*policy, PolicyDone::Reject)).get());
        tally.add(Count::V2WouldRefuse, metrics.policy_decisions.with((*policy, PolicyDone::WouldReject)).get());
    }
    for path in Path::ALL {
        tally.add(Count::Expected, metrics.deliveries_expected.with((*path,)).get());
        tally.add(Count::Delivered, metrics.deliveries.with((*path, Outcome::Delivered)).get());
        tally.add(Count::Suppressed, metrics.deliveries.with((*path, Outcome::Suppressed)).get());
        for why in Lost::ALL {
            tally.add(Count::Lost, metrics.messages_lost.with(LostOn(*path, *why)).get());
        }
    }
    for direction in Direction::ALL {
        for found in Check::ALL {
            tally.add(Count::Checks, metrics.roundtrip_checks.with((*direction, *found)).get());
        }
        tally.add(Count::Mismatches, metrics.roundtrip_checks.with((*direction, Check::Mismatch)).get());
    }
    tally.add(Count::ShadowMatch, metrics.shadow_comparisons.with((Shadowed::Match,)).get());
    tally.add(Count::ShadowMismatch, metrics.shadow_comparisons.with((Shadowed::Mismatch,)).get());
    tally
}
