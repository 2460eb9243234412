//! Owns a client that has an open WebSocket and has yet to prove itself, in its dialect's first frames. It has no seat,
//! no group and no id: nobody hears what it says, and it hears nobody. What it presents is checked elsewhere.

use super::farewell::{self, Socket, why};
use super::settings::Settings;
use crate::clock::Clock;
use crate::close::CloseReason;
use crate::config::Secret;
use crate::dialect::{Denied, Frame, Login, Now, OwnedFrame, Presented};
use crate::hub::shared;
use futures_util::Stream;
use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Frames of any kind that are read of it in all.
const FRAMES: u8 = 32;
/// Bytes on the wire beyond one message: heads and masks of so many frames, and pings.
const BESIDE: u64 = 8 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Waiting<S> {
    socket: Socket<S>,
    settings: Arc<Settings>,
    clock: Clock,
    frames: u8,
}

/// What a client that has yet to prove itself did at last.
#[derive(Debug)]
pub enum Said {
    /// It presented a token.
    Token(Secret),
    /// It presented an API key.
    ApiKey(Secret),
    /// It said something else, too much, or nothing in time.
    Denied(Denied),
    /// It has gone, or broke the protocol.
    Ended(CloseReason),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Waiting<S> {
    /// Over an upgraded transport; `leftover` was read behind the request already.
    pub async fn open(transport: S, leftover: Bytes, settings: Arc<Settings>, clock: Clock) -> Self {
        let socket = farewell::open(transport, leftover, &settings).await;
        Self { socket, settings, clock, frames: FRAMES }
    }

    /// Reads until it presents something, does something it may not, or the time is over. It may be dropped while it
    /// waits, and nothing is lost.
    pub async fn hear(&mut self, login: &dyn Login, until: Instant) -> Said {
        loop {
            let message = match self.next(until).await {
                Ok(Some(message)) => message,
                Ok(None) => return Said::Denied(Denied::Late),
                Err(reason) => return Said::Ended(reason),
            };
            let frame = match &message {
                Message::Text(text) => Frame::Text(text.as_str()),
                Message::Binary(bytes) => Frame::Binary(bytes),
                Message::Ping(_) | Message::Pong(_) if self.may_go_on() => continue,
                Message::Ping(_) | Message::Pong(_) => return Said::Denied(Denied::Missing),
                Message::Close(_) | Message::Frame(_) => return Said::Ended(CloseReason::ClientClosed),
            };
            let now = Now { instant: Instant::now().into_std(), at: self.clock.now() };
            match login.on_frame(frame, now) {
                Presented::Token(token) => return Said::Token(Secret::new(token)),
                Presented::ApiKey(key) => return Said::ApiKey(Secret::new(key)),
                Presented::Denied(why) => return Said::Denied(why),
                Presented::Answer(answer) => {
                    if !self.say(answer).await {
                        return Said::Ended(CloseReason::SlowConsumer);
                    }
                }
                Presented::Nothing => {}
            }
            if !self.may_go_on() {
                return Said::Denied(Denied::Missing);
            }
        }
    }

    /// Waits, whatever the client says meanwhile, until it is time or the client has gone. True: it is still there.
    pub async fn linger(&mut self, until: Instant) -> bool {
        loop {
            match self.next(until).await {
                Ok(None) => return true,
                Ok(Some(Message::Close(_))) | Err(_) => return false,
                // Whoever goes on talking is not listened to for ever.
                Ok(Some(_)) if !self.may_go_on() => return true,
                Ok(Some(_)) => {}
            }
        }
    }

    /// Tells it something. False: it does not take it.
    pub async fn say(&mut self, frame: OwnedFrame) -> bool {
        let sent = timeout(self.settings.write_timeout, farewell::send(&mut self.socket, shared(frame))).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Ends it, with these words instead of the reason's own, at most 123 bytes.
    pub async fn end(mut self, reason: CloseReason, text: Option<Cow<'static, str>>) {
        let text = text.unwrap_or_else(|| reason.text().into());
        farewell::say_with(&mut self.socket, reason, text, self.settings.write_timeout, None).await;
    }

    /// Ends it at once, with a close frame if the socket takes one without waiting.
    pub async fn drop_with(mut self, reason: CloseReason) {
        let end = farewell::say_with(&mut self.socket, reason, reason.text().into(), Duration::ZERO, None);
        let _ = timeout(Duration::ZERO, end).await;
    }

    /// It has proved itself: the same WebSocket, for its session.
    pub fn into_socket(self) -> Socket<S> {
        self.socket
    }

    /// The next frame; None when the time is over first.
    async fn next(&mut self, until: Instant) -> Result<Option<Message>, CloseReason> {
        let next = timeout_at(until, poll_fn(|cx| Pin::new(&mut self.socket).poll_next(cx)));
        match next.await {
            Err(_) => Ok(None),
            Ok(None) => Err(CloseReason::ClientClosed),
            Ok(Some(Err(error))) => Err(why(&error)),
            Ok(Some(Ok(message))) => Ok(Some(message)),
        }
    }

    /// Counts a frame. False: it was the last that is read.
    fn may_go_on(&mut self) -> bool {
        self.frames = self.frames.saturating_sub(1);
        let most = self.settings.socket.max_message_size.unwrap_or(usize::MAX) as u64;
        self.frames > 0 && self.socket.get_ref().read() <= most.saturating_add(BESIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::dialect::Goodbye;
    use crate::envelope::Origin;
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::DuplexStream;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    /// `t:…` is a token, `k:…` a key, `ping` is answered, `no` is denied.
    #[derive(Debug)]
    struct House;

    impl Login for House {
        fn on_frame<'a>(&self, frame: Frame<'a>, _now: Now) -> Presented<'a> {
            let Frame::Text(text) = frame else { return Presented::Nothing };
            match text.split_once(':') {
                Some(("t", token)) => Presented::Token(token.into()),
                Some(("k", key)) => Presented::ApiKey(key.into()),
                _ if text == "ping" => Presented::Answer(OwnedFrame::Text("pong".into())),
                _ if text == "no" => Presented::Denied(Denied::Missing),
                _ => Presented::Nothing,
            }
        }

        fn welcome(&self, _origin: &Origin, _now: Now) -> OwnedFrame {
            OwnedFrame::Text("welcome".into())
        }

        fn refuse(&self, _why: Denied) -> Goodbye {
            Goodbye { frame: None, reason: CloseReason::Policy, text: None }
        }
    }

    async fn pair(message: usize) -> (Waiting<DuplexStream>, WebSocketStream<DuplexStream>) {
        let mut config = Config::default();
        config.limits.message = message;
        let (server, client) = tokio::io::duplex(1 << 20);
        let settings = Arc::new(Settings::new(&config));
        let waiting = Waiting::open(server, Bytes::new(), settings, Clock::system()).await;
        (waiting, WebSocketStream::from_raw_socket(client, Role::Client, None).await)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn what_it_presents_is_heard_and_what_follows_is_left_to_the_session() {
        let (mut waiting, mut client) = pair(1000).await;
        for text in ["ping", "hello", "t:secret", "subscribe"] {
            client.send(Message::text(text)).await.expect("sent");
        }
        let Said::Token(token) = waiting.hear(&House, soon()).await else { panic!("a token") };
        assert_eq!(token.expose(), "secret");
        assert_eq!(client.next().await.expect("a frame").expect("no error"), Message::text("pong"));
        let mut socket = waiting.into_socket();
        assert_eq!(socket.next().await.expect("a frame").expect("no error"), Message::text("subscribe"));
    }

    #[tokio::test]
    async fn a_key_is_told_from_a_token_and_nonsense_is_denied() {
        let (mut waiting, mut client) = pair(1000).await;
        client.send(Message::text("k:secret")).await.expect("sent");
        assert!(matches!(waiting.hear(&House, soon()).await, Said::ApiKey(key) if key.expose() == "secret"));
        client.send(Message::text("no")).await.expect("sent");
        assert!(matches!(waiting.hear(&House, soon()).await, Said::Denied(Denied::Missing)));
        drop(client);
        assert!(matches!(waiting.hear(&House, soon()).await, Said::Ended(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_so_much_time_whatever_it_says() {
        let (mut waiting, _client) = pair(1000).await;
        let began = Instant::now();
        assert!(matches!(waiting.hear(&House, soon()).await, Said::Denied(Denied::Late)));
        assert_eq!(began.elapsed().as_secs(), 10);
        assert!(waiting.linger(soon()).await);
        assert_eq!(began.elapsed().as_secs(), 20);
    }

    #[tokio::test]
    async fn it_may_say_so_much() {
        for (frame, room) in [(Message::text("x"), 1000), (Message::Ping(Bytes::new()), 1000)] {
            let (mut waiting, mut client) = pair(room).await;
            for _ in 0..FRAMES {
                client.send(frame.clone()).await.expect("sent");
            }
            assert!(matches!(waiting.hear(&House, soon()).await, Said::Denied(Denied::Missing)));
        }
        let (mut waiting, mut client) = pair(10_000).await;
        for _ in 0..2 {
            client.send(Message::text("x".repeat(9_500))).await.expect("sent");
        }
        assert!(matches!(waiting.hear(&House, soon()).await, Said::Denied(Denied::Missing)));
        let (mut waiting, mut client) = pair(1000).await;
        client.send(Message::text("x".repeat(1001))).await.expect("sent");
        assert!(matches!(waiting.hear(&House, soon()).await, Said::Ended(CloseReason::TooBig)));
    }

    #[tokio::test]
    async fn it_is_told_and_ended() {
        let (mut waiting, mut client) = pair(1000).await;
        assert!(waiting.say(OwnedFrame::Text("wrong".into())).await);
        let end = waiting.end(CloseReason::Policy, Some("Invalid token".into()));
        let read = async {
            assert_eq!(client.next().await.expect("a frame").expect("no error"), Message::text("wrong"));
            let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("a close frame") };
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1008, "Invalid token"));
            drop(client);
        };
        tokio::join!(end, read);
        let (waiting, mut client) = pair(1000).await;
        waiting.drop_with(CloseReason::TryLater).await;
        let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("a close frame") };
        assert_eq!(u16::from(frame.code), 1013);
    }
}
