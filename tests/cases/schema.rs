//! Holds every file of cases against the schema, and the schema against the program that reads them: what one of them
//! takes for a case, the other must.

use super::suite::{root, suite};
use aether_proxy::compat::Capability;
use aether_proxy::compat::suite::{Direction, File};
use aether_proxy::label::Label;
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema() -> Value {
    let text = std::fs::read_to_string(root().join("schema/case.schema.json")).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("a schema of 2020-12")
}

#[test]
fn every_file_is_of_the_schema() {
    let validator = validator();
    for file in &suite().files {
        let text = std::fs::read_to_string(root().join("cases").join(&file.path)).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let wrong: Vec<_> =
            validator.iter_errors(&json).take(3).map(|e| format!("{}: {e:.300}", e.instance_path)).collect();
        assert!(wrong.is_empty(), "{}: {}", file.path, wrong.join("\n"));
    }
}

#[test]
fn the_schema_knows_the_capabilities_of_the_program() {
    let words: Vec<_> = Capability::ALL.iter().map(|one| Label::label(*one)).collect();
    let schema = schema();
    assert_eq!(schema["$defs"]["capability"]["enum"], json!(words));
    let probes: Vec<_> = words.iter().map(|word| format!("probe.{word}")).collect();
    assert_eq!(schema["$defs"]["probe"]["allOf"][1]["properties"]["id"]["enum"], json!(probes));
    let directions = schema["properties"]["direction"]["enum"].as_array().expect("words").clone();
    assert!(
        directions.len() == 5 && directions.into_iter().all(|word| serde_json::from_value::<Direction>(word).is_ok())
    );
}

/// A file with one scenario.
fn scenario(change: impl FnOnce(&mut Value)) -> Value {
    let mut file = json!({
        "$schema": "../schema/case.schema.json", "format": 1, "dialect": "aether", "direction": "scenario",
        "topic": "t", "needs": ["v3"], "cases": [{
            "id": "a.b", "version": 1, "title": "t", "source": {"kind": "guide", "section": "4"}, "needs": ["hub"],
            "settings": {"v2.keepalive": true}, "alone": true,
            "clients": {
                "al": {"speaks": "v3", "presence": true, "query": "a=b", "headers": {"x": "y"}},
                "bo": {"speaks": "v2-redis", "id": "x{al}", "group": "g2", "credential": "wrong"},
            },
            "steps": [
                {"connect": "al"}, {"refused": {"client": "bo", "status": [401], "codes": [4401]}},
                {"send": {"client": "al", "frame": {"parts": ["a", {"repeat": "b", "times": 2}]}, "times": 3}},
                {"expect": {"client": "al", "what": {"frame": {"hex": "00"}}, "times": 2, "within": "500ms"}},
                {"any_order": [{"client": "al", "what": {"json": {"a": "<any>"}}}]},
                {"expect": {"client": "al", "what": {"envelope": {"content": {"text": "{}"}, "from": "<any>"}}}},
                {"expect": {"client": "al", "what": {"flat": {"content": {"text": "{}"}, "from": "bo"}}}},
                {"expect": {"client": "al", "what": {"errors": [{"loc": [], "type": "x"}]}}},
                {"expect": {"client": "al", "what": {"presence": {"event": "join", "of": "bo"}}}},
                {"nothing": ["al", "bo"]}, {"ping": {"client": "al", "hex": "00ff"}}, {"wait": "1s"},
                {"publish": {"on": {"group": "g1"}, "frame": {"text": ""}}},
                {"publish": {"on": {"client": "al"}, "frame": {"text": ""}}},
                {"publish": {"on": "broadcast", "frame": {"text": ""}}},
                {"close": {"client": "al", "code": 1000}}, {"drop": "bo"},
                {"ended": {"client": "al", "codes": [1006]}},
            ],
        }],
    });
    change(&mut file);
    file
}

#[test]
fn schema_and_program_agree_on_what_a_scenario_is() {
    let validator = validator();
    let both = |file: &Value| (validator.is_valid(file), File::read("f/t.json", &file.to_string()).is_ok());
    assert_eq!(both(&scenario(|_| {})), (true, true), "{:?}", validator.iter_errors(&scenario(|_| {})).next());
    for (place, wrong) in [
        ("/format", json!(2)),
        ("/direction", json!("conversation")),
        ("/direction", json!("to-hub")),
        ("/needs/0", json!("telepathy")),
        ("/cases", json!([])),
        ("/cases/0/version", json!(0)),
        ("/cases/0/title", json!("")),
        ("/cases/0/source", json!({"kind": "guide", "why": "x"})),
        ("/cases/0/input", json!({"text": "a"})),
        ("/cases/0/clients/al/speaks", json!("latin")),
        ("/cases/0/clients/al/shy", json!(true)),
        ("/cases/0/clients/bo/credential", json!("stolen")),
        ("/cases/0/steps/0", json!({"connect": "al", "drop": "bo"})),
        ("/cases/0/steps/0", json!({"shout": "al"})),
        ("/cases/0/steps/2/send/frame", json!({"text": "a", "hex": "00"})),
        ("/cases/0/steps/2/send/more", json!(1)),
        ("/cases/0/steps/3/expect/within", json!("soon")),
        ("/cases/0/steps/3/expect/what", json!({"frame": {"text": ""}, "json": {}})),
        ("/cases/0/steps/3/expect/what", json!({"poem": {}})),
        ("/cases/0/steps/5/expect/what/envelope/to", json!("al")),
        ("/cases/0/steps/10/ping/code", json!(1)),
        ("/cases/0/steps/11/wait", json!(1)),
        ("/cases/0/steps/12/publish/on", json!("everybody")),
    ] {
        let file = scenario(|file| {
            let (parent, key) = place.rsplit_once('/').expect("a place");
            match file.pointer_mut(parent).expect(place) {
                Value::Array(items) => items[key.parse::<usize>().expect("a number")] = wrong.clone(),
                other => other[key] = wrong.clone(),
            }
        });
        assert_eq!(both(&file), (false, false), "{place}: {wrong}");
    }
    // What only the schema sees: a slip of the pen that changes nothing of how it is played.
    let unknown = scenario(|file| file["cases"][0]["settings"]["v2.keepalives"] = json!(true));
    assert!(!both(&unknown).0);
}
