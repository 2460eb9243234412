//! Capture, lint and replay, end to end: a proxy writes down what V2 clients say, and the file is played through the
//! lens and against a proxy.

use super::{Ended, end, proxy, run};
use crate::harness::PATIENCE;
use crate::harness::client::Client;
use crate::harness::eventually::eventually;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use std::path::Path;
use std::time::Duration;

/// As `run`, beside whatever else this test does.
async fn command(arguments: &[&str]) -> Ended {
    let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
    let run = move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn capturing(file: &Path, more: &[&str]) -> ProxyProcess {
    let mut options = ProxyOptions::default().line(&format!("capture.file = \"{}\"", file.display()));
    for line in more {
        options = options.line(line);
    }
    options.start().await
}

async fn v2(proxy: &ProxyProcess, client: &str) -> Client {
    let url = proxy.client_url(&format!("/ws/group/g/client/{client}"));
    Client::connect(&url).await.expect("let in")
}

/// Two V2 clients and one of V3 talk; returns once everybody has heard everything.
async fn talk(proxy: &ProxyProcess) {
    let (mut a, mut b) = (v2(proxy, "a%2F1").await, v2(proxy, "b").await);
    let native = proxy.client_url("/v3/ws/group/g/client/native");
    let mut native = Client::connect(&native).await.expect("let in");
    for n in 0..5 {
        a.send_text(&format!("{{\"n\": {n}}}")).await;
        b.send_text("{\"msg\":\"the same each time\"}").await;
    }
    a.send_text("{\"password\":\"MARKED\"}").await;
    b.send_text(r#"{"msg_type":"msg","target":"direct","to_id":"a/1","msg":"a word"}"#).await;
    b.send_text(r#"{"msg_type":"msg","target":"echo","msg":"to myself"}"#).await;
    native.send_text(r#"{"msg_type":"msg","target":"group","msg":"from V3"}"#).await;
    a.send_text("{\"msg\":\"last\"}").await;
    for (client, want) in [(&mut a, 14), (&mut b, 14)] {
        for _ in 0..want {
            client.expect_text().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_captured_can_be_linted_and_played_again() {
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("capture.ndjson"), dir.path().join("other.ndjson"));
    let mut first = capturing(&file, &["capture.opaque = \"keep\""]).await;
    talk(&first).await;
    first.signal("TERM");
    first.wait_exit(Duration::from_secs(30)).await;
    let name = file.to_str().unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(!written.contains("MARKED"), "{written}");
    assert_eq!(written.lines().filter(|line| line.contains("\"dir\":\"in\"")).count(), 14, "{written}");

    let linted = command(&["lint", name]).await;
    assert_eq!((linted.code, linted.err.as_str()), (0, ""), "{}", linted.out);
    assert!(linted.out.contains("14 frames of 2 connections"), "{}", linted.out);

    let offline = command(&["replay", name]).await;
    assert_eq!((offline.code, offline.err.as_str()), (0, ""), "{}", offline.out);
    // Skipped: the password as it came, and as it went to each of the two.
    assert!(offline.out.ends_with("13 frames, skipped: 3, laws broken: 0\n"), "{}", offline.out);

    let second = capturing(&other, &[]).await;
    let target = format!("ws://{}", second.clients());
    let played = command(&["replay", name, "--target", &target, "--speed", "0"]).await;
    assert_eq!((played.code, played.err.as_str()), (0, ""), "{}", played.out);
    let want = "2 clients, sent: 13, not sent: 0, received: 24, missing: 0, more: 0, skipped: 3, from V3: 2\n";
    assert_eq!(played.out, want);

    // A capture that claims more, and one that knows of less.
    let (one, rest): (Vec<&str>, Vec<&str>) =
        written.lines().partition(|l| l.contains("to myself") && l.contains("\"out\""));
    assert_eq!(one.len(), 1);
    let claimed = format!("{written}{}\n", one[0]);
    for (capture, more, code, told) in [
        (claimed, "--wait=200ms", 1, "group g, client b: 1 missing, 0 more, such as {\"msg_type\""),
        (rest.join("\n"), "--wait=200ms", 1, "group g, client b: 0 missing, 1 more, such as {\"msg_type\""),
        (rest.join("\n"), "--allow-more", 0, ""),
    ] {
        std::fs::write(&file, capture).unwrap();
        let played = command(&["replay", name, "--target", &target, "--speed", "0", more]).await;
        assert!(played.code == code && played.out.contains(told), "{}{}", played.out, played.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_begins_and_ends_a_capture() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture.ndjson");
    let mut proxy = ProxyOptions::default().start().await;
    let mut client = v2(&proxy, "c").await;
    client.send_text("{\"n\":1}").await;
    client.expect_text().await;
    for (text, n) in [(format!("capture.file = \"{}\"", file.display()), 2), (String::new(), 3)] {
        proxy.configure(&text);
        proxy.signal("HUP");
        eventually!(PATIENCE, proxy.output().matches("settings reloaded").count(), |reloads| *reloads == n - 1);
        client.send_text(&format!("{{\"n\":{n}}}")).await;
        client.expect_text().await;
    }
    proxy.signal("TERM");
    proxy.wait_exit(Duration::from_secs(30)).await;
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 2, "{written}");
    assert!(written.lines().all(|line| line.contains("{\\\"n\\\":2}")), "{written}");
}

#[test]
fn what_cannot_be_read_or_reached_is_said() {
    let ended = end(proxy(&["replay", "-"]), b"nonsense\n");
    assert_eq!((ended.code, ended.err.as_str()), (65, "-:1: not a line of a capture\n"));
    assert_eq!(ended.out, "0 frames, skipped: 0, laws broken: 0\n");
    let line = r#"{"v":1,"at":"2026-03-11T12:34:56.789Z","dir":"in","dialect":"aether-v2","tenant":"t","group":"g","client":"c","conn":1,"kind":"text","data":"{}","redacted":0}"#;
    let ended = end(proxy(&["replay", "-", "--target", "ws://127.0.0.1:1"]), line.as_bytes());
    assert!(ended.code == 69 && ended.err.contains("refused"), "{}", ended.err);
    let remote = end(proxy(&["replay", "-", "--target", "ws://192.0.2.1:1"]), line.as_bytes());
    assert!(remote.code == 64 && remote.err.contains("--allow-remote"), "{}", remote.err);
}
