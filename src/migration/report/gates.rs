//! Owns the gates: what must hold before V2 can be switched off, and whether it does.
//!
//! A gate that asks about a time passes only if somebody looked all that time: the store is that old, and each hour
//! (beyond two weeks: each day) of it has a bucket, which it has as long as one proxy runs. What is known to have gone
//! wrong fails at once; what nobody saw is `unknown`, never a pass. Hours that reach into the time count as a whole.
//!
//! * `no_v2_connections`: none is open, and the last sign of V2 of each tenant is older than `quiet`.
//! * `no_v2_handshakes`: for twice `quiet` none was let in, and none refused.
//! * `no_loss`: nothing was lost for `quiet`, and all but what can be in flight has an outcome.
//! * `no_roundtrip_mismatch`: no check differed; and if there were V2 frames, some were checked.
//! * `all_tenants_v3_only`: every tenant is `v3_only` or `v2_denied`, and there is one.
//! * `brownout_passed`: going back from now, at most 30 days, until V2 was refused by a rule for an hour on each of the
//!   running proxies: in the hours (beyond two weeks: days) that took, no V2 handshake was refused.
//! * `shadow_clean`: for `quiet` the legacy server gave recipients the same, and some comparison was made.

use super::build::Facts;
use super::view::{GateView, PolicyView};
use super::words::{count, long, names, number};
use crate::label::{Label, labels};
use crate::migration::record::{Bucket, Count, DAY, HOUR, Span, Tally};
use crate::telemetry::labels::{Gate, Stage};

#[cfg(test)]
mod tests;

/// How far back a brownout counts.
const BROWNOUT_WITHIN: i64 = 30 * DAY;
/// How long it must have lasted, on each proxy.
const BROWNOUT: u64 = 3600;
/// Days for which hours are looked at; before them, days.
const HOURS_FOR: i64 = 14;
/// Deliveries that may be in flight, for each open connection and in all.
const IN_FLIGHT: u64 = 100;

labels! {
    /// How a gate stands.
    pub enum GateState {
        /// It holds.
        Pass = "pass",
        /// It does not.
        Fail = "fail",
        /// Not enough was seen yet.
        Unknown = "unknown",
    }
}

/// What was found.
type Found = (GateState, String);

/// Every gate, in the order of the labels.
pub fn all(facts: &Facts) -> Vec<(Gate, GateState, GateView)> {
    let gate = |gate: &Gate| {
        let (state, detail) = look(*gate, facts);
        let counts = facts.config.gates.iter().any(|name| Gate::from(*name) == *gate);
        let view = GateView {
            gate: gate.label().into(),
            title: title(*gate, facts),
            state: state.label().into(),
            counts,
            detail,
        };
        (*gate, state, view)
    };
    Gate::ALL.iter().map(gate).collect()
}

fn title(gate: Gate, facts: &Facts) -> String {
    let quiet = long(facts.quiet());
    match gate {
        Gate::NoV2Connections => format!("No V2 connection for {quiet}"),
        Gate::NoV2Handshakes => {
            format!("No V2 handshake for {}, refused ones included", long(facts.quiet().saturating_mul(2)))
        }
        Gate::NoLoss => format!("Nothing lost for {quiet}"),
        Gate::NoRoundtripMismatch => format!("Every law check matched for {quiet}"),
        Gate::AllTenantsV3Only => "Every tenant speaks V3 only".into(),
        Gate::BrownoutPassed => "V2 was refused for an hour, and nobody came".into(),
        Gate::ShadowClean => format!("The legacy server gave recipients the same for {quiet}"),
    }
}

fn look(gate: Gate, facts: &Facts) -> Found {
    let quiet = Period::before(facts, facts.quiet());
    match gate {
        Gate::NoV2Connections => no_connections(facts, &quiet),
        Gate::NoV2Handshakes => no_handshakes(facts, &Period::before(facts, facts.quiet().saturating_mul(2))),
        Gate::NoLoss => no_loss(facts, &quiet),
        Gate::NoRoundtripMismatch => no_mismatch(&quiet),
        Gate::AllTenantsV3Only => v3_only(facts, &quiet),
        Gate::BrownoutPassed => brownout(facts),
        Gate::ShadowClean => shadow(&quiet),
    }
}

