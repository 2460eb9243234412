//! Secrets reach nothing that anybody reads: a proxy runs with marked secrets through good and bad times, and
//! then everything it said is searched: log, metrics, pages, answers, error envelopes, command output.

use crate::harness::client::{Client, Dial};
use crate::harness::http;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use aether_proxy::config::{self, LoadOptions};
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

const KEY: &str = "MARKED-api-key-3141";
const WRONG_KEY: &str = "MARKED-wrong-key-2718";
const JWT_SECRET: &str = "MARKED-jwt-secret-at-least-32-bytes-long-1618";
const REDIS_PASSWORD: &str = "MARKED-redis-password-1414";
const OPERATORS: &str = "MARKED-operators-token-0577";
const WORKER: &str = "MARKED-worker-secret-1732";
const MOUNTS: &str = r#"
[[mounts]]
path = "/v3/ws/group/{group_id}/client/{client_id}"
dialect = "aether-v3"
[[mounts]]
path = "/ws/group/{group_id}/client/{client_id}"
dialect = "aether-v2"
[[mounts]]
path = "/valtronics"
dialect = "valtronics"
[[mounts]]
path = "/agents"
dialect = "server-monitor"
server_monitor = { role = "agent", me = "answer" }
[[mounts]]
path = "/pages/{server_id}"
dialect = "server-monitor"
server_monitor = { role = "metrics" }
[[mounts]]
path = "/vectra"
dialect = "vectra"
guests = true
"#;

