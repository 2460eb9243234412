//! Owns the decision about a newcomer: a plain function of the policy, the time, and whether the tenant is known.

use super::rule::{OFF, Rule};
use super::who::{self, Lot, Who};
use crate::config::{self, Date, NewTenants, OpenConnections};
use crate::dialect::Protocol;
use crate::migration::Newcomer;
use crate::migration::report::view::{ExemptionView, PolicyView};
use crate::telemetry::labels::{Policy as Says, PolicyDone};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// The policy, made ready.
#[derive(Debug)]
pub struct Policy {
    config: config::Policy,
    rules: Vec<Rule>,
    exemptions: Vec<Exemption>,
    fingerprint: String,
}

#[derive(Debug)]
struct Exemption {
    who: Who,
    until: i64,
}

/// What becomes of a newcomer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the policy says.
    pub says: Says,
    /// What comes of it.
    pub done: PolicyDone,
    /// The rule that decided; None: no rule did.
    pub rule: Option<Arc<str>>,
    /// When a refused client should come back; None: it should not.
    pub retry_after: Option<Duration>,
}

impl Decision {
    /// Nothing speaks against it.
    pub const WELCOME: Self = Self { says: Says::Allow, done: PolicyDone::Accept, rule: None, retry_after: None };

    /// Is it refused?
    pub fn is_refusal(&self) -> bool {
        self.done == PolicyDone::Reject
    }
}

impl Policy {
    /// From the settings.
    pub fn new(config: &config::Policy) -> Self {
        // A struct of ours always becomes JSON.
        let text = serde_json::to_vec(config).unwrap_or_default();
        let digest = Sha256::digest(text);
        Self {
            rules: config.rules.iter().map(Rule::new).collect(),
            exemptions: config
                .exemptions
                .iter()
                .map(|exemption| Exemption { who: Who::new(&exemption.who), until: exemption.until.secs() })
                .collect(),
            fingerprint: digest[..4].iter().map(|byte| format!("{byte:02x}")).collect(),
            config: config.clone(),
        }
    }

    /// What becomes of it at this second. `known` = its tenant came with V2 before `new_since`.
    ///
    /// In this order: a pause lets everybody in, so does an exemption that lasts; then the first rule that is in effect
    /// and means it; then new tenants. Only V2 is ever refused.
    pub fn decide(&self, newcomer: &Newcomer, now: i64, known: bool) -> Decision {
        let exempt = |e: &Exemption| now < e.until && e.who.means(newcomer);
        if newcomer.protocol() != Protocol::V2 || self.config.pause || self.exemptions.iter().any(exempt) {
            return Decision::WELCOME;
        }
        let mut lot = None;
        for rule in &self.rules {
            let Some(says) = rule.says(now) else { continue };
            let percent = rule.config.percent;
            let drawn = |lot: &mut Option<Lot>| lot.get_or_insert_with(|| Lot::of(newcomer)).is_within(percent);
            if rule.who.means(newcomer) && (percent >= 100 || drawn(&mut lot)) {
                return self.by_rule(rule, says, now, || lot.unwrap_or_else(|| Lot::of(newcomer)));
            }
        }
        if !known && self.blocks_new(now) {
            let done = if self.config.dry_run { PolicyDone::WouldReject } else { PolicyDone::Reject };
            return Decision { says: Says::Block, done, ..Decision::WELCOME };
        }
        Decision::WELCOME
    }

    fn by_rule(&self, rule: &Rule, says: Says, now: i64, lot: impl FnOnce() -> Lot) -> Decision {
        let done = match says {
            Says::Allow => PolicyDone::Accept,
            // A rule that only counts tells nobody.
            Says::Warn if rule.config.dry_run => PolicyDone::Accept,
            Says::Warn => PolicyDone::Notice,
            Says::Brownout | Says::Block if rule.config.dry_run || self.config.dry_run => PolicyDone::WouldReject,
            Says::Brownout | Says::Block => PolicyDone::Reject,
        };
        // Spread, so that those who were refused together do not come back together.
        let later = || rule.retry_after(now).mul_f64(1.0 + lot().spread());
        let retry_after = (says == Says::Brownout && done == PolicyDone::Reject).then(later);
        Decision { says, done, rule: Some(rule.name.clone()), retry_after }
    }

