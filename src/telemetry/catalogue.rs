//! Holds the metrics to the catalogue and to the rules of Prometheus: names, units, labels, zeros, and how
//! many series there can be. It reads the exposition as a scraper does, and knows the rules of `promtool`.

use super::Metrics;
use crate::clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The core of the catalogue: family, type, labels, and how many combinations of labels there are from the start.
/// What runs depends on the dialects (6), so a new dialect changes these numbers.
const CATALOGUE: [(&str, &str, &[&str], usize); 64] = [
    ("aether_build_info", "gauge", &["revision", "version"], 1),
    ("aether_ready", "gauge", &[], 1),
    ("aether_connections", "gauge", &["dialect", "protocol"], 6),
    ("aether_connections_opened_total", "counter", &["dialect", "protocol"], 6),
    ("aether_connections_closed_total", "counter", &["dialect", "protocol", "reason"], 126),
    ("aether_handshakes_total", "counter", &["protocol", "result"], 18),
    ("aether_handshake_duration_seconds", "histogram", &["protocol"], 2),
    ("aether_in_band_auth_total", "counter", &["dialect", "result"], 8),
    ("aether_in_band_waiting", "gauge", &[], 1),
    ("aether_limit_hits_total", "counter", &["limit"], 15),
    ("aether_messages_received_total", "counter", &["dialect", "protocol"], 6),
    ("aether_v2_frames_total", "counter", &["kind"], 4),
    ("aether_message_size_bytes", "histogram", &["protocol"], 2),
    ("aether_invalid_messages_total", "counter", &["dialect", "protocol"], 6),
    ("aether_v3_members_dropped_total", "counter", &["kind"], 2),
    ("aether_integer_ids_total", "counter", &["protocol"], 2),
    ("aether_translations_total", "counter", &["dialect", "direction", "outcome"], 48),
    ("aether_translation_duration_seconds", "histogram", &["direction"], 2),
    ("aether_roundtrip_checks_total", "counter", &["direction", "result"], 4),
    ("aether_deliveries_expected_total", "counter", &["path"], 4),
    ("aether_deliveries_total", "counter", &["outcome", "path"], 12),
    ("aether_messages_lost_total", "counter", &["direction", "reason"], 20),
    ("aether_messages_suppressed_total", "counter", &["reason"], 5),
    ("aether_delivery_duration_seconds", "histogram", &["path"], 4),
    ("aether_send_queue_length", "histogram", &[], 1),
    ("aether_hub_up", "gauge", &[], 1),
    ("aether_hub_publishes_total", "counter", &["result", "scope"], 8),
    ("aether_hub_publish_duration_seconds", "histogram", &[], 1),
    ("aether_hub_publish_queue_length", "gauge", &[], 1),
    ("aether_hub_publish_queue_bytes", "gauge", &[], 1),
    ("aether_hub_unreplicated_total", "counter", &[], 1),
    ("aether_hub_republished_total", "counter", &[], 1),
    ("aether_hub_reconnects_total", "counter", &[], 1),
    ("aether_hub_subscriptions", "gauge", &["scope"], 4),
    ("aether_hub_gaps_total", "counter", &["result"], 3),
    ("aether_hub_duplicates_total", "counter", &[], 1),
    ("aether_hub_foreign_messages_total", "counter", &["result"], 2),
    ("aether_presence_members", "gauge", &[], 1),
    ("aether_presence_refreshes_total", "counter", &["result"], 2),
    ("aether_config_reloads_total", "counter", &["result"], 2),
    ("aether_config_last_reload_success_timestamp_seconds", "gauge", &[], 1),
    ("aether_v2_lint_frames_total", "counter", &[], 1),
    ("aether_v2_lint_findings_total", "counter", &["rule"], 11),
    ("aether_policy_active", "gauge", &["policy"], 4),
    ("aether_policy_decisions_total", "counter", &["action", "policy"], 16),
    ("aether_policy_closes_total", "counter", &["policy"], 4),
    ("aether_deprecation_notices_total", "counter", &["channel"], 3),
    ("aether_migration_deprecation_timestamp_seconds", "gauge", &[], 1),
    ("aether_migration_sunset_timestamp_seconds", "gauge", &[], 1),
    ("aether_migration_tenants", "gauge", &["stage"], 5),
    ("aether_migration_clients", "gauge", &["step"], 4),
    ("aether_migration_clients_seen", "gauge", &["protocol"], 2),
    ("aether_migration_inventory_clients", "gauge", &[], 1),
    ("aether_migration_left_clients", "gauge", &[], 1),
    ("aether_migration_forgotten_total", "counter", &[], 1),
    ("aether_migration_flushes_total", "counter", &["result"], 2),
    ("aether_migration_gate", "gauge", &["gate"], 7),
    ("aether_shadow_comparisons_total", "counter", &["result"], 5),
    ("aether_shadow_connections", "gauge", &[], 1),
    ("aether_capture_records_total", "counter", &["result"], 4),
    ("aether_tenant_v2_connections", "gauge", &["tenant"], 2),
    // Nobody was seen yet, and 0 would be a date.
    ("aether_tenant_v2_last_seen_timestamp_seconds", "gauge", &["tenant"], 0),
    ("aether_metric_label_overflow_total", "counter", &["label"], 1),
    // The machine's own, the same in every exporter.
    ("process_start_time_seconds", "gauge", &[], 1),
];

