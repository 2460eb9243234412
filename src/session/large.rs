//! Owns frames that a connection must not keep a copy of. The WebSocket's own buffer grows with the largest frame and
//! never shrinks: one message of 400 KiB to 20,000 clients would stay in memory 20,000 times, for as long as they are
//! connected. So a large frame is written from where it lies, shared by all its receivers, past that buffer.

use super::metered::Metered;
use futures_util::Sink;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Frames with more content than this. Below it copying costs nothing, and several go out in one write.
const LARGE: usize = 4 * 1024;
/// The longest head of a frame (RFC 6455 section 5.2): two bytes and a length of eight; servers do not mask.
const HEAD: usize = 10;

/// A data frame, as far as it is written.
#[derive(Debug)]
pub struct Large {
    head: [u8; HEAD],
    head_length: usize,
    content: Bytes,
    /// Bytes of both that the transport took.
    written: usize,
}

impl Large {
    /// A message as such a frame, or the message again when it is none.
    pub fn of(message: Message) -> Result<Self, Message> {
        let opcode = match &message {
            Message::Text(text) if text.len() > LARGE => 0x1,
            Message::Binary(bytes) if bytes.len() > LARGE => 0x2,
            _ => return Err(message),
        };
        let content = message.into_data();
        let (mut head, mut head_length) = ([0; HEAD], HEAD);
        head[0] = 0x80 | opcode;
        match u16::try_from(content.len()) {
            Ok(length) => {
                head_length = 4;
                head[1] = 126;
                head[2..4].copy_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                head[1] = 127;
                head[2..].copy_from_slice(&(content.len() as u64).to_be_bytes());
            }
        }
        Ok(Self { head, head_length, content, written: 0 })
    }

    fn poll_write<W: AsyncWrite + Unpin>(&mut self, to: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let head = self.head.get(self.written..self.head_length).unwrap_or_default();
            let content = self.content.get(self.written.saturating_sub(self.head_length)..).unwrap_or_default();
            if head.is_empty() && content.is_empty() {
                return Poll::Ready(Ok(()));
            }
            // Head and content together where the transport can: no packet of four bytes.
            let parts = [IoSlice::new(head), IoSlice::new(content)];
            let parts = if head.is_empty() { &parts[1..] } else { &parts[..] };
            match ready!(Pin::new(&mut *to).poll_write_vectored(cx, parts))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.written += taken,
            }
        }
    }
}

/// Writes what waits here, behind everything the WebSocket was given before. While it is under way the WebSocket
/// must be neither read nor written: what it said would stand in the middle of the frame.
pub fn poll<S>(
    waiting: &mut Option<Large>,
    socket: &mut WebSocketStream<Metered<S>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(large) = waiting else { return Poll::Ready(Ok(())) };
    if large.written == 0 {
        ready!(Pin::new(&mut *socket).poll_flush(cx))?;
    }
    ready!(large.poll_write(socket.get_mut(), cx))?;
    *waiting = None;
    Poll::Ready(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Settings, farewell};
    use futures_util::{SinkExt, StreamExt};
    use std::future::poll_fn;
    use tokio_tungstenite::tungstenite::protocol::Role;

    fn message(length: usize, binary: bool) -> Message {
        let content: String = ('a'..='z').cycle().take(length).collect();
        if binary { Message::binary(content) } else { Message::text(content) }
    }

    #[tokio::test]
    async fn large_frames_arrive_whole_between_small_ones_through_a_transport_that_takes_a_few_bytes() {
        // 61 bytes at once: heads and contents are cut everywhere.
        let (near, far) = tokio::io::duplex(61);
        let settings = Settings::new(&crate::config::Config::default());
        let mut socket = farewell::open(near, Bytes::new(), &settings).await;
        let mut client = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let lengths = [LARGE + 1, 12, 65_535, 65_536, 5, LARGE, 200_000];
        let reader = async move {
            let mut heard = Vec::new();
            while heard.len() < 2 * lengths.len() {
                heard.push(client.next().await.unwrap().unwrap());
            }
            heard
        };
        let all: Vec<Message> = lengths.into_iter().flat_map(|n| [message(n, false), message(n, true)]).collect();
        let writer = async {
            for message in all.clone() {
                match Large::of(message) {
                    Ok(large) => {
                        let mut waiting = Some(large);
                        poll_fn(|cx| poll(&mut waiting, &mut socket, cx)).await.unwrap();
                        assert!(waiting.is_none());
                    }
                    Err(small) => socket.feed(small).await.unwrap(),
                }
            }
            socket.flush().await.unwrap();
        };
        let ((), heard) = tokio::join!(writer, reader);
        assert!(heard == all);
    }
}
