//! Who may still come with V2: the policy in effect, and what it says about a newcomer. Decisions are plain functions
//! (`decide`, `rule`, `who`); `steward` closes who is refused while connected, `scribe` writes the journal.

mod decide;
mod known;
mod rule;
mod scribe;
mod steward;
#[cfg(test)]
mod tests;
mod who;

pub use decide::{Decision, Policy};
pub use scribe::Scribe;
pub use steward::Steward;

use super::newcomer::Newcomer;
use super::record::TenantRecord;
use super::report::view::PolicyView;
use crate::clock::Clock;
use crate::config::{self, Date};
use arc_swap::ArcSwap;
use known::Known;
use std::sync::Arc;

/// The policy in effect; a reload changes it.
#[derive(Debug)]
pub struct Policies {
    clock: Clock,
    current: ArcSwap<Policy>,
    known: Known,
}

impl Policies {
    /// From the settings.
    pub fn new(config: &config::Policy, clock: Clock) -> Self {
        Self { clock, current: ArcSwap::from_pointee(Policy::new(config)), known: Known::default() }
    }

    /// Takes other settings. `Steward` and `Scribe` notice within a second.
    pub fn reload(&self, config: &config::Policy) {
        self.current.store(Arc::new(Policy::new(config)));
    }

    /// What becomes of a newcomer now.
    pub fn decide(&self, newcomer: &Newcomer) -> Decision {
        let (policy, now) = (self.current.load(), self.clock.now().as_secs());
        policy.decide(newcomer, now, self.is_known(&policy, &newcomer.tenant, now))
    }

    /// Takes the tenants the store knows: who came with V2 before `policy.new_since` is not new.
    pub fn learn<'t>(&self, tenants: impl Iterator<Item = &'t TenantRecord>) {
        self.known.learn(tenants);
    }

    /// Does the store know this tenant, from V2 or V3?
    pub fn has_seen(&self, tenant: &str) -> bool {
        self.known.has(tenant)
    }

    /// Is V2 refused to every client of this tenant for good?
    pub fn denies(&self, tenant: &str) -> bool {
        let (policy, now) = (self.current.load(), self.clock.now().as_secs());
        policy.denies(tenant, now, self.is_known(&policy, tenant, now))
    }

    /// As operators see it.
    pub fn view(&self) -> PolicyView {
        self.current.load().view(self.clock.now().as_secs())
    }

    fn is_known(&self, policy: &Policy, tenant: &str, now: i64) -> bool {
        !policy.blocks_new(now) || self.known.before(tenant, policy.new_since().map_or(0, Date::secs))
    }
}
