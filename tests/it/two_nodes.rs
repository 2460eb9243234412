//! Two proxies as processes of their own, joined by one real Redis, as a team runs them: V2 and V3 clients on
//! both, and everything between them as it would be on one.

use crate::harness::client::{Client, Dial};
use crate::harness::eventually::eventually;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use crate::harness::scrape::Scrape;
use serde_json::{Value, json};
use std::time::Duration;

const NOTHING: Duration = Duration::from_millis(250);

/// Two nodes on one Redis.
struct Nodes {
    one: ProxyProcess,
    two: ProxyProcess,
    redis: RedisServer,
}

impl Nodes {
    async fn start(lines: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let start = || {
            let options = lines.iter().fold(ProxyOptions::default(), |options, line| options.line(line));
            options.env("AETHER_HUB__URL", &redis.url()).start()
        };
        let (one, two) = tokio::join!(start(), start());
        Self { one, two, redis }
    }

    /// Every delivery that was owed is accounted for, on both nodes.
    async fn balanced(&self) {
        for node in [&self.one, &self.two] {
            eventually!(
                Duration::from_secs(5),
                {
                    let scrape = Scrape::of(node.admin()).await;
                    (scrape.sum("aether_deliveries_expected_total"), scrape.sum("aether_deliveries_total"))
                },
                |(expected, accounted): &(f64, f64)| expected == accounted
            );
            let lost = Scrape::of(node.admin()).await.sum("aether_messages_lost_total");
            assert_eq!(lost, 0.0, "nothing is lost");
        }
    }
}

async fn connect(node: &ProxyProcess, path: &str) -> Client {
    Client::connect(&node.client_url(path)).await.expect("connected")
}

/// The next V3 message that is no presence event.
async fn next_v3(client: &mut Client) -> Value {
    loop {
        let message = client.expect_json().await;
        if message["msg_type"] != "presence" {
            return message;
        }
    }
}