/// Head and body of what an operator with the token gets.
async fn ask_as_operator(url: &str) -> String {
    let (uri, mut request) = http::request(url).unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {OPERATORS}").parse().unwrap());
    let (response, _connection) = http::send(&uri, request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    format!("{status} {headers:?} {}\n", http::whole(response).await.unwrap().body)
}

/// Settings print themselves in many ways: as a whole, as a debug text, in a refusal, in the backtrace of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_to_print_the_settings_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("proxy.toml");
    // A port that was free a moment ago: it is asked in vain.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let jwks = format!("http://127.0.0.1:{port}/jwks?code=MARKED-jwks&MARKED-bare");
    let lines = [
        format!("hub.url = \"redis://MARKED-user:{REDIS_PASSWORD}@127.0.0.1:{port}\""),
        format!("listen.admin_token = \"{OPERATORS}\""),
        format!("auth.worker_secret = \"{WORKER}\""),
        "telemetry.log_level = \"trace\"".to_owned(),
        format!("auth.api_keys = [{{ name = \"web\", key = \"{KEY}\" }}]"),
        format!("auth.jwt.jwks_url = \"{jwks}\""),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let options = LoadOptions { file: Some(file.clone()), ..LoadOptions::default() };
    let config = config::load(&options).expect("settings");
    assert_eq!(config.auth.jwt.jwks_url.as_ref().map(config::WebUrl::expose), Some(&*jwks));
    let mut said = format!("{config:?}\n{config:#?}\n{}\n", config::effective(&config));
    said.push_str(&serde_json::to_string(&config).unwrap());
    assert!(said.contains("/jwks?[redacted]"), "the rest of an address is shown: {said}");
    let mut refused = 0;
    for set in [
        "auth.jwt.jwks_url=https://MARKED:MARKED@h/x",
        "auth.jwt.jwks_url=[\"MARKED\"]",
        "auth.jwt.jwks_url=MARKED",
        "shadow.url=ws://MARKED:MARKED@h",
        "shadow.url=ws://h/?x=MARKED",
        "shadow.url=ws://h/#MARKED",
        "shadow.noise_url=ws://MARKED@h",
        "hub.url=reddis://u:MARKED@h",
        "hub.url=[\"MARKED\"]",
        "auth.api_keys=[{ name = \"a\", key = [\"MARKED\"] }]",
        "auth.jwt.secret=[\"MARKED\"]",
    ] {
        for command in ["check", "serve"] {
            let mut run = Command::new(env!("CARGO_BIN_EXE_aether-proxy"));
            run.env("RUST_BACKTRACE", "full").env("RUST_LIB_BACKTRACE", "1");
            let output = run.arg("--config").arg(&file).args(["--set", set, command]).output().unwrap();
            refused += usize::from(!output.status.success());
            assert!(!output.status.success(), "{set} {command}");
            said.push_str(&String::from_utf8_lossy(&output.stdout));
            said.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(refused, 22);
    let mut options = lines.iter().fold(ProxyOptions::default(), |options, line| options.line(line));
    options = options.env("RUST_BACKTRACE", "full");
    let mut proxy = options.start().await;
    let path = "/v3/ws/group/g/client/a";
    let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6InVua25vd24ifQ.eyJNQVJLRUQiOjF9.TUFSS0VELXNpZ25hdHVyZQ";
    let refused = Dial::new(&proxy.client_url(&format!("{path}?jwt={token}"))).connect().await.err().expect("refused");
    write!(said, "{} {}", refused.status, refused.body).unwrap();
    for page in ["/metrics", "/readyz", "/"] {
        write!(said, "{}", http::get(&proxy.admin_url(page)).await.body).unwrap();
    }
    proxy.signal("HUP");
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.signal("TERM");
    proxy.wait_exit(Duration::from_secs(30)).await;
    said.push_str(&proxy.output());
    assert!(said.contains("JWKS not fetched") && said.contains("TRACE"), "{said}");
    for secret in ["MARKED", token, "TUFSS0VELXNpZ25hdHVyZQ"] {
        let found = said.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} was told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_reaches_anything_that_is_read() {
    let mut redis = RedisServer::start().await;
    redis.command(&["CONFIG", "SET", "requirepass", REDIS_PASSWORD]).await;
    let address = redis.addr();
    let url = format!("redis://:{REDIS_PASSWORD}@{address}");
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("capture.ndjson");
    let config = format!(
        "capture.file = \"{}\"\nhub.url = \"{url}\"\nhub.command_timeout = \"500ms\"\ntelemetry.log_level = \"trace\"\n\
         listen.admin_token = \"{OPERATORS}\"\nauth.refuse_delay = \"0s\"\n\
         [[auth.api_keys]]\nname = \"web\"\nkey = \"{KEY}\"\n[auth.jwt]\nsecret = \"{JWT_SECRET}\"\n\
         {MOUNTS}vectra = {{ worker_secret = \"{WORKER}\" }}\n",
        capture.display()
    );
    let file = dir.path().join("proxy.toml");
    std::fs::write(&file, &config).unwrap();
    let command = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_aether-proxy"))
            .arg("--config")
            .arg(&file)
            .args(arguments)
            .output()
            .unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let mut said = String::new();

    let (token, _) = command(&["token", "--sub", "u1", "--account", "acme"]);
    let token = token.trim().to_owned();
    assert_eq!(token.split('.').count(), 3, "a token: {token}");
    for arguments in [
        &["check"][..],
        &["check", "--set", "auth.api_keys=MARKED-9"],
        &["--set", "hub.url=bogus://u:MARKED-10@h", "check"],
    ] {
        let (out, err) = command(arguments);
        write!(said, "{out}{err}").unwrap();
    }

    let mut options = ProxyOptions::default();
    for line in config.lines() {
        options = options.line(line);
    }
    let mut proxy = options.start().await;
    let path = "/v3/ws/group/g/client/";
    let dial = async |rest: &str| Client::connect(&proxy.client_url(&format!("{path}{rest}"))).await;
    let mut good = dial(&format!("a?api_key={KEY}&jwt={token}")).await.expect("a key and a token");
    good.send_text("{\"msg_type\":\"msg\",\"target\":\"nobody\"}").await;
    write!(said, "{}", good.expect_json().await).unwrap();
    let by_header = Dial::new(&proxy.client_url(&format!("{path}b"))).header("x-api-key", KEY);
    let by_header = by_header.header("authorization", &format!("Bearer {token}")).connect().await.expect("by header");
    let offered = [format!("aether.api_key.{KEY}"), format!("aether.jwt.{token}"), "aether.v3".to_owned()];
    let offered: Vec<_> = offered.iter().map(String::as_str).collect();
    let by_protocol =
        Dial::new(&proxy.client_url(&format!("{path}c"))).protocols(&offered).connect().await.expect("by protocol");
    assert_eq!(by_protocol.header("sec-websocket-protocol"), "aether.v3");

    // What has no name of a credential may be one all the same, and no cookie is anybody's business here.
    let strange = format!("x?api_key={KEY}&jwt={token}&session=MARKED-session&MARKED-bare&password=MARKED-6#MARKED-7");
    let strange = Dial::new(&proxy.client_url(&format!("{path}{strange}")));
    let strange = strange.header("cookie", "sid=MARKED-cookie").header("x-forwarded-user", "MARKED-8").connect();
    drop(strange.await.expect("let in"));

    // What V2 clients say is written down, but for this.
    let legacy = proxy.client_url(&format!("/ws/group/g/client/v2?api_key={KEY}&jwt={token}"));
    let mut legacy = Client::connect(&legacy).await.expect("a key and a token");
    for text in ["{\"password\":\"MARKED-password\",\"said\":\"captured\"}", "password=MARKED-text"] {
        legacy.send_text(text).await;
        assert_eq!(legacy.expect_text().await, text);
    }

    said.push_str(&in_first_frames(&proxy, &token).await);

    // Everything that can go wrong with them.
    let broken = format!("{}x", &token[..token.len() - 2]);
    for rest in [
        format!("d?api_key={WRONG_KEY}"),
        format!("e?jwt={broken}"),
        format!("f?api_key={KEY}&jwt=MARKED.no.token"),
        "g".into(),
    ] {
        let refused = dial(&rest).await.err().expect("refused");
        write!(said, "{} {:?} {}", refused.status, refused.headers, refused.body).unwrap();
        assert_eq!(refused.status, 401);
    }
    for path in [
        format!("/nowhere?api_key={KEY}"),
        format!("/v3/ws/group//client/?jwt={token}"),
        format!("/ws/{KEY}?api_key={KEY}"),
    ] {
        write!(said, "{}", http::get(&format!("http://{}{path}", proxy.clients())).await.body).unwrap();
    }
    // The operators' API: from the settings' own token, another one, and none.
    let admin = proxy.admin_url("");
    for token in [OPERATORS, "MARKED-other-token-1202"] {
        for asked in ["report", "who"] {
            let (out, err) = command(&[asked, "--url", &admin, "--token", token]);
            write!(said, "{out}{err}").unwrap();
        }
    }
    for asked in ["report", "who"] {
        let (out, err) = command(&[asked, "--url", &admin, "--token", OPERATORS, "--format", "json"]);
        write!(said, "{out}{err}").unwrap();
    }
    for page in
        ["migration", "api/v1/migration/tenants", "api/v1/migration/events", "api/v1/migration/history?span=hour"]
    {
        let asked = ask_as_operator(&proxy.admin_url(&format!("/{page}"))).await;
        assert!(asked.contains("200 OK"), "{asked}");
        said.push_str(&asked);
    }
    for page in ["/api/v1/migration?token=MARKED-1", "/migration?jwt=MARKED-2", "/api/v1/migration/clients"] {
        write!(said, "{}", http::get(&proxy.admin_url(page)).await.body).unwrap();
    }
    assert!(said.contains("HOW FAR ARE WE?") && said.contains("present the operators' token"), "{said}");
    redis.kill();
    good.send_text("{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"lost?\"}").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for page in ["/metrics", "/readyz", "/livez", "/", "/nowhere"] {
        write!(said, "{}", http::get(&proxy.admin_url(page)).await.body).unwrap();
    }
    // It comes back without its password, and refuses the one it is given.
    redis.restart().await;
    proxy.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop((by_header, by_protocol, good, legacy));
    proxy.signal("TERM");
    proxy.wait_exit(Duration::from_secs(30)).await;
    said.push_str(&proxy.output());
    let captured = std::fs::read_to_string(&capture).unwrap();
    assert!(captured.contains("captured") && captured.lines().count() >= 4, "{captured}");
    said.push_str(&captured);

    assert!(said.contains("listening") && said.contains("aether_connections"), "something was said at all");
    let signature = token.rsplit('.').next().unwrap();
    for secret in ["MARKED", signature, &broken] {
        let found = said.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} was told");
    }
}

/// Credentials in first frames and in a worker's handshake, good and bad ones. Returns what was told.
async fn in_first_frames(proxy: &ProxyProcess, token: &str) -> String {
    let mut told = String::new();
    let auth = |member: &str, value: &str| format!("{{\"type\":\"auth\",\"{member}\":\"{value}\"}}");
    for (path, frame) in [
        ("/valtronics", auth("token", token)),
        ("/valtronics", auth("token", "MARKED.bad.token")),
        ("/agents", auth("api_key", KEY)),
        ("/agents", auth("api_key", WRONG_KEY)),
        ("/agents", format!("{KEY} is no JSON")),
        ("/pages/web", auth("token", token)),
        ("/pages/web", auth("token", "MARKED.bad.token")),
    ] {
        let mut client = Client::connect(&proxy.client_url(path)).await.expect("a 101 before anything is asked");
        client.send_text(&frame).await;
        let first = client.expect_text().await;
        if first.contains("auth_success") || first.contains("\"success\":true") {
            // In vain, in a batch, of the wrong kind, and not even as JSON: a ping's answer comes behind all of that.
            for again in [
                frame.clone(),
                auth("token", "MARKED-again"),
                auth("api_key", "MARKED-again"),
                format!("{{\"type\":\"batch\",\"messages\":[{}]}}", auth("token", "MARKED-again")),
                format!("{frame},"),
                "{\"type\":\"ping\",\"timestamp\":1}".to_owned(),
            ] {
                client.send_text(again).await;
            }
            loop {
                let text = client.expect_text().await;
                told.push_str(&text);
                if text.contains("pong") {
                    break;
                }
            }
        }
        told.push_str(&first);
    }
    for (secret, query) in [(WORKER, ""), ("MARKED-not-it", ""), ("", "&token=MARKED-nor-this")] {
        let url = proxy.client_url(&format!("/vectra?client_type=worker{query}"));
        match Dial::new(&url).header("x-worker-secret", secret).connect().await {
            Ok(mut worker) => told.push_str(&worker.expect_text().await),
            Err(refused) => write!(told, "{} {}", refused.status, refused.body).unwrap(),
        }
    }
    assert_eq!((told.matches("auth_success").count(), told.matches("not_the_worker").count()), (5, 2), "{told}");
    for key in [KEY, WRONG_KEY] {
        let url = format!("http://{}/api/v1/api-keys/me", proxy.clients());
        let (uri, mut request) = http::request(&url).unwrap();
        request.headers_mut().insert("x-api-key", key.parse().unwrap());
        let (response, _connection) = http::send(&uri, request).await.unwrap();
        told.push_str(&http::whole(response).await.unwrap().body);
    }
    told
}
