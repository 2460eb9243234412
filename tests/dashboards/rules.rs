//! How rules and alerts are made: as a monitoring mixin makes them, and every alert has its page in the runbook and its
//! tests.

use crate::catalogue::Catalogue;
use crate::files::{self, list, text};
use crate::promql;
use std::collections::BTreeSet;

/// Recorded from raw counters, for the reason that stands beside them.
const RAW: [&str; 1] = ["job_path:aether_deliveries_total:unaccounted"];

#[test]
fn every_expression_is_right_and_names_what_exists() {
    let catalogue = Catalogue::read();
    let mut problems = Vec::new();
    for rule in files::rules() {
        let expr = match promql::parse(&rule.expr) {
            Ok(expr) => expr,
            Err(why) => {
                problems.push(format!("{}: {why}", rule.name));
                continue;
            }
        };
        let (selectors, grouped) = promql::uses(&expr);
        problems.extend(catalogue.unknown(&selectors, &grouped).into_iter().map(|p| format!("{}: {p}", rule.name)));
        for selector in selectors.iter().filter(|selector| catalogue.is_counter(&selector.metric)) {
            let under = selector.function.is_some_and(|function| ["rate", "increase"].contains(&function));
            if !under && !RAW.contains(&rule.name.as_str()) {
                problems.push(format!("{}: {} without rate or increase", rule.name, selector.metric));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn recorded_series_are_named_by_level_metric_and_operation() {
    for rule in files::rules().iter().filter(|rule| !rule.is_alert) {
        assert_eq!(rule.name.split(':').count(), 3, "{}", rule.name);
    }
}

#[test]
fn every_alert_says_what_it_is_and_where_to_read_on() {
    let runbook = files::read("RUNBOOK.md");
    let sections: Vec<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts: Vec<_> = files::rules().into_iter().filter(|rule| rule.is_alert).collect();
    for rule in &alerts {
        let (name, annotations) = (&rule.name, &rule.rule["annotations"]);
        assert!(
            name.strip_prefix("AetherMigration").is_some_and(|rest| rest.starts_with(char::is_uppercase)),
            "{name}"
        );
        let severity = text(&rule.rule["labels"], "severity");
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        let summary = text(annotations, "summary");
        assert!(summary.ends_with('.') && !summary.contains("{{"), "{name}: a summary is one sentence for all");
        assert!(text(annotations, "description").contains("{{ $labels."), "{name}: a description says who");
        let url = format!("dashboards/RUNBOOK.md#{}", name.to_lowercase());
        assert_eq!(text(annotations, "runbook_url"), url, "{name}");
        assert!(sections.contains(&name.as_str()), "{name}: no section in the runbook");
    }
    let named: BTreeSet<&str> = alerts.iter().map(|rule| rule.name.as_str()).collect();
    let strangers: Vec<_> = sections.iter().filter(|s| s.starts_with("Aether") && !named.contains(*s)).collect();
    assert!(strangers.is_empty(), "the runbook knows alerts that do not exist: {strangers:?}");
}

#[test]
fn every_alert_is_tested_both_ways() {
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for file in ["rules/tests/alerts.yml", "rules/tests/alerts_slow.yml"] {
        for test in list(&files::yaml(file), "tests") {
            for alert in list(test, "alert_rule_test") {
                let set = if list(alert, "exp_alerts").is_empty() { &mut quiet } else { &mut fires };
                set.insert(text(alert, "alertname").to_owned());
            }
        }
    }
    let alerts: BTreeSet<String> = files::rules().into_iter().filter(|r| r.is_alert).map(|r| r.name).collect();
    assert_eq!(fires, alerts, "when it fires");
    assert_eq!(quiet, alerts, "when it must not");
}

#[test]
fn the_gates_are_those_of_the_proxies() {
    use aether_proxy::label::Label;
    use aether_proxy::telemetry::labels::Gate;
    let gates = files::rules().into_iter().filter(|rule| rule.name == "aether:switch_off_gate:bool");
    let gates: BTreeSet<String> = gates.map(|rule| text(&rule.rule["labels"], "gate").to_owned()).collect();
    assert_eq!(gates, Gate::ALL.iter().map(|gate| gate.label().to_owned()).collect());
    // The verdict counts those that `migration.gates` names by default.
    let counted = aether_proxy::config::Config::default().migration.gates.len();
    let verdict = files::rules().into_iter().find(|rule| rule.name == "aether:switch_off_allowed:bool").expect("it");
    assert!(verdict.expr.trim_end().ends_with(&format!("== bool {counted})")), "{}", verdict.expr);
    assert_eq!(Gate::ALL.len() - 2, counted);
}
