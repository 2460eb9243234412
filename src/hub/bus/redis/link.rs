//! Owns one subscriber connection: RESP2 in and out over a bare stream. The redis crate's own Pub/Sub hands
//! pushes over through a queue without a bound, confirms nothing to its caller, and stays deaf after a
//! stall; reading here, the socket itself is the bound. What the bytes say is `push`'s.

use super::push::{NotResp, Push, Pushes};
use crate::redis_client::{ConnectError, Connector, Node, Transport};
use bytes::BytesMut;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout};
use tokio_util::io::{poll_read_buf, poll_write_buf};

/// Bytes asked of the socket at once.
const READ: usize = 64 * 1024;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Of the transport, or it was closed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Of opening it.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// Redis does not take our bytes in time.
    #[error("Redis does not read")]
    WriteTimeout,
    /// What came is no RESP.
    #[error("{0}")]
    Protocol(#[from] NotResp),
    /// Redis refuses something without which a link is none.
    #[error("Redis says: {0}")]
    Refused(String),
    /// Probes do not come back: it hears nothing.
    #[error("deaf: its probes do not come back")]
    Deaf,
}

/// A connection that subscribes.
pub struct Link {
    stream: Box<dyn Transport>,
    pushes: Pushes,
    /// What Redis has not taken yet, and since when it takes nothing.
    out: BytesMut,
    stuck: Option<Instant>,
    deadline: Duration,
}

impl Link {
    /// Connects and authenticates.
    ///
    /// # Errors
    /// Not in time, or refused.
    pub async fn open(connector: &Connector, node: &Node, deadline: Duration) -> Result<Self, LinkError> {
        let stream = connector.stream(node).await?;
        let (pushes, out) = (Pushes::with_capacity(READ), BytesMut::new());
        let mut link = Self { stream, pushes, out, stuck: None, deadline };
        let target = connector.target();
        if let Some(password) = &target.password {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = &target.user {
                auth.arg(user);
            }
            link.ask(auth.arg(password.expose())).await?;
        }
        link.ask(redis::cmd("CLIENT").arg("SETNAME").arg("aether-proxy-subscriber")).await?;
        Ok(link)
    }

    async fn ask(&mut self, command: &redis::Cmd) -> Result<(), LinkError> {
        self.send(command);
        let answer = timeout(self.deadline, async {
            loop {
                if let Some(push) = self.next()? {
                    return Ok::<_, LinkError>(push);
                }
                poll_fn(|cx| self.poll(cx)).await?;
            }
        });
        match answer.await.map_err(|_| ConnectError::Timeout)?? {
            Push::Error(why) => Err(LinkError::Refused(why)),
            _ => Ok(()),
        }
    }

    /// Queues a command. It goes out while the link is polled; what is queued is what this node wants to
    /// hear, and so has a bound.
    pub fn send(&mut self, command: &redis::Cmd) {
        self.out.extend_from_slice(&command.get_packed_command());
    }

    /// Writes what is queued and reads more; ready when something was read. Nothing is lost when it is
    /// not polled to its end.
    ///
    /// # Errors
    /// The connection ended.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while !self.out.is_empty() {
            match poll_write_buf(Pin::new(&mut self.stream), cx, &mut self.out) {
                Poll::Ready(written) => {
                    written?;
                    self.stuck = None;
                }
                Poll::Pending => {
                    self.stuck.get_or_insert_with(Instant::now);
                    break;
                }
            }
        }
        // TLS holds bytes back until it is flushed; on TCP this is nothing.
        if let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) {
            flushed?;
        }
        let buffer = self.pushes.buffer();
        buffer.reserve(READ);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, buffer))? {
            0 => Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Does Redis take nothing for longer than it may?
    ///
    /// # Errors
    /// It does.
    pub fn check(&self) -> Result<(), LinkError> {
        match self.stuck {
            Some(since) if since.elapsed() > self.deadline => Err(LinkError::WriteTimeout),
            _ => Ok(()),
        }
    }

    /// The next push that is whole.
    ///
    /// # Errors
    /// What came is not RESP.
    pub fn next(&mut self) -> Result<Option<Push>, LinkError> {
        Ok(self.pushes.take()?)
    }
}
