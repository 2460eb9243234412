//! What promtool says: rules, their tests, the sample configuration, and the exposition of a proxy.

use crate::files;
use crate::prometheus;
use aether_proxy::clock::Timestamp;
use aether_proxy::telemetry::Metrics;
use std::io::Write;
use std::process::{Command, Stdio};

fn promtool(arguments: &[&str]) {
    let mut command = Command::new(prometheus::promtool());
    let output = command.args(arguments).current_dir(files::folder()).output().expect("promtool");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {}: {said}", arguments.join(" "));
}

#[test]
fn the_rules_and_the_sample_configuration_are_right() {
    promtool(&["check", "rules", "rules/recording.yml", "rules/alerts.yml"]);
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
fn every_test_of_the_rules_is_called_here() {
    let folder = std::fs::read_dir(files::folder().join("rules/tests")).expect("the tests");
    let mut names: Vec<_> = folder.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["alerts.yml", "alerts_slow.yml", "gates.yml", "progress.yml"]);
}

#[test]
fn every_alert_fires_and_stays_quiet_when_it_should() {
    promtool(&["test", "rules", "rules/tests/alerts.yml"]);
}

#[test]
fn slow_alerts_too() {
    promtool(&["test", "rules", "rules/tests/alerts_slow.yml"]);
}

#[test]
fn gates_hold_and_fall_over_weeks() {
    promtool(&["test", "rules", "rules/tests/gates.yml"]);
}

#[test]
fn shares_forecast_and_ledger_are_right() {
    promtool(&["test", "rules", "rules/tests/progress.yml"]);
}

#[test]
fn the_exposition_is_as_prometheus_wants_it() {
    let metrics = Metrics::new(5).expect("metrics");
    metrics.tenants.opened("acme", Timestamp(1));
    let exposition = metrics.render(Timestamp(1)).expect("text");
    let mut command = Command::new(prometheus::promtool());
    let mut child = command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    child.stdin.take().expect("its input").write_all(exposition.as_bytes()).expect("read by it");
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
