//! Each gate passes, fails and does not know for its own reasons, and no gate passes over a time nobody watched.

use super::*;
use crate::config::{self, GateName};
use crate::migration::record::{Open, Overview, TenantRecord};
use crate::migration::report::build;
use crate::migration::report::view::ExemptionView;
use proptest::prelude::*;

const NOW: i64 = 20_000 * DAY + 12 * HOUR + 30;

/// A tenant that moved long ago.
fn tenant(name: &str) -> (TenantRecord, Open) {
    let record = TenantRecord {
        stage: Stage::V3Only.label().into(),
        last_v2: NOW - 40 * DAY,
        last_v3: NOW - 60,
        ..TenantRecord::new(name, NOW - 60 * DAY)
    };
    (record, Open { v2: 0, v3: 1 })
}

/// Every hour and day was watched for two months, and all went well.
fn done() -> Facts {
    let bucket = |at: i64| {
        let mut tally = Tally::default();
        for (word, n) in [(Count::Expected, 9), (Count::Delivered, 8), (Count::Suppressed, 1), (Count::V3Frames, 3)] {
            tally.add(word, n);
        }
        Bucket { at, tally, ..Bucket::default() }
    };
    let starts = |span: Span, n: i64| (0..n).rev().map(move |back| span.start(NOW) - back * span.seconds());
    Facts {
        now: NOW,
        overview: Overview { since: NOW - 60 * DAY, nodes: 1, open: Open { v2: 0, v3: 2 }, ..Overview::default() },
        tenants: vec![tenant("acme"), tenant("globex")],
        hours: starts(Span::Hour, 15 * 24).map(bucket).collect(),
        days: starts(Span::Day, 60).map(bucket).collect(),
        policy: PolicyView::default(),
        config: config::Migration::default(),
    }
}

fn state(gate: Gate, facts: &Facts) -> (GateState, String) {
    let (_, state, view) = all(facts).into_iter().find(|(is, ..)| *is == gate).expect("every gate");
    assert_eq!(view.state, state.label());
    (state, view.detail)
}

fn changed(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = done();
    change(&mut facts);
    facts
}

/// Adds to the hour so many hours ago.
fn hour(facts: &mut Facts, ago: usize, of: Count, n: u64) {
    let at = facts.hours.len() - 1 - ago;
    facts.hours[at].tally.add(of, n);
}

#[track_caller]
fn assert_state(gate: Gate, wanted: GateState, detail: &str, change: impl FnOnce(&mut Facts)) {
    let (found, said) = state(gate, &changed(change));
    assert!(found == wanted && said.contains(detail), "{gate:?}: {found:?}, {said}");
}

#[test]
fn who_is_done_may_switch_off() {
    let report = build(&done());
    assert!(report.verdict.safe_to_retire, "{report:#?}");
    assert_eq!(report.verdict.text, "V2 can be switched off: 5 gates hold.");
    let counting: Vec<_> = report.gates.iter().filter(|gate| gate.counts).map(|gate| gate.gate.as_str()).collect();
    let all = ["no_v2_connections", "no_v2_handshakes", "no_loss", "no_roundtrip_mismatch", "all_tenants_v3_only"];
    assert_eq!((counting, report.gates.len()), (all.to_vec(), 7));
    assert_eq!((report.loss.expected, report.loss.lost), (9 * (7 * 24 + 1), 0));
    assert_eq!(report.progress.v3_share_of_messages, Some(1.0));
}

#[test]
fn a_gate_that_does_not_count_changes_nothing_and_none_is_never_safe() {
    let shadow = |facts: &mut Facts| facts.config.gates = vec![GateName::NoLoss, GateName::ShadowClean];
    let report = build(&changed(shadow));
    assert!(!report.verdict.safe_to_retire);
    assert_eq!(report.verdict.text, "Not yet: nothing speaks against it, but 1 gate is not known yet.");
    let report = build(&changed(|facts| facts.config.gates.clear()));
    assert!(!report.verdict.safe_to_retire && report.verdict.text.starts_with("Not known"), "{:?}", report.verdict);
}

