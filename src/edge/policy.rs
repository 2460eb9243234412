//! Owns what a handshake asks of the migration's policy, and how a V2 client hears the answer. It is asked before any
//! credential is checked and before the hub, about whom the client says it is; and again about whom it proved to be.

use super::answer::Refused;
use super::mounts::{self, Rules};
use super::upgrade::Upgrade;
use super::{Edge, State};
use crate::auth::{Credentials, Tenant};
use crate::dialect::Protocol;
use crate::envelope::{ClientId, GroupId};
use crate::migration::{Decision, Newcomer, newcomer};
use crate::telemetry::labels::{NoticeChannel, Policy as Says, PolicyDone};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::USER_AGENT;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Refused clients that may wait for their answer at once; the next are answered at once.
pub const MOST_WAITING: usize = 1024;

/// Is a tenant more than a claim? Nobody can fill the list of tenants with names it made up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sure(pub bool);

impl Edge {
    /// The client as it presents itself: whoever is refused anyway need not be looked at more closely.
    pub(super) fn newcomer(
        &self,
        request: &Request<Incoming>,
        upgrade: &Upgrade,
        found: &mounts::Place<'_>,
        credentials: &Credentials,
        (group, client): (Option<GroupId>, ClientId),
    ) -> (Newcomer, Sure) {
        let (tenant, sure) = self.presumed(found.rules, credentials);
        // Of V3 clients nobody asks more than who they are, and there should be many of them.
        let (user_agent, origin) = match found.rules.manner.protocol() {
            Protocol::V2 => {
                let agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
                let host = credentials.host();
                (
                    newcomer::kept(agent.as_deref().unwrap_or_default()),
                    newcomer::kept(host.as_deref().unwrap_or_default()),
                )
            }
            Protocol::V3 => <(Arc<str>, Arc<str>)>::default(),
        };
        let newcomer = Newcomer {
            tenant,
            spoken: found.rules.manner.spoken(),
            made: found.rules.manner.made().map(Arc::clone),
            group,
            client,
            user_agent,
            origin,
            hears_v3: found.rules.manner.may_hear_v3() && (found.recv_v3 || upgrade.offers_v3()),
        };
        (newcomer, sure)
    }

    fn presumed(&self, rules: &Rules, credentials: &Credentials) -> (Arc<str>, Sure) {
        // Only V2 is steered, so nobody asks whom a V3 client claims to be.
        if rules.manner.protocol() != Protocol::V2 {
            return (Tenant::NONE.into(), Sure(false));
        }
        let presumed = self.authenticator.presume(credentials);
        let empty_handed = credentials.api_key.is_none() && credentials.token.is_none();
        let sure = presumed.is_sure || (empty_handed && self.authenticator.guest_allowed(rules.guests));
        match &rules.account {
            Some(account) if !presumed.by_credential => (account.as_str().into(), Sure(true)),
            _ => (presumed.tenant.shared(), Sure(sure)),
        }
    }

    /// What the policy says. Whoever is refused is counted and remembered.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn steer(&self, state: &State, newcomer: &Newcomer, sure: Sure) -> Result<Decision, Refused> {
        let (metrics, migration) = (&state.context.metrics, &state.context.migration);
        let decision = migration.policies.decide(newcomer);
        if !decision.is_refusal() {
            return Ok(decision);
        }
        metrics.policy_decisions.with((decision.says, decision.done)).inc();
        if sure.0 || migration.policies.has_seen(&newcomer.tenant) {
            migration.roster.refused(newcomer);
        } else {
            migration.roster.refused(&Newcomer { tenant: Tenant::NONE.into(), ..newcomer.clone() });
        }
        tracing::debug!(
            policy = decision.says.label(),
            rule = decision.rule.as_deref(),
            tenant = &*newcomer.tenant,
            client = newcomer.client.as_str(),
            "the policy refuses a V2 client"
        );
        let refused = match decision.says {
            Says::Brownout => Refused::v2_brownout(decision.retry_after.unwrap_or_default()),
            _ => Refused::v2_retired(),
        };
        let successor = newcomer.group.as_ref().and_then(|group| state.signpost.successor(group, &newcomer.client));
        Err(refused.pointing(successor, state.signpost.docs()))
    }

    /// Somebody is in: counts it, and returns what the client is to be told first. Whoever listens for V3 would take a
    /// notice for a broken envelope, and is on its way already.
    pub(super) fn steered(
        &self,
        state: &State,
        rules: &Rules,
        decision: &Decision,
        hears_v3: bool,
    ) -> Option<Arc<str>> {
        let metrics = &state.context.metrics;
        metrics.policy_decisions.with((decision.says, decision.done)).inc();
        let is_meant = decision.done == PolicyDone::Notice && !hears_v3;
        let notice = rules.notice.clone().filter(|_| is_meant)?;
        metrics.deprecation_notices.with((NoticeChannel::InBand,)).inc();
        Some(notice)
    }

    /// Keeps a refused client waiting, so that one that tries again at once does no harm. It holds nothing but its
    /// connection's place. Returns how long it took.
    pub(super) async fn hold_back(&self, waiters: &Semaphore, delay: Duration) -> Duration {
        let began = Instant::now();
        if let Ok(_waiter) = waiters.try_acquire() {
            self.draining.run_until_cancelled(sleep(jittered(delay))).await;
        }
        began.elapsed()
    }
}

/// Up to half as long on top, so that those who were refused together do not come again together.
pub(super) fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(1.0 + fastrand::f64() / 2.0)
}
