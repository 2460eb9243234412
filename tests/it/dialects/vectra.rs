//! Vectra with its worker and dashboards on two proxies: every node knows alike whether the worker is there, and what
//! it says of itself.

use super::{Modern, Nodes, WORKER, balanced, started, unbroken, work};
use crate::clients::program::Program;
use crate::harness::client::Dial;
use crate::harness::proxy::ProxyProcess;
use serde_json::{Value, json};

async fn board(node: &ProxyProcess) -> Program {
    let mut board = started("vectra_dashboard.mjs", &[&node.client_url("/ws")], &[]).await;
    board.until("status").await;
    board
}

async fn worker(node: &ProxyProcess, more: &[&str]) -> Program {
    let url = node.client_url("/ws");
    let args: Vec<&str> = [&url, WORKER].into_iter().chain(more.iter().copied()).collect();
    started("vectra_worker.py", &args, &[]).await
}

/// Waits until a dashboard is told so.
async fn is_told(board: &mut Program, status: &str, metadata: Value) {
    loop {
        let told = board.until("status").await;
        if told["status"] == status && told["metadata"] == metadata {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_is_who_knows_the_secret_and_both_nodes_say_alike_whether_it_is_there() {
    let nodes = Nodes::start(&["hub.presence.grace=300ms", "auth.refuse_delay=1ms"]).await;
    let mut boards = [board(&nodes.one).await, board(&nodes.two).await];
    let mut modern = Modern::enter(&nodes.two, "vectra", "m").await;
    let known = json!({"name": "worker", "version": "1.10"});

    let mut first = worker(&nodes.one, &[]).await;
    for board in &mut boards {
        is_told(board, "online", known.clone()).await;
    }
    // Asked on either node, both are told the same, in the worker's own words.
    let status = r#"{"type":"WORKER_STATUS","status":"online","metadata":{"name": "worker", "version": "1.10"}}"#;
    for at in [0, 1] {
        modern.say(r#"{"type":"ROUND"}"#).await;
        for board in &mut boards {
            board.until("heard").await;
        }
        boards[at].say("status").await;
        for board in &mut boards {
            while board.frame().await != status {}
        }
    }

    // An answer that was older than the worker's own word, as from a node that has read a moment too early: the worker
    // says again how it is.
    let stale = r#"{"version":"3","msg_type":"cmd","target":"group","from_id":"server","group_id":"vectra",
        "cmd":"WORKER_STATUS","payload":{"type":"WORKER_STATUS","status":"offline","metadata":null},
        "sent_at":"2026-03-11T12:34:56.789Z"}"#;
    nodes.redis.command(&["PUBLISH", "ws:group:vectra", stale]).await;
    for board in &mut boards {
        while !board.frame().await.contains("offline") {}
        assert_eq!(board.frame().await, status);
    }

    // A command is the worker's alone, what it says is everyone's.
    modern.command("TRIGGER_DOC_SYNC", r#"{"type":"TRIGGER_DOC_SYNC","id":"d1"}"#).await;
    assert_eq!(first.until("sync").await["id"], "d1");
    for progress in [0, 50, 100] {
        let frame = format!(r#"{{"type": "SYNC_PROGRESS", "id": "d1", "progress": {progress}}}"#);
        for client in boards.iter_mut().chain([&mut first]) {
            assert_eq!(work(client).await, frame);
        }
        assert_eq!(modern.payload().await, ("worker".into(), serde_json::from_str(&frame).expect("JSON")));
    }
    // What is no object is dropped, and the log says so once.
    for junk in ["raw [1]", "raw junk"] {
        first.say(junk).await;
    }
    for program in boards.iter_mut().chain([&mut first]) {
        program.say("ping").await;
        assert_eq!(work(program).await, "pong");
    }
    assert_eq!(nodes.one.output().matches("no message of its dialect").count(), 1);

    // The wrong secret is refused before the 101; the right one counts in the query, but for a wrong header.
    let url = nodes.two.client_url("/ws");
    for more in [&[][..], &["--query"]] {
        let args: Vec<&str> = [&url, "wrong"].into_iter().chain(more.iter().copied()).collect();
        let mut refused = Program::start("vectra_worker.py", &args, &[]);
        assert_eq!(refused.until("refused").await["status"], 403);
        assert_eq!(refused.next().await, None);
    }
    let both = format!("{url}?client_type=worker&token=the%20worker's%20secret%26");
    let refused = Dial::new(&both).header("x-worker-secret", "wrong").connect().await.err().expect("refused");
    assert_eq!(refused.status, 403);

    // A second one takes over, on the other node; nobody is told that the worker was gone.
    let mut second = worker(&nodes.two, &["--query", "--silent"]).await;
    let closed = first.until("closed").await;
    assert_eq!((&closed["code"], first.next().await), (&json!(1000), None));
    second.say(r#"register {"name": "second"}"#).await;
    for board in &mut boards {
        let mut told = board.until("status").await;
        while told["metadata"] != json!({"name": "second"}) {
            assert_eq!(told["status"], "online");
            told = board.until("status").await;
        }
    }
    second.quit().await;
    for board in &mut boards {
        is_told(board, "offline", Value::Null).await;
    }
    let third = worker(&nodes.one, &[]).await;
    for board in &mut boards {
        is_told(board, "online", known.clone()).await;
    }
    // Who comes later is told the same at once.
    let mut late = started("vectra_dashboard.mjs", &[&url], &[]).await;
    let told = late.until("status").await;
    assert_eq!((&told["status"], &told["metadata"]), (&json!("online"), &known));
    third.quit().await;
    for program in boards.into_iter().chain([late]) {
        unbroken(program, &["TRIGGER_DOC_SYNC", "REGISTER_WORKER"]).await;
    }
    for node in [&nodes.one, &nodes.two] {
        balanced(node).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_node_is_killed_is_offline_on_the_other() {
    let nodes = Nodes::start(&["hub.presence.grace=300ms", "hub.presence.lease=3s"]).await;
    let mut board = board(&nodes.two).await;
    let mut worker = worker(&nodes.one, &[]).await;
    is_told(&mut board, "online", json!({"name": "worker", "version": "1.10"})).await;
    nodes.one.signal("KILL");
    assert_eq!(worker.until("closed").await["code"], 1006);
    is_told(&mut board, "offline", Value::Null).await;
    board.say("status").await;
    is_told(&mut board, "offline", Value::Null).await;
    board.quit().await;
}
