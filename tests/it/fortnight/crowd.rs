//! Two hundred frontends with real sockets. Each reconnects when its plan says so, says something, and reads what comes.

use super::plan::{Phase, TENANTS, Who};
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

const PATIENCE: Duration = Duration::from_secs(10);

/// One frontend.
pub struct Frontend {
    pub who: Who,
    phase: Phase,
    socket: Option<WebSocketStream<TcpStream>>,
    /// Messages that came.
    pub heard: u64,
    /// Handshakes that were refused.
    pub refused: u64,
}

impl Frontend {
    /// Not connected yet.
    pub fn new(who: Who) -> Self {
        Self { who, phase: Phase::Loose, socket: None, heard: 0, refused: 0 }
    }

    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Is as it should be on this day: a page that was deployed anew reconnects, one that was cut off tries again.
    pub async fn be(&mut self, phase: Phase, node: SocketAddr) {
        if phase != self.phase
            && let Some(mut socket) = self.socket.take()
        {
            let _ = timeout(PATIENCE, socket.close(None)).await.expect("closed in time");
            while timeout(PATIENCE, socket.next()).await.expect("an end in time").is_some_and(|frame| frame.is_ok()) {}
        }
        self.phase = phase;
        if self.socket.is_none() {
            self.connect(node).await;
        }
    }

    async fn connect(&mut self, node: SocketAddr) {
        let (tenant, client) = (TENANTS[self.who.tenant], self.who.client());
        let (prefix, more) = match self.phase {
            Phase::Loose | Phase::Wrapped => ("/ws", ""),
            Phase::Listening => ("/ws_redis", "&recv=v3"),
            Phase::Moved => ("/v3/ws", ""),
        };
        let url = format!("ws://{node}{prefix}/group/{tenant}-floor/client/{client}?x_account_id={tenant}{more}");
        let mut request = url.into_client_request().expect("a request");
        let origin = format!("https://{tenant}.example.com");
        for (name, value) in [("user-agent", self.who.user_agent()), ("origin", &origin)] {
            request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header"));
        }
        let stream = TcpStream::connect(node).await.expect("a connection");
        match timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await.expect("an answer in time") {
            Ok((socket, _)) => self.socket = Some(socket),
            Err(_) => self.refused += 1,
        }
    }

    /// Says something.
    pub async fn say(&mut self, turn: i64) {
        let frame = self.who.frame(self.phase, turn);
        if let Some(socket) = &mut self.socket {
            let _ = timeout(PATIENCE, socket.send(Message::text(frame))).await.expect("sent in time");
        }
    }

    /// Reads what is there.
    pub fn read(&mut self) {
        while let Some(socket) = &mut self.socket {
            match socket.next().now_or_never() {
                Some(Some(Ok(Message::Text(_) | Message::Binary(_)))) => self.heard += 1,
                Some(Some(Ok(Message::Close(_)) | Err(_)) | None) => self.socket = None,
                Some(Some(Ok(_))) => {}
                None => return,
            }
        }
    }
}
