//! A proxy in this process, its clients, and its API as an operator's script would ask it.

use crate::PATIENCE;
use aether_proxy::app::{self, Running};
use aether_proxy::config::Config;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// See the module.
pub struct Proxy {
    pub running: Running,
}

/// One client.
pub struct Client(WebSocketStream<TcpStream>);

impl Proxy {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.listen.clients = ([127, 0, 0, 1], 0).into();
        config.listen.admin = ([127, 0, 0, 1], 0).into();
        config.listen.drain_delay = Duration::ZERO;
        config.listen.drain_window = Duration::from_millis(50);
        config.telemetry.roundtrip_check = 1;
        config.migration.flush_interval = Duration::from_millis(50);
        change(&mut config);
        Self { running: app::start(config).await.expect("the proxy starts") }
    }

    /// The page, asking each second.
    pub fn page(&self) -> String {
        format!("http://{}/migration?refresh=1", self.running.admin)
    }

    /// A client on a path, from the page of a host: that is its tenant.
    pub async fn connect(&self, path: &str, origin: &str) -> Client {
        let stream = TcpStream::connect(self.running.clients).await.expect("a connection");
        let mut request = format!("ws://localhost{path}").into_client_request().expect("a request");
        let headers = request.headers_mut();
        headers.insert("origin", format!("http://{origin}").parse().expect("a header"));
        headers.insert("user-agent", "<b>Old</b>App/1.4".parse().expect("a header"));
        let open = tokio_tungstenite::client_async(request, stream);
        Client(timeout(PATIENCE, open).await.expect("a handshake in time").expect("accepted").0)
    }

    pub async fn v2(&self, client: &str, origin: &str) -> Client {
        self.connect(&format!("/ws/group/room/client/{client}"), origin).await
    }

    pub async fn v3(&self, client: &str, origin: &str) -> Client {
        self.connect(&format!("/v3/ws/group/room/client/{client}"), origin).await
    }

    /// Head and body of what an operator gets.
    pub async fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.running.admin).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").expect("read");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }

    /// An answer of the API.
    pub async fn api(&self, path: &str) -> Value {
        let (head, body) = self.get(&format!("/api/v1/migration{path}")).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head} {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Waits until the API says so.
    pub async fn until(&self, what: &str, path: &str, holds: impl Fn(&Value) -> bool) {
        let look = async {
            while !holds(&self.api(path).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(PATIENCE, look).await.is_ok(), "never: {what}");
    }
}

impl Client {
    pub async fn text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    /// Reads up to a text with this in it.
    pub async fn hears(&mut self, mark: &str) {
        let read = async {
            loop {
                let message = self.0.next().await.expect("open").expect("a message");
                if message.to_text().is_ok_and(|text| text.contains(mark)) {
                    return;
                }
            }
        };
        timeout(PATIENCE, read).await.expect("heard in time");
    }
}
