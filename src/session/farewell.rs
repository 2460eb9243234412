//! Owns the end of a WebSocket: close frames both ways (RFC 6455 section 7), then the transport, read to its
//! end so that no reset overtakes the close frame. Every wait is bounded.

use super::last_words::LastWords;
use super::metered::Metered;
use super::settings::Settings;
use crate::close::CloseReason;
use futures_util::{Sink, Stream};
use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// How long the peer may take to answer a close frame and to end the transport.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a close frame is tried on a peer that does not read or does not live.
const TRY: Duration = Duration::from_secs(1);

/// A WebSocket whose bytes are counted.
pub type Socket<S> = WebSocketStream<Metered<S>>;

/// A WebSocket over a transport whose handshake is done; `leftover` was read behind the request already.
pub async fn open<S>(transport: S, leftover: Bytes, settings: &Settings) -> Socket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let transport = Metered::new(transport);
    if leftover.is_empty() {
        WebSocketStream::from_raw_socket(transport, Role::Server, Some(settings.socket)).await
    } else {
        WebSocketStream::from_partially_read(transport, leftover.into(), Role::Server, Some(settings.socket)).await
    }
}

/// Opens a WebSocket only to close it, so that a browser's script reads the code; and when to come back, in seconds.
pub async fn turn_away<S>(
    transport: S,
    leftover: Bytes,
    reason: CloseReason,
    retry_after: Option<u64>,
    settings: &Settings,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = open(transport, leftover, settings).await;
    say_with(&mut socket, reason, reason.text_with(retry_after), settings.write_timeout, None).await;
}

/// Ends a WebSocket. True when everything that was handed to it before has been written.
pub async fn say<S>(
    socket: &mut Socket<S>,
    reason: CloseReason,
    write_timeout: Duration,
    last_words: Option<LastWords<'_>>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    say_with(socket, reason, reason.text().into(), write_timeout, last_words).await
}

/// The same in other words, at most 123 bytes.
pub async fn say_with<S>(
    socket: &mut Socket<S>,
    reason: CloseReason,
    text: Cow<'static, str>,
    write_timeout: Duration,
    mut last_words: Option<LastWords<'_>>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(code) = reason.code() else { return false };
    let patience = patience(reason, write_timeout);
    let mut flushed = false;
    if reason != CloseReason::ClientClosed {
        let frame = CloseFrame { code: CloseCode::from(code), reason: text.as_ref().into() };
        let sent = timeout_at(Instant::now() + patience, send(socket, Message::Close(Some(frame)))).await;
        flushed = matches!(sent, Ok(Ok(())));
        if !flushed {
            return false;
        }
    }
    let until = Instant::now() + ANSWER;
    // The peer's close frame, if it has not been first; this also writes the answer to it.
    let mut answered = reason == CloseReason::ClientClosed;
    while Instant::now() < until {
        let next = timeout_at(until, poll_fn(|cx| Pin::new(&mut *socket).poll_next(cx)));
        let Ok(Some(Ok(message))) = next.await else { break };
        answered |= message.is_close();
        if let Some(words) = &mut last_words
            && !words.hear(&message).await
        {
            last_words = None;
        }
    }
    let transport = socket.get_mut();
    let _ = timeout_at(until, async {
        let _ = transport.shutdown().await;
        // Behind its close frame a peer says nothing. One that broke the protocol may still be talking: closing
        // now would answer its words with a reset, which can overtake our close frame.
        let mut rest = [0; 512];
        while !answered && matches!(transport.read(&mut rest).await, Ok(n) if n > 0) {}
    })
    .await;
    flushed
}

/// How long it is tried to bring what was begun, and then the close frame, to the peer.
pub fn patience(reason: CloseReason, write_timeout: Duration) -> Duration {
    match reason {
        CloseReason::SlowConsumer | CloseReason::PeerDead => TRY.min(write_timeout),
        _ => write_timeout,
    }
}

/// Hands a frame over and flushes it; its caller sets the deadline.
pub async fn send<S>(socket: &mut Socket<S>, message: Message) -> Result<(), ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Pin::new(socket);
    // A full write buffer must empty first; an error means that nothing can be said any more.
    poll_fn(|cx| socket.as_mut().poll_ready(cx)).await.map_err(drop)?;
    socket.as_mut().start_send(message).map_err(drop)?;
    poll_fn(|cx| socket.as_mut().poll_flush(cx)).await.map_err(drop)
}

/// What an error of the socket means.
pub fn why(error: &Error) -> CloseReason {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => CloseReason::ClientClosed,
        // The end of the stream without a close frame: a browser tab that was shut, a process that ended.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::ClientClosed,
        Error::Protocol(_) | Error::AttackAttempt => CloseReason::ProtocolError,
        Error::Capacity(_) => CloseReason::TooBig,
        Error::Utf8(_) => CloseReason::InvalidUtf8,
        Error::WriteBufferFull(_) => CloseReason::SlowConsumer,
        _ => CloseReason::TransportError,
    }
}
