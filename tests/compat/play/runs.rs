//! What a run makes of many checks: what is played at all, what beside what, and what stands on the certificate.

use super::rogue::{Manner, Rogue};
use super::{case, certificate, options, outcome, profile, proxy, suite};
use aether_proxy::compat::play::{Options, Progress, RunError, run};
use aether_proxy::compat::{Capability, Certificate, Status};
use aether_proxy::config::{RedisUrl, Secret};
use aether_proxy::label::Label;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn echo(id: &str, more: &Value) -> Value {
    let steps = json!([{"connect": "a"}, {"send": {"client": "a", "frame": {"text": "x"}}},
        {"expect": {"client": "a", "what": {"frame": {"text": "x"}}}}]);
    case(id, &json!({"a": {"speaks": "v2"}}), &steps, more)
}

/// Passes if this comes back.
fn probe(one: Capability, comes_back: &str, needs: &[&str]) -> Value {
    let steps = json!([{"connect": "a"}, {"send": {"client": "a", "frame": {"text": "x"}}},
        {"expect": {"client": "a", "what": {"frame": {"text": comes_back}}}}]);
    case(&format!("probe.{one}"), &json!({"a": {"speaks": "v2"}}), &steps, &json!({"needs": needs}))
}

#[tokio::test]
async fn what_a_server_lacks_is_found_out_and_not_failed() {
    let rogue = Rogue::start(Manner::Faithful).await;
    let probes = [
        probe(Capability::V2, "x", &[]),
        probe(Capability::V3, "y", &[]),
        probe(Capability::Bridge, "x", &["v2", "v3"]),
    ];
    let checks = [
        echo("both", &json!({"needs": ["bridge"]})),
        echo("two", &json!({"needs": ["v2"]})),
        echo("three", &json!({"needs": ["v3", "v2"]})),
        echo("set", &json!({"settings": {"v2.annotate": "min"}})),
        echo("hub", &json!({"needs": ["hub"]})),
    ];
    let suite = suite(&checks, &probes);
    let played = certificate(&suite, &profile(&rogue.url()), &options()).await;
    let of = |certificate: &Certificate, id: &str| {
        let outcome = outcome(certificate, id).clone();
        (outcome.status, outcome.why.unwrap_or_default())
    };
    assert_eq!(of(&played, "two"), (Status::Passed, String::new()));
    assert_eq!(of(&played, "three"), (Status::Lacking, "needs v3".to_owned()));
    assert_eq!(of(&played, "both"), (Status::Lacking, "needs bridge".to_owned()));
    assert_eq!(of(&played, "hub"), (Status::Lacking, "needs hub".to_owned()));
    assert_eq!(of(&played, "set").0, Status::Skipped);
    let why = |one| played.capabilities[&one].why.as_str();
    assert!(why(Capability::V3).contains("should get y, but got x"), "{}", why(Capability::V3));
    assert!(why(Capability::Bridge).contains("needs v3"), "{}", why(Capability::Bridge));
    assert_eq!(played.capabilities.len(), Capability::ALL.len());
    let counts: Vec<_> = Status::ALL.iter().map(|status| played.counts[status]).collect();
    assert_eq!(counts, [1, 0, 0, 3, 1]);
    assert!(played.is_good());

    let strict = Options { require: BTreeSet::from([Capability::V3]), ..options() };
    let played = certificate(&suite, &profile(&rogue.url()), &strict).await;
    assert!(of(&played, "three").1.contains("v3 is required"), "{played:#?}");
    assert_eq!((of(&played, "three").0, of(&played, "both").0), (Status::Failed, Status::Lacking));
    assert!(!played.is_good());

    let without = Options { without: BTreeSet::from([Capability::V2]), ..options() };
    let played = certificate(&suite, &profile(&rogue.url()), &without).await;
    assert_eq!(played.capabilities[&Capability::V2].why, "said so");
    assert_eq!(of(&played, "two").0, Status::Lacking);
}

#[tokio::test]
async fn the_certificate_says_what_was_played_against_what() {
    let rogue = Rogue::start(Manner::Faithful).await;
    let suite = suite(&[echo("one", &json!({})), echo("two", &json!({})), echo("other", &json!({}))], &[]);
    let told: Mutex<Vec<Progress>> = Mutex::default();
    let only = Options { only: vec!["t*".to_owned(), "one".to_owned()], ..options() };
    let profile = profile(&format!("{}/", rogue.url()));
    let played = run(&suite, &profile, &only, &|progress| told.lock().push(progress)).await.unwrap();
    let ids: Vec<_> = played.results.iter().map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(ids, ["one", "two"], "in the suite's order");
    assert_eq!((played.suite.cases, played.suite.hash.as_str()), (3, suite.hash().as_str()));
    assert_eq!((played.target.url, played.target.server.as_deref()), (rogue.url(), Some("rogue/1")));
    assert!(played.at.ends_with('Z') && played.seconds > 0.0 && played.results[0].seconds > 0.0);
    let told = told.into_inner();
    let last = told.last().unwrap();
    assert_eq!((last.done, last.total, last.failed), (2, 2, 0));
    let text = serde_json::to_string(&certificate(&suite, &profile, &only).await).unwrap();
    assert!(serde_json::from_str::<Certificate>(&text).is_ok());

    let none = Options { only: vec!["nothing".to_owned()], ..options() };
    assert!(matches!(run(&suite, &profile, &none, &|_| {}).await, Err(RunError::Nothing(what)) if what == "nothing"));
}