fn fail(detail: impl Into<String>) -> Found {
    (GateState::Fail, detail.into())
}

fn unknown(detail: impl Into<String>) -> Found {
    (GateState::Unknown, detail.into())
}

fn no_connections(facts: &Facts, quiet: &Period<'_>) -> Found {
    let open = facts.overview.open.v2;
    let holders = facts.tenants.iter().filter(|(_, open)| open.v2 > 0).map(|(tenant, _)| tenant.tenant.as_str());
    if open > 0 {
        let whose = names(holders);
        return fail(format!(
            "{}, of {}",
            count(open, "open connection"),
            if whose.is_empty() { "unknown" } else { &whose }
        ));
    }
    let recent: Vec<_> = facts.tenants.iter().filter(|(tenant, _)| quiet.holds(tenant.last_v2)).collect();
    if let Some(last) = recent.iter().map(|(tenant, _)| tenant.last_v2).max() {
        let whose = names(recent.iter().map(|(tenant, _)| tenant.tenant.as_str()));
        return fail(format!("the last was {} ago; within that time: {whose}", long(facts.now - last)));
    }
    quiet.seen("none")
}

fn no_handshakes(facts: &Facts, twice: &Period<'_>) -> Found {
    let (opened, refused) = (twice.sum(Count::V2Opened), twice.sum(Count::V2Refused));
    if opened + refused > 0 {
        return fail(format!("{opened} let in, {refused} refused"));
    }
    let refused = facts.tenants.iter().filter(|(tenant, _)| twice.holds(tenant.last_refused));
    let whose: Vec<_> = refused.map(|(tenant, _)| tenant.tenant.as_str()).collect();
    if !whose.is_empty() {
        return fail(format!("refused: {}", names(whose)));
    }
    twice.seen("none")
}

fn no_loss(facts: &Facts, quiet: &Period<'_>) -> Found {
    let lost = quiet.sum(Count::Lost);
    if lost > 0 {
        return fail(format!("{lost} lost"));
    }
    let expected = quiet.sum(Count::Expected);
    let open = facts.overview.open;
    let without = expected.saturating_sub(quiet.sum(Count::Delivered) + quiet.sum(Count::Suppressed));
    if without > IN_FLIGHT * (open.v2 + open.v3 + 1) {
        return unknown(format!("nothing is known lost, but {without} of {expected} deliveries have no outcome"));
    }
    quiet.seen(&format!("0 of {}", count(expected, "delivery").replace("deliverys", "deliveries")))
}

fn no_mismatch(quiet: &Period<'_>) -> Found {
    let (checks, mismatches, frames) =
        (quiet.sum(Count::Checks), quiet.sum(Count::Mismatches), quiet.sum(Count::V2Frames));
    match (mismatches, checks, frames) {
        (1.., ..) => fail(format!("{mismatches} of {} differed", count(checks, "check"))),
        (0, 0, 1..) => unknown(format!("{} and no check: see telemetry.roundtrip_check", count(frames, "V2 frame"))),
        _ => quiet.seen(&format!("0 of {} differed", count(checks, "check"))),
    }
}

fn v3_only(facts: &Facts, quiet: &Period<'_>) -> Found {
    if facts.tenants.is_empty() {
        return unknown("no tenant was seen yet");
    }
    let left: Vec<_> = facts.left().map(|(tenant, _)| tenant.tenant.as_str()).collect();
    let exempt = exempt(&facts.policy);
    if !left.is_empty() {
        return fail(format!(
            "{} of {}: {}{exempt}",
            left.len(),
            count(facts.tenants.len() as u64, "tenant"),
            names(left)
        ));
    }
    quiet.seen(&format!("all {}{exempt}", count(facts.tenants.len() as u64, "tenant")))
}

/// Whoever is exempted is told with the tenants: they are why one is still left, or may come back.
fn exempt(policy: &PolicyView) -> String {
    let active: Vec<_> = policy.exemptions.iter().filter(|e| e.active).map(|e| e.name.as_str()).collect();
    if active.is_empty() { String::new() } else { format!("; exempted by {}", names(active)) }
}

