//! Owns the report as a whole: from what was gathered at one moment to its four answers. `gates` and `forecast` decide;
//! nothing is read here.

use super::forecast::{Trend, forecast};
use super::gates::{self, GateState, Period, is_done};
use super::lists;
use super::view::{GateView, Left, Loss, PolicyView, Progress, Report, StepCounts, Verdict};
use super::words::{at, count, seen};
use crate::config;
use crate::migration::record::{Bucket, Count, DAY, Open, Overview, Stages, Tally, TenantRecord};
use crate::telemetry::labels::Gate;
use std::cmp::Reverse;

/// Tenants in `left.top`.
const TOP: usize = 20;

/// All that a report is made from.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Now.
    pub now: i64,
    /// How it stands.
    pub overview: Overview,
    /// All tenants.
    pub tenants: Vec<(TenantRecord, Open)>,
    /// The hours of the last 15 days, oldest first.
    pub hours: Vec<Bucket>,
    /// The days as far back as the gates look, and at least 31; oldest first.
    pub days: Vec<Bucket>,
    /// The policy in effect.
    pub policy: PolicyView,
    /// What "done" means.
    pub config: config::Migration,
}

impl Facts {
    /// `migration.quiet` in seconds.
    pub fn quiet(&self) -> i64 {
        i64::try_from(self.config.quiet.as_secs()).unwrap_or(i64::MAX)
    }

    /// Tenants that have not moved.
    pub fn left(&self) -> impl Iterator<Item = &(TenantRecord, Open)> {
        self.tenants.iter().filter(|(tenant, _)| !is_done(tenant.stage()))
    }
}

/// The report.
pub fn build(facts: &Facts) -> Report {
    let gates = gates::all(facts);
    let overview = &facts.overview;
    let trend = Trend {
        now: facts.now,
        days: &facts.days,
        quiet: overview.open.v2 == 0 && overview.v2_clients == 0,
        last_v2: facts.tenants.iter().map(|(tenant, _)| tenant.last_v2).max().unwrap_or(0),
        left: overview.v2_clients,
    };
    Report {
        at: at(facts.now),
        version: env!("CARGO_PKG_VERSION").into(),
        nodes: overview.nodes,
        since: seen(overview.since),
        quiet_seconds: facts.config.quiet.as_secs(),
        verdict: verdict(&gates),
        progress: progress(facts),
        left: left(facts),
        loss: loss(&Period::before(facts, facts.quiet()).tally()),
        gates: gates.into_iter().map(|(_, _, view)| view).collect(),
        forecast: forecast(trend),
        policy: facts.policy.clone(),
    }
}

/// Safe only if every gate that counts passes, and one counts.
fn verdict(gates: &[(Gate, GateState, GateView)]) -> Verdict {
    let counting: Vec<_> = gates.iter().filter(|(_, _, view)| view.counts).collect();
    let with = |state| counting.iter().filter(move |(_, is, _)| *is == state);
    let (failed, unknown) = (with(GateState::Fail).count(), with(GateState::Unknown).count());
    let safe_to_retire = !counting.is_empty() && failed + unknown == 0;
    let text = match (counting.len(), failed, unknown) {
        (0, ..) => "Not known: migration.gates is empty.".to_owned(),
        (all, 0, 0) => format!("V2 can be switched off: {} {}.", count(all as u64, "gate"), holds(all)),
        (_, 0, open) => {
            format!(
                "Not yet: nothing speaks against it, but {} {} not known yet.",
                count(open as u64, "gate"),
                is(open)
            )
        }
        (_, failed, 0) => format!("No: {} {} not hold.", count(failed as u64, "gate"), does(failed)),
        (_, failed, open) => {
            let failed = format!("{} {} not hold", count(failed as u64, "gate"), does(failed));
            format!("No: {failed}, {open} {} not known yet.", is(open))
        }
    };
    Verdict { safe_to_retire, text }
}

fn holds(n: usize) -> &'static str {
    if n == 1 { "holds" } else { "hold" }
}

fn does(n: usize) -> &'static str {
    if n == 1 { "does" } else { "do" }
}

