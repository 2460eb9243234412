//! A WebSocket client that keeps what it got.

use crate::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

/// See the module.
pub struct Client<S = TcpStream> {
    pub socket: WebSocketStream<S>,
    pub response: Response,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Connects or fails as the server answers.
    pub async fn try_open(stream: S, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Box<Error>> {
        let mut request = format!("ws://localhost{path}").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("header"));
        }
        let open = tokio_tungstenite::client_async(request, stream);
        let (socket, response) = timeout(PATIENCE, open).await.expect("a handshake in time")?;
        Ok(Self { socket, response: response.map(|_| None) })
    }

    pub async fn open(stream: S, path: &str, headers: &[(&'static str, &str)]) -> Self {
        Self::try_open(stream, path, headers).await.expect("accepted")
    }

    pub async fn send(&mut self, message: impl Into<Message>) {
        timeout(PATIENCE, self.socket.send(message.into())).await.expect("sent in time").expect("sent");
    }

    pub async fn text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends a text to a server that may have closed already.
    pub async fn send_or_fail(&mut self, text: &str) -> Result<(), Error> {
        timeout(PATIENCE, self.socket.send(Message::text(text))).await.expect("sent in time")
    }

    /// The next frame of any kind.
    pub async fn frame(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.socket.next()).await.expect("a frame in time")
    }

    /// The next message.
    pub async fn message(&mut self) -> Message {
        loop {
            match self.frame().await.expect("not the end").expect("no error") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next text that is no presence event.
    pub async fn next(&mut self) -> String {
        loop {
            let text = self.message().await.into_text().expect("a text").to_string();
            if !text.contains(r#""msg_type":"presence","target":"group""#) {
                return text;
            }
        }
    }

    /// Everything up to a message that holds the mark, presence left out.
    pub async fn until(&mut self, mark: &str) -> Vec<Message> {
        let mut got = Vec::new();
        loop {
            let message = self.message().await;
            let text = message.to_text().unwrap_or_default();
            if text.contains(mark) {
                return got;
            }
            if !text.contains(r#""msg_type":"presence","target":"group""#) {
                got.push(message);
            }
        }
    }

    /// The close frame's code and text; whatever comes before it is passed over.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame().await.expect("a close frame before the end").expect("no error") {
                Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                Message::Close(None) => return (1005, String::new()),
                _ => {}
            }
        }
    }
}

/// Twenty messages of half a megabyte, which one client sends and another reads slowly: longer than the write
/// timeout in all, and never so long without any progress.
pub async fn talk_to_a_slow_reader<F, S>(from: &mut Client<F>, slow: &mut Client<S>)
where
    F: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let big = "x".repeat(500_000);
    let send = async {
        for _ in 0..20 {
            from.text(&big).await;
            assert_eq!(from.message().await.len(), big.len());
        }
    };
    let read = async {
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert_eq!(slow.message().await.len(), big.len());
        }
    };
    tokio::join!(send, read);
}
