//! Real proxies, real clients, a real Redis, a real Prometheus: after a while under traffic every panel of every
//! dashboard has something to show. A panel that stays empty here stays empty for everybody.

use crate::client::Client;
use crate::files::{self, Asked, Query};
use crate::harness::redis::RedisServer;
use crate::prometheus::{Prometheus, Series};
use crate::promql::Values;
use crate::proxy::Proxy;
use aether_proxy::config::{Date, RedisUrl};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::TaskTracker;

/// The first look at all tenants is made when a proxy starts, the next half a minute later.
const SHOWN: Duration = Duration::from_secs(45);
/// When V2 is meant to end: in a year that will not be over soon.
const SUNSET: i64 = 4_000_000_000;

async fn start(redis: &RedisServer) -> Proxy {
    Proxy::with(|config| {
        config.hub.url = RedisUrl::new(redis.url());
        config.migration.flush_interval = Duration::from_secs(1);
        config.policy.sunset = Some(Date::from_secs(SUNSET));
    })
    .await
}

/// Talks, and listens, for as long as it may live.
async fn chat(mut client: Client, say: Vec<String>, until: Instant) {
    let mut ticks = interval(Duration::from_millis(200));
    let mut said = 0;
    while Instant::now() < until {
        ticks.tick().await;
        client.text(&say[said % say.len()]).await;
        said += 1;
        // What came meanwhile; an echo is always among it sooner or later.
        while let Ok(frame) = timeout(Duration::from_millis(5), client.frame()).await {
            frame.expect("not the end").expect("no error");
        }
    }
}

/// Clients that come and go.
async fn visits(at: std::net::SocketAddr, until: Instant) {
    let mut ticks = interval(Duration::from_millis(500));
    while Instant::now() < until {
        ticks.tick().await;
        for path in ["/ws/group/lobby/client/passer-by", "/v3/ws/group/lobby/client/visitor"] {
            let mut client = Client::open(TcpStream::connect(at).await.expect("a connection"), path, &[]).await;
            client.send(Message::Close(None)).await;
        }
    }
}

/// V2 and V3 clients of one group on both proxies. V2 goes, one client after the other.
async fn traffic(proxies: &[Proxy], tasks: &TaskTracker) {
    let begin = Instant::now();
    for (node, proxy) in proxies.iter().enumerate() {
        tasks.spawn(visits(proxy.running.clients, begin + SHOWN * 4));
        for n in 0..10 {
            let stays = if n < 3 { SHOWN * 4 } else { Duration::from_secs(4 * n) };
            let client = proxy.v2("lobby", &format!("old-{node}-{n}")).await;
            let say = [r#"{"move":"e4","n":1.10}"#, r#"{"msg":"hi"}"#, "plain text", "[1,2]", r#"{"a":1,"a":2}"#];
            tasks.spawn(chat(client, say.map(str::to_owned).into(), begin + stays));
            let client = proxy.v3("lobby", &format!("new-{node}-{n}")).await;
            let say = [
                r#"{"msg_type":"msg","target":"group","payload":{"a":1}}"#.to_owned(),
                format!(r#"{{"msg_type":"msg","target":"direct","to_id":"old-{node}-0","msg":"psst"}}"#),
                r#"{"msg_type":"heartbeat","target":"echo"}"#.to_owned(),
            ];
            tasks.spawn(chat(client, say.into(), begin + SHOWN * 4));
        }
    }
}

async fn ask(prometheus: &Prometheus, query: &Query, values: Values<'_>) -> Result<Vec<Series>, String> {
    let expr = values.put_into(&query.expr);
    match query.asked {
        Asked::Now => prometheus.query(&expr).await,
        Asked::OverTime | Asked::Annotation => prometheus.query_range(&expr, 20.0).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_of_every_dashboard_has_something_to_show() {
    let redis = RedisServer::start().await;
    let proxies = [start(&redis).await, start(&redis).await];
    let idle = Proxy::start().await;
    let [a, b, quiet] = [&proxies[0], &proxies[1], &idle].map(|proxy| proxy.running.admin);
    let prometheus = Prometheus::start(&[("aether", a), ("aether", b), ("idle", quiet)], |_| ()).await;
    let tasks = TaskTracker::new();
    traffic(&proxies, &tasks).await;
    let begin = Instant::now();
    let instance = format!("{a}|{b}");
    let busy = Values { job: "aether", instance: &instance, interval: "15s", range: "30s" };
    let questions: Vec<Query> = files::dashboards().iter().flat_map(|(_, d)| files::queries(d)).collect();
    assert!(questions.len() > 100, "only {} questions", questions.len());

    // What is empty in the first seconds may come; what is empty at the end is a panel nobody learns from.
    let mut empty = loop {
        let mut empty = Vec::new();
        for query in questions.iter().filter(|query| query.asked != Asked::Annotation) {
            let answer = ask(&prometheus, query, busy).await;
            let shows = answer.as_ref().is_ok_and(|all| all.iter().flat_map(|s| &s.values).any(|v| v.is_finite()));
            if !shows {
                empty.push(format!("{}: {} gave {answer:?}", query.place, query.expr));
            }
        }
        if empty.is_empty() || begin.elapsed() > SHOWN {
            break empty;
        }
        sleep(Duration::from_secs(1)).await;
    };
    for (_, dashboard) in files::dashboards() {
        for (name, selector, label) in files::variables(&dashboard) {
            let selector = busy.put_into(&selector);
            let values = prometheus.api(&format!("label/{label}/values"), &[("match[]", &selector)]).await;
            if values.as_ref().map_or(0, |values| values.as_array().map_or(0, Vec::len)) == 0 {
                empty.push(format!("variable {name}: {values:?}"));
            }
        }
    }
    assert_eq!(empty, Vec::<String>::new());

    // Where nothing happens, nothing is infinite and nothing is an error.
    let still = Values { job: "idle", instance: ".+", interval: "15s", range: "30s" };
    for query in &questions {
        let answer = ask(&prometheus, query, still).await.unwrap_or_else(|why| panic!("{}: {why}", query.place));
        let of_buckets = query.expr.contains("histogram_quantile");
        let odd = |value: &f64| value.is_infinite() || value.is_nan() && !of_buckets;
        assert!(!answer.iter().flat_map(|s| &s.values).any(odd), "{}: {answer:?}", query.place);
    }

    // The rules work, too, and nobody is alarmed on a good day.
    let groups = prometheus.api("rules", &[]).await.expect("the rules");
    let rules: Vec<_> = files::list(&groups, "groups").iter().flat_map(|group| files::list(group, "rules")).collect();
    assert_eq!(rules.len(), files::rules().len());
    for rule in rules {
        assert_eq!((&rule["health"], &rule["lastError"]), (&"ok".into(), &serde_json::Value::Null), "{rule}");
        let firing = rule["state"] == "firing" && rule["labels"]["severity"] == "critical";
        assert!(!firing, "{rule}");
    }
    // What two nodes say about the same clients is not added up: twenty stay, one comes and goes.
    let seen = prometheus.number(r#"max(aether_migration_clients_seen{protocol="v2",job="aether"})"#).await;
    assert!(seen.is_some_and(|clients| clients < 24.0), "{seen:?}");
}
