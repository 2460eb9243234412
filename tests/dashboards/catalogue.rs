//! What there is to ask for: every series of a proxy, of Prometheus itself, and of the recording rules.

use crate::files;
use crate::promql::{self, Selector};
use aether_proxy::clock::Timestamp;
use aether_proxy::telemetry::Metrics;
use std::collections::{BTreeMap, BTreeSet};

/// Series name → its labels, and whether it only rises.
#[derive(Debug)]
pub struct Catalogue(BTreeMap<String, (BTreeSet<String>, bool)>);

/// Labels that Prometheus adds.
const TARGET: [&str; 2] = ["job", "instance"];

impl Catalogue {
    pub fn read() -> Self {
        let metrics = Metrics::new(5).expect("metrics");
        metrics.tenants.opened("acme", Timestamp(1));
        let text = metrics.render(Timestamp(1)).expect("text");
        let mut known: BTreeMap<String, (BTreeSet<String>, bool)> = BTreeMap::new();
        let mut rises = false;
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').nth(1)) {
                rises = kind != "gauge";
            } else if !line.starts_with('#') {
                let series = line.rsplit_once(' ').expect("a sample").0;
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let (entry, is_counter) = known.entry(name.to_owned()).or_default();
                *is_counter = rises;
                entry.extend(labels.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())));
                entry.extend(TARGET.map(str::to_owned));
            }
        }
        known.insert("up".into(), (TARGET.map(str::to_owned).into(), false));
        for rule in files::rules().iter().filter(|rule| !rule.is_alert) {
            let (labels, _) = known.entry(rule.name.clone()).or_default();
            // job_path:…: what stands before the first colon are the labels that are left.
            let level = rule.name.split(':').next().expect("a level").split('_').map(str::to_owned);
            labels.extend(level.filter(|word| word != "aether"));
            labels.insert("job".into());
            labels.extend(rule.rule["labels"].as_object().into_iter().flat_map(|own| own.keys().cloned()));
            let (_, grouped) = promql::uses(&promql::parse(&rule.expr).expect("an expression"));
            labels.extend(grouped);
            if rule.name.starts_with("aether:v2_connections") {
                labels.insert("protocol".into());
            }
        }
        Self(known)
    }

    pub fn is_counter(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|(_, rises)| *rises)
    }

    /// What these selectors and labels name that does not exist.
    pub fn unknown(&self, selectors: &[Selector], grouped: &[String]) -> Vec<String> {
        let mut problems = Vec::new();
        let mut all: BTreeSet<&String> = BTreeSet::new();
        for selector in selectors {
            let Some((labels, _)) = self.0.get(&selector.metric) else {
                problems.push(format!("there is no {}", selector.metric));
                continue;
            };
            all.extend(labels);
            let strange = selector.matchers.iter().filter(|(label, _)| !labels.contains(label));
            problems.extend(strange.map(|(label, _)| format!("{} has no label {label}", selector.metric)));
        }
        let strange = grouped.iter().filter(|label| !all.contains(label));
        problems.extend(strange.map(|label| format!("nothing there has a label {label}")));
        problems
    }
}

#[test]
fn the_catalogue_knows_what_exists_and_nothing_else() {
    let catalogue = Catalogue::read();
    let problems = |expr: &str| {
        let (selectors, labels) = promql::uses(&promql::parse(expr).unwrap());
        catalogue.unknown(&selectors, &labels)
    };
    assert_eq!(problems(r#"sum by (protocol, job) (aether_connections{dialect="x",instance="y"})"#), [""; 0]);
    assert_eq!(problems(r#"histogram_quantile(0.9, rate(aether_delivery_duration_seconds_bucket[5m]))"#), [""; 0]);
    assert_eq!(problems("process_open_fds + job_protocol:aether_connections:sum + up").len(), 0);
    assert_eq!(problems("aether_conections"), ["there is no aether_conections"]);
    assert_eq!(problems(r#"aether_connections{tenant="a"}"#), ["aether_connections has no label tenant"]);
    assert_eq!(problems("sum by (tenant) (aether_hub_up)"), ["nothing there has a label tenant"]);
    assert!(catalogue.is_counter("aether_handshakes_total") && !catalogue.is_counter("aether_connections"));
}