/// Nothing but presence comes.
async fn quiet_v3(client: &mut Client) {
    while let Some(message) = client.next(NOTHING).await {
        assert!(message.to_string().contains("\"presence\""), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_legacy_urls_and_v3_hear_each_other_in_their_own_protocol() {
    let nodes = Nodes::start(&[]).await;
    let mut ws = connect(&nodes.one, "/ws/group/g1/client/old").await;
    let mut ws_redis = connect(&nodes.two, "/ws_redis/group/g1/client/older").await;
    let mut v3 = connect(&nodes.two, "/v3/ws/group/g1/client/new").await;
    let mut elsewhere = connect(&nodes.one, "/v3/ws/group/g2/client/other").await;

    // A V2 frame: exact for V2 on any node and URL, an envelope for V3.
    let frame = r#"{ "msg":"caf\u00e9", "n": 1.10, "n": 12345678901234567890123 }"#;
    ws.send_text(frame).await;
    assert_eq!(ws.expect_text().await, frame);
    assert_eq!(ws_redis.expect_text().await, frame);
    let seen = next_v3(&mut v3).await;
    assert_eq!(seen["from_id"], "old");
    assert_eq!((&seen["version"], &seen["msg_type"], &seen["target"]), (&json!("3"), &json!("msg"), &json!("group")));
    assert_eq!((&seen["group_id"], &seen["msg"]), (&json!("g1"), &json!("café")));
    assert!(seen.get("_hub").is_none(), "{seen}");

    // Text and binary too.
    ws_redis.send_text("not JSON at all").await;
    assert_eq!(ws.expect_text().await, "not JSON at all");
    assert_eq!(ws_redis.expect_text().await, "not JSON at all");
    assert_eq!(next_v3(&mut v3).await["msg"], "not JSON at all");
    ws.send_binary(vec![0, 255, 1]).await;
    assert_eq!(ws_redis.expect_binary().await, [0, 255, 1]);
    assert_eq!(ws.expect_binary().await, [0, 255, 1]);
    assert_eq!(next_v3(&mut v3).await["payload"]["data_b64"], "AP8B");

    // A V3 message: flat for V2, the envelope for V3.
    v3.send_text(r#"{"msg_type":"cmd","target":"group","cmd":"RELOAD","payload":{"force":true}}"#).await;
    for legacy in [&mut ws, &mut ws_redis] {
        let flat = legacy.expect_json().await;
        assert_eq!((&flat["cmd"], &flat["force"]), (&json!("RELOAD"), &json!(true)));
        assert_eq!((&flat["_v3"]["from_id"], &flat["_v3"]["group_id"]), (&json!("new"), &json!("g1")));
    }
    assert_eq!(next_v3(&mut v3).await["cmd"], "RELOAD");
    quiet_v3(&mut elsewhere).await;
    nodes.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_target_reaches_whom_it_names_across_nodes() {
    let nodes = Nodes::start(&[]).await;
    let mut sender = connect(&nodes.one, "/v3/ws/group/g1/client/sender").await;
    let mut v3_far = connect(&nodes.two, "/v3/ws/group/g2/client/far").await;
    let mut v2_near = connect(&nodes.two, "/ws/group/g1/client/near").await;
    let mut v2_far = connect(&nodes.two, "/ws/group/g2/client/legacy").await;

    for to in ["far", "legacy"] {
        let direct = format!(r#"{{"msg_type":"msg","target":"direct","to_id":"{to}","msg":"psst {to}"}}"#);
        sender.send_text(direct).await;
    }
    assert_eq!(next_v3(&mut v3_far).await["msg"], "psst far");
    assert_eq!(v2_far.expect_json().await["msg"], "psst legacy");

    sender.send_text(r#"{"msg_type":"cmd","target":"broadcast","cmd":"MAINTENANCE_WARNING"}"#).await;
    assert_eq!(next_v3(&mut sender).await["cmd"], "MAINTENANCE_WARNING");
    assert_eq!(next_v3(&mut v3_far).await["cmd"], "MAINTENANCE_WARNING");
    for legacy in [&mut v2_near, &mut v2_far] {
        assert_eq!(legacy.expect_json().await["cmd"], "MAINTENANCE_WARNING");
    }

    sender.send_text(r#"{"msg_type":"msg","target":"echo","msg":"me"}"#).await;
    assert_eq!(next_v3(&mut sender).await["msg"], "me");
    sender.send_text(r#"{"msg_type":"heartbeat","target":"echo"}"#).await;
    assert_eq!(next_v3(&mut sender).await["msg_type"], "heartbeat");
    sender.send_text(r#"{"msg_type":"presence","target":"echo"}"#).await;
    let members = loop {
        let message = sender.expect_json().await;
        if message["payload"].get("members").is_some() {
            break message;
        }
    };
    let listed = json!([{"client_id":"near","protocol":"v2"},{"client_id":"sender","protocol":"v3"}]);
    assert_eq!((&members["payload"]["members"], &members["payload"]["count"]), (&listed, &json!(2)));

    // A half-migrated client: V3-shaped on a V2 URL reaches its addressee in another group, privately.
    v2_near.send_text(r#"{"msg_type":"msg","target":"direct","to_id":"far","msg":"half"}"#).await;
    assert_eq!(next_v3(&mut v3_far).await["from_id"], "near");

    v2_near.expect_nothing(NOTHING).await;
    v2_far.expect_nothing(NOTHING).await;
    quiet_v3(&mut sender).await;
    quiet_v3(&mut v3_far).await;
    nodes.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_global_audience_v2_hears_v2_everywhere_and_once() {
    let nodes = Nodes::start(&["v2.audience = \"global\""]).await;
    let mut sender = connect(&nodes.one, "/ws/group/g1/client/a").await;
    let mut same = connect(&nodes.two, "/ws_redis/group/g1/client/b").await;
    let mut other = connect(&nodes.two, "/ws/group/g2/client/c").await;
    let mut v3_same = connect(&nodes.two, "/v3/ws/group/g1/client/d").await;
    let mut v3_other = connect(&nodes.one, "/v3/ws/group/g2/client/e").await;
    sender.send_text("hello").await;
    for legacy in [&mut sender, &mut same, &mut other] {
        assert_eq!(legacy.expect_text().await, "hello");
    }
    assert_eq!(next_v3(&mut v3_same).await["msg"], "hello");
    v3_same.send_text(r#"{"msg_type":"msg","target":"group","msg":"back"}"#).await;
    for legacy in [&mut sender, &mut same] {
        assert_eq!(legacy.expect_json().await["msg"], "back");
    }
    for legacy in [&mut sender, &mut same, &mut other] {
        legacy.expect_nothing(NOTHING).await;
    }
    quiet_v3(&mut v3_other).await;
    nodes.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_connection_of_an_id_wins_on_whatever_node_where_config_says_so() {
    let nodes = Nodes::start(&["limits.duplicate_client = \"replace\""]).await;
    let mut first = connect(&nodes.one, "/v3/ws/group/g/client/same").await;
    let mut second = connect(&nodes.two, "/v3/ws/group/g/client/same").await;
    loop {
        // Its own join comes first.
        match first.next(Duration::from_secs(5)).await.expect("a close") {
            tokio_tungstenite::tungstenite::Message::Close(frame) => {
                break assert_eq!(frame.map(|f| u16::from(f.code)), Some(4409));
            }
            other => assert!(other.to_string().contains("\"presence\""), "{other}"),
        }
    }
    second.send_text(r#"{"msg_type":"msg","target":"echo","msg":"alive"}"#).await;
    assert_eq!(next_v3(&mut second).await["msg"], "alive");
}

/// Each proxy took the other's word for news about its own newer connection, and both were closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_connections_that_come_at_the_same_moment_one_stays() {
    let nodes = Nodes::start(&["limits.duplicate_client = \"replace\""]).await;
    for round in 0..20 {
        let path = format!("/ws/group/g{round}/client/same");
        let (mut one, mut two) = tokio::join!(connect(&nodes.one, &path), connect(&nodes.two, &path));
        let first = tokio::select! {
            first = one.next(Duration::from_secs(5)) => (first, &mut two),
            first = two.next(Duration::from_secs(5)) => (first, &mut one),
        };
        let (closed, other) = first;
        match closed.expect("one is replaced") {
            tokio_tungstenite::tungstenite::Message::Close(frame) => {
                assert_eq!(frame.map(|f| u16::from(f.code)), Some(4409));
            }
            other => panic!("{other}"),
        }
        other.send_text("still here").await;
        assert_eq!(other.expect_text().await, "still here", "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_tells_the_truth_about_redis_and_liveness_does_not_ask_it() {
    use crate::harness::http;
    let mut nodes = Nodes::start(&[]).await;
    let ready = async |node: &ProxyProcess| http::get(&node.admin_url("/readyz")).await;
    eventually!(Duration::from_secs(5), ready(&nodes.one).await.status, |status: &u16| *status == 200);
    nodes.redis.kill();
    eventually!(Duration::from_secs(10), ready(&nodes.one).await.status, |status: &u16| *status == 503);
    assert_eq!(http::get(&nodes.one.admin_url("/livez")).await.status, 200);
    let refused = Client::connect(&nodes.one.client_url("/v3/ws/group/g/client/c")).await.err().expect("refused");
    assert_eq!(refused.status, 503);
    nodes.redis.restart().await;
    eventually!(Duration::from_secs(10), ready(&nodes.one).await.status, |status: &u16| *status == 200);
    connect(&nodes.one, "/v3/ws/group/g/client/c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_migrated_frontend_hears_v3_while_it_still_sends_v2() {
    let nodes = Nodes::start(&[]).await;
    let mut by_query = connect(&nodes.one, "/ws/group/g/client/a?recv=v3").await;
    let url = nodes.two.client_url("/ws/group/g/client/b");
    let mut by_protocol = Dial::new(&url).protocols(&["aether.v3"]).connect().await.expect("connected");
    assert_eq!(by_protocol.header("sec-websocket-protocol"), "aether.v3");
    by_query.send_text("{\"msg\":\"x\"}").await;
    for client in [&mut by_query, &mut by_protocol] {
        let seen = next_v3(client).await;
        assert_eq!((&seen["msg"], &seen["msg_type"]), (&json!("x"), &json!("msg")));
    }
}