#[test]
fn connections() {
    let gate = Gate::NoV2Connections;
    assert_state(gate, GateState::Pass, "none", |_| {});
    assert_state(gate, GateState::Fail, "2 open connections, of globex", |facts| {
        facts.overview.open.v2 = 2;
        facts.tenants[1].1.v2 = 2;
    });
    assert_state(gate, GateState::Fail, "6.9 days ago; within that time: acme", |facts| {
        facts.tenants[0].0.last_v2 = NOW - 7 * DAY + 1;
    });
    assert_state(gate, GateState::Pass, "", |facts| facts.tenants[0].0.last_v2 = NOW - 7 * DAY);
}

#[test]
fn handshakes() {
    let gate = Gate::NoV2Handshakes;
    assert_state(gate, GateState::Pass, "none", |_| {});
    assert_state(gate, GateState::Fail, "0 let in, 3 refused", |facts| hour(facts, 13 * 24, Count::V2Refused, 3));
    assert_state(gate, GateState::Fail, "1 let in", |facts| hour(facts, 1, Count::V2Opened, 1));
    assert_state(gate, GateState::Pass, "", |facts| hour(facts, 14 * 24 + 1, Count::V2Opened, 1));
    assert_state(gate, GateState::Fail, "refused: acme", |facts| facts.tenants[0].0.last_refused = NOW - 13 * DAY);
}

#[test]
fn losses() {
    let gate = Gate::NoLoss;
    assert_state(gate, GateState::Pass, "0 of 1521 deliveries", |_| {});
    assert_state(gate, GateState::Fail, "1 lost", |facts| hour(facts, 100, Count::Lost, 1));
    assert_state(gate, GateState::Pass, "", |facts| hour(facts, 7 * 24 + 1, Count::Lost, 1));
    assert_state(gate, GateState::Pass, "", |facts| hour(facts, 0, Count::Expected, 300));
    assert_state(gate, GateState::Unknown, "301 of 1822 deliveries", |facts| hour(facts, 0, Count::Expected, 301));
}

#[test]
fn mismatches() {
    let gate = Gate::NoRoundtripMismatch;
    assert_state(gate, GateState::Pass, "0 of 0 checks", |_| {});
    assert_state(gate, GateState::Unknown, "roundtrip_check", |facts| hour(facts, 5, Count::V2Frames, 1));
    let checked = |facts: &mut Facts| {
        hour(facts, 5, Count::V2Frames, 100);
        hour(facts, 5, Count::Checks, 2);
    };
    assert_state(gate, GateState::Pass, "0 of 2 checks", checked);
    assert_state(gate, GateState::Fail, "1 of 2 checks", |facts| {
        checked(facts);
        hour(facts, 100, Count::Mismatches, 1);
    });
}

#[test]
fn tenants() {
    let gate = Gate::AllTenantsV3Only;
    let stage = |stage: Stage| move |facts: &mut Facts| facts.tenants[1].0.stage = stage.label().into();
    assert_state(gate, GateState::Pass, "all 2 tenants", stage(Stage::V2Denied));
    for left in [Stage::V2Only, Stage::Mixed, Stage::Regressed] {
        assert_state(gate, GateState::Fail, "1 of 2 tenants: globex", stage(left));
    }
    assert_state(gate, GateState::Unknown, "no tenant", |facts| facts.tenants.clear());
    assert_state(gate, GateState::Pass, "exempted by kiosk", |facts| {
        let exemption = |name: &str, active| ExemptionView { name: name.into(), active, ..ExemptionView::default() };
        facts.policy.exemptions = vec![exemption("old", false), exemption("kiosk", true)];
    });
}

