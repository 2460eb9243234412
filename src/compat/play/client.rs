//! Owns one connection of a script: what it sends, each within a deadline, and the task that puts what comes into its
//! inbox. Pings are answered without anybody's doing. Nobody waits here for what a script expects: that is the stage's.

use super::entry::Entry;
use super::inbox::{Came, End, Inbox, What};
use super::secrets::Secrets;
use crate::dial::{DialError, Dialer, Socket};
use crate::dialect::OwnedFrame;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How long a server may take to end TCP after both close frames.
const GOODBYE: Duration = Duration::from_secs(5);

/// See the module. Dropped, it is cut without a close frame.
pub struct Client {
    writer: SplitSink<Socket, Message>,
    inbox: Arc<Inbox>,
    reader: AbortOnDropHandle<()>,
}

/// Why something was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// The server does not read.
    Late,
    /// The connection is over; how, stands in the inbox.
    Over,
}

impl Client {
    /// Connects; beside the client, what the server calls itself.
    ///
    /// # Errors
    /// It is not let in, or not in time.
    pub async fn open(
        dialer: &Dialer,
        entry: &Entry,
        secrets: &Arc<Secrets>,
        tasks: &TaskTracker,
    ) -> Result<(Self, Option<String>), DialError> {
        let opened = dialer.open(&entry.path, &entry.headers).await?;
        let server = opened.headers.get("server").and_then(|value| value.to_str().ok()).map(|name| secrets.hide(name));
        let (writer, reader) = opened.socket.split();
        let inbox = Arc::new(Inbox::default());
        let reader = tasks.spawn(read(reader, inbox.clone(), secrets.clone()));
        Ok((Self { writer, inbox, reader: AbortOnDropHandle::new(reader) }, server))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// It was not sent, or not within this time.
    pub async fn send(&mut self, frame: OwnedFrame, within: Duration) -> Result<(), Unsent> {
        let message = match frame {
            OwnedFrame::Text(text) => Message::text(text),
            OwnedFrame::Binary(bytes) => Message::binary(bytes),
        };
        self.put(message, within).await
    }

    /// Says goodbye with this code.
    ///
    /// # Errors
    /// It was not sent, or not within this time.
    pub async fn say_goodbye(&mut self, code: u16, within: Duration) -> Result<(), Unsent> {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.put(Message::Close(Some(frame)), within).await
    }

    /// Sends a ping and waits for the same back.
    ///
    /// # Errors
    /// What came instead, in words.
    pub async fn ping(&mut self, content: &[u8], within: Duration) -> Result<(), &'static str> {
        let until = Instant::now() + within;
        match self.put(Message::Ping(content.to_vec().into()), within).await {
            Ok(()) => {}
            Err(Unsent::Late) => return Err("it could not be sent in time"),
            Err(Unsent::Over) => return Err("the connection is over"),
        }
        match self.inbox.pong(content, until).await {
            Some(_) => Ok(()),
            None if self.inbox.pongs() > 0 => Err("a pong with something else in it came"),
            None => Err("no pong came"),
        }
    }

    /// What comes next; nothing if nothing comes until then.
    pub async fn next(&self, until: Instant) -> Option<Came> {
        self.inbox.next(until).await
    }

    /// The next frame; an end is left for `next`.
    pub async fn next_frame(&self, until: Instant) -> Option<Came> {
        self.inbox.next_frame(until).await
    }

    /// Cuts the connection, without a word.
    pub async fn cut(self) {
        let Self { writer, reader, .. } = self;
        reader.abort();
        // Only when the task has let go of its half the socket is closed.
        let _ = reader.await;
        drop(writer);
    }

    async fn put(&mut self, message: Message, within: Duration) -> Result<(), Unsent> {
        match timeout(within, self.writer.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Unsent::Over),
            Err(_) => Err(Unsent::Late),
        }
    }
}

async fn read(mut socket: SplitStream<Socket>, inbox: Arc<Inbox>, secrets: Arc<Secrets>) {
    loop {
        // Whoever waits for something has a deadline of its own; this task ends with the client.
        let what = match socket.next().await {
            Some(Ok(Message::Text(text))) => What::Frame(secrets.hide_in(OwnedFrame::Text(text.as_str().to_owned()))),
            Some(Ok(Message::Binary(bytes))) => What::Frame(secrets.hide_in(OwnedFrame::Binary(bytes.to_vec()))),
            Some(Ok(Message::Pong(content))) => What::Pong(content.to_vec()),
            Some(Ok(Message::Close(frame))) => What::Ended(match frame {
                Some(frame) => End::Code(frame.code.into(), secrets.hide(&frame.reason)),
                None => End::Code(1005, String::new()),
            }),
            // Its answer goes out with the next look.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
            Some(Err(error)) => What::Ended(broken(error)),
            None => What::Ended(End::Cut),
        };
        let is_goodbye = matches!(what, What::Ended(End::Code(..)));
        if !inbox.put(what) {
            if is_goodbye {
                // The answer to its close frame goes out while this looks on.
                let _ = timeout(GOODBYE, async { while let Some(Ok(_)) = socket.next().await {} }).await;
            }
            return;
        }
    }
}

fn broken(error: Error) -> End {
    match error {
        Error::Io(_)
        | Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Cut,
        Error::Protocol(error) => End::Broken(error.to_string()),
        Error::Utf8(_) => End::Broken("a text that is no UTF-8".to_owned()),
        Error::Capacity(_) => End::Broken("a message that is larger than this program takes".to_owned()),
        _ => End::Broken("frames that are none".to_owned()),
    }
}