/// Of which METRICS promises an upper bound for the whole instance.
const MOST_SERIES: usize = 840;

/// Labels that would grow with clients, or carry what they say.
const FORBIDDEN: [&str; 14] = [
    "client",
    "client_id",
    "group",
    "group_id",
    "account",
    "user",
    "user_agent",
    "ip",
    "address",
    "url",
    "uri",
    "error",
    "message",
    "text",
];

/// What is no base unit.
const UNITS: [&str; 12] = [
    "ms",
    "millis",
    "milliseconds",
    "us",
    "microseconds",
    "ns",
    "nanoseconds",
    "minutes",
    "hours",
    "kb",
    "kilobytes",
    "percent",
];

/// One family, as it is exposed.
#[derive(Debug, Default)]
struct Exposed {
    help: String,
    kind: String,
    labels: BTreeSet<String>,
    /// Labels of each child (`le` taken out), and the values of its samples.
    children: BTreeMap<String, Vec<f64>>,
}

/// Reads an exposition; samples that stand under no family are a problem.
fn read(text: &str, problems: &mut Vec<String>) -> BTreeMap<String, Exposed> {
    let mut families: BTreeMap<String, Exposed> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            current = name.to_owned();
            families.entry(current.clone()).or_default().kind = kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            if name != current && family != Some(current.as_str()) {
                problems.push(format!("{name}: a sample under {current}"));
            }
            let exposed = families.entry(current.clone()).or_default();
            let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
            let pairs: Vec<&str> = pairs.filter(|p| !p.starts_with("le=")).map(|p| p.trim_end_matches('"')).collect();
            exposed.labels.extend(pairs.iter().filter_map(|p| p.split_once('=')).map(|(name, _)| name.to_owned()));
            exposed.children.entry(pairs.join(",")).or_default().push(value.parse().expect("a number"));
        }
    }
    families
}

/// Everything that breaks a rule.
fn lint(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, family) in read(text, &mut problems) {
        let mut broken = |rule: &str| problems.push(format!("{name}: {rule}"));
        if family.help.trim().is_empty() || !family.help.ends_with(['.', '?']) && name.starts_with("aether_") {
            broken("HELP is a sentence");
        }
        if !["counter", "gauge", "histogram"].contains(&family.kind.as_str()) {
            broken("TYPE is counter, gauge or histogram");
        }
        if name.ends_with("_total") != (family.kind == "counter") {
            broken("counters, and only they, end in _total");
        }
        if !name.starts_with("aether_") && !name.starts_with("process_") {
            broken("the prefix is aether_");
        }
        let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !name.bytes().chain(family.labels.iter().flat_map(|l| l.bytes())).all(valid) {
            broken("names are snake_case, without colons");
        }
        if name.split('_').any(|word| UNITS.contains(&word)) {
            broken("base units");
        }
        let ends_well = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if family.kind == "histogram" && !ends_well(&["_seconds", "_bytes", "_length"]) {
            broken("a histogram names its unit");
        }
        if name.contains("timestamp") && !ends_well(&["_timestamp_seconds"]) {
            broken("a time is a _timestamp_seconds");
        }
        if let Some(label) = family.labels.iter().find(|label| FORBIDDEN.contains(&label.as_str())) {
            broken(&format!("no label {label}"));
        }
    }
    problems
}