fn is(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn progress(facts: &Facts) -> Progress {
    let overview = &facts.overview;
    let day = Period::before(facts, DAY);
    let mut stages = Stages::default();
    facts.tenants.iter().for_each(|(tenant, _)| stages.add(tenant.stage(), 1));
    let [url, wrap, ids, listen] = overview.steps;
    Progress {
        v2_open: overview.open.v2,
        v3_open: overview.open.v3,
        v3_share_of_connections: share(overview.open.v3, overview.open.v2),
        v3_share_of_messages: share(day.sum(Count::V3Frames), day.sum(Count::V2Frames)),
        v3_share_of_clients: share(overview.v3_clients, overview.v2_clients),
        v2_clients_24h: overview.v2_clients,
        v3_clients_24h: overview.v3_clients,
        steps: StepCounts { url, wrap, ids, listen },
        stages,
        tenants: facts.tenants.len() as u64,
    }
}

fn share(v3: u64, v2: u64) -> Option<f64> {
    (v2 + v3 > 0).then(|| v3 as f64 / (v2 + v3) as f64)
}

fn left(facts: &Facts) -> Left {
    let mut left: Vec<_> = facts.left().collect();
    left.sort_by_key(|(tenant, open)| (Reverse(open.v2), Reverse(tenant.last_v2), tenant.tenant.clone()));
    Left {
        clients: facts.overview.left,
        inventory: facts.overview.inventory,
        tenants: left.len() as u64,
        top: left.iter().take(TOP).map(|(tenant, open)| lists::tenant(tenant, *open)).collect(),
        exemptions: facts.policy.exemptions.iter().filter(|exemption| exemption.active).cloned().collect(),
    }
}

fn loss(tally: &Tally) -> Loss {
    Loss {
        expected: tally.get(Count::Expected),
        delivered: tally.get(Count::Delivered),
        suppressed: tally.get(Count::Suppressed),
        lost: tally.get(Count::Lost),
        checks: tally.get(Count::Checks),
        mismatches: tally.get(Count::Mismatches),
        shadow_matches: tally.get(Count::ShadowMatch),
        shadow_mismatches: tally.get(Count::ShadowMismatch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::report::view::ExemptionView;
    use crate::telemetry::labels::Stage;

    fn tenant(name: &str, stage: Stage, v2: u64, last_v2: i64) -> (TenantRecord, Open) {
        let record = TenantRecord { stage: stage.label().into(), last_v2, ..TenantRecord::new(name, 1) };
        (record, Open { v2, v3: 0 })
    }

    #[test]
    fn who_is_left_stands_with_the_most_connections_first() {
        let exemption = |name: &str, active| ExemptionView { name: name.into(), active, ..ExemptionView::default() };
        let mut tenants = vec![
            tenant("done", Stage::V3Only, 0, 5),
            tenant("denied", Stage::V2Denied, 0, 5),
            tenant("few", Stage::Mixed, 1, 9),
            tenant("back", Stage::Regressed, 7, 9),
            tenant("late", Stage::V2Only, 0, 8),
            tenant("early", Stage::V2Only, 0, 7),
        ];
        tenants.extend((0..30).map(|n| tenant(&format!("t{n:02}"), Stage::Mixed, 0, 1)));
        let facts = Facts {
            now: 10,
            overview: Overview { left: 99, ..Overview::default() },
            tenants,
            hours: Vec::new(),
            days: Vec::new(),
            policy: PolicyView {
                exemptions: vec![exemption("over", false), exemption("kiosk", true)],
                ..PolicyView::default()
            },
            config: config::Migration::default(),
        };
        let report = build(&facts);
        let top: Vec<_> = report.left.top.iter().map(|tenant| tenant.tenant.as_str()).collect();
        assert_eq!((top.len(), &top[..5]), (TOP, &["back", "few", "late", "early", "t00"][..]));
        assert_eq!((report.left.tenants, report.left.clients, report.left.exemptions.len()), (34, 99, 1));
        assert_eq!(report.progress.stages.get(Stage::Mixed), 31);
        assert_eq!(report.progress.v3_share_of_connections, None);
        assert_eq!(report.since, None);
    }

    #[test]
    fn the_verdict_counts_what_speaks_against_it() {
        let gate = |state: GateState, counts| {
            let view = GateView { counts, ..GateView::default() };
            (Gate::NoLoss, state, view)
        };
        let (pass, fail, unknown) = (GateState::Pass, GateState::Fail, GateState::Unknown);
        for (states, safe, text) in [
            (&[pass][..], true, "V2 can be switched off: 1 gate holds."),
            (&[pass, fail], false, "No: 1 gate does not hold."),
            (&[fail, fail, unknown], false, "No: 2 gates do not hold, 1 is not known yet."),
            (&[pass, unknown, unknown], false, "Not yet: nothing speaks against it, but 2 gates are not known yet."),
            (&[], false, "Not known: migration.gates is empty."),
        ] {
            let mut gates: Vec<_> = states.iter().map(|state| gate(*state, true)).collect();
            gates.push(gate(fail, false));
            let verdict = verdict(&gates);
            assert_eq!((verdict.safe_to_retire, verdict.text.as_str()), (safe, text));
        }
    }
}