#[test]
fn brownouts() {
    let gate = Gate::BrownoutPassed;
    assert_state(gate, GateState::Unknown, "0 of 60 minutes", |_| {});
    assert_state(gate, GateState::Unknown, "30 of 60 minutes", |facts| hour(facts, 5, Count::BrownoutSeconds, 1800));
    let hour_of_it = |facts: &mut Facts| {
        hour(facts, 5, Count::BrownoutSeconds, 1800);
        hour(facts, 50, Count::BrownoutSeconds, 1800);
    };
    assert_state(gate, GateState::Pass, "60 minutes", hour_of_it);
    assert_state(gate, GateState::Pass, "", |facts| {
        hour_of_it(facts);
        // Before the last hour of it, and refused by something else.
        hour(facts, 60, Count::BrownoutSeconds, 600);
        hour(facts, 60, Count::V2Refused, 7);
        hour(facts, 20, Count::V2Refused, 7);
    });
    assert_state(gate, GateState::Fail, "2 handshakes", |facts| {
        hour_of_it(facts);
        hour(facts, 50, Count::V2Refused, 2);
    });
    assert_state(gate, GateState::Unknown, "30 of 60", |facts| {
        hour_of_it(facts);
        facts.overview.nodes = 2;
    });
    let day = |ago: usize| {
        move |facts: &mut Facts| {
            let at = facts.days.len() - 1 - ago;
            facts.days[at].tally.add(Count::BrownoutSeconds, 4000);
        }
    };
    assert_state(gate, GateState::Pass, "", day(29));
    assert_state(gate, GateState::Unknown, "", day(31));
}

#[test]
fn shadows() {
    let gate = Gate::ShadowClean;
    assert_state(gate, GateState::Unknown, "nothing was compared", |_| {});
    assert_state(gate, GateState::Pass, "0 of 5 comparisons", |facts| hour(facts, 9, Count::ShadowMatch, 5));
    assert_state(gate, GateState::Fail, "1 of 6 comparisons", |facts| {
        hour(facts, 9, Count::ShadowMatch, 5);
        hour(facts, 10, Count::ShadowMismatch, 1);
    });
}

#[test]
fn what_was_not_watched_is_unknown_and_says_how_much_was() {
    let young = changed(|facts| facts.overview.since = NOW - 2 * DAY);
    for (gate, seen) in [
        (Gate::NoV2Connections, "seen 2 of 7 days"),
        (Gate::NoV2Handshakes, "seen 2 of 14 days"),
        (Gate::NoLoss, "seen 2 of 7 days"),
        (Gate::NoRoundtripMismatch, "seen 2 of 7 days"),
        (Gate::AllTenantsV3Only, "seen 2 of 7 days"),
    ] {
        let (found, said) = state(gate, &young);
        assert!(found == GateState::Unknown && said.contains(seen), "{gate:?}: {found:?}, {said}");
    }
    assert_state(Gate::NoLoss, GateState::Unknown, "seen 6.9 of 7 days", |facts| {
        drop(facts.hours.remove(15 * 24 - 30))
    });
    assert_state(Gate::NoLoss, GateState::Unknown, "seen 0 of 7 days", |facts| facts.overview.since = 0);
    let month = |facts: &mut Facts| facts.config.quiet = std::time::Duration::from_secs(25 * 86_400);
    assert_state(Gate::NoLoss, GateState::Pass, "", month);
    assert_state(Gate::NoLoss, GateState::Unknown, "seen 24 of 25 days", |facts| {
        month(facts);
        facts.days.remove(60 - 21);
    });
    // What went wrong is known all the same.
    assert_state(Gate::NoLoss, GateState::Fail, "", |facts| {
        facts.overview.since = NOW - DAY;
        hour(facts, 1, Count::Lost, 1);
    });
}

proptest! {
    /// With any hour missing, no gate over a week passes; without one, it does.
    #[test]
    fn no_hole_is_overlooked(ago in 0_usize..360, quiet in 1_i64..14) {
        let facts = changed(|facts| {
            facts.config.quiet = std::time::Duration::from_secs(u64::try_from(quiet * DAY).expect("positive"));
            facts.hours.remove(360 - 1 - ago);
        });
        // The hour in which the time begins belongs to it in part.
        let within = ago as i64 <= quiet * 24;
        let wanted = if within { GateState::Unknown } else { GateState::Pass };
        prop_assert_eq!(state(Gate::NoLoss, &facts).0, wanted);
        prop_assert_eq!(state(Gate::NoV2Connections, &facts).0, wanted);
    }
}
