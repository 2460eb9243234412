//! `aether-proxy compat` against running servers: what is found in every form, how each end is told to the shell, and
//! that no secret is told to anybody.

use super::{Ended, end, proxy as proxy_command, run};
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use aether_proxy::compat::{Certificate, Status};
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Few cases of two sides each.
const SOME: &str = "aether.v2.numbers.*";

/// As `run`, beside whatever else this test does.
async fn shell(arguments: &[&str]) -> Ended {
    let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
    let run = move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("it ends")
}

/// `compat` with a target, and more.
async fn held(target: &str, more: &[&str]) -> Ended {
    shell(&[&["compat", "--target", target, "--patience", "20s", "--quiet-time", "60ms"], more].concat()).await
}

fn url(proxy: &ProxyProcess) -> String {
    format!("ws://{}", proxy.clients())
}

/// A folder of cases: one that every server passes, and a promise that none keeps, with a title that would be markup.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let case = |id: &str, wanted: &str| {
        format!(
            r#"{{"id":"{id}","version":1,"title":"<b>&\"```|\u0007\u001b[2J","source":{{"kind":"guide","section":"4.<B>"}},
                "clients":{{"a":{{"speaks":"v3"}},"b":{{"speaks":"v3"}}}},
                "steps":[{{"connect":"a"}},{{"connect":"b"}},
                {{"send":{{"client":"a","frame":{{"text":"{{\"msg_type\":\"msg\",\"target\":\"direct\",\"to_id\":\"{{b}}\",\"msg\":\"<x>```\"}}"}}}}}},
                {{"expect":{{"client":"b","what":{{"json":{{"msg":"{wanted}"}}}}}}}}]}}"#
        )
    };
    let file = format!(
        r#"{{"$schema":"schema/case.schema.json","format":1,"dialect":"aether","direction":"scenario","topic":"own",
            "needs":["v3"],"cases":[{},{}]}}"#,
        case("own.kept", "<x>```"),
        case("own.broken", "never")
    );
    std::fs::write(dir.path().join("own.json"), file).unwrap();
    dir
}

