//! Each way in which a server can do other than expected, and how it is told.

use super::rogue::{Manner, Rogue};
use super::{case, certificate, options, outcome, profile, suite};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use aether_proxy::compat::play::Options;
use aether_proxy::compat::suite::Suite;
use aether_proxy::compat::{Grade, Outcome, SeenWhat, Status};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// One client connects, and then this happens; `more` of the case.
async fn played_as(manner: Manner, steps: Value, more: Value, options: &Options) -> Outcome {
    let rogue = Rogue::start(manner).await;
    let mut all = vec![json!({"connect": "a"})];
    all.extend(steps.as_array().unwrap().clone());
    if all.get(1).is_some_and(|step| step.get("refused").is_some()) {
        all.remove(0);
    }
    let case = case("t", &json!({"a": {"speaks": "v2"}}), &Value::Array(all), &more);
    let certificate = certificate(&suite(&[case], &[]), &profile(&rogue.url()), options).await;
    outcome(&certificate, "t").clone()
}

async fn played(manner: Manner, steps: Value) -> Outcome {
    played_as(manner, steps, json!({}), &options()).await
}

/// The same, where something does not come that is waited for.
async fn impatient(manner: Manner, steps: Value) -> Outcome {
    let options = Options { patience: Duration::from_secs(2), ..options() };
    played_as(manner, steps, json!({}), &options).await
}

#[track_caller]
fn assert_fails(outcome: &Outcome, told: &[&str]) {
    let why = outcome.why.as_deref().unwrap_or_default();
    assert_eq!(outcome.status, Status::Failed, "{outcome:#?}");
    assert!(told.iter().all(|part| why.contains(part)), "{why:?} should tell {told:?}");
    assert!(!why.contains('\n'), "{why}");
}

fn say(text: &str) -> Value {
    json!({"send": {"client": "a", "frame": {"text": text}}})
}

fn hear(text: &str) -> Value {
    json!({"expect": {"client": "a", "what": {"frame": {"text": text}}}})
}

#[tokio::test]
async fn a_server_that_does_well_passes() {
    let steps = json!([say("x"), hear("x"), {"ping": {"client": "a", "hex": "0102"}}, {"nothing": ["a"]}, {"close": {"client": "a"}}]);
    let outcome = played(Manner::Faithful, steps).await;
    assert_eq!((outcome.status, outcome.grade), (Status::Passed, Some(Grade::Exact)), "{outcome:#?}");
    let seen: Vec<_> = outcome.seen.iter().map(|seen| seen.what.clone()).collect();
    let text = SeenWhat::Text("x".to_owned());
    assert_eq!(seen, [SeenWhat::Connected, text, SeenWhat::Pong, SeenWhat::Ended(1000)]);
}

#[tokio::test]
async fn what_does_not_come_is_waited_for_and_told() {
    let outcome = impatient(Manner::Silent, json!([say("x"), hear("{a} x")])).await;
    assert_fails(&outcome, &["step 3: a should get {a} x", "nothing came within 2s"]);
    assert_eq!(outcome.diff.as_deref(), Some("-{a} x"));
    let within = json!({"expect": {"client": "a", "what": {"json": {"m": 1}}, "within": "50ms"}});
    let outcome = played(Manner::Late(1000), json!([say("x"), within])).await;
    assert_fails(&outcome, &["an object with {\"m\":1}", "nothing came within 50ms"]);
    let many = json!({"any_order": [{"client": "a", "what": {"frame": {"text": "x{n}"}}, "times": 2}]});
    let outcome = impatient(Manner::Swaps, json!([say("x0"), many])).await;
    assert_fails(&outcome, &["a should get x{n} (1 of 2)", "nothing came"]);
}

