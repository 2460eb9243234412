//! The dialects beside Aether's own as their users have them: the settings that are shipped for all of them at once, the
//! proxy's own binary, and clients of other languages that were written after the guides (`compat/clients`).

mod monitor;
mod takeover;
mod together;
mod valtronics;
mod vectra;

use crate::clients::program::Program;
use crate::harness::PATIENCE;
use crate::harness::client::{Client, Refused};
use crate::harness::eventually::eventually;
use crate::harness::http;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use crate::harness::scrape::Scrape;
use aether_proxy::auth::{Mint, SigningKey, mint};
use aether_proxy::clock::Clock;
use aether_proxy::config::Secret;
use serde_json::{Value, json};
use std::time::Duration;

/// What tokens are signed with.
const SIGNED: &str = "a shared secret of more than thirty-two bytes";
/// What the worker must know.
const WORKER: &str = "the worker's secret&";
/// Agents of three servers, the last of another account.
const KEYS: &str = r#"[
    { name = "first", key = "key-1", group = "srv-1" },
    { name = "second", key = "key-2", group = "srv-2" },
    { name = "theirs", key = "key-9", group = "srv-9", account = "acme" },
]"#;

/// The very file that is shipped, with credentials as a user would give them.
fn house(redis: Option<&RedisServer>, sets: &[&str]) -> ProxyOptions {
    let mut options = ProxyOptions::default()
        .shipped("examples/all-dialects.toml")
        .env("AETHER_AUTH__API_KEYS", KEYS)
        .env("AETHER_AUTH__JWT__SECRET", SIGNED)
        .env("AETHER_AUTH__WORKER_SECRET", WORKER);
    if let Some(redis) = redis {
        options = options.env("AETHER_HUB__URL", &redis.url());
    }
    sets.iter().fold(options, |options, set| options.arg("--set").arg(set))
}

/// Two of it on one Redis.
struct Nodes {
    one: ProxyProcess,
    two: ProxyProcess,
    redis: RedisServer,
}

impl Nodes {
    async fn start(sets: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let (one, two) = tokio::join!(house(Some(&redis), sets).start(), house(Some(&redis), sets).start());
        for node in [&one, &two] {
            let ready = async || http::get(&node.admin_url("/readyz")).await.status;
            eventually!(PATIENCE, ready().await, |status: &u16| *status == 200);
        }
        Self { one, two, redis }
    }
}

/// A good token.
fn token(subject: &str) -> String {
    signed(subject, None, SIGNED)
}

/// A good token of an account.
fn token_of(account: &str) -> String {
    signed("u9", Some(account), SIGNED)
}

/// A token that somebody else has signed.
fn forged() -> String {
    signed("u1", None, "another secret of more than thirty-two bytes")
}

fn signed(subject: &str, account: Option<&str>, secret: &str) -> String {
    let ttl = Some(Duration::from_secs(600));
    let account = account.map(str::to_owned);
    let what = Mint { subject: Some(subject.into()), account, ttl, ..Mint::default() };
    let token = mint(&what, SigningKey::Secret(&Secret::new(secret)), Clock::system().now()).expect("a token");
    token.expose().to_owned()
}

/// A program that is connected.
async fn started(name: &str, args: &[&str], settings: &[(&str, &str)]) -> Program {
    let mut program = Program::start(name, args, settings);
    program.until("open").await;
    program
}

/// Ends a program, which was never disconnected, and which nothing has broken. What it heard of this was wrong.
async fn unbroken(program: Program, never: &[&str]) {
    let said = program.quit().await;
    let wrong = ["closed", "failed", "uncaught", "reconnecting", "given_up", "not_done", "unsent", "unacknowledged"];
    for line in &said {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert!(wrong.iter().all(|name| event["event"] != *name), "{line}\n{said:#?}");
        assert!(!never.iter().any(|word| line.contains(word)), "{line}\n{said:#?}");
    }
}

/// The next frame of a program of Vectra, but for what it is told of the worker, which may be told more than once.
async fn work(program: &mut Program) -> String {
    loop {
        let text = program.frame().await;
        if !text.contains("WORKER_STATUS") {
            return text;
        }
    }
}

/// A V3 client, who hears only messages: not who comes and goes.
struct Modern(Client);

impl Modern {
    async fn enter(node: &ProxyProcess, group: &str, name: &str) -> Self {
        Self::presenting(&token(name), node, group, name).await
    }

    async fn presenting(token: &str, node: &ProxyProcess, group: &str, name: &str) -> Self {
        let path = format!("/v3/ws/group/{group}/client/{name}?jwt={token}");
        Self(Client::connect(&node.client_url(&path)).await.unwrap_or_else(|refused: Refused| panic!("{refused:?}")))
    }

    /// Says this to its group, and hears it.
    async fn say(&mut self, payload: &str) {
        self.0.send_text(format!(r#"{{"msg_type":"msg","target":"group","payload":{payload}}}"#)).await;
        assert_eq!(self.hear().await["payload"], serde_json::from_str::<Value>(payload).expect("JSON"));
    }

    /// Gives its group a command, and hears it.
    async fn command(&mut self, cmd: &str, payload: &str) {
        self.send(cmd, payload).await;
        assert_eq!(self.hear().await["cmd"], json!(cmd));
    }

    async fn send(&mut self, cmd: &str, payload: &str) {
        let text = format!(r#"{{"msg_type":"cmd","target":"group","cmd":"{cmd}","payload":{payload}}}"#);
        self.0.send_text(text).await;
    }

    /// The next message, as it came. What the house says of Vectra's worker may be said more than once.
    async fn text(&mut self) -> String {
        loop {
            let text = self.0.expect_text().await;
            let envelope: Value = serde_json::from_str(&text).expect("an envelope");
            if envelope["msg_type"] != "presence" && envelope["cmd"] != "WORKER_STATUS" {
                return text;
            }
        }
    }

    async fn hear(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("an envelope")
    }

    /// From whom the next message is, and its payload.
    async fn payload(&mut self) -> (String, Value) {
        let mut envelope = self.hear().await;
        (envelope["from_id"].as_str().unwrap_or_default().to_owned(), envelope["payload"].take())
    }
}

/// Every delivery that was owed is accounted for, and no message is lost.
async fn balanced(node: &ProxyProcess) {
    let figures = async || {
        let scrape = Scrape::of(node.admin()).await;
        let [owed, made] = ["aether_deliveries_expected_total", "aether_deliveries_total"].map(|name| scrape.sum(name));
        (owed, made, scrape.sum("aether_messages_lost_total"))
    };
    eventually!(PATIENCE, figures().await, |(owed, made, lost): &(f64, f64, f64)| owed == made && *lost == 0.0);
}
