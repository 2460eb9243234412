//! Owns what a policy does to connections that are open: when a rule begins to refuse them they are closed, in random
//! order, spread over `policy.close_window`. It also keeps the gauges of the policy.

use super::{Policies, Policy};
use crate::clock::Clock;
use crate::close::CloseReason;
use crate::label::Label;
use crate::migration::roster::{Guest, Roster};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{NoticeChannel, Policy as Says};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often it looks whether another thing is said than before.
const LOOK: Duration = Duration::from_secs(1);
/// How often it looks at all connections while somebody is refused: one that was on its way in when a rule began is
/// found then.
const AGAIN: Duration = Duration::from_secs(10);
/// Decisions between two pauses for others.
const AT_ONCE: usize = 500;

/// See the module.
#[derive(Debug)]
pub struct Steward {
    /// Who may still come.
    pub policies: Arc<Policies>,
    /// Who is here.
    pub roster: Arc<Roster>,
    /// The calendar.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// Those who are to be closed.
#[derive(Default)]
struct Plan {
    /// The next one last.
    closes: Vec<(Instant, Arc<Guest>)>,
    /// What was in effect when all connections were looked at last, and when that was.
    made: Option<(InEffect, Instant)>,
}

/// Changes whenever a decision may.
type InEffect = (Arc<Policy>, Vec<&'static str>, usize);

impl Steward {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.work()).await;
    }

    /// What the policy says now, as metrics.
    pub fn tell(&self) {
        let (policy, now, metrics) = (self.policies.current.load(), self.clock.now().as_secs(), &self.metrics);
        for says in Says::ALL {
            let rules = i64::try_from(policy.saying(*says, now)).unwrap_or(i64::MAX);
            metrics.policy_active.with((*says,)).set(rules);
        }
        let (deprecation, sunset) = policy.dates();
        metrics.deprecation_at.only().set(deprecation);
        metrics.sunset_at.only().set(sunset);
    }

    async fn work(&self) {
        let mut plan = Plan::default();
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = plan.closes.last().map(|(at, _)| *at);
            let next = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = ticks.tick() => {
                    self.tell();
                    self.look(&mut plan).await;
                }
                () = next => {}
            }
            self.close(&mut plan);
        }
    }

    /// Plans to close whoever is refused now and was not before.
    async fn look(&self, plan: &mut Plan) {
        let (policy, now) = (self.policies.current.load_full(), self.clock.now().as_secs());
        let Some(window) = policy.close_window().filter(|_| policy.refuses(now)) else {
            // Paused, or over: whoever is still here stays.
            *plan = Plan::default();
            return;
        };
        let states = policy.states(now).map(|(_, state)| state).collect();
        let in_effect: InEffect = (policy.clone(), states, policy.lasting(now));
        let same = |was: &InEffect| Arc::ptr_eq(&was.0, &in_effect.0) && was.1 == in_effect.1 && was.2 == in_effect.2;
        if plan.made.as_ref().is_some_and(|(was, at)| same(was) && at.elapsed() < AGAIN) {
            return;
        }
        let planned: HashSet<usize> = plan.closes.iter().map(|(_, guest)| Arc::as_ptr(guest).addr()).collect();
        let mut refused = Vec::new();
        for (n, guest) in self.roster.legacy().into_iter().enumerate() {
            let is_new = !guest.is_closing() && !planned.contains(&Arc::as_ptr(&guest).addr());
            if is_new && self.policies.decide(&guest.newcomer).is_refusal() {
                refused.push(guest);
            }
            if n % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
        if !refused.is_empty() {
            tracing::info!(
                connections = refused.len(),
                ?window,
                "open V2 connections are refused by now: closing them"
            );
        }
        fastrand::shuffle(&mut refused);
        let (began, all) = (Instant::now(), refused.len().max(1));
        let due = |n: usize| began + window.mul_f64(n as f64 / all as f64);
        plan.closes.extend(refused.into_iter().enumerate().map(|(n, guest)| (due(n), guest)));
        plan.closes.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        plan.made = Some((in_effect, began));
    }

    /// Closes those whose turn it is, if they are still refused.
    fn close(&self, plan: &mut Plan) {
        let now = Instant::now();
        while let Some((_, guest)) = plan.closes.pop_if(|(at, _)| *at <= now) {
            let decision = self.policies.decide(&guest.newcomer);
            let keeps = self.policies.current.load().close_window().is_none();
            if keeps || !decision.is_refusal() {
                continue;
            }
            let reason = if decision.says == Says::Block { CloseReason::V2Retired } else { CloseReason::V2Brownout };
            guest.close(reason);
            self.metrics.policy_closes.with((decision.says,)).inc();
            self.metrics.deprecation_notices.with((NoticeChannel::Close,)).inc();
        }
    }
}
