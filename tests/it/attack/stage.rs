//! Two proxies on one Redis, or one alone, which know two accounts; and clients that keep all they hear.

use crate::harness::PATIENCE;
use crate::harness::client::{Client, Dial, Refused};
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use aether_proxy::auth::{Mint, SigningKey, mint};
use aether_proxy::clock::Clock;
use aether_proxy::config::Secret;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

const SECRET: &str = "a shared secret of more than thirty-two bytes";
/// How long nothing more must come, after what was sent together with it has come.
const QUIET: Duration = Duration::from_millis(300);

/// How messages travel, and by what accounts are told from one another there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hub {
    /// Within one process.
    Memory,
    /// Redis: channels are shared, messages tell their account.
    Shared,
    /// Redis: channels have the account in their names.
    Named,
    /// The same, and messages are pure V3.
    Plain,
}

impl Hub {
    pub const ALL: [Hub; 4] = [Hub::Memory, Hub::Shared, Hub::Named, Hub::Plain];
}

/// See the module.
pub struct Stage {
    nodes: Vec<ProxyProcess>,
    _redis: Option<RedisServer>,
}

impl Stage {
    /// With these lines of settings beside those that make the two accounts.
    pub async fn start(hub: Hub, lines: &[&str]) -> Self {
        let redis = if hub == Hub::Memory { None } else { Some(RedisServer::start().await) };
        let mut config = vec![
            format!("auth.jwt.secret = \"{SECRET}\""),
            "auth.api_keys = [{ name = \"shared\", key = \"shared-key\" }, { name = \"acme\", key = \"acme-key\", \
             account = \"acme\" }]"
                .to_owned(),
        ];
        config.extend(redis.iter().map(|redis| format!("hub.url = \"{}\"", redis.url())));
        if matches!(hub, Hub::Named | Hub::Plain) {
            for (name, rest) in
                [("group", "group:{group_id}"), ("client", "client:{client_id}"), ("broadcast", "all"), ("v2", "v2")]
            {
                config.push(format!("hub.channels.{name} = \"ws:{{account}}:{rest}\""));
            }
        }
        if hub == Hub::Plain {
            config.push("hub.wire = \"plain\"".into());
        }
        config.extend(lines.iter().map(ToString::to_string));
        let start = || config.iter().fold(ProxyOptions::default(), |options, line| options.line(line)).start();
        let nodes = match redis {
            None => vec![start().await],
            Some(_) => {
                let (one, two) = tokio::join!(start(), start());
                vec![one, two]
            }
        };
        Self { nodes, _redis: redis }
    }

    /// The node of those who are attacked.
    pub fn here(&self) -> &ProxyProcess {
        &self.nodes[0]
    }

    /// Another one, where there are two.
    pub fn there(&self) -> &ProxyProcess {
        self.nodes.last().expect("a node")
    }
}

/// A good token of an account, or of none.
pub fn token(account: &str) -> String {
    let account = (!account.is_empty()).then(|| account.to_owned());
    let what = Mint { account, ttl: Some(Duration::from_secs(600)), ..Mint::default() };
    let token = mint(&what, SigningKey::Secret(&Secret::new(SECRET)), Clock::system().now()).expect("a token");
    token.expose().to_owned()
}

/// A client that keeps what it hears.
pub struct Ear {
    pub name: String,
    client: Client,
    heard: Vec<String>,
}

impl Ear {
    /// With a token of this account.
    pub async fn of(account: &str, node: &ProxyProcess, path: &str) -> Self {
        Self::with(node, path, &[("authorization", &format!("Bearer {}", token(account)))]).await.expect("let in")
    }

    /// With these headers.
    pub async fn with(node: &ProxyProcess, path: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let dial =
            headers.iter().fold(Dial::new(&node.client_url(path)), |dial, (name, value)| dial.header(name, value));
        Ok(Self { name: path.to_owned(), client: dial.connect().await?, heard: Vec::new() })
    }

    /// The status with which a handshake is answered.
    pub async fn of_or_refused(stage: &Stage, path: &str) -> u16 {
        Self::with(stage.here(), path, &[]).await.map_or_else(|refused| refused.status, |_| 101)
    }

    pub async fn says(&mut self, message: impl Into<Message>) {
        self.client.send(message.into()).await;
    }

    /// Waits until something is heard that holds the mark, and returns it.
    pub async fn hears(&mut self, mark: &str) -> String {
        if let Some(text) = self.heard.iter().find(|text| text.contains(mark)) {
            return text.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = self.client.next(left).await;
            let text = text(next.unwrap_or_else(|| panic!("{} never heard {mark}, only {:#?}", self.name, self.heard)));
            self.heard.push(text.clone());
            if text.contains(mark) {
                return text;
            }
        }
    }

    /// Everything heard so far, and what still comes before it is quiet.
    pub async fn all(&mut self) -> &[String] {
        while let Some(message) = self.client.next(QUIET).await {
            self.heard.push(text(message));
        }
        &self.heard
    }

    /// Is a mark in anything heard so far, and in what still comes?
    pub async fn ever_hears(&mut self, mark: &str) -> bool {
        self.all().await.iter().any(|text| text.contains(mark))
    }

    /// Is a mark in anything heard so far?
    pub fn ever_hears_already(&self, mark: &str) -> bool {
        self.heard.iter().any(|text| text.contains(mark))
    }

    /// The code with which the server ended the connection.
    pub async fn end(&mut self) -> u16 {
        loop {
            match self.client.next(PATIENCE).await.expect("an end") {
                Message::Close(frame) => return frame.map_or(1005, |frame| frame.code.into()),
                other => self.heard.push(text(other)),
            }
        }
    }
}

/// None of these has heard any of the marks, nor hears one soon.
pub async fn deaf_to(ears: &mut [Ear], marks: &[&str]) {
    join_all(ears.iter_mut().map(Ear::all)).await;
    for ear in ears {
        let leak = ear.heard.iter().find(|text| marks.iter().any(|mark| text.contains(mark)));
        assert_eq!(leak, None, "{} heard what was not for it", ear.name);
        assert!(!ear.heard.iter().any(|text| text.starts_with("close ")), "{}: {:?}", ear.name, ear.heard);
    }
}

/// As text, whatever it is.
fn text(message: Message) -> String {
    match message {
        Message::Text(text) => text.as_str().to_owned(),
        Message::Close(frame) => format!("close {frame:?}"),
        other => String::from_utf8_lossy(&other.into_data()).into_owned(),
    }
}
