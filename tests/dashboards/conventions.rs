//! How every dashboard is made: the rules of Grafana's own linter, and a few of ours. A dashboard that breaks one works
//! today and misleads somebody later.

use crate::catalogue::Catalogue;
use crate::files::{self, list, text};
use crate::promql::{self, STATIC};
use serde_json::Value;
use std::collections::BTreeSet;

/// Gauges that every proxy tells of all proxies: a sum counts them twice.
const OF_ALL: [(&str, &str); 5] = [
    ("aether_migration_tenants", "max"),
    ("aether_migration_clients", "max"),
    ("aether_migration_clients_seen", "max"),
    ("aether_migration_inventory_clients", "max"),
    ("aether_migration_gate", "min"),
];
/// Functions under which a counter may stand.
const OF_COUNTERS: [&str; 3] = ["rate", "irate", "increase"];

/// Everything in a dashboard that breaks a rule.
fn problems(dashboard: &Value, catalogue: &Catalogue) -> Vec<String> {
    let mut problems = Vec::new();
    about_it(dashboard, &mut problems);
    about_variables(dashboard, &mut problems);
    for panel in files::panels(dashboard) {
        about_panel(panel, &mut problems);
    }
    for query in files::queries(dashboard) {
        problems.extend(about_query(&query.expr, catalogue).into_iter().map(|what| format!("{}: {what}", query.place)));
    }
    for (name, selector, label) in files::variables(dashboard) {
        match promql::parse(&STATIC.put_into(&selector)) {
            Ok(expr) => problems.extend(catalogue.unknown(&promql::uses(&expr).0, &[label])),
            Err(why) => problems.push(format!("{name}: {why}")),
        }
    }
    problems
}

fn about_it(dashboard: &Value, problems: &mut Vec<String>) {
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            problems.push(rule.to_owned());
        }
    };
    must(text(dashboard, "uid").starts_with("aether-"), "uid: aether-…, for ever");
    must(text(dashboard, "title").starts_with("Aether / "), "title: Aether / …");
    must(text(dashboard, "description").ends_with(['.', '?']), "description: a sentence");
    must(dashboard["schemaVersion"] == 39, "schemaVersion: 39, that of Grafana 10.4");
    must(dashboard["editable"] == false, "editable: the files are the source");
    must(text(dashboard, "timezone") == "utc", "timezone: utc");
    must(dashboard.get("id").is_none(), "id: belongs to one Grafana");
    must(list(dashboard, "tags").iter().any(|tag| tag == "aether"), "tags: aether");
    let links = list(dashboard, "links");
    let shared = |link: &Value| {
        link["type"] == "dashboards"
            && list(link, "tags") == ["aether"]
            && link["includeVars"] == true
            && link["keepTime"] == true
    };
    must(links.iter().any(shared), "links: to the others, with variables and time");
    let annotations = list(&dashboard["annotations"], "list");
    must(annotations.iter().any(|a| text(a, "expr").contains("aether_policy_active")), "annotations: brownouts");
    let panels: Vec<&Value> = list(dashboard, "panels").iter().collect();
    let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    must(ids.len() == panels.len(), "panels: every id is different");
}

fn about_variables(dashboard: &Value, problems: &mut Vec<String>) {
    let variables = list(&dashboard["templating"], "list");
    let named = |name: &str| variables.iter().find(|variable| variable["name"] == name);
    let source = named("datasource").is_some_and(|v| v["type"] == "datasource" && v["query"] == "prometheus");
    if !source || variables[0]["name"] != "datasource" {
        problems.push("variables: datasource comes first".into());
    }
    for name in ["job", "instance"] {
        if named(name).is_none() {
            problems.push(format!("variables: {name}"));
        }
    }
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let holds = variable["multi"] == true
            && variable["includeAll"] == true
            && variable["allValue"] == ".+"
            && variable["refresh"] == 2
            && text(&variable["datasource"], "uid") == "${datasource}";
        if !holds {
            problems.push(format!("variable {}: multi, all = .+, refreshed with the time", variable["name"]));
        }
    }
}

fn about_panel(panel: &Value, problems: &mut Vec<String>) {
    let title = text(panel, "title");
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            problems.push(format!("{title:?}: {rule}"));
        }
    };
    must(!title.is_empty(), "a title");
    must(text(panel, "description").ends_with('.'), "a description in sentences");
    must(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "a unit");
    let targets = list(panel, "targets");
    must(!targets.is_empty(), "a query");
    for part in std::iter::once(panel).chain(targets) {
        must(text(&part["datasource"], "uid") == "${datasource}", "the chosen data source");
    }
    must(targets.len() < 2 || targets.iter().all(|t| text(t, "legendFormat") != "__auto"), "two queries need names");
    let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"], "steps");
    must(!steps.is_empty() && steps[0]["value"].is_null(), "thresholds that begin somewhere");
}

