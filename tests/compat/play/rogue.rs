//! A small server that does well, or badly in one way: whatever a client says comes back to it.

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// How well it does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Faithful,
    /// Nothing comes back.
    Silent,
    /// Everything comes back twice.
    Doubles,
    /// Every second frame comes after the one behind it.
    Swaps,
    /// A blank more in every frame.
    Respaces,
    /// It comes back after so many milliseconds.
    Late(u64),
    /// One frame, and there is no end of answers.
    Floods,
    /// A frame that is larger than anybody takes.
    Huge,
    /// One frame, and the connection is reset.
    Resets,
    /// One frame, and it is closed with this code.
    Closes(u16),
    /// After the handshake it is closed with this code; before, a text comes.
    ClosesAtOnce(u16),
    /// The handshake is answered so.
    Refuses(u16),
    /// The handshake is never answered.
    Hangs,
    /// Bytes that are no frame.
    Babbles,
    /// It neither answers pings nor close frames, and does not end.
    Deaf,
    /// Whatever a client says, it is told what it asked for in the handshake, and headers.
    Repeats,
}

/// See the module.
pub struct Rogue {
    pub address: SocketAddr,
    /// The most connections there were at the same time.
    pub most: Arc<AtomicUsize>,
    /// How clients have ended: with a close frame of this code, or without one.
    pub ends: Arc<Mutex<Vec<Option<u16>>>>,
    _tasks: JoinSet<()>,
}

impl Rogue {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let rogue = Self { address, most: Arc::default(), ends: Arc::default(), _tasks: JoinSet::new() };
        let counts = Counts { now: Arc::default(), most: rogue.most.clone(), ends: rogue.ends.clone() };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let counts = counts.clone();
                clients.spawn(async move {
                    let _ = shake_hands(stream, manner, counts).await;
                });
            }
        });
        Self { _tasks: tasks, ..rogue }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

#[derive(Clone)]
struct Counts {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    ends: Arc<Mutex<Vec<Option<u16>>>>,
}

/// A client that is connected.
struct Here(Arc<AtomicUsize>);

impl Here {
    fn new(counts: &Counts) -> Self {
        counts.most.fetch_max(counts.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self(counts.now.clone())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

type Socket = WebSocketStream<TcpStream>;
type Done = Result<Option<u16>, tokio_tungstenite::tungstenite::Error>;

async fn shake_hands(mut stream: TcpStream, manner: Manner, counts: Counts) -> Done {
    match manner {
        Manner::Hangs => tokio::time::sleep(Duration::from_secs(3600)).await,
        Manner::Refuses(status) => {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await?;
            let body = String::from_utf8_lossy(&head);
            let line = body.lines().next().unwrap_or_default();
            let answer =
                format!("HTTP/1.1 {status} No\r\nserver: rogue\r\ncontent-length: {}\r\n\r\n{line}", line.len());
            stream.write_all(answer.as_bytes()).await?;
            return Ok(None);
        }
        _ => {}
    }
    let mut asked = String::new();
    #[allow(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
    let repeat = |request: &Request, mut response: Response| {
        asked = format!("{} {:?}", request.uri(), request.headers());
        response.headers_mut().insert("server", "rogue/1".parse().expect("a header"));
        Ok(response)
    };
    let socket = accept_hdr_async(stream, repeat).await?;
    let ended = serve(socket, manner, &asked, Here::new(&counts)).await;
    counts.ends.lock().push(ended.as_ref().ok().copied().flatten());
    ended
}

/// How the client ended.
async fn serve(mut socket: Socket, manner: Manner, asked: &str, here: Here) -> Done {
    match manner {
        Manner::ClosesAtOnce(code) => {
            socket.send(Message::text("bye")).await?;
            return close(&mut socket, code).await;
        }
        Manner::Deaf => tokio::time::sleep(Duration::from_secs(3600)).await,
        _ => {}
    }
    let mut held: Option<Message> = None;
    while let Some(message) = socket.next().await {
        let message = message?;
        if let Message::Close(frame) = &message {
            let code = frame.as_ref().map(|frame| frame.code.into());
            // Before the answer goes out: whoever has it knows that this client is gone.
            drop(here);
            while socket.next().await.is_some_and(|one| one.is_ok()) {}
            return Ok(code);
        }
        if !message.is_text() && !message.is_binary() {
            continue;
        }
        match manner {
            Manner::Silent => {}
            Manner::Doubles => {
                socket.send(message.clone()).await?;
                socket.send(message).await?;
            }
            Manner::Swaps => match held.take() {
                None => held = Some(message),
                Some(held) => {
                    socket.send(message).await?;
                    socket.send(held).await?;
                }
            },
            Manner::Respaces => socket.send(Message::text(message.into_text()?.replace(':', ": "))).await?,
            Manner::Late(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                socket.send(message).await?;
            }
            Manner::Floods => loop {
                socket.send(Message::text("more")).await?;
            },
            Manner::Huge => socket.send(Message::binary(vec![0; 17 << 20])).await?,
            Manner::Resets => {
                SockRef::from(socket.get_ref()).set_linger(Some(Duration::ZERO))?;
                return Ok(None);
            }
            Manner::Closes(code) => return close(&mut socket, code).await,
            Manner::Babbles => {
                socket.get_mut().write_all(&[0xff; 64]).await?;
                while socket.next().await.is_some_and(|one| one.is_ok()) {}
            }
            Manner::Repeats => socket.send(Message::text(asked)).await?,
            _ => socket.send(message).await?,
        }
    }
    Ok(None)
}

async fn close(socket: &mut Socket, code: u16) -> Done {
    let frame = CloseFrame { code: code.into(), reason: "so".into() };
    socket.close(Some(frame)).await?;
    while socket.next().await.is_some_and(|one| one.is_ok()) {}
    Ok(None)
}
