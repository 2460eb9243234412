//! `aether-proxy report` and `who` against a running proxy: what they show, and what the shell is told.

use super::{Ended, end, proxy, run};
use crate::harness::PATIENCE;
use crate::harness::client::{Client, Dial};
use crate::harness::eventually::eventually;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use aether_proxy::migration::report::view::{Report, Verdict};
use serde_json::Value;
use std::io::{Read, Write};

/// Two V2 clients of one tenant are connected, and the store knows it.
async fn busy(options: ProxyOptions) -> (ProxyProcess, Vec<Client>) {
    let proxy = options.line("migration.flush_interval = \"20ms\"").start().await;
    let mut clients = Vec::new();
    for id in ["a", "=b"] {
        let dial = Dial::new(&proxy.client_url(&format!("/ws/group/g/client/{id}")));
        clients.push(dial.header("origin", "https://acme.example").connect().await.expect("let in"));
    }
    (proxy, clients)
}

/// Runs a command beside the test's runtime.
async fn shell(proxy: &ProxyProcess, arguments: &[&str]) -> Ended {
    let url = proxy.admin_url("");
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).chain(["--url".into(), url]).collect();
    let command = move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(command).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_shows_four_answers_and_fails_while_v2_is_there() {
    let (proxy, _clients) = busy(ProxyOptions::default()).await;
    let text = eventually!(PATIENCE, shell(&proxy, &["report"]).await, |ended| ended.out.contains("2 V2 clients"));

    assert_eq!((text.code, text.err.as_str()), (1, ""));
    for said in
        ["1. HOW FAR ARE WE?", "2. WHO IS LEFT?", "acme.example", "3. IS ANY", "4. WHEN", "[ FAIL  ] No V2 connection"]
    {
        assert!(text.out.contains(said), "{said} is not in {}", text.out);
    }
    assert!(text.lines().iter().all(|line| line.chars().count() <= 100), "{}", text.out);
    let json = shell(&proxy, &["report", "--format", "json"]).await;
    let report: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((json.code, &report["left"]["clients"]), (1, &Value::from(2)));
    assert!(shell(&proxy, &["report", "--format", "md"]).await.out.contains("| acme.example |"));
    let csv = shell(&proxy, &["report", "--format", "csv"]).await.out;
    assert!(csv.starts_with("tenant,stage,") && csv.contains("\nacme.example,v2_only,"), "{csv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lists_them_and_finds_them() {
    let (proxy, _clients) = busy(ProxyOptions::default()).await;
    let all = eventually!(PATIENCE, shell(&proxy, &["who"]).await, |ended| ended.lines().len() == 3);
    assert!(all.code == 0 && all.lines()[0].starts_with("TENANT"), "{all:?}");
    assert!(all.out.contains("acme.example a  ") && all.out.contains("url wrap listen"), "{}", all.out);
    let one = shell(&proxy, &["who", "--limit", "1", "--order", "key"]).await;
    assert!(one.code == 0 && one.lines().len() == 2 && one.err.contains("see --limit"), "{one:?}");
    let csv = shell(&proxy, &["who", "--search", "=B", "--format", "csv"]).await;
    assert!(csv.lines().len() == 2 && csv.lines()[1].starts_with("acme.example,\"'=b\","), "{csv:?}");
    let none = shell(&proxy, &["who", "--tenant", "nobody", "--format", "json"]).await;
    assert_eq!((none.code, none.out.as_str()), (0, "{\"clients\":[],\"next\":null}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_puts_together_what_belongs_together() {
    let (proxy, mut clients) = busy(ProxyOptions::default()).await;
    let bot =
        Dial::new(&proxy.client_url("/ws/group/h/client/bot?x_account_id=acme")).header("user-agent", "Bot/2.1 (x)");
    clients.push(bot.connect().await.expect("let in"));
    let by = async |what: &str| shell(&proxy, &["who", "--by", what]).await;
    let all = eventually!(PATIENCE, by("application").await, |ended| ended.out.contains("Bot"));
    let words = |line: &str| line.split_whitespace().take(3).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(all.lines()[1]), ["acme.example", "acme.example", "2"], "{}", all.out);
    assert_eq!(words(all.lines()[2]), ["acme", "Bot", "1"], "{}", all.out);
    assert!(all.lines()[0].starts_with("TENANT       APPLICATION"), "{}", all.out);
    assert_eq!(words(by("group").await.lines()[2]), ["acme", "h", "1"]);
    let csv = shell(&proxy, &["who", "--by", "user-agent", "--format", "csv", "--limit", "1"]).await;
    assert!(csv.out.starts_with("tenant,name,clients,") && csv.out.contains("\nacme.example,,2,2,0,0,"), "{}", csv.out);
    assert!(csv.err.contains("see --limit"), "{}", csv.err);
    let json = shell(&proxy, &["who", "--by", "tenant", "--tenant", "acme", "--format", "json"]).await;
    let groups: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(
        (&groups["groups"][0]["clients"], &groups["groups"][0]["example"]),
        (&Value::from(1), &Value::from("bot"))
    );
}

/// A server that gives one answer, whatever it is asked: a proxy that has seen an hour cannot be had in a test.
fn answering(status: &str, body: &str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    url
}

#[test]
fn the_verdict_is_the_exit_code_and_what_is_no_report_is_no_verdict() {
    let text = "V2 can be switched off: 1 gate holds.".to_owned();
    for (safe_to_retire, code) in [(true, 0), (false, 1)] {
        let verdict = Verdict { safe_to_retire, text: text.clone() };
        let report = serde_json::to_string(&Report { verdict, ..Report::default() }).unwrap();
        let ended = run(&["report", "--url", &answering("200 OK", &report)]);
        assert_eq!((ended.code, ended.err.as_str()), (code, ""));
        assert!(ended.out.contains(&text), "{}", ended.out);
    }
    for (status, body, code, said) in [
        ("200 OK", "{}", 69, "another version?"),
        ("200 OK", "<html>", 69, "another version?"),
        ("404 Not Found", "", 69, "operators' listener?"),
        ("302 Found", "", 69, "302"),
        (
            "503 Service Unavailable",
            r#"{"error":"store_unavailable","message":"it does not\u001b answer"}"#,
            69,
            "it does not answer",
        ),
        (
            "403 Forbidden",
            r#"{"error":"token_needed","message":"set listen.admin_token"}"#,
            77,
            "set listen.admin_token",
        ),
    ] {
        let ended = run(&["report", "--url", &answering(status, body)]);
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{status}");
        assert!(ended.err.contains(said), "{}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_asked_for_shown_and_never_told() {
    let dir = tempfile::tempdir().unwrap();
    let (right, wrong) = (dir.path().join("right"), dir.path().join("wrong"));
    std::fs::write(&right, "hush-right\n").unwrap();
    std::fs::write(&wrong, "hush-wrong\n").unwrap();
    let proxy = ProxyOptions::default().line("listen.admin_token = \"hush-right\"").start().await;
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    assert_eq!(shell(&proxy, &["who", "--token-file", right]).await.code, 0);
    assert_eq!(shell(&proxy, &["who", "--token", "hush-right"]).await.code, 0);
    for arguments in [&["report"][..], &["report", "--token-file", wrong], &["who", "--token", "hush-wrong"]] {
        let refused = shell(&proxy, arguments).await;
        assert_eq!((refused.code, refused.out.as_str()), (77, ""), "{arguments:?}");
        assert!(refused.err.contains("Authorization: Bearer") && !refused.err.contains("hush"), "{}", refused.err);
    }
    // From the variable, and from the settings of the proxy itself with its address.
    let (url, address) = (proxy.admin_url(""), proxy.admin().to_string());
    let by_variable = move || {
        let mut command = super::proxy(&["who", "--url", &url]);
        command.env("AETHER_ADMIN_TOKEN", "hush-right");
        end(command, b"")
    };
    assert_eq!(tokio::task::spawn_blocking(by_variable).await.expect("it ends").code, 0);
    let by_settings = move || {
        let mut command = super::proxy(&["who"]);
        command.env("AETHER_LISTEN__ADMIN", address).env("AETHER_LISTEN__ADMIN_TOKEN", "hush-right");
        end(command, b"")
    };
    assert_eq!(tokio::task::spawn_blocking(by_settings).await.expect("it ends").code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_the_authority_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let options = ProxyOptions::default().line("[listen.admin_tls]");
    let options = options.line(&format!("certificate = \"{}\"", certificate.display()));
    let running = options.line(&format!("key = \"{}\"", key.display())).start().await;
    let url = format!("https://localhost:{}", running.admin().port());
    let ca = certificate.to_str().unwrap().to_owned();
    let ask = move || (run(&["who", "--url", &url, "--ca", &ca]), run(&["who", "--url", &url]));
    let (trusted, stranger) = tokio::task::spawn_blocking(ask).await.expect("it ends");
    assert_eq!((trusted.code, trusted.err.as_str()), (0, ""));
    assert!(stranger.code == 69 || stranger.code == 1, "{stranger:?}");
    assert!(stranger.err.contains("certificate"), "{stranger:?}");
}

#[test]
fn who_cannot_be_reached_has_a_code_of_its_own() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    for command in ["report", "who"] {
        let ended = run(&[command, "--url", &url]);
        assert_eq!((ended.code, ended.out.as_str()), (69, ""), "{}", ended.err);
        assert!(ended.err.starts_with(&url) && ended.err.contains("refused"), "{}", ended.err);
    }
    let mut command = proxy(&["report"]);
    command.env("AETHER_LISTEN__ADMIN", format!("127.0.0.1:{port}"));
    assert_eq!(end(command, b"").code, 69);
    for bad in ["nope", "ftp://h", "http://u:hush@h"] {
        let ended = run(&["report", "--url", bad]);
        assert!(ended.code == 64 && !ended.err.contains("hush"), "{bad}: {}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_it_is_the_same_and_without_it_it_is_said() {
    let mut redis = RedisServer::start().await;
    let url = format!("hub.url = \"redis://{}\"", redis.addr());
    let (proxy, _clients) = busy(ProxyOptions::default().line(&url).line("hub.command_timeout = \"500ms\"")).await;
    eventually!(PATIENCE, shell(&proxy, &["who", "--format", "csv"]).await, |ended| ended.lines().len() == 3);
    let text = eventually!(PATIENCE, shell(&proxy, &["report"]).await, |ended| ended.out.contains("2 V2 clients"));
    assert!(text.code == 1 && text.out.contains("[ FAIL  ] No V2 connection"), "{}", text.out);
    redis.kill();
    for command in ["report", "who"] {
        let away = shell(&proxy, &[command]).await;
        assert_eq!((away.code, away.out.as_str()), (69, ""), "{}", away.err);
        assert!(away.err.contains("does not answer"), "{}", away.err);
    }
}