fn series(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

fn fresh() -> (Metrics, String) {
    let metrics = Metrics::new(100).expect("metrics");
    let text = metrics.render(Timestamp(0)).expect("text");
    (metrics, text)
}

#[test]
fn the_exposition_keeps_the_rules() {
    let (metrics, text) = fresh();
    assert_eq!(lint(&text), Vec::<String>::new());
    metrics.tenants.opened("acme \"quoted\" \\ 😀", Timestamp(1));
    assert_eq!(lint(&metrics.render(Timestamp(1)).expect("text")), Vec::<String>::new());
}

#[test]
fn the_rules_have_teeth() {
    let bad = "# HELP aether_x x.\n# TYPE aether_x counter\naether_x{client_id=\"c\"} 1\n\
               # TYPE aether_wait_ms histogram\naether_wait_ms_bucket{le=\"1\"} 1\naether_y 1\n\
               # HELP up:y y.\n# TYPE up:y untyped\nup:y 1\n";
    let got = lint(bad);
    for rule in [
        "aether_x: counters, and only they",
        "aether_x: no label client_id",
        "aether_wait_ms: HELP",
        "aether_wait_ms: base units",
        "aether_wait_ms: a histogram names",
        "aether_y: a sample under",
        "up:y: TYPE",
        "up:y: the prefix",
        "up:y: names are",
    ] {
        assert!(got.iter().any(|problem| problem.starts_with(rule)), "{rule} is not in {got:#?}");
    }
}

#[test]
fn every_family_of_the_catalogue_is_there_from_the_start_at_0() {
    let families = read(&fresh().1, &mut Vec::new());
    for (name, kind, labels, children) in CATALOGUE {
        let Some(family) = families.get(name) else {
            assert_eq!(children, 0, "{name} is missing");
            continue;
        };
        assert_eq!(family.kind, kind, "{name}");
        assert!(family.labels.iter().eq(labels), "{name} has {:?}", family.labels);
        assert_eq!(family.children.len(), children, "{name}");
        if !matches!(name, "aether_build_info" | "process_start_time_seconds") {
            assert!(family.children.values().flatten().all(|value| *value == 0.0), "{name} does not start at 0");
        }
    }
    let listed = |name: &String| name.starts_with("process_") || CATALOGUE.iter().any(|row| row.0 == name);
    let unlisted: Vec<_> = families.keys().filter(|name| !listed(name)).collect();
    assert!(unlisted.is_empty(), "not in the catalogue: {unlisted:?}");
}

#[test]
fn ten_thousand_tenants_do_not_make_ten_thousand_series() {
    let (metrics, before) = fresh();
    let mut labels = Vec::new();
    for n in 0..10_000 {
        labels.push(metrics.tenants.opened(&format!("tenant-{:x}", fastrand::u64(..)), Timestamp(n)));
    }
    let text = metrics.render(Timestamp(10_000)).expect("text");
    // A hundred with two series each, and when `_other` was last seen.
    assert_eq!(series(&text), series(&before) + 201);
    assert!(series(&text) <= MOST_SERIES, "{}", series(&text));
    assert!(text.contains("aether_tenant_v2_connections{tenant=\"_other\"} 9900"));
    assert!(text.contains("aether_metric_label_overflow_total{label=\"tenant\"} 9900"));
    for label in &labels {
        metrics.tenants.closed(label, Timestamp(20_000));
    }
    // A week later they are forgotten, and others find room.
    let later = Timestamp(20_000 + 8 * 24 * 3_600_000);
    assert_eq!(series(&metrics.render(later).expect("text")), series(&before) + 1);
    assert_eq!(metrics.tenants.opened("new", later), "new");
}
