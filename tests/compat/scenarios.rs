//! Every scenario, played against the proxy's own binary: on Redis, alone, with credentials, and with the settings that
//! some ask for. The proxy keeps each to the byte, so one that is not passed exactly is wrong, or the proxy is.

use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use aether_proxy::compat::play::{Options, run};
use aether_proxy::compat::suite::{Body, Direction, Suite};
use aether_proxy::compat::{Certificate, Grade, Outcome, Profile, Status};
use aether_proxy::label::Label;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Beside the default ways in, that of old clients without a group.
const MOUNTS: &str = r#"
[[mounts]]
path = "/v3/ws/group/{group_id}/client/{client_id}"
dialect = "aether-v3"
[[mounts]]
path = "/ws/group/{group_id}/client/{client_id}"
dialect = "aether-v2"
[[mounts]]
path = "/ws_redis/group/{group_id}/client/{client_id}"
dialect = "aether-v2"
[[mounts]]
path = "/ws/{client_id}"
dialect = "aether-v2"
group = "lobby"
"#;
/// An API key of a proxy that asks for one.
const KEY: &str = "key-of-the-suite";

/// The scenarios, each with the settings it asks for.
fn scenarios(suite: &Suite) -> BTreeMap<String, Map<String, Value>> {
    let cases = suite.cases().filter(|(file, _)| file.direction == Direction::Scenario);
    let settings = cases.map(|(_, case)| match &case.body {
        Body::Scenario(scenario) => (case.id.clone(), scenario.settings.clone()),
        _ => panic!("{} is no scenario", case.id),
    });
    settings.collect()
}

/// A proxy that does not write a line for each of the connections, and on a busy machine waits for who knocks.
fn quiet() -> ProxyOptions {
    let options = ProxyOptions::default().line("telemetry.log_level = \"aether_proxy::cli::serve=info,warn\"");
    options.line("limits.handshake_timeout = \"60s\"")
}

/// Plays those of these ids against the proxy.
async fn played(proxy: &ProxyProcess, profile: Value, ids: Vec<String>, redis: Option<&RedisServer>) -> Certificate {
    let mut profile: Profile = serde_json::from_value(profile).unwrap();
    profile.url = format!("ws://{}", proxy.clients());
    profile.redis = redis.map(|redis| serde_json::from_value(json!(redis.url())).unwrap());
    // A busy machine is no fault of the proxy's; what has to come in a certain time says so itself.
    let options = Options { only: ids, patience: Duration::from_secs(15), ..Options::default() };
    run(&Suite::built_in().unwrap(), &profile, &options, &|_| ()).await.unwrap()
}

/// What is not exactly as it is written, in words.
fn wrong(certificate: &Certificate, expected: impl Fn(&Outcome) -> Status) -> Vec<String> {
    let is_wrong = |one: &&Outcome| {
        let exact = one.status != Status::Passed || one.grade == Some(Grade::Exact);
        one.status != expected(one) || !exact
    };
    let told = |one: &Outcome| {
        let grade = one.grade.map_or("", Label::label);
        let (why, diff) = (one.why.as_deref().unwrap_or_default(), one.diff.as_deref().unwrap_or_default());
        format!("{} {} {grade}: {why}\n{diff}", one.id, one.status.label())
    };
    certificate.results.iter().filter(is_wrong).map(told).collect()
}

/// All but those that need a proxy of another kind.
async fn all_are_kept(redis: Option<&RedisServer>, lacking: &[&str]) {
    let hub = redis.map(|redis| format!("hub.url = \"{}\"", redis.url())).unwrap_or_default();
    let proxy = quiet().line(&hub).line(MOUNTS).start().await;
    let scenarios = scenarios(&Suite::built_in().unwrap());
    let ids: Vec<_> = scenarios.keys().cloned().collect();
    let certificate = played(&proxy, json!({}), ids, redis).await;
    assert_eq!(certificate.results.len(), scenarios.len());
    let expected = |one: &Outcome| match () {
        () if lacking.iter().any(|topic| one.id.starts_with(&format!("aether.{topic}."))) => Status::Lacking,
        () if !scenarios[&one.id].is_empty() => Status::Skipped,
        () => Status::Passed,
    };
    let wrong = wrong(&certificate, expected);
    assert!(wrong.is_empty(), "{} are not kept:\n{}", wrong.len(), wrong.join("\n"));
    assert!(certificate.counts[&Status::Passed] > 250, "{:?}", certificate.counts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_the_proxy_keeps_every_scenario_to_the_byte() {
    let redis = RedisServer::start().await;
    all_are_kept(Some(&redis), &["credentials"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_it_keeps_every_one_that_needs_no_hub() {
    all_are_kept(None, &["credentials", "hub"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_credentials_are_asked_for_nobody_comes_in_without() {
    let key = format!("[[auth.api_keys]]\nname = \"suite\"\nkey = \"{KEY}\"");
    let proxy = quiet().line(&key).start().await;
    let profile = json!({"credentials": {"api_key": KEY}});
    let certificate = played(&proxy, profile, vec!["aether.credentials.*".to_owned()], None).await;
    let wrong = wrong(&certificate, |_| Status::Passed);
    assert!(wrong.is_empty() && certificate.results.len() > 15, "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_that_ask_for_settings_are_kept_by_a_proxy_that_has_them() {
    let suite = Suite::built_in().unwrap();
    let asked: Vec<_> = scenarios(&suite).into_iter().filter(|(_, settings)| !settings.is_empty()).collect();
    let (mut ids, mut settings) = (Vec::new(), Map::new());
    for (id, asks) in asked {
        ids.push(id);
        settings.extend(asks);
    }
    let line = |(key, value): (&String, &Value)| format!("{key} = {value}");
    let lines: Vec<_> = settings.iter().map(line).collect();
    let proxy = quiet().line(&lines.join("\n")).start().await;
    let count = ids.len();
    let certificate = played(&proxy, json!({"settings": settings}), ids, None).await;
    let wrong = wrong(&certificate, |_| Status::Passed);
    assert!(wrong.is_empty() && certificate.results.len() == count && count > 3, "{}", wrong.join("\n"));
}
