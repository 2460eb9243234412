//! The suite on a server that nobody tuned for it: every promise it can be asked is kept, and whatever it does otherwise
//! than the cases say, or than a client finds behind the proxy, is explained in `compat/reference/DIFFERENCES.md`.

use crate::differences::{Found, complaints, read};
use crate::harness::proxy::ProxyProcess;
use crate::harness::redis::RedisServer;
use crate::server::{API_KEY, ReferenceServer};
use aether_proxy::compat::compare::{self, Difference, Sort};
use aether_proxy::compat::play::{Options, run};
use aether_proxy::compat::suite::Suite;
use aether_proxy::compat::{Certificate, Grade, Outcome, Profile, Status};
use serde_json::json;
use std::collections::BTreeMap;

/// What the suite finds on a server of Aether, with its Redis.
async fn played(url: &str, redis: &RedisServer) -> Certificate {
    let credentials = json!({"credentials": {"api_key": API_KEY}});
    let mut profile: Profile = serde_json::from_value(credentials).unwrap();
    profile.url = url.to_owned();
    profile.redis = Some(serde_json::from_value(json!(redis.url())).unwrap());
    let options = Options { only: vec!["aether*".to_owned()], ..Options::default() };
    run(&Suite::built_in().unwrap(), &profile, &options, &|_| ()).await.unwrap()
}

/// What of the reference server's own certificate has to be explained: how each ended, in the table's words.
fn found(certificate: &Certificate) -> Vec<Found> {
    let lacking = certificate.capabilities.iter().filter(|(_, has)| !has.has);
    let lacking = lacking.map(|(one, has)| Found { id: one.to_string(), how: "lacking".into(), why: has.why.clone() });
    let otherwise = certificate.results.iter().filter_map(|one| {
        let how = how(one)?.to_owned();
        Some(Found { id: one.id.clone(), how, why: one.why.clone().unwrap_or_default() })
    });
    lacking.chain(otherwise).collect()
}

fn how(outcome: &Outcome) -> Option<&'static str> {
    match outcome.status {
        Status::Failed => Some("failed"),
        Status::Differs if outcome.why.as_deref() == Some("same values, other bytes") => Some("other bytes"),
        Status::Differs => Some("differs"),
        Status::Passed if outcome.grade == Some(Grade::Equal) => Some("other bytes"),
        // What a capability is missing for is explained with it; what is skipped needs other settings.
        Status::Passed | Status::Lacking | Status::Skipped => None,
    }
}

/// What a client notices behind the proxy that the server's own certificate did not say already.
fn noticed(difference: &Difference, old: &BTreeMap<&str, &Outcome>) -> Option<Found> {
    let how = match (difference.old.zip(difference.new), difference.sort) {
        // That it ends better is what the explanation of the old certificate is about.
        (Some((Status::Failed | Status::Differs, Status::Passed)), _) if is_told(difference, old) => return None,
        // What it cannot do is explained as such; that the proxy breaks a promise never is.
        (Some((Status::Lacking, new)), _) if new != Status::Failed => return None,
        (Some((_, Status::Passed)), Sort::Seen) => "seen",
        (Some((Status::Passed, Status::Passed)), Sort::Written) if is_told(difference, old) => return None,
        (Some((Status::Passed, Status::Passed)), Sort::Written) => "other bytes",
        _ => "worse",
    };
    let why = format!("{}\n{}", difference.why, difference.diff.as_deref().unwrap_or_default());
    Some(Found { id: difference.id.clone(), how: how.to_owned(), why })
}

/// A row about the old certificate says it: that it differs, or, of what is only written otherwise, that.
fn is_told(difference: &Difference, old: &BTreeMap<&str, &Outcome>) -> bool {
    let how = old.get(difference.id.as_str()).and_then(|one| how(one));
    how.is_some_and(|how| how != "other bytes" || difference.sort != Sort::Seen)
}

/// One test, since the reference server takes two minutes: legacy clients there hear each other, so that nothing can be
/// played at the same time.
#[tokio::test]
async fn all_that_the_reference_server_does_otherwise_is_explained() {
    let (old_redis, new_redis) = tokio::join!(RedisServer::start(), RedisServer::start());
    let server = ReferenceServer::start(&old_redis.url()).await;
    let hub = format!("hub.url = \"{}\"", new_redis.url());
    let keys = format!("auth.api_keys = [{{ name = \"suite\", key = \"{API_KEY}\" }}]");
    let proxy = ProxyProcess::start(&[&hub, &keys]).await;
    let url = proxy.client_url("");
    let (old, new) = tokio::join!(Box::pin(played(&server.url, &old_redis)), Box::pin(played(&url, &new_redis)));
    drop(proxy);
    assert!(server.stop().await.success(), "it ends when it is told to");
    eprintln!("the reference server: {:?}; the proxy: {:?}", counts(&old), counts(&new));
    keep("reference", &old);
    keep("proxy", &new);

    assert_eq!(old.target.server.as_deref(), Some("uvicorn"));
    assert!(old.count(Status::Passed) > 150, "too little was played to say anything: {:?}", counts(&old));
    let by_id: BTreeMap<_, _> = old.results.iter().map(|one| (one.id.as_str(), one)).collect();
    let differences = compare::certificates(&old, &new);
    let mut found = found(&old);
    found.extend(differences.iter().filter_map(|difference| noticed(difference, &by_id)));
    let table = include_str!("../../compat/reference/DIFFERENCES.md");
    let complaints = complaints(&read(table), &found);
    assert!(complaints.is_empty(), "compat/reference/DIFFERENCES.md:\n{}", complaints.join("\n"));
}

fn counts(certificate: &Certificate) -> Vec<(&'static str, usize)> {
    certificate.counts.iter().map(|(status, count)| (Status::label(*status), *count)).collect()
}

/// For whoever has to explain a new difference.
fn keep(name: &str, certificate: &Certificate) {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compat-{name}.json"));
    std::fs::write(path, serde_json::to_string_pretty(certificate).unwrap()).unwrap();
}