fn brownout(facts: &Facts) -> Found {
    let needed = BROWNOUT * facts.overview.nodes.max(1);
    let (mut lasted, mut refused) = (0, 0);
    for bucket in Period::before(facts, BROWNOUT_WITHIN).buckets.iter().rev() {
        let seconds = bucket.tally.get(Count::BrownoutSeconds);
        if seconds > 0 {
            lasted += seconds;
            refused += bucket.tally.get(Count::V2Refused);
        }
        if lasted >= needed {
            break;
        }
    }
    // One clock for all: what each proxy refused for, on average.
    let each = i64::try_from(lasted / facts.overview.nodes.max(1)).unwrap_or(i64::MAX);
    if refused > 0 {
        return fail(format!("{} refused in the last {} of it", count(refused, "handshake"), long(each)));
    }
    if lasted < needed {
        return unknown(format!("V2 was refused for {} of 60 minutes", number(each as f64 / 60.0)));
    }
    (GateState::Pass, format!("nobody came in the last {} of it", long(each)))
}

fn shadow(quiet: &Period<'_>) -> Found {
    let (same, different) = (quiet.sum(Count::ShadowMatch), quiet.sum(Count::ShadowMismatch));
    match (different, same) {
        (1.., _) => fail(format!("{different} of {} differed", count(different + same, "comparison"))),
        (0, 0) => unknown("nothing was compared"),
        (0, _) => quiet.seen(&format!("0 of {} differed", count(same, "comparison"))),
    }
}

/// A time up to now, and what is known of it.
pub struct Period<'f> {
    facts: &'f Facts,
    from: i64,
    length: i64,
    /// All that reach into it, oldest first: hours, and before them days.
    buckets: Vec<&'f Bucket>,
}

impl<'f> Period<'f> {
    /// The last so many seconds.
    pub fn before(facts: &'f Facts, length: i64) -> Self {
        let from = facts.now.saturating_sub(length);
        let split = Span::Day.start(facts.now) - HOURS_FOR * DAY;
        let days = facts.days.iter().filter(|day| day.at < split && day.at + DAY > from);
        let hours = facts.hours.iter().filter(|hour| hour.at >= split && hour.at + HOUR > from);
        Self { facts, from, length, buckets: days.chain(hours).filter(|bucket| bucket.at <= facts.now).collect() }
    }

    /// What was counted in it.
    pub fn sum(&self, of: Count) -> u64 {
        self.buckets.iter().map(|bucket| bucket.tally.get(of)).sum()
    }

    /// All that was counted in it.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.buckets.iter().for_each(|bucket| sum.merge(&bucket.tally));
        sum
    }

    fn holds(&self, moment: i64) -> bool {
        moment > 0 && moment > self.from
    }

    /// It passes if somebody looked all the time; else it is not known how long it says.
    fn seen(&self, detail: &str) -> Found {
        let looked = self.looked();
        if looked >= self.length {
            return (GateState::Pass, detail.to_owned());
        }
        let (unit, name) = match self.length {
            length if length >= 2 * DAY => (DAY, "days"),
            length if length >= 2 * HOUR => (HOUR, "hours"),
            _ => (60, "minutes"),
        };
        let parts = |secs: i64| number(secs as f64 / unit as f64);
        unknown(format!("{detail}; seen {} of {} {name}", parts(looked), parts(self.length)))
    }

    /// Seconds of it in which somebody looked.
    fn looked(&self) -> i64 {
        let since = self.facts.overview.since;
        if since == 0 {
            return 0;
        }
        let from = self.from.max(since);
        let span = self.spans().map(|(start, end)| (start.max(from), end.min(self.facts.now)));
        span.map(|(start, end)| (end - start).max(0)).sum()
    }

    /// From where to where each bucket reaches.
    fn spans(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let split = Span::Day.start(self.facts.now) - HOURS_FOR * DAY;
        self.buckets.iter().map(move |b| (b.at, b.at + if b.at < split { DAY } else { HOUR }))
    }
}

/// Is this stage the end of the way?
pub fn is_done(stage: Stage) -> bool {
    matches!(stage, Stage::V3Only | Stage::V2Denied)
}
