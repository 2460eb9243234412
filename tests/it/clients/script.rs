//! A server that does nothing by itself: the test says each of its words. For what a client program does, whoever serves.

use crate::harness::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// Where clients come.
pub struct Door {
    listener: TcpListener,
}

/// A client that has come.
pub struct Guest {
    socket: WebSocketStream<TcpStream>,
    /// Its handshake: path, query, headers.
    pub request: Request,
}

impl Door {
    pub async fn open() -> Self {
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).await.expect("a port") }
    }

    /// Its address with this path.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.listener.local_addr().expect("an address"))
    }

    /// Tells the next client that it may not come in.
    pub async fn turn_away(&self) {
        let refuse = async {
            let (mut stream, _) = self.listener.accept().await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await
        };
        timeout(PATIENCE, refuse).await.expect("somebody comes").expect("a request");
    }

    /// The next client.
    pub async fn guest(&self) -> Guest {
        let seen = Arc::new(Mutex::new(None));
        let note = seen.clone();
        #[allow(clippy::result_large_err, reason = "the type is the library's")]
        let look = move |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            *note.lock() = Some(request.clone());
            Ok(response)
        };
        let welcome = async {
            let (stream, _) = self.listener.accept().await.expect("a connection");
            accept_hdr_async(stream, look).await.expect("a handshake")
        };
        let socket = timeout(PATIENCE, welcome).await.expect("somebody comes");
        let request = seen.lock().take().expect("a handshake");
        Guest { socket, request }
    }
}

impl Guest {
    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("an open connection");
    }

    /// The next text; what only keeps a connection alive is passed over.
    pub async fn hear(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("it says something") {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("text was expected, not {other:?}"),
            }
        }
    }

    /// The next text as JSON.
    pub async fn hear_json(&mut self) -> Value {
        let text = self.hear().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Says goodbye.
    pub async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.socket.close(Some(frame)).await.expect("an open connection");
        let rest = async { while let Some(Ok(_)) = self.socket.next().await {} };
        timeout(PATIENCE, rest).await.expect("an answer to the close frame");
    }
}
