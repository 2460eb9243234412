//! Each act, on the proxy.

use super::{assert_all_passed, case, certificate, options, outcome, profile, proxy, suite};
use crate::harness::redis::RedisServer;
use aether_proxy::compat::{Profile, SeenWhat};
use aether_proxy::config::RedisUrl;
use serde_json::{Value, json};

fn say(client: &str, text: &str) -> Value {
    json!({"send": {"client": client, "frame": {"text": text}}})
}

fn envelope(client: &str, content: &str, from: &str) -> Value {
    json!({"expect": {"client": client, "what": {"envelope": {"content": {"text": content}, "from": from}}}})
}

fn direct(to: &str) -> String {
    format!(r#"{{"version":"3","msg_type":"msg","target":"direct","to_id":"{{{to}}}","msg":"hi"}}"#)
}

fn three() -> Value {
    json!({"alice": {"speaks": "v3"}, "bob": {"speaks": "v3", "group": "g2"}, "carol": {"speaks": "v2"}})
}

fn scenarios() -> Vec<Value> {
    let connect = |names: &[&str]| names.iter().map(|name| json!({"connect": name})).collect::<Vec<_>>();
    let with = |names: &[&str], steps: Value| {
        let mut all = connect(names);
        all.extend(steps.as_array().unwrap().clone());
        Value::Array(all)
    };
    let frame = |text: &str| json!({"frame": {"text": text}});
    let hundred = json!([{"send": {"client": "carol", "frame": {"text": "n{n}"}, "times": 100}},
        {"expect": {"client": "carol", "what": frame("n{n}"), "times": 100}}]);
    let big = json!({"parts": ["{\"msg\":\"", {"repeat": "x", "times": 100_000}, "\"}"]});
    vec![
        case(
            "direct",
            &three(),
            &with(
                &["alice", "bob", "carol"],
                json!([say("alice", &direct("bob")),
            envelope("bob", &direct("bob"), "alice"), {"nothing": ["alice", "carol"]}]),
            ),
            &json!({}),
        ),
        case("order", &three(), &with(&["carol"], hundred), &json!({})),
        case(
            "big",
            &three(),
            &with(
                &["carol"],
                json!([{"send": {"client": "carol", "frame": big}},
            {"expect": {"client": "carol", "what": {"frame": big}}}]),
            ),
            &json!({}),
        ),
        case(
            "binary",
            &three(),
            &with(
                &["carol"],
                json!([{"send": {"client": "carol", "frame": {"hex": "00ff"}}},
            {"expect": {"client": "carol", "what": {"frame": {"hex": "00ff"}}, "within": "8s"}}]),
            ),
            &json!({}),
        ),
        case(
            "goodbye",
            &three(),
            &with(
                &["alice", "bob"],
                json!([{"ping": {"client": "alice", "hex": "cafe"}},
            {"close": {"client": "alice", "code": 1000}}, {"drop": "bob"}, {"connect": "alice"}, {"wait": "10ms"}]),
            ),
            &json!({}),
        ),
        case(
            "presence",
            &json!({"alice": {"speaks": "v3", "presence": true}, "bob": {"speaks": "v3"}}),
            &json!([{"connect": "alice"}, {"expect": {"client": "alice", "what": {"presence": {"event": "join", "of": "alice"}}}},
                {"connect": "bob"}, {"expect": {"client": "alice", "what": {"presence": {"event": "join", "of": "bob"}}}}]),
            &json!({}),
        ),
        case(
            "same",
            &json!({"one": {"speaks": "v3"}, "two": {"speaks": "v3", "id": "{one}"}, "bob": {"speaks": "v3"}}),
            &with(
                &["one", "two", "bob"],
                json!([say("bob", &direct("one")), {"any_order": [
                {"client": "one", "what": {"envelope": {"content": {"text": direct("one")}, "from": "bob"}}},
                {"client": "two", "what": {"envelope": {"content": {"text": direct("one")}, "from": "bob"}}}]}]),
            ),
            &json!({}),
        ),
        case(
            "nowhere",
            &json!({"a": {"speaks": "v2-bare"}}),
            &json!([{"refused": {"client": "a", "status": [404]}}]),
            &json!({}),
        ),
        case(
            "all",
            &three(),
            &with(
                &["alice", "bob"],
                json!([say("alice", r#"{"msg_type":"msg","target":"broadcast","msg":"all"}"#),
            {"expect": {"client": "bob", "what": {"json": {"msg": "all", "from_id": "{alice}", "sent_at": "<time>"}}}},
            {"expect": {"client": "alice", "what": {"json": {"msg": "all"}}}}]),
            ),
            &json!({"alone": true}),
        ),
    ]
}

fn nowhere(url: &str) -> Profile {
    let mut profile = profile(url);
    profile.paths.insert(aether_proxy::compat::suite::Speaks::V2Bare, "/nowhere/{client}".to_owned());
    profile
}

#[tokio::test]
async fn every_act_can_be_played() {
    let proxy = proxy(|_| {}).await;
    let suite = suite(&scenarios(), &[]);
    let profile = nowhere(&format!("ws://{}", proxy.clients));
    let certificate = certificate(&suite, &profile, &options()).await;
    assert_all_passed(&certificate);
    // What each got is told by names, so that two runs can be compared.
    let again = super::certificate(&suite, &profile, &options()).await;
    for (one, other) in certificate.results.iter().zip(&again.results) {
        assert_eq!(one.seen, other.seen, "{}", one.id);
    }
    let direct = outcome(&certificate, "direct");
    let texts: Vec<_> = direct.seen.iter().filter(|seen| seen.client == "bob").map(|seen| &seen.what).collect();
    let [SeenWhat::Connected, SeenWhat::Text(text)] = texts[..] else { panic!("{texts:?}") };
    assert!(text.contains(r#""from_id":"{alice}""#) && text.contains("0000-00-00T00:00:00.000Z"), "{text}");
}

#[tokio::test]
async fn the_hub_can_be_spoken_on() {
    let redis = RedisServer::start().await;
    let proxy = proxy(|config| config.hub.url = RedisUrl::new(redis.url())).await;
    let text = r#"{"version":"3","msg_type":"msg","target":"group","from_id":"x","group_id":"{g1}","msg":"hi","sent_at":"2026-03-11T12:34:56.789Z"}"#;
    let publish = |on: Value| json!({"publish": {"on": on, "frame": {"text": text}}});
    let hear = json!({"expect": {"client": "a", "what": {"json": {"msg": "hi"}}}});
    let clients = json!({"a": {"speaks": "v3"}});
    let steps = json!([{"connect": "a"}, publish(json!({"group": "g1"})), hear]);
    let suite = suite(&[case("hub", &clients, &steps, &json!({}))], &[]);
    let mut profile = profile(&format!("ws://{}", proxy.clients));
    let without = certificate(&suite, &profile, &options()).await;
    assert_eq!(outcome(&without, "hub").why.as_deref(), Some("needs hub"));
    profile.redis = Some(RedisUrl::new(redis.url()));
    assert_all_passed(&certificate(&suite, &profile, &options()).await);
}