#[tokio::test]
async fn what_comes_otherwise_is_shown() {
    let outcome = played(Manner::Faithful, json!([say(r#"{"to":"{a}","n":1}"#), hear(r#"{"to":"{a}","n":2}"#)])).await;
    assert_fails(&outcome, &["step 3", r#"should get {"to":"{a}","n":2}"#, r#"but got {"to":"{a}","n":1}"#]);
    let diff = outcome.diff.unwrap();
    assert!(diff.lines().any(|line| line.starts_with('-') && line.contains("\"n\": 2")), "{diff}");
    assert!(diff.lines().any(|line| line.starts_with('+') && line.contains("\"n\": 1")), "{diff}");
    assert!(diff.contains("{a}"), "{diff}");
}

#[tokio::test]
async fn another_order_is_no_order_where_none_was_asked_for() {
    let both = |word: &str| match word {
        "any" => json!([say("1"), say("2"), {"any_order": [{"client": "a", "what": {"frame": {"text": "1"}}},
            {"client": "a", "what": {"frame": {"text": "2"}}}]}]),
        _ => json!([say("1"), say("2"), hear("1"), hear("2")]),
    };
    assert_fails(&played(Manner::Swaps, both("in")).await, &["step 4: a should get 1, but got 2"]);
    let outcome = played(Manner::Swaps, both("any")).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    // Nobody sees in which order they came.
    assert_eq!(outcome.seen, played(Manner::Faithful, both("any")).await.seen);
    let more = json!([say("1"), say("3"), both("any")[2]]);
    assert_fails(&played(Manner::Faithful, more).await, &["step 4: a should get 2, but got 3"]);
}

#[tokio::test]
async fn what_comes_twice_is_found_in_the_end_or_before_it() {
    let once = json!([say("x"), hear("x")]);
    let outcome = played(Manner::Doubles, once.clone()).await;
    assert_fails(&outcome, &["in the end: a should get nothing, but got x"]);
    assert_eq!(outcome.diff.as_deref(), Some("+x"));
    let mut steps = once.as_array().unwrap().clone();
    steps.push(json!({"nothing": ["a"]}));
    assert_fails(&played(Manner::Doubles, steps.into()).await, &["step 4: a should get nothing, but got x"]);
    let closes = json!([say("x"), hear("x"), {"close": {"client": "a"}}]);
    assert_fails(&played(Manner::Doubles, closes).await, &["step 4: a should get nothing, but got x"]);
}

#[tokio::test]
async fn a_connection_ends_only_as_expected() {
    let ended = |codes: Value| json!([say("x"), {"ended": {"client": "a", "codes": codes}}]);
    assert_eq!(played(Manner::Closes(4401), ended(json!([1008, 4401]))).await.status, Status::Passed);
    assert_eq!(played(Manner::Resets, ended(json!([1006]))).await.status, Status::Passed);
    let outcome = played(Manner::Closes(1000), ended(json!([4401]))).await;
    assert_fails(&outcome, &["step 3: a should be ended with [4401], but got close code 1000 (so)"]);
    assert_eq!(outcome.seen.last().unwrap().what, SeenWhat::Ended(1000));
    assert_fails(&played(Manner::Resets, ended(json!([1000]))).await, &["no close frame (1006)"]);
    assert_fails(&impatient(Manner::Silent, ended(json!([1000]))).await, &["did not within 2s"]);
    assert_fails(&played(Manner::Faithful, ended(json!([1000]))).await, &["should get nothing, but got x"]);
    assert_fails(
        &played(Manner::Resets, json!([say("x"), hear("x")])).await,
        &["should get x, but got no close frame"],
    );
    let outcome = played(Manner::Closes(1011), json!([say("x")])).await;
    assert_fails(&outcome, &["in the end: a should still be connected, but got close code 1011"]);
}

#[tokio::test]
async fn a_server_sees_how_a_client_goes() {
    let rogue = Rogue::start(Manner::Faithful).await;
    let clients = json!({"a": {"speaks": "v2"}, "b": {"speaks": "v2"}});
    let steps = json!([{"connect": "a"}, {"drop": "a"}, {"connect": "a"}, {"close": {"client": "a", "code": 4321}}, {"connect": "b"}]);
    let suite = suite(&[case("t", &clients, &steps, &json!({}))], &[]);
    let certificate = certificate(&suite, &profile(&rogue.url()), &options()).await;
    assert_eq!(outcome(&certificate, "t").status, Status::Passed);
    eventually!(PATIENCE, rogue.ends.lock().len() == 3);
    let mut ends = rogue.ends.lock().clone();
    ends.sort();
    // Cut, with a close frame, and as everybody goes in the end.
    assert_eq!(ends, [None, Some(1000), Some(4321)]);
}

#[tokio::test]
async fn a_server_without_manners_is_no_excuse() {
    let patient = json!([say("x"), {"wait": "1s"}, hear("x")]);
    let flood = json!([say("x"), {"expect": {"client": "a", "what": {"frame": {"text": "more"}}, "times": 30000}}]);
    assert_fails(&played(Manner::Floods, flood).await, &["a flood: more than 20000 frames"]);
    assert_fails(&played(Manner::Huge, patient.clone()).await, &["larger than this program takes"]);
    assert_fails(&played(Manner::Babbles, patient).await, &["a breach of the WebSocket protocol"]);
    let ping = json!([{"ping": {"client": "a"}}]);
    assert_fails(&impatient(Manner::Deaf, ping).await, &["a should get its ping back within 2s, but no pong came"]);
    let close = json!([{"close": {"client": "a", "code": 1001}}]);
    assert_fails(&impatient(Manner::Deaf, close.clone()).await, &["the connection of a should end"]);
    assert_eq!(played(Manner::Faithful, close).await.status, Status::Passed);
}

#[tokio::test]
async fn whether_a_client_is_let_in_is_part_of_it() {
    let refused = |status: Value, codes: Value| json!([{"refused": {"client": "a", "status": status, "codes": codes}}]);
    let outcome = played(Manner::Refuses(403), refused(json!([401, 403]), json!([]))).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    assert_eq!(outcome.seen[0].what, SeenWhat::Refused(403));
    let outcome = played(Manner::ClosesAtOnce(1008), refused(json!([403]), json!([1008]))).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    for (manner, status, codes, told) in [
        (Manner::Refuses(500), json!([403]), json!([]), "was refused with status 500"),
        (Manner::Refuses(403), json!([]), json!([1008]), "was refused with status 403"),
        (Manner::ClosesAtOnce(1008), json!([403]), json!([1000]), "but got close code 1008"),
        (Manner::Faithful, json!([403]), json!([]), "but was let in"),
    ] {
        assert_fails(&played(manner, refused(status, codes)).await, &["step 1: a should be", told]);
    }
    let outcome = impatient(Manner::Faithful, refused(json!([]), json!([1008]))).await;
    assert_fails(&outcome, &["but is still let in"]);
    assert_fails(
        &played(Manner::Refuses(503), json!([])).await,
        &["a should be let in, but was refused with status 503: GET /ws/"],
    );
    assert_fails(&impatient(Manner::Hangs, json!([])).await, &["a should be let in, but no answer in time"]);
}

#[tokio::test]
async fn other_bytes_of_the_same_values_are_no_broken_promise() {
    let steps = || json!([say(r#"{"x":1}"#), hear(r#"{"x":1}"#)]);
    let choice = json!({"source": {"kind": "proxy", "why": "so"}});
    // Neither is a choice that is about who gets what.
    for more in [json!({}), choice.clone()] {
        let outcome = played_as(Manner::Respaces, steps(), more, &options()).await;
        assert_eq!((outcome.status, outcome.grade), (Status::Passed, Some(Grade::Equal)));
    }
    let outcome = played_as(Manner::Doubles, steps(), choice, &options()).await;
    assert_eq!(outcome.status, Status::Differs, "a choice is never failed");
}

#[tokio::test]
async fn a_choice_about_one_frame_is_about_its_bytes() {
    let frame = json!({"text": r#"{"x":1}"#});
    for (source, status) in [
        (json!({"kind": "guide", "section": "1"}), Status::Passed),
        (json!({"kind": "proxy", "why": "so"}), Status::Differs),
    ] {
        let file = json!({"$schema": "schema/case.schema.json", "format": 1, "dialect": "aether-v2", "direction": "to-hub",
            "topic": "t", "needs": [], "cases": [{"id": "t", "version": 1, "title": "t", "source": source,
            "input": frame, "expect": {"answer": frame}}]});
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("t.json"), file.to_string()).unwrap();
        let rogue = Rogue::start(Manner::Respaces).await;
        let suite = Suite::folder(dir.path()).unwrap();
        let certificate = certificate(&suite, &profile(&rogue.url()), &options()).await;
        let outcome = outcome(&certificate, "t#v2");
        assert_eq!(outcome.status, status, "{outcome:#?}");
        assert_eq!(outcome.why.as_deref(), (status == Status::Differs).then_some("same values, other bytes"));
    }
}

#[tokio::test]
async fn to_compare_everything_is_seen_and_little_time_is_lost() {
    let options = Options { keep_going: true, patience: Duration::from_secs(60), ..options() };
    let steps = json!([say("1"), hear("0"), hear("1"), say("2"), hear("2"), {"expect": {"client": "a", "what": {"json": {}}, "times": 5}}]);
    let began = Instant::now();
    let outcome = played_as(Manner::Doubles, steps, json!({}), &options).await;
    assert_fails(&outcome, &["step 3: a should get 0, but got 1"]);
    let texts: Vec<_> = outcome.seen.iter().filter(|seen| matches!(seen.what, SeenWhat::Text(_))).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