    /// Are new tenants refused, and is there such a thing yet?
    pub(super) fn blocks_new(&self, now: i64) -> bool {
        self.config.new_tenants == NewTenants::Block && self.config.new_since.is_some_and(|since| now >= since.secs())
    }

    /// See `config::Policy::new_since`.
    pub(super) fn new_since(&self) -> Option<Date> {
        self.config.new_since
    }

    /// Is V2 refused to every client of this tenant, and for good?
    pub(super) fn denies(&self, tenant: &str, now: i64, known: bool) -> bool {
        let exempt = |e: &Exemption| now < e.until && e.who.means_some_of(tenant);
        if self.config.pause || self.config.dry_run || self.exemptions.iter().any(exempt) {
            return false;
        }
        for rule in self.rules.iter().filter(|rule| rule.who.means_some_of(tenant)) {
            match rule.says(now) {
                None => {}
                Some(Says::Block) if !rule.config.dry_run => {
                    let all = rule.who.means_whole_tenants() && rule.config.percent >= 100;
                    if all && rule.config.windows.is_empty() {
                        return true;
                    }
                    // It refuses some, at times: a later rule may refuse the rest.
                }
                // It may let somebody in before a later rule is asked.
                Some(_) => return false,
            }
        }
        !known && self.blocks_new(now)
    }

    /// Can anybody be refused at this second?
    pub(super) fn refuses(&self, now: i64) -> bool {
        let anybody = self.blocks_new(now) || self.rules.iter().any(|rule| rule.refuses(now));
        anybody && !self.config.pause && !self.config.dry_run
    }

    /// V2 connections that are open when they begin to be refused are closed over this time; None: they stay.
    pub(super) fn close_window(&self) -> Option<Duration> {
        (self.config.open_connections == OpenConnections::Close).then_some(self.config.close_window)
    }

    /// What each rule says at this second: `off` where it has no effect, `dry_run` where it only counts.
    pub(super) fn states(&self, now: i64) -> impl Iterator<Item = (&Arc<str>, &'static str)> {
        self.rules.iter().map(move |rule| (&rule.name, self.state(rule, now)))
    }

    fn state(&self, rule: &Rule, now: i64) -> &'static str {
        match rule.says(now).filter(|_| !self.config.pause) {
            None => OFF,
            Some(Says::Brownout | Says::Block) if rule.config.dry_run || self.config.dry_run => "dry_run",
            Some(says) => says.label(),
        }
    }

    /// How many rules say this at this second and mean it.
    pub(super) fn saying(&self, says: Says, now: i64) -> usize {
        self.states(now).filter(|(_, state)| *state == says.label()).count()
    }

    /// Exemptions that last.
    pub(super) fn lasting(&self, now: i64) -> usize {
        self.exemptions.iter().filter(|exemption| now < exemption.until).count()
    }

    /// When V2 was deprecated, and when it ends; 0 = no date.
    pub(super) fn dates(&self) -> (i64, i64) {
        let secs = |date: Option<Date>| date.map_or(0, Date::secs);
        (secs(self.config.deprecation), secs(self.config.sunset))
    }

    /// Short and the same for the same settings.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Nothing was ever set.
    pub(super) fn is_default(&self) -> bool {
        self.config == config::Policy::default()
    }

    /// As operators see it.
    pub(super) fn view(&self, now: i64) -> PolicyView {
        let config = &self.config;
        let exemption = |exemption: &config::Exemption| ExemptionView {
            name: exemption.name.clone(),
            reason: exemption.reason.clone(),
            who: who::in_words(&exemption.who),
            until: exemption.until.to_string(),
            active: now < exemption.until.secs(),
        };
        PolicyView {
            paused: config.pause,
            dry_run: config.dry_run,
            new_tenants_blocked: config.new_tenants == NewTenants::Block,
            deprecation: config.deprecation.map(|date| date.to_string()),
            sunset: config.sunset.map(|date| date.to_string()),
            rules: self.rules.iter().map(|rule| rule.view(now)).collect(),
            exemptions: config.exemptions.iter().map(exemption).collect(),
        }
    }
}