#[tokio::test]
async fn many_are_played_at_the_same_time_unless_they_would_hear_each_other() {
    let slow: Vec<_> = (0..12).map(|n| echo(&format!("c{n}"), &json!({}))).collect();
    let jobs = |jobs| Options { jobs, quiet: Duration::from_millis(150), ..options() };
    let most = async |suite, options: &Options| {
        let rogue = Rogue::start(Manner::Faithful).await;
        let played = certificate(suite, &profile(&rogue.url()), options).await;
        assert_eq!(played.count(Status::Passed), 12, "{played:#?}");
        rogue.most.load(Ordering::SeqCst)
    };
    let free = suite(&slow, &[]);
    assert!((2..=4).contains(&most(&free, &jobs(4)).await));
    // A probe that fails: everybody hears everything.
    let groups = suite(&slow, &[probe(Capability::V2Groups, "y", &[])]);
    assert_eq!(most(&groups, &jobs(4)).await, 1);
    let alone: Vec<_> = (0..12).map(|n| echo(&format!("c{n}"), &json!({"alone": true}))).collect();
    assert_eq!(most(&suite(&alone, &[]), &jobs(4)).await, 1);
}

#[tokio::test]
async fn nobody_there_is_an_error_and_who_goes_away_fails_checks() {
    let suite = suite(&[echo("one", &json!({}))], &[]);
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let nobody = run(&suite, &profile(&format!("ws://{closed}")), &options(), &|_| {}).await;
    assert!(matches!(nobody, Err(RunError::Unreachable { .. })), "{nobody:?}");
    let bad = run(&suite, &profile("http://u:hunter2@h"), &options(), &|_| {}).await.unwrap_err();
    assert!(matches!(bad, RunError::Address(_)) && !bad.to_string().contains("hunter2"), "{bad}");
    let rogue = Rogue::start(Manner::Faithful).await;
    let mut with_hub = profile(&rogue.url());
    with_hub.redis = Some(RedisUrl::new(format!("redis://:hunter2@{closed}")));
    let no_hub = run(&suite, &with_hub, &options(), &|_| {}).await.unwrap_err();
    assert!(matches!(no_hub, RunError::Hub(_)) && !no_hub.to_string().contains("hunter2"), "{no_hub}");

    // It takes connections, but lets nobody in.
    let rogue = Rogue::start(Manner::Refuses(500)).await;
    let played = certificate(&suite, &profile(&rogue.url()), &options()).await;
    assert_eq!(played.count(Status::Failed), 1);
}

#[tokio::test]
async fn what_is_secret_is_seen_nowhere() {
    let mut found = Vec::new();
    for manner in [Manner::Repeats, Manner::Refuses(401)] {
        let rogue = Rogue::start(manner).await;
        let mut profile = profile(&rogue.url());
        profile.credentials.api_key = Some(Secret::new("hunter2 &ä"));
        profile.credentials.jwt = Some(Secret::new("swordfish"));
        let steps = json!([{"connect": "w"}, {"send": {"client": "w", "frame": {"text": "x"}}},
            {"expect": {"client": "w", "what": {"frame": {"text": "x"}}}}]);
        let vectra = case("vectra", &json!({"w": {"speaks": "vectra"}}), &steps, &json!({}));
        profile.mounts.push(
            serde_json::from_value(json!({"dialect": "vectra", "path": "/ws?token=sesame",
                "headers": {"x-worker-secret": "melon"}}))
            .unwrap(),
        );
        let options = Options { keep_going: true, ..options() };
        let played = certificate(&suite(&[echo("aether", &json!({})), vectra], &[]), &profile, &options).await;
        assert_eq!(played.count(Status::Failed), 2, "{played:#?}");
        found.push(serde_json::to_string(&played).unwrap());
    }
    for text in found {
        assert!(text.contains("[redacted]"), "{text}");
        for secret in ["hunter2", "swordfish", "sesame", "melon"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_hundred_at_a_time_do_not_disturb_each_other() {
    let proxy = proxy(|_| {}).await;
    let many: Vec<_> = (0..100).map(|n| echo(&format!("c{n}"), &json!({}))).collect();
    let played = certificate(&suite(&many, &[]), &profile(&format!("ws://{}", proxy.clients)), &options()).await;
    super::assert_all_passed(&played);
}
