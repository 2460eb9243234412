//! What lies around the dashboards names what there is: mixin, provisioning, README.

use crate::files::{self, list, text};

#[test]
fn the_mixin_takes_every_dashboard_and_every_rule() {
    let mixin = files::read("mixin.libsonnet");
    for (name, _) in files::dashboards() {
        assert!(mixin.contains(&format!("'{name}': import '{name}'")), "{name}");
    }
    for name in ["rules/recording.yml", "rules/alerts.yml"] {
        assert!(mixin.contains(&format!("importstr '{name}'")), "{name}");
    }
    for field in ["_config+::", "grafanaDashboards+::", "prometheusRules+::", "prometheusAlerts+::"] {
        assert!(mixin.contains(field), "{field}");
    }
}

#[test]
fn grafana_finds_its_data_source_and_the_dashboards_and_changes_neither() {
    let sources = files::yaml("provisioning/datasources/prometheus.yml");
    let source = &list(&sources, "datasources")[0];
    assert_eq!((&sources["apiVersion"], text(source, "type")), (&1.into(), "prometheus"));
    // $__rate_interval is made from it: four scrapes.
    let scraped = files::yaml("prometheus.yml")["global"]["scrape_interval"].clone();
    assert_eq!(source["jsonData"]["timeInterval"], scraped);
    let providers = files::yaml("provisioning/dashboards/aether.yml");
    let provider = &list(&providers, "providers")[0];
    assert_eq!((text(provider, "type"), &provider["allowUiUpdates"]), ("file", &false.into()));
    let path = text(&provider["options"], "path");
    assert!(files::read("README.md").contains(&format!("cp *.json {path}/")), "{path}");
}

#[test]
fn the_readme_tells_of_every_file_and_counts_the_alerts() {
    let readme = files::read("README.md");
    for entry in std::fs::read_dir(files::folder()).expect("dashboards/") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(name == "README.md" || readme.contains(&name), "{name}");
    }
    let alerts = files::rules().iter().filter(|rule| rule.is_alert).count();
    assert!(readme.contains(&format!("{alerts} alerts")), "there are {alerts} alerts");
}
