//! Real sockets, real HTTP: what a probe, a scraper and a slow stranger get.

use super::{Access, AdminState, Readiness, serve};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::migration::{self, Migration};
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const READY: Readiness = Readiness { draining: false, hub_up: true, keys_available: true };

struct Running {
    address: SocketAddr,
    readiness: Arc<Mutex<Readiness>>,
    metrics: Arc<Metrics>,
    migration: Arc<Migration>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (clock, metrics) = (Clock::fixed(Timestamp(1000)), Arc::new(Metrics::new(10).expect("metrics")));
    let migration = Migration::start(migration::Parts {
        config: &Config::default(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .expect("the store is memory");
    let running = Running {
        address: listener.local_addr().expect("its address"),
        readiness: Arc::new(Mutex::new(READY)),
        metrics,
        migration,
        stop,
        tasks,
    };
    let readiness = running.readiness.clone();
    let state = AdminState {
        metrics: running.metrics.clone(),
        clock,
        migration: running.migration.clone(),
        access: Access::new(None, running.address.ip()).expect("no token"),
        ready: Box::new(move || *readiness.lock()),
    };
    running.tasks.spawn(serve(listener, None, Arc::new(state), running.stop.clone(), running.tasks.clone()));
    running
}

impl Running {
    /// Head and body of the answer to a request as it stands.
    async fn send(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer))
            .await
            .expect("an answer in time")
            .expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }

    async fn ask(&self, method: &str, path: &str) -> (String, String) {
        self.send(&format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await
    }
}

#[tokio::test]
async fn a_scraper_gets_the_exposition() {
    let running = start().await;
    running.metrics.hub_reconnects.only().inc_by(7);
    let (head, body) = running.ask("GET", "/metrics?name[]=x").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("\naether_hub_reconnects_total 7\n") && body.contains("\naether_ready 1\n"), "{body}");
    running.readiness.lock().hub_up = false;
    assert!(running.ask("GET", "/metrics").await.1.contains("\naether_ready 0\n"));
}

#[tokio::test]
async fn readiness_says_every_reason_and_liveness_none() {
    let running = start().await;
    let (head, body) = running.ask("GET", "/readyz").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("cache-control: no-store"), "{head}");
    assert_eq!(body, "{\"ready\":true,\"reasons\":[]}\n");
    for (readiness, reasons) in [
        (Readiness { hub_up: false, ..READY }, r#"["hub_down"]"#),
        (Readiness { keys_available: false, ..READY }, r#"["keys_unavailable"]"#),
        (
            Readiness { draining: true, hub_up: false, keys_available: false },
            r#"["draining","hub_down","keys_unavailable"]"#,
        ),
    ] {
        *running.readiness.lock() = readiness;
        let (head, body) = running.ask("GET", "/readyz").await;
        assert!(head.starts_with("http/1.1 503") && head.contains("application/json"), "{head}");
        assert_eq!(body, format!("{{\"ready\":false,\"reasons\":{reasons}}}\n"));
        assert_eq!(running.ask("GET", "/livez").await.1, "ok\n");
    }
}

#[tokio::test]
async fn the_index_lists_paths_that_all_answer() {
    let running = start().await;
    let index: serde_json::Value = serde_json::from_str(&running.ask("GET", "/").await.1).expect("JSON");
    let paths = index["paths"].as_object().expect("paths");
    assert!(paths.contains_key("/metrics") && paths.contains_key("/livez") && paths.contains_key("/readyz"));
    for path in paths.keys() {
        let (head, body) = running.ask("GET", path).await;
        assert!(head.starts_with("http/1.1 200") && !body.is_empty(), "{path}: {head}");
        let (head_only, nothing) = running.ask("HEAD", path).await;
        assert!(head_only.starts_with("http/1.1 200") && head_only.contains("content-length: "), "{head_only}");
        assert_eq!(nothing, "", "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said_in_json() {
    let running = start().await;
    for (method, path, status, error) in [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/metrics/", 404, "not_found"),
        ("POST", "/nope", 404, "not_found"),
        ("POST", "/metrics", 405, "method_not_allowed"),
        ("DELETE", "/", 405, "method_not_allowed"),
        ("POST", "/migration", 405, "method_not_allowed"),
        ("GET", "/migration/nope", 404, "not_found"),
        ("GET", "/api/v2/migration", 404, "not_found"),
    ] {
        let (head, body) = running.ask(method, path).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{method} {path}: {head}");
        assert_eq!(head.contains("\r\nallow: get, head"), status == 405, "{head}");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["error"], error);
    }
    assert!(running.send("nonsense\r\n\r\n").await.0.starts_with("http/1.1 400"));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(20_000));
    let (head, _) = running.send(&long).await;
    assert!(head.starts_with("http/1.1 4"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn slow_strangers_are_cut_off_and_block_nobody_for_long() {
    let running = start().await;
    let mut slow = Vec::new();
    for _ in 0..super::serve::MOST_CONNECTIONS {
        let mut stream = TcpStream::connect(running.address).await.expect("connected");
        stream.write_all(b"GET /metr").await.expect("sent");
        slow.push(stream);
    }
    // Time is paused: it jumps to the deadline as soon as nobody has anything to do.
    let start = tokio::time::Instant::now();
    let mut probe = TcpStream::connect(running.address).await.expect("connected");
    probe.write_all(b"GET /livez HTTP/1.0\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    probe.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with("ok\n"), "{answer}");
    assert_eq!(start.elapsed().as_secs(), 10, "the probe had to wait for a place, and no longer");
    for mut stream in slow {
        // It ends, in order or by a reset, and nobody got an answer to half a request.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_may_be_read_slowly_and_a_page_may_not() {
    let running = start().await;
    // More than the kernel keeps between the two.
    for number in 0..12_u64 {
        let roster = migration::Roster::new(Clock::fixed(Timestamp(1000)), running.metrics.clone());
        for n in 0..100 {
            roster.refused(&migration::Newcomer {
                tenant: "acme".into(),
                spoken: crate::dialect::Spoken::AetherV2,
                made: None,
                group: None,
                client: crate::envelope::ClientId::new(&format!("c{number}-{n}"), 99).expect("an id"),
                user_agent: "x".repeat(10_000).into(),
                origin: "".into(),
                hears_v3: false,
            });
        }
        let clients = roster.take().0.clients.into_values().collect();
        let (node, tally) = ("n".into(), migration::record::Tally::default());
        let (tenants, v3, open) = (Vec::new(), Vec::new(), Vec::new());
        let batch = migration::record::Batch { node, number: number + 1, at: 1, clients, tenants, v3, tally, open };
        running.migration.store.merge(&batch).await.expect("merged");
    }
    let asked = async |path: &str, first: &str| {
        let mut stream = TcpStream::connect(running.address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{first}");
        stream.write_all(request.as_bytes()).await.expect("sent");
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    let list = asked("/api/v1/migration/clients?format=csv", "\r\n").await;
    assert!(list.ends_with("\r\n0\r\n\r\n"), "it is whole");
    assert!(list.len() > 12_000_000, "{}", list.len());
    assert_eq!(asked("/livez", "").await, "", "half a question is not waited for");
}

#[tokio::test]
async fn it_stops_when_told_also_with_a_silent_connection_open() {
    let running = start().await;
    let silent = TcpStream::connect(running.address).await.expect("connected");
    assert_eq!(running.ask("GET", "/livez").await.1, "ok\n");
    running.stop.cancel();
    running.tasks.close();
    tokio::time::timeout(Duration::from_secs(5), running.tasks.wait()).await.expect("everything ends");
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
    drop(silent);
}
