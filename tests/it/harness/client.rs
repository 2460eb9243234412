//! A WebSocket client as applications have it: frames in, frames out, pings answered.
//! What no decent client would send is in `raw`.

use super::{
    PATIENCE,
    http::{self, Reply},
};
use futures_util::{SinkExt, StreamExt};
use hyper::{HeaderMap, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use std::{collections::VecDeque, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// The key of RFC 6455 section 1.3: nothing in a test depends on its being random.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The server's answer when it was not 101.
pub type Refused = Box<Reply>;

/// A handshake to be made.
pub struct Dial {
    url: String,
    headers: Vec<(String, String)>,
}

impl Dial {
    /// To a `ws://` address, without any header but the necessary ones.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), headers: Vec::new() }
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Offers these sub-protocols, best first.
    pub fn protocols(self, names: &[&str]) -> Self {
        self.header("sec-websocket-protocol", &names.join(", "))
    }

    /// Makes the handshake; panics when there is no HTTP answer at all or a wrong 101.
    ///
    /// # Errors
    /// Any answer but 101.
    pub async fn connect(self) -> Result<Client, Refused> {
        let (uri, mut request) = http::request(&self.url).unwrap_or_else(|problem| panic!("{problem}"));
        let fixed = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in fixed.into_iter().chain(own) {
            let name: hyper::header::HeaderName = name.parse().expect("a header name");
            request.headers_mut().append(name, value.parse().expect("a header value"));
        }
        let handshake = async {
            let (response, _connection) = http::send(&uri, request).await?;
            if response.status() != 101 {
                return Ok(Err(Box::new(http::whole(response).await?)));
            }
            let headers = response.headers().clone();
            let socket = hyper::upgrade::on(response).await.map_err(|problem| problem.to_string())?;
            Ok::<_, String>(Ok((headers, socket)))
        };
        let outcome = timeout(PATIENCE, handshake).await.unwrap_or_else(|_| panic!("{}: no answer", self.url));
        let (headers, socket) = outcome.unwrap_or_else(|problem| panic!("{}: {problem}", self.url))?;
        assert_eq!(headers["sec-websocket-accept"], derive_accept_key(KEY.as_bytes()));
        // Small buffers: some tests hold ten thousand clients.
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(socket), Role::Client, Some(config)).await;
        Ok(Client { socket, headers, waiting: VecDeque::new(), pings: 0 })
    }
}

/// An open connection. Dropped, it is gone without a close frame, like a laptop that is shut.
pub struct Client {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    headers: HeaderMap,
    /// Heard while something else was waited for.
    waiting: VecDeque<Message>,
    pings: usize,
}

impl Client {
    /// A handshake with nothing but the address.
    ///
    /// # Errors
    /// Any answer but 101.
    pub async fn connect(url: &str) -> Result<Self, Refused> {
        Dial::new(url).connect().await
    }

    /// A header of the 101, empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header in ASCII"))
    }

    /// Pings of the server heard so far; each was answered.
    pub fn pings(&self) -> usize {
        self.pings
    }

    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    pub async fn send_binary(&mut self, bytes: impl Into<Vec<u8>>) {
        self.send(Message::binary(bytes.into())).await;
    }

    /// Sends any frame; panics when the connection does not take it in time.
    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.expect("room to send").expect("an open connection");
    }

    /// Sends any frame, however long that takes.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn try_send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        self.socket.send(message).await
    }

    /// The next text, binary or close frame; none when nothing came.
    ///
    /// # Errors
    /// How the connection ended without a close frame.
    pub async fn try_next(&mut self, within: Duration) -> Result<Option<Message>, tungstenite::Error> {
        if let Some(message) = self.waiting.pop_front() {
            return Ok(Some(message));
        }
        let deadline = Instant::now() + within;
        loop {
            match timeout_at(deadline, self.socket.next()).await {
                Err(_) => return Ok(None),
                Ok(None) => return Err(tungstenite::Error::ConnectionClosed),
                Ok(Some(Ok(Message::Ping(_)))) => self.pings += 1,
                Ok(Some(Ok(Message::Pong(_)))) => {}
                Ok(Some(message)) => return message.map(Some),
            }
        }
    }

    /// The next text, binary or close frame; none when nothing came. Panics when the connection broke.
    pub async fn next(&mut self, within: Duration) -> Option<Message> {
        self.try_next(within).await.unwrap_or_else(|problem| panic!("the connection broke: {problem}"))
    }

    /// The next frame, which must be text.
    pub async fn expect_text(&mut self) -> String {
        match self.next(PATIENCE).await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("text was expected, not {other:?}"),
        }
    }

    /// The next frame, which must be JSON in text.
    pub async fn expect_json(&mut self) -> serde_json::Value {
        let text = self.expect_text().await;
        serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{problem} in {text}"))
    }

    /// The next frame, which must be binary.
    pub async fn expect_binary(&mut self) -> Vec<u8> {
        match self.next(PATIENCE).await {
            Some(Message::Binary(bytes)) => bytes.to_vec(),
            other => panic!("a binary frame was expected, not {other:?}"),
        }
    }

    /// That nothing is heard for so long. Prefer a later message that must arrive: it proves more, and sooner.
    pub async fn expect_nothing(&mut self, within: Duration) {
        let heard = self.next(within).await;
        assert!(heard.is_none(), "silence was expected, not {heard:?}");
    }

    /// Code and reason of the server's close frame, which must be next. 1005: a close frame without a code.
    pub async fn expect_close(&mut self) -> (u16, String) {
        match self.next(PATIENCE).await {
            Some(Message::Close(Some(frame))) => (frame.code.into(), frame.reason.as_str().to_owned()),
            Some(Message::Close(None)) => (1005, String::new()),
            other => panic!("a close frame was expected, not {other:?}"),
        }
    }

    /// Sends a ping and waits for its pong. What is heard in between stays for `next`.
    pub async fn ping(&mut self) {
        self.send(Message::Ping("are you there?".into())).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout_at(deadline, self.socket.next()).await.expect("a pong").expect("an open connection") {
                Ok(Message::Pong(echo)) if echo == "are you there?" => return,
                Ok(Message::Ping(_)) => self.pings += 1,
                Ok(other) => self.waiting.push_back(other),
                Err(problem) => panic!("no pong: {problem}"),
            }
        }
    }

    /// Says goodbye with 1000 and waits for the answer; returns its code. Frames still on their way are dropped.
    pub async fn close(self) -> u16 {
        self.close_with(1000, "").await
    }

    /// As `close`, with another code.
    pub async fn close_with(mut self, code: u16, reason: &str) -> u16 {
        self.send(Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() }))).await;
        loop {
            match self.next(PATIENCE).await.expect("an answer to the close frame") {
                Message::Close(frame) => return frame.map_or(1005, |frame| frame.code.into()),
                _ => continue,
            }
        }
    }
}
