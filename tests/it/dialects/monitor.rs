//! The server monitor with an agent and pages: who belongs to which server, what the agent is told, and who hears its
//! answers.

use super::{Modern, WORKER, balanced, forged, house, token, token_of, unbroken};
use crate::clients::program::Program;
use crate::harness::http::{self, Reply};
use crate::harness::proxy::ProxyProcess;
use serde_json::{Value, json};

fn agent(proxy: &ProxyProcess, key: &str, more: &[&str], every: &str) -> Program {
    let url = proxy.client_url("/api/v1/agents/ws");
    let args: Vec<&str> = [&url, key].into_iter().chain(more.iter().copied()).collect();
    let settings = [("EVERY_MS", every), ("ACK_MS", "10000"), ("RETRY_MS", "20")];
    Program::start("monitor_agent.py", &args, &settings)
}

fn page(proxy: &ProxyProcess, what: &str, server: &str, token: &str) -> Program {
    let url = proxy.client_url(&format!("/api/v1/ws/{what}/{server}"));
    Program::start("monitor_dashboard.mjs", &[&url, token], &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_their_keys_and_answers_are_the_askers() {
    let proxy = house(None, &["auth.refuse_delay=1ms"]).start().await;
    let user = token("u1");
    let mut flat = agent(&proxy, "key-1", &[], "0");
    let mut nested = agent(&proxy, "key-2", &["--nested"], "30");
    let mut theirs = agent(&proxy, "key-9", &["--once"], "0");
    let (mut page_1, mut logs_1) = (page(&proxy, "metrics", "srv-1", &user), page(&proxy, "logs", "srv-1", &user));
    let (mut page_2, mut page_9) =
        (page(&proxy, "metrics", "srv-2", &user), page(&proxy, "metrics", "srv-9", &token_of("acme")));
    let (mut asker, mut other) = (Modern::enter(&proxy, "srv-1", "a").await, Modern::enter(&proxy, "srv-1", "b").await);
    for (agent, server) in [(&mut flat, "srv-1"), (&mut nested, "srv-2"), (&mut theirs, "srv-9")] {
        let welcome = agent.until("auth").await;
        assert_eq!((&welcome["server_id"], &welcome["message"]), (&json!(server), &json!("Connected successfully")));
    }
    for page in [&mut page_1, &mut logs_1, &mut page_2, &mut page_9] {
        assert_eq!(page.until("connected").await["message"], "Authenticated successfully");
    }

    // Each server's metrics are its own pages'; what the agent says of its server is not believed.
    flat.say(r#"metrics {"cpu_percent": 1.10, "server_id": "srv-2"}"#).await;
    theirs.say(r#"metrics {"cpu_percent": 9}"#).await;
    let shown: Value = serde_json::from_str(&page_1.frame().await).expect("JSON");
    assert_eq!((&shown["data"]["cpu_percent"], &shown["data"]["server_id"]), (&json!(1.10), &json!("srv-1")));
    assert_eq!(page_9.until("metrics").await["cpu"], 9);
    for modern in [&mut asker, &mut other] {
        let (from, metrics) = modern.payload().await;
        assert_eq!((from.as_str(), &metrics["cpu_percent"]), ("srv-1", &json!(1.10)));
    }
    for _ in 0..5 {
        assert_eq!(page_2.until("metrics").await["cpu"], 45.2);
        nested.until("acknowledged").await;
    }
    flat.say(r#"log {"level": "WARN", "message": "low"}"#).await;
    assert_eq!(logs_1.until("log").await["message"], "low");
    flat.say(r#"alert {"level": "high"}"#).await;
    for page in [&mut page_1, &mut logs_1] {
        assert_eq!(page.frame().await, r#"{"type": "alert", "level": "high"}"#);
    }
    for modern in [&mut asker, &mut other] {
        assert_eq!(modern.payload().await.1["type"], "log");
        assert_eq!(modern.payload().await.1["type"], "alert");
    }

    // A key that names no account says nothing of who may ask for its server; but accounts share no groups.
    let acme = token_of("acme");
    let (mut outsider, mut outside) =
        (page(&proxy, "metrics", "srv-1", &acme), Modern::presenting(&acme, &proxy, "srv-1", "c").await);
    outsider.until("connected").await;
    flat.say(r#"metrics {"cpu_percent": 2}"#).await;
    assert_eq!(page_1.until("metrics").await["cpu"], 2);
    for modern in [&mut asker, &mut other] {
        assert_eq!(modern.payload().await.1["cpu_percent"], 2);
    }
    outside.command("command", r#"{"type":"command","command_id":"k0"}"#).await;
    outside.say(r#"{"type":"alert","level":"theirs"}"#).await;
    assert_eq!(outsider.frame().await, r#"{"type":"alert","level":"theirs"}"#);

    // What is asked is heard by the group, what is answered by the asker alone.
    let asked = [
        (r#"{"type":"command","command_id":"k1","command":"ls -la"}"#, "command_response"),
        (r#"{"type":"docker_command","command_id":"k2","action":"start"}"#, "docker_response"),
        (r#"{"type":"execute_command","request_id":"k3","command":"ls"}"#, "command_result"),
        (r#"{"type":"restart_container","request_id":"k4","container_id":"c"}"#, "container_restarted"),
        (r#"{"type":"get_container_logs","request_id":"k5","container_id":"c"}"#, "container_logs"),
    ];
    for (command, kind) in asked {
        let parsed: Value = serde_json::from_str(command).expect("JSON");
        asker.command(parsed["type"].as_str().expect("a type"), command).await;
        let answer = asker.hear().await;
        assert_eq!((&answer["target"], &answer["from_id"]), (&json!("direct"), &json!("srv-1")));
        assert_eq!(answer["payload"]["type"], kind);
        assert_eq!(other.payload().await.1, parsed, "the command, and never its answer");
    }
    flat.say("raw {broken").await;
    assert_eq!(flat.until("error").await["message"], "Invalid message format");
    flat.say(r#"send {"type": "ping"}"#).await;
    assert_eq!(flat.frame().await, r#"{"type":"pong"}"#);

    // Whoever may not see a server is told so, then closed, and stays away.
    let (good, wrong) = (token("u2"), forged());
    for (server, token, why) in [
        ("srv-9", &good, "Server not found or access denied"),
        ("srv-4", &good, "Server not found or access denied"),
        ("srv-1", &wrong, "Invalid token"),
    ] {
        let mut refused = page(&proxy, "metrics", server, token);
        assert_eq!(refused.frame().await, format!(r#"{{"type":"error","message":"{why}"}}"#), "{server}");
        let closed = refused.until("closed").await;
        assert_eq!((&closed["code"], &closed["reason"]), (&json!(1008), &json!(why)), "{server}");
    }
    let mut stranger = agent(&proxy, "nobody's", &["--once"], "0");
    assert_eq!(stranger.frame().await, r#"{"type":"error","message":"Invalid or inactive API key"}"#);
    let closed = stranger.until("closed").await;
    assert_eq!((&closed["code"], &closed["reason"]), (&json!(1008), &json!("Invalid or inactive API key")));
    me(&proxy).await;

    // All that time nobody was disconnected, and nothing broke a page.
    for program in [flat, nested, theirs, page_1, logs_1, page_2, page_9, outsider] {
        unbroken(program, &["k0"]).await;
    }
    balanced(&proxy).await;
    for secret in ["key-1", "key-2", "key-9", "nobody's", WORKER, user.as_str(), wrong.as_str()] {
        assert!(!proxy.output().contains(secret), "{secret} was told");
    }
}

/// Agents ask before they connect.
async fn me(proxy: &ProxyProcess) {
    let ask = async |key: Option<&str>| -> Reply {
        let url = format!("http://{}/api/v1/api-keys/me", proxy.clients());
        let (uri, mut request) = http::request(&url).expect("an address");
        if let Some(key) = key {
            request.headers_mut().insert("x-api-key", key.parse().expect("a header"));
        }
        let (response, _connection) = http::send(&uri, request).await.expect("an answer");
        http::whole(response).await.expect("a whole answer")
    };
    let good = ask(Some("key-2")).await;
    assert_eq!((good.status, &good.json()["server_id"]), (200, &json!("srv-2")));
    assert_eq!(good.json()["is_active"], true);
    for wrong in [Some("key-3"), Some(""), None] {
        let refused = ask(wrong).await;
        assert_eq!((refused.status, &refused.json()["detail"]), (401, &json!("Invalid or inactive API key")));
    }
}
