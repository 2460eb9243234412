//! That the programs in Python do what their guides' do: a watcher of Valtronics, an agent, a worker.

use super::program::Program;
use super::script::Door;
use serde_json::json;

#[tokio::test]
async fn the_watcher_of_valtronics_nests_its_filters_and_wants_its_answer_first() {
    let door = Door::open().await;
    let mut watcher = Program::start("valtronics.py", &[&door.url("/ws"), "a-token"], &[]);
    let mut guest = door.guest().await;
    assert_eq!(guest.hear_json().await, json!({"type": "auth", "token": "a-token"}));
    guest.say(r#"{"type":"auth_response","success":true}"#).await;
    watcher.until("auth").await;
    watcher.say(r#"subscribe telemetry {"device_id": 1}"#).await;
    let subscription = json!({"type": "subscribe", "channel": "telemetry", "filters": {"device_id": 1}});
    assert_eq!(guest.hear_json().await, subscription);
    watcher.say("subscribe devices").await;
    assert_eq!(guest.hear_json().await, json!({"type": "subscribe", "channel": "devices"}));
    let update = r#"{"type":"telemetry_update","device_id":1,"telemetry":{"t":1.10}}"#;
    guest.say(update).await;
    assert_eq!(watcher.frame().await, update);
    assert_eq!(watcher.until("telemetry").await["device_id"], 1);
    watcher.quit().await;

    let mut watcher = Program::start("valtronics.py", &[&door.url("/ws"), "a-token"], &[]);
    let mut guest = door.guest().await;
    guest.hear().await;
    guest.say(r#"{"type":"telemetry_update","telemetry":{}}"#).await;
    assert_eq!(watcher.until("failed").await["kind"], "NotIn");
    assert_eq!(watcher.next().await, None, "it is no use to stay");
}

#[tokio::test]
async fn the_agent_proves_itself_reports_and_answers_commands() {
    let door = Door::open().await;
    let url = door.url("/api/v1/agents/ws");
    let mut agent = Program::start("monitor_agent.py", &[&url, "a-key"], &[("EVERY_MS", "20"), ("RETRY_MS", "20")]);
    let mut guest = door.guest().await;
    assert_eq!(guest.hear_json().await, json!({"type": "auth", "api_key": "a-key"}));
    guest.say(r#"{"type":"auth_success","server_id":"srv-1","message":"Connected successfully"}"#).await;
    assert_eq!(agent.until("auth").await["server_id"], "srv-1");
    let metrics = guest.hear_json().await;
    assert_eq!((&metrics["type"], &metrics["server_id"]), (&json!("metrics"), &json!("srv-1")));
    assert_eq!(metrics["cpu_percent"], 45.2);
    let asked = [
        (r#"{"type":"command","command_id":"k1","command":"ls -la"}"#, "command_response", "command_id"),
        (r#"{"type":"docker_command","command_id":"k1","action":"start"}"#, "docker_response", "command_id"),
        (r#"{"type":"execute_command","request_id":"k1","command":"ls"}"#, "command_result", "request_id"),
        (r#"{"type":"restart_container","request_id":"k1"}"#, "container_restarted", "request_id"),
    ];
    for (command, kind, id) in asked {
        guest.say(command).await;
        let answer = loop {
            let frame = guest.hear_json().await;
            if frame["type"] != "metrics" {
                break frame;
            }
        };
        assert_eq!((&answer["type"], &answer[id]), (&json!(kind), &json!("k1")));
    }
    guest.close(1012, "").await;
    assert_eq!(agent.until("closed").await["code"], 1012);
    // Refused, it comes again all the same.
    let mut guest = door.guest().await;
    guest.hear().await;
    guest.say(r#"{"type":"error","message":"Invalid or inactive API key"}"#).await;
    guest.close(1008, "Invalid or inactive API key").await;
    assert_eq!(agent.until("closed").await["code"], 1008);
    let _ = door.guest().await;
    agent.quit().await;
}

#[tokio::test]
async fn an_agent_that_is_not_acknowledged_comes_again() {
    let door = Door::open().await;
    let settings = [("EVERY_MS", "20"), ("ACK_MS", "3000"), ("RETRY_MS", "20")];
    let mut agent =
        Program::start("monitor_agent.py", &[&door.url("/api/v1/agents/ws"), "a-key", "--nested"], &settings);
    let mut guest = door.guest().await;
    guest.hear().await;
    guest.say(r#"{"type":"auth_success","server_id":"srv-1"}"#).await;
    for _ in 0..2 {
        assert_eq!(guest.hear_json().await["data"]["cpu_percent"], 45.2);
        guest.say(r#"{"type":"metrics_received","status":"ok"}"#).await;
        agent.until("acknowledged").await;
    }
    agent.until("unacknowledged").await;
    drop(guest);
    let mut guest = door.guest().await;
    assert_eq!(guest.hear_json().await["type"], "auth");
    agent.quit().await;
}

#[tokio::test]
async fn the_worker_shows_its_secret_says_what_it_is_and_does_what_it_is_told() {
    let door = Door::open().await;
    let mut worker = Program::start("vectra_worker.py", &[&door.url("/ws"), "a secret&"], &[("PING_MS", "50")]);
    let mut guest = door.guest().await;
    assert_eq!(guest.request.uri().query(), Some("client_type=worker"));
    assert_eq!(guest.request.headers()["x-worker-secret"], "a secret&");
    assert_eq!(guest.hear_json().await["type"], "REGISTER_WORKER");
    assert_eq!(guest.hear().await, "ping");
    guest.say("pong").await;
    worker.until("pong").await;
    guest.say(r#"{"type":"TRIGGER_DOC_SYNC","id":"d-1"}"#).await;
    assert_eq!(worker.until("sync").await["id"], "d-1");
    let mut progress = Vec::new();
    while progress.len() < 3 {
        let text = guest.hear().await;
        if text != "ping" {
            progress.push(serde_json::from_str::<serde_json::Value>(&text).unwrap()["progress"].clone());
        }
    }
    assert_eq!(progress, [json!(0), json!(50), json!(100)]);
    guest.close(1000, "replaced").await;
    assert_eq!(worker.until("closed").await["reason"], "replaced");
    assert_eq!(worker.next().await, None, "a worker that was replaced stays away");

    let args = [&door.url("/ws") as &str, "a secret&", "--query", "--silent"];
    let mut worker = Program::start("vectra_worker.py", &args, &[]);
    let mut guest = door.guest().await;
    assert_eq!(guest.request.uri().query(), Some("client_type=worker&token=a%20secret%26"));
    assert!(!guest.request.headers().contains_key("x-worker-secret"));
    worker.until("open").await;
    worker.say(r#"broadcast {"type": "x"}"#).await;
    assert_eq!(guest.hear_json().await, json!({"type": "x"}));
    worker.quit().await;
}
