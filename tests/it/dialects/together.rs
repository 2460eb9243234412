//! All five protocols on one proxy at once: each is bridged to V3, and none hears another.

use super::{Modern, WORKER, balanced, house, token, unbroken, work};
use crate::clients::program::Program;
use crate::harness::client::Client;
use serde_json::json;

const UPDATE: &str = r#"{"type":"telemetry_update","channel":"telemetry","device_id":1,"telemetry":{"t":1.10}}"#;
const LAST: &str = r#"{"type":"telemetry_update","channel":"telemetry","device_id":1,"telemetry":{"last":1}}"#;
const QUIET: [(&str, &str); 1] = [("EVERY_MS", "0")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_proxy_serves_all_five_guides_and_keeps_them_apart() {
    let proxy = house(None, &[]).start().await;
    let url = |path: &str| proxy.client_url(path);
    let user = token("u1");
    let (ws, telemetry) = (url("/ws"), url("/ws/telemetry"));
    let (agents, metrics, logs) =
        (url("/api/v1/agents/ws"), url("/api/v1/ws/metrics/srv-1"), url("/api/v1/ws/logs/srv-1"));
    let mut page = Program::start("valtronics.mjs", &[&ws, &user], &[]);
    let mut watcher = Program::start("valtronics.py", &[&telemetry, &user], &[]);
    let mut agent = Program::start("monitor_agent.py", &[&agents, "key-1"], &QUIET);
    let mut graphs = Program::start("monitor_dashboard.mjs", &[&metrics, &user], &[]);
    let mut lines = Program::start("monitor_dashboard.mjs", &[&logs, &user], &[]);
    let mut worker = Program::start("vectra_worker.py", &[&ws, WORKER], &[]);
    let mut board = Program::start("vectra_dashboard.mjs", &[&ws], &[]);
    let mut old = Client::connect(&url(&format!("/ws/group/g/client/old?jwt={user}"))).await.expect("in");
    let mut in_g = Modern::enter(&proxy, "g", "m1").await;
    let mut in_valtronics = Modern::enter(&proxy, "valtronics", "m2").await;
    let mut in_srv_1 = Modern::enter(&proxy, "srv-1", "m3").await;
    let mut in_vectra = Modern::enter(&proxy, "vectra", "m4").await;

    for client in [&mut page, &mut watcher] {
        assert!(client.frame().await.starts_with(r#"{"type":"auth_response","success":true"#));
    }
    for client in [&mut graphs, &mut lines] {
        assert_eq!(client.frame().await, r#"{"type":"auth_success","message":"Authenticated successfully"}"#);
    }
    assert_eq!(agent.until("auth").await["server_id"], "srv-1");
    while board.until("status").await["status"] != "online" {}
    page.say("subscribe telemetry {}").await;
    assert_eq!(page.frame().await, r#"{"type":"subscription_confirmed","channel":"telemetry"}"#);

    // Aether: V2 and V3 in one group.
    old.send_text(r#"{"msg":"from old"}"#).await;
    assert_eq!(old.expect_text().await, r#"{"msg":"from old"}"#);
    assert_eq!(in_g.hear().await["msg"], "from old");
    in_g.say(r#"{"n":1}"#).await;
    assert_eq!(old.expect_json().await["n"], 1);

    // Valtronics.
    page.say(r#"raw {"type":"reading","n":1.10}"#).await;
    let heard = in_valtronics.text().await;
    assert!(
        heard.contains(r#""from_id":"u1""#) && heard.contains(r#""payload":{"type":"reading","n":1.10}"#),
        "{heard}"
    );
    in_valtronics.say(UPDATE).await;
    for client in [&mut page, &mut watcher] {
        assert_eq!(client.frame().await, UPDATE);
    }

    // Server monitor.
    agent.say(r#"metrics {"cpu_percent": 45.2, "memory_percent": 1}"#).await;
    assert_eq!(in_srv_1.payload().await.1["cpu_percent"], 45.2);
    assert_eq!(graphs.until("metrics").await["cpu"], 45.2);
    agent.say(r#"log {"level": "INFO", "message": "started"}"#).await;
    assert_eq!(in_srv_1.payload().await.1["data"]["message"], "started");
    assert_eq!(lines.until("log").await["message"], "started");
    agent.until("acknowledged").await;
    in_srv_1.command("command", r#"{"type":"command","command_id":"k1","command":"ls -la"}"#).await;
    assert_eq!(agent.until("command").await["id"], "k1");
    let answer = in_srv_1.hear().await;
    assert_eq!((&answer["target"], &answer["payload"]["output"]), (&json!("direct"), &json!("would run: ls -la")));

    // Vectra.
    worker.say(r#"broadcast {"type": "INDEXED", "n": 1}"#).await;
    for client in [&mut worker, &mut board] {
        assert_eq!(work(client).await, r#"{"type": "INDEXED", "n": 1}"#);
    }
    assert_eq!(in_vectra.payload().await, ("worker".into(), json!({"type": "INDEXED", "n": 1})));
    in_vectra.command("TRIGGER_DOC_SYNC", r#"{"type":"TRIGGER_DOC_SYNC","id":"d1"}"#).await;
    assert_eq!(work(&mut worker).await, r#"{"type":"TRIGGER_DOC_SYNC","id":"d1"}"#);
    for progress in [0, 50, 100] {
        let frame = format!(r#"{{"type": "SYNC_PROGRESS", "id": "d1", "progress": {progress}}}"#);
        for client in [&mut worker, &mut board] {
            assert_eq!(work(client).await, frame);
        }
        assert_eq!(in_vectra.payload().await.1["progress"], progress);
    }

    // Each hears the last word of its own group next: nothing of any other was between.
    in_g.say(LAST).await;
    let last = old.expect_json().await;
    assert_eq!((&last["telemetry"]["last"], &last["_v3"]["from_id"]), (&json!(1), &json!("m1")));
    in_valtronics.say(LAST).await;
    for client in [&mut page, &mut watcher] {
        assert_eq!(client.frame().await, LAST);
    }
    in_srv_1.say(r#"{"type":"alert","level":"last"}"#).await;
    for client in [&mut graphs, &mut lines] {
        assert_eq!(client.frame().await, r#"{"type":"alert","level":"last"}"#);
    }
    in_srv_1.command("command", r#"{"type":"command","command_id":"last"}"#).await;
    assert_eq!(agent.until("command").await["id"], "last");
    in_vectra.say(LAST).await;
    for client in [&mut worker, &mut board] {
        assert_eq!(work(client).await, LAST);
    }
    // Nothing broke a page, and nobody was ever disconnected.
    for program in [page, watcher, agent, graphs, lines, worker, board] {
        unbroken(program, &[]).await;
    }
    balanced(&proxy).await;
}