/// What a CI server reads: name and counts of every suite, and how each case ended.
fn parsed(xml: &str) -> Value {
    let program = "import sys, json, xml.etree.ElementTree as e\n\
        r = e.fromstring(sys.stdin.buffer.read())\n\
        assert r.tag == 'testsuites'\n\
        print(json.dumps([[s.get('name'), s.get('tests'), s.get('failures'), s.get('skipped'),\n\
          {c.get('name'): [(k.tag, k.get('message'), k.text) for k in c] for c in s.iter('testcase')}] for s in r]))";
    let mut command = Command::new("python3");
    command.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = end(command, xml.as_bytes());
    assert_eq!(ended.code, 0, "{}\n{xml}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_its_promises_gets_a_certificate_in_every_form() {
    let proxy = ProxyOptions::default().start().await;
    let target = url(&proxy);
    let text = held(&target, &["--only", SOME]).await;
    assert_eq!((text.code, text.err.as_str()), (0, ""), "{}", text.out);
    let last = text.lines().pop().unwrap_or_default();
    assert!(last.starts_with("certificate: ") && last.contains(" passed, 0 failed, 0 differ, "), "{last}");
    assert!(last.ends_with(&format!("; {target}")) && !text.out.contains('\u{1b}'), "{last}");

    let json = held(&target, &["--only", SOME, "--format", "json"]).await;
    let certificate: Certificate = serde_json::from_str(&json.out).unwrap();
    assert!(json.code == 0 && certificate.is_good() && certificate.count(Status::Passed) > 20, "{}", json.out);
    assert!(last.contains(&format!("{} passed", certificate.count(Status::Passed))), "{last}");
    assert_eq!(json.err, format!("{last}\n"), "who keeps the certificate reads the line all the same");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("junit.xml");
    let name = file.to_str().unwrap();
    let junit = held(&target, &["--only", SOME, "--format", "junit", "--output", name]).await;
    assert_eq!((junit.code, junit.out.as_str()), (0, ""), "{}", junit.err);
    let suites = parsed(&std::fs::read_to_string(&file).unwrap());
    let tests = certificate.results.len().to_string();
    assert_eq!((&suites[0][0], &suites[0][1], &suites[0][2]), (&"aether-v2".into(), &tests.into(), &"0".into()));

    let markdown = held(&target, &["--only", SOME, "--format", "md", "--strict", "--require", "v3"]).await;
    assert!(markdown.code == 0 && markdown.out.starts_with("# Compatibility certificate\n"), "{}", markdown.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_promise_is_told_in_every_form_and_nothing_breaks_out() {
    let proxy = ProxyOptions::default().start().await;
    let (target, cases) = (url(&proxy), folder());
    let cases = ["--cases", cases.path().to_str().unwrap()];
    let text = held(&target, &cases).await;
    assert_eq!((text.code, text.err.as_str()), (1, ""), "{}", text.out);
    assert!(text.out.starts_with("failed  own.broken\n        <b>&\"```|\\u{7}\\u{1b}[2J\n"), "{}", text.out);
    for said in ["promise of the guide, section 4.<B>\n", "\n          -", "certificate: 1 passed, 1 failed, "] {
        assert!(text.out.contains(said), "{said}: {}", text.out);
    }
    assert!(!text.out.contains(['\u{1b}', '\u{7}']), "{}", text.out);
    let junit = held(&target, &[&cases[..], &["--format", "junit"]].concat()).await;
    let suites = parsed(&junit.out);
    assert_eq!((junit.code, &suites[0][1], &suites[0][2]), (1, &"2".into(), &"1".into()));
    let case = &suites[0][4];
    assert_eq!((&case["own.kept"], &case["own.broken"][0][0]), (&Value::Array(vec![]), &"failure".into()));
    assert!(case["own.broken"][0][2].as_str().is_some_and(|told| told.contains("<x>```")), "{case}");
    let markdown = held(&target, &[&cases[..], &["--format", "md"]].concat()).await;
    assert!(markdown.out.contains("\n````diff\n") && markdown.out.contains("&lt;b&gt;"), "{}", markdown.out);
    assert_eq!((markdown.code, markdown.out.contains("<b>")), (1, false), "{}", markdown.out);
    let without = held(&target, &[&cases[..], &["--only", "own.kept", "--require", "hub"]].concat()).await;
    assert_eq!((without.code, without.err.as_str()), (1, "--require: the target has no hub: its Redis was not told\n"));
}

/// A server that gives every request this answer, until the test ends.
fn answering(answer: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_end_has_its_code() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = held(&format!("ws://127.0.0.1:{port}"), &["--only", SOME]).await;
    assert_eq!((nobody.code, nobody.out.as_str()), (69, ""), "{}", nobody.err);
    assert!(nobody.err.contains("refused"), "{}", nobody.err);
    let other = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let other = held(&other, &["--only", SOME]).await;
    assert!(other.code == 1 && other.err.starts_with("Nothing could be played: "), "{}{}", other.out, other.err);
    assert!(other.out.contains("refused with status 404") && other.out.contains(" 0 passed, "), "{}", other.out);

    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let target = "ws://127.0.0.1:1";
    let profile = file("profile.toml", "[credentials]\n\napi_key = 4711\n");
    let bad = held(target, &["--profile", &profile]).await;
    assert_eq!((bad.code, bad.err.as_str()), (65, &*format!("{profile}:3: expected a string\n")));
    let broken = file("broken.json", "{\"format\":1}");
    let folder = dir.path().to_str().unwrap();
    let bad = held(target, &["--cases", folder]).await;
    assert!(bad.code == 65 && bad.err.starts_with("broken.json: "), "{}", bad.err);
    let bad = held(target, &["--cases", "/no/such/folder"]).await;
    assert!(bad.code == 65 && bad.err.starts_with("/no/such/folder"), "{}", bad.err);
    let bad = shell(&["compat", "--compare", &broken, &broken]).await;
    assert!(bad.code == 65 && bad.err.contains("broken.json: not a certificate"), "{}", bad.err);
    for (more, said) in [
        (&["--dialect", "aether-v4"][..], "there are aether"),
        (&["--only", "aether.v2.numbers.huge-intt"], "near are aether.v2.numbers."),
        (&["--output", "/no/such/folder/file"], "there is no folder /no/such/folder"),
        (&["--without", "v4"], "there are v2, v2-redis"),
        (&["--jobs", "0"], "--jobs"),
        (&["--redis", "http://:MARKED@127.0.0.1"], "--redis: unknown scheme"),
        (&["--redis", "redis://:MARKED@192.0.2.1"], "--redis: 192.0.2.1 is another machine"),
    ] {
        let bad = held(target, more).await;
        assert_eq!((bad.code, bad.out.as_str()), (64, ""), "{more:?}: {}", bad.err);
        assert!(bad.err.contains(said) && !bad.err.contains("MARKED"), "{more:?}: {}", bad.err);
    }
    for target in ["http://127.0.0.1", "ws://u:MARKED@127.0.0.1", "ws://192.0.2.1:1"] {
        let bad = held(target, &[]).await;
        assert!(bad.code == 64 && bad.err.starts_with("--target: "), "{}", bad.err);
        assert!(!bad.err.contains("MARKED"), "{}", bad.err);
    }
}

#[test]
fn the_cases_are_listed() {
    let text = run(&["compat", "--list", "--dialect", "aether-v2", "--only", SOME]);
    assert!(text.code == 0 && text.lines().len() > 10, "{}", text.err);
    assert!(
        text.lines()[0].starts_with("aether.v2.numbers.") && text.lines()[0].contains("  1  v2  choice of the proxy: "),
        "{}",
        text.out
    );
    let json = run(&["compat", "--list", "--only", SOME, "--format", "json"]);
    let cases: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(cases.as_array().map(Vec::len), Some(text.lines().len() - 1));
    assert_eq!((&cases[0]["dialect"], &cases[0]["version"]), (&"aether-v2".into(), &1.into()));
    assert_eq!(run(&["compat", "--list", "--format", "junit"]).code, 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_are_compared_by_what_their_clients_get() {
    let (full, off) = (ProxyOptions::default(), ProxyOptions::default().line("v2.annotate = \"off\""));
    let (full, off) = (full.start().await, off.start().await);
    let (old, new) = (url(&full), url(&off));
    let compare = async |old: &str, new: &str, more: &[&str]| {
        let only = [
            "compat",
            "--patience",
            "20s",
            "--quiet-time",
            "60ms",
            "--only",
            "aether.v2.guide.wrapped",
            "--compare",
            old,
            new,
        ];
        shell(&[&only[..], more].concat()).await
    };
    let text = compare(&old, &new, &[]).await;
    assert_eq!((text.code, text.err.as_str()), (1, ""), "{}", text.out);
    let said = ["WHAT A CLIENT WOULD NOTICE\n  aether.v2.guide.wrapped#flat\n", "\n      -  \"_v3\": {\n"];
    assert!(said.iter().all(|said| text.out.contains(said)), "{}", text.out);
    let last = format!("compared: 3 played on both: 1 seen otherwise by a client; {old} -> {new}");
    assert_eq!(text.lines().last(), Some(&last.as_str()), "the other two sides see the same");

    // A server then and now: of a file, and of the server itself.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("old.json");
    let file = file.to_str().unwrap();
    let kept = held(&old, &["--only", "aether.v2.guide.*", "--format", "json", "--output", file]).await;
    assert_eq!(kept.code, 0, "{}", kept.err);
    let same = compare(file, &old, &[]).await;
    assert_eq!((same.code, same.lines().len()), (0, 1), "{}", same.out);
    let json = compare(file, &new, &["--format", "json"]).await;
    let compared: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (json.code, &compared["counts"]["seen"], &compared["differences"][0]["new"]),
        (1, &1.into(), &"differs".into())
    );
    let markdown = compare(file, &new, &["--format", "md"]).await;
    assert!(markdown.code == 1 && markdown.out.contains("\n```diff\n"), "{}", markdown.out);
    assert_eq!(compare(file, file, &["--format", "junit"]).await.code, 64);
    let nothing = shell(&["compat", "--compare", file, file, "--only", SOME]).await;
    assert!(nothing.code == 65 && nothing.err.contains("no check"), "{}", nothing.err);

    // And by verdicts alone.
    let only = ["--only", "aether.v2.guide.*", "--baseline", file];
    let better = held(&old, &only).await;
    assert!(
        better.code == 0 && better.err.ends_with("since then: 0 worse, 0 better, 0 not comparable\n"),
        "{}",
        better.err
    );
    assert_eq!(held(&new, &only).await.code, 0, "how V2 sees V3 is a choice");
    let worse = held(&new, &[&only[..], &["--strict"]].concat()).await;
    let said = "worse   aether.v2.guide.wrapped#flat: passed -> differs: ";
    assert!(worse.code == 1 && worse.err.contains(said), "{}", worse.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_tells_everybody_everything_shows_it() {
    let (old, new) = (ProxyOptions::default(), ProxyOptions::default().line("v2.audience = \"global\""));
    let (old, new) = (old.start().await, new.start().await);
    let cases = tempfile::tempdir().unwrap();
    let file = r#"{"$schema":"schema/case.schema.json","format":1,"dialect":"aether","direction":"scenario","topic":"own",
        "needs":["v2"],"cases":[{"id":"own.groups","version":1,"title":"another group","source":{"kind":"guide","section":"1"},
        "clients":{"a":{"speaks":"v2"},"b":{"speaks":"v2"},"c":{"speaks":"v2","group":"g2"}},
        "steps":[{"connect":"a"},{"connect":"b"},{"connect":"c"},{"send":{"client":"a","frame":{"text":"{\"n\":1}"}}},
        {"expect":{"client":"b","what":{"frame":{"text":"{\"n\":1}"}}}},{"nothing":["c"]}]}]}"#;
    std::fs::write(cases.path().join("own.json"), file).unwrap();
    let (folder, old, new) = (cases.path().to_str().unwrap(), url(&old), url(&new));
    let ended = shell(&["compat", "--cases", folder, "--compare", &old, &new, "--patience", "20s"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (1, ""), "{}", ended.out);
    for said in ["own.groups\n", "c sees something else", "c:\n", "+  \"n\": 1\n"] {
        assert!(ended.out.contains(said), "{said}: {}", ended.out);
    }
    assert!(!ended.out.contains("b:\n"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_told() {
    let (key, jwt, password) = ("MARKED/key?3141", "MARKED-jwt-2718", "MARKED-redis-1618");
    let redis = RedisServer::start().await;
    redis.command(&["CONFIG", "SET", "requirepass", password]).await;
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let options = ProxyOptions::default().line(&format!("hub.url = \"redis://:{password}@{}\"", redis.addr()));
    let options = options.line("auth.refuse_delay = \"0s\"");
    let proxy = options.line(&format!("[[auth.api_keys]]\nname = \"web\"\nkey = \"{key}\"")).start().await;
    let target = url(&proxy);
    let (right, wrong, token) = (file("right", key), file("wrong", "MARKED-wrong\n"), file("jwt", jwt));
    let header = file("profile.toml", "[credentials]\napi_key = \"MARKED-profile\"\n");
    let good = format!("redis://:{password}@{}", redis.addr());
    let bad = format!("redis://u:MARKED-bad@{}", redis.addr());
    let mut said = String::new();
    for (arguments, code) in [
        (vec!["--api-key-file", &right, "--redis", &good], 0),
        (vec!["--api-key-file", &right, "--redis", &good, "--format", "json"], 0),
        (vec!["--api-key-file", &right, "--redis", &bad], 69),
        (vec!["--api-key-file", &wrong, "--jwt-file", &token], 1),
        (vec!["--api-key-file", &wrong, "--jwt-file", &token, "--format", "json"], 1),
        (vec!["--api-key-file", &wrong, "--format", "junit"], 1),
        (vec!["--api-key-file", &wrong, "--format", "md"], 1),
        (vec!["--profile", &header, "--format", "json"], 1),
    ] {
        let ended = held(&target, &[&["--only", "aether.v2.guide.wrapped"], &arguments[..]].concat()).await;
        assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.out, ended.err);
        said = said + &ended.out + &ended.err;
    }
    assert!(said.contains("1 passed") || said.contains("3 passed"), "{said}");
    assert!(!said.contains("MARKED"), "{}", said.lines().find(|line| line.contains("MARKED")).unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_has_gone_changes_no_verdict() {
    let proxy = ProxyOptions::default().start().await;
    let (target, cases) = (url(&proxy), folder());
    let folder = cases.path().to_str().unwrap().to_owned();
    let gone = move |only: &str| {
        let mut command = proxy_command(&["compat", "--target", &target, "--cases", &folder, "--only", only]);
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let both = move || (gone("own.kept"), gone("own.broken"));
    let (kept, broken) = tokio::task::spawn_blocking(both).await.expect("it ends");
    assert_eq!((kept, broken), ((Some(0), String::new()), (Some(1), String::new())));
}