fn about_query(expr: &str, catalogue: &Catalogue) -> Vec<String> {
    let mut problems = Vec::new();
    let parsed = match promql::parse(&STATIC.put_into(expr)) {
        Ok(parsed) => parsed,
        Err(why) => return vec![why],
    };
    let (selectors, grouped) = promql::uses(&parsed);
    problems.extend(catalogue.unknown(&selectors, &grouped));
    let fixed = expr.replace("[$__rate_interval]", "").replace("[$__range]", "").contains('[');
    if fixed {
        problems.push("a fixed range; $__rate_interval follows the zoom".into());
    }
    // As it is written, every selector ends with these; a recorded series has no instance.
    let held = r#"job=~"$job",instance=~"$instance"}"#;
    let by_job = r#"job=~"$job"}"#;
    let raw = selectors.iter().filter(|selector| !selector.is_recorded()).count();
    if expr.matches(held).count() != raw || expr.matches(by_job).count() != selectors.len() - raw {
        problems.push("every selector is held to $job and $instance (recorded series: $job)".into());
    }
    for selector in &selectors {
        let under = selector.function.is_some_and(|function| OF_COUNTERS.contains(&function));
        if catalogue.is_counter(&selector.metric) != under {
            problems.push(format!("{}: counters, and only they, stand under rate or increase", selector.metric));
        }
        if let Some((name, how)) = OF_ALL.iter().find(|(name, _)| *name == selector.metric) {
            let right = expr.contains(&format!("{how}({name}"))
                || expr.split(&format!("{how} by (")).skip(1).any(|rest| rest.contains(&format!(") ({name}")));
            if !right {
                problems.push(format!("{name}: every proxy tells of all of them: {how}"));
            }
        }
    }
    problems
}

#[test]
fn every_dashboard_keeps_the_conventions() {
    let catalogue = Catalogue::read();
    let mut uids = BTreeSet::new();
    for (name, dashboard) in files::dashboards() {
        assert_eq!(problems(&dashboard, &catalogue), Vec::<String>::new(), "{name}");
        assert!(uids.insert(text(&dashboard, "uid").to_owned()), "{name}: its uid is another's");
        assert!(files::queries(&dashboard).len() >= 15, "{name}: few queries");
    }
}

#[test]
fn the_overview_answers_the_four_questions_in_four_rows() {
    let (_, overview) = files::dashboards().swap_remove(0);
    let rows = list(&overview, "panels").iter().filter(|panel| panel["type"] == "row").map(|row| text(row, "title"));
    let questions = ["How far are we?", "Who is left?", "Is anything being lost?", "When can we switch V2 off?"];
    assert!(rows.eq(questions));
}

#[test]
fn the_conventions_have_teeth() {
    let catalogue = Catalogue::read();
    let (_, good) = files::dashboards().swap_remove(0);
    let with = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        problems(&bad, &catalogue)
    };
    let expr = "/panels/1/targets/0/expr";
    for (pointer, value, rule) in [
        ("/uid", "x".into(), "uid"),
        ("/editable", true.into(), "editable"),
        ("/timezone", "browser".into(), "timezone"),
        ("/schemaVersion", 30.into(), "schemaVersion"),
        ("/links", Value::Array(vec![]), "links"),
        ("/annotations/list/1/expr", "1".into(), "annotations"),
        ("/templating/list/1/allValue", ".*".into(), "variable \"job\""),
        ("/templating/list/2/refresh", 1.into(), "variable \"instance\""),
        ("/templating/list/1/query/query", "label_values(aether_build_info, nothing)".into(), "nothing there has"),
        ("/panels/1/title", "".into(), "a title"),
        ("/panels/1/description", "".into(), "a description"),
        ("/panels/1/fieldConfig/defaults/unit", "".into(), "a unit"),
        ("/panels/1/id", 1.into(), "every id"),
        (expr, r#"sum(aether_hub_up{job=~"$job"})"#.into(), "every selector"),
        (expr, r#"sum(aether_hub_up) + sum(aether_ready{job=~"$job",instance=~"$instance"})"#.into(), "every selector"),
        (expr, r#"sum(aether_hub_reconnects_total{job=~"$job",instance=~"$instance"})"#.into(), "counters"),
        (expr, r#"rate(aether_hub_up{job=~"$job",instance=~"$instance"}[$__rate_interval])"#.into(), "counters"),
        (expr, r#"rate(aether_hub_reconnects_total{job=~"$job",instance=~"$instance"}[5m])"#.into(), "a fixed range"),
        (expr, r#"sum(aether_migration_tenants{job=~"$job",instance=~"$instance"})"#.into(), "tells of all"),
        (expr, r#"max(aether_migration_gate{job=~"$job",instance=~"$instance"})"#.into(), "tells of all"),
        (expr, r#"sum(aether_nothing{job=~"$job",instance=~"$instance"})"#.into(), "there is no"),
        (expr, r#"sum(rate(aether_hub_up))"#.into(), "type"),
    ] {
        let found = with(pointer, value);
        assert!(found.iter().any(|problem| problem.contains(rule)), "{pointer}, {rule}: {found:?}");
    }
}
