//! The files below `dashboards/`, read: dashboards with their panels and queries, rules.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// `dashboards/`
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("dashboards/{name}: {error}"))
}

/// A YAML file as JSON.
pub fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("dashboards/{name}: {error}"))
}

/// Where a query came from decides how Grafana asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Once, for now.
    Now,
    /// For each step of the time that is shown.
    OverTime,
    /// As an annotation: nothing is an answer, too.
    Annotation,
}

/// One expression of a dashboard.
#[derive(Debug, Clone)]
pub struct Query {
    /// For people.
    pub place: String,
    pub expr: String,
    pub asked: Asked,
}

/// All dashboards: file name and content.
pub fn dashboards() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("dashboards/") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if name.ends_with(".json") {
            let value = serde_json::from_str(&read(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push((name, value));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found.len(), 4, "the dashboards");
    found
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The panels that show something: rows left out.
pub fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "panels").iter().filter(|panel| panel["type"] != "row")
}

/// What panels and annotations ask.
pub fn queries(dashboard: &Value) -> Vec<Query> {
    let mut queries = Vec::new();
    let title = text(dashboard, "title");
    for panel in panels(dashboard) {
        for target in list(panel, "targets") {
            queries.push(Query {
                place: format!("{title}, {} {}", text(panel, "title"), text(target, "refId")),
                expr: text(target, "expr").to_owned(),
                asked: if target["instant"] == true { Asked::Now } else { Asked::OverTime },
            });
        }
    }
    for annotation in list(&dashboard["annotations"], "list").iter().filter(|a| a.get("builtIn").is_none()) {
        queries.push(Query {
            place: format!("{title}, annotation {}", text(annotation, "name")),
            expr: text(annotation, "expr").to_owned(),
            asked: Asked::Annotation,
        });
    }
    queries
}

/// `label_values(selector, label)` of the variables: name, selector, label.
pub fn variables(dashboard: &Value) -> Vec<(String, String, String)> {
    let variables = list(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query");
    let parse = |variable: &Value| {
        let query = text(&variable["query"], "query");
        let inner = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')')).expect("label_values");
        let (selector, label) = inner.rsplit_once(", ").expect("a selector and a label");
        (text(variable, "name").to_owned(), selector.to_owned(), label.to_owned())
    };
    variables.map(parse).collect()
}

/// One rule: its file's group, and what stands there.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub expr: String,
    pub is_alert: bool,
    pub rule: Value,
}

/// Recording rules, then alerts.
pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for file in ["rules/recording.yml", "rules/alerts.yml"] {
        for group in list(&yaml(file), "groups") {
            for rule in list(group, "rules") {
                let alert = text(rule, "alert");
                let name = if alert.is_empty() { text(rule, "record") } else { alert };
                let expr = text(rule, "expr").to_owned();
                rules.push(Rule { name: name.to_owned(), expr, is_alert: !alert.is_empty(), rule: rule.clone() });
            }
        }
    }
    assert!(rules.len() > 40, "only {} rules", rules.len());
    rules
}
