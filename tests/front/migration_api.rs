//! The operators' API over what real clients did: every answer is as its document says, and tells what happened.

use crate::PATIENCE;
use crate::asking::{ask, ask_with, json};
use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::telemetry::labels::Gate;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::timeout;

/// Three V2 clients of two tenants, one of them gone again, and a V3 client; all of it has reached the store.
async fn busy() -> (Proxy, Vec<Client>) {
    let proxy = Proxy::with(|config| config.migration.flush_interval = Duration::from_millis(20)).await;
    let mut clients = Vec::new();
    for (path, page) in [
        ("/ws/group/g/client/v2-a", "https://acme.example"),
        ("/ws/group/g/client/v2-b", "https://acme.example"),
        ("/ws/group/g/client/=v2,c", "https://globex.example"),
        ("/v3/ws/group/g/client/v3-a", "https://acme.example"),
    ] {
        let headers = [("origin", page), ("user-agent", "App/1 (\"x\", y)")];
        clients.push(Client::open(proxy.tcp().await, path, &headers).await);
    }
    clients[0].text(r#"{"hello":1}"#).await;
    for client in &mut clients {
        assert!(client.next().await.contains("hello"));
    }
    drop(clients.remove(2));
    proxy.has(3).await;
    eventually(&proxy, "/api/v1/migration", |report| {
        report["progress"]["v2_open"] == 2 && report["progress"]["v3_open"] == 1 && report["left"]["clients"] == 3
    })
    .await;
    eventually(&proxy, "/api/v1/migration/clients?q=v2-a", |found| found["clients"][0]["frames"] == 1).await;
    (proxy, clients)
}

/// Asks until the answer is as it should be.
async fn eventually(proxy: &Proxy, target: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let look = async {
        loop {
            last = json(proxy, target).await;
            if holds(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let came = timeout(PATIENCE, look).await;
    assert!(came.is_ok(), "{target}: {last:#}");
    last
}

/// The document, with every object closed: what stands in no schema is a mistake of one of the two.
async fn document(proxy: &Proxy) -> Value {
    let mut document = json(proxy, "/api/v1/openapi.json").await;
    for schema in document["components"]["schemas"].as_object_mut().expect("schemas").values_mut() {
        schema["additionalProperties"] = json!(false);
    }
    document
}

#[tokio::test]
async fn every_route_stands_in_the_document_and_every_answer_is_as_it_says() {
    let (proxy, _clients) = busy().await;
    let document = document(&proxy).await;
    let index = json(&proxy, "/").await;
    let routes: BTreeSet<_> =
        index["paths"].as_object().expect("paths").keys().filter(|p| p.starts_with("/api/")).collect();
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(routes, paths.keys().collect::<BTreeSet<_>>());
    for (path, operations) in paths {
        let content = &operations["get"]["responses"]["200"]["content"];
        let answer = json(&proxy, path).await;
        let mut schema = content["application/json"]["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|problem| panic!("{path}: {problem}"));
        let problems: Vec<_> = validator.iter_errors(&answer).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert!(problems.is_empty(), "{path}: {problems:#?}");
        if path != "/api/v1/openapi.json" {
            let mut wrong = answer.clone();
            wrong["nope"] = json!(1);
            assert!(!validator.is_valid(&wrong), "{path}: its schema allows anything");
        }
        // The other forms are of the types that stand there, too.
        for parameter in operations["get"]["parameters"].as_array().into_iter().flatten() {
            for word in parameter["schema"]["enum"].as_array().into_iter().flatten() {
                let (name, word) = (parameter["name"].as_str().expect("a name"), word.as_str().expect("a word"));
                let answer = ask(&proxy, &format!("{path}?{name}={word}")).await;
                let kind = answer.header("content-type").split(';').next().unwrap_or_default();
                assert!(answer.status == 200 && content.get(kind).is_some(), "{path} {name}={word}: {answer:?}");
            }
        }
        // And an error is one.
        let bad = ask(&proxy, &format!("{path}?nope=1")).await;
        if path != "/api/v1/openapi.json" {
            let mut schema = json!({"$ref": "#/components/schemas/Error"});
            schema["components"] = document["components"].clone();
            assert!(bad.status == 400 && jsonschema::is_valid(&schema, &bad.json()), "{path}: {bad:?}");
        }
    }
}

#[tokio::test]
async fn the_report_tells_what_happened_and_never_more_than_was_seen() {
    let (proxy, _clients) = busy().await;
    let report = json(&proxy, "/api/v1/migration").await;
    assert_eq!((&report["nodes"], &report["progress"]["tenants"]), (&json!(1), &json!(2)));
    assert_eq!(report["progress"]["v3_share_of_clients"], json!(0.25));
    assert_eq!(
        (&report["left"]["top"][0]["tenant"], &report["left"]["top"][0]["v2_open"]),
        (&json!("acme.example"), &json!(2))
    );
    assert_eq!(report["verdict"]["safe_to_retire"], json!(false));
    let state = |name: &str| {
        let gates = report["gates"].as_array().expect("gates");
        gates.iter().find(|gate| gate["gate"] == name).expect("the gate")["state"].clone()
    };
    assert_eq!((state("no_v2_connections"), state("no_loss")), (json!("fail"), json!("unknown")));
    assert!(report["forecast"]["text"].as_str().expect("a text").starts_with("no forecast: 0 of 3"), "{report:#}");
    let text = ask(&proxy, "/api/v1/migration/report?format=text").await.body;
    assert!(text.contains("1. HOW FAR ARE WE?") && text.contains("acme.example"), "{text}");
    let md = ask(&proxy, "/api/v1/migration/report?format=md").await.body;
    assert!(md.contains("## 2. Who is left?") && md.contains("| acme.example |"), "{md}");
    let day = json(&proxy, "/api/v1/migration/history?span=day").await;
    assert_eq!((&day["span"], &day["buckets"][0]["v2_clients"]), (&json!("day"), &json!(3)));
    assert_eq!(json(&proxy, "/api/v1/migration/history?to=2020-01-02").await["buckets"], json!([]));
    eventually(&proxy, "/api/v1/migration/history", |hours| hours["buckets"][0]["tally"]["v2_frames"] == 1).await;
}

#[tokio::test]
async fn clients_come_page_by_page_each_once_and_as_csv() {
    let (proxy, _clients) = busy().await;
    let ids = |page: &Value| -> Vec<String> {
        let clients = page["clients"].as_array().expect("clients").iter();
        clients.map(|client| client["client"].as_str().expect("an id").to_owned()).collect()
    };
    for order in ["key", "last_seen"] {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = json(&proxy, &format!("/api/v1/migration/clients?limit=1&order={order}{cursor}")).await;
            all.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            assert!(next.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{next}");
            cursor = format!("&cursor={next}");
        }
        all.sort();
        assert_eq!(all, ["=v2,c", "v2-a", "v2-b"], "{order}");
    }
    for (query, found) in [
        ("tenant=globex.example", &["=v2,c"][..]),
        ("q=V2-B", &["v2-b"]),
        ("q=globex", &["=v2,c"]),
        ("q=%22x%22,+y", &["v2-a", "v2-b", "=v2,c"]),
        ("q=nobody", &[]),
        ("since=2999-01-01", &[]),
        ("since=2020-01-01T00:00:00Z&limit=2", &["v2-a", "v2-b"]),
    ] {
        assert_eq!(ids(&json(&proxy, &format!("/api/v1/migration/clients?{query}")).await), found, "{query}");
    }
    let csv = ask(&proxy, "/api/v1/migration/clients?format=csv").await;
    assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv; charset=utf-8; header=present"));
    assert!(csv.header("content-disposition").contains("v2-clients.csv"), "{csv:?}");
    let rows: Vec<_> = csv.body.lines().collect();
    assert!(rows.len() == 4 && rows[0].starts_with("tenant,client,dialect,"), "{rows:?}");
    assert!(rows[1].starts_with("acme.example,v2-a,aether-v2,g,\"App/1 (\"\"x\"\", y)\",acme.example,"), "{rows:?}");
    assert!(rows[3].starts_with("globex.example,\"'=v2,c\","), "{rows:?}");
    let tenants = ask(&proxy, "/api/v1/migration/tenants?format=csv").await;
    assert!(tenants.body.lines().nth(2).is_some_and(|row| row.starts_with("globex.example,")), "{tenants:?}");
}

#[tokio::test]
async fn a_csv_holds_more_than_a_page_and_as_many_as_are_asked_for() {
    let proxy = Proxy::with(|config| config.migration.flush_interval = Duration::from_millis(20)).await;
    let roster = &proxy.running.shared.migration.roster;
    for n in 0..2500 {
        let client = aether_proxy::envelope::ClientId::new(&format!("c{n:04}"), 99).expect("an id");
        roster.refused(&aether_proxy::migration::Newcomer {
            tenant: "acme".into(),
            spoken: aether_proxy::dialect::Spoken::AetherV2,
            made: None,
            group: None,
            client,
            user_agent: "".into(),
            origin: "".into(),
            hears_v3: false,
        });
    }
    eventually(&proxy, "/api/v1/migration", |report| report["left"]["clients"] == 2500).await;
    for (query, rows) in [("", 2500), ("&limit=1500", 1500), ("&limit=7", 7), ("&limit=1000", 1000), ("&q=c000", 10)] {
        let csv = ask(&proxy, &format!("/api/v1/migration/clients?format=csv{query}")).await;
        let ids: BTreeSet<_> = csv.body.lines().skip(1).map(|row| row.split(',').nth(1)).collect();
        assert_eq!((ids.len(), csv.body.lines().count()), (rows, rows + 1), "{query}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_no_good_is_named() {
    let proxy = Proxy::start().await;
    for (target, parameter) in [
        ("clients?limit=0", "limit"),
        ("clients?limit=1001", "limit"),
        ("clients?format=csv&limit=50001", "limit"),
        ("clients?order=name", "order"),
        ("clients?cursor=%00", "cursor"),
        ("clients?since=yesterday", "since"),
        ("clients?format=xml", "format"),
        ("clients?tenant=a&tenant=b", "tenant"),
        ("clients?colour=red", "colour"),
        ("history?span=week", "span"),
        ("history?from=2026-12-02&to=2026-12-01", "from"),
        ("events?limit=-1", "limit"),
        ("report?format=pdf", "format"),
        ("tenants?q=x", "q"),
    ] {
        let answer = ask(&proxy, &format!("/api/v1/migration/{target}")).await;
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["error"], &body["parameter"]),
            (400, &json!("bad_parameter"), &json!(parameter)),
            "{target}"
        );
    }
}

#[tokio::test]
async fn an_unchanged_answer_is_spared() {
    let proxy = Proxy::start().await;
    for target in ["/migration", "/migration/main.js", "/api/v1/openapi.json", "/api/v1/migration/events"] {
        let first = ask(&proxy, target).await;
        // The head is in lower case, tags are not: this one is asked for as it was sent.
        assert!(first.status == 200 && !first.header("etag").is_empty(), "{target}: {first:?}");
        let star = ask_with(&proxy, "GET", target, &[("Host", "localhost"), ("If-None-Match", "*")]).await;
        assert_eq!((star.status, star.body.as_str(), star.header("etag")), (304, "", first.header("etag")));
        let other = ask_with(&proxy, "GET", target, &[("Host", "localhost"), ("If-None-Match", "\"other\"")]).await;
        assert_eq!((other.status, other.body), (200, first.body));
    }
}

#[tokio::test]
async fn the_gates_are_gauges_too() {
    let proxy = Proxy::with(|config| {
        config.migration.flush_interval = Duration::from_millis(20);
        config.migration.quiet = Duration::ZERO;
    })
    .await;
    let gauge = |proxy: &Proxy, gate| proxy.metrics().migration_gate.with((gate,)).get();
    proxy.eventually("a gate that passes", |proxy| gauge(proxy, Gate::NoLoss) == 1).await;
    assert_eq!(gauge(&proxy, Gate::AllTenantsV3Only), 0, "there is no tenant");
    assert_eq!(gauge(&proxy, Gate::BrownoutPassed), 0, "there was no brownout");
}
