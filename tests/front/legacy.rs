//! A small legacy server: whatever a client says goes to everyone of its group, the client included. It can be told to
//! do that badly.

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// How well it does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Faithful,
    /// Every tenth frame reaches nobody.
    Drops,
    /// Every tenth frame comes twice.
    Doubles,
    /// Every tenth frame comes after the one behind it.
    Swaps,
    /// A blank goes into every tenth.
    Respaces,
    /// A member `at` that differs each time goes into every JSON object.
    Dates,
    /// Handshakes are never answered.
    Hangs,
    /// Connections end after five frames.
    Closes,
    /// Frames are never read.
    Deaf,
}

type Everyone = Arc<Mutex<HashMap<String, Vec<mpsc::Sender<Message>>>>>;

/// See the module.
pub struct Legacy {
    pub address: SocketAddr,
    /// Handshakes it has seen: path and query, headers.
    pub seen: Arc<Mutex<Vec<Request>>>,
    _tasks: JoinSet<()>,
}

impl Legacy {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let requests = seen.clone();
        tasks.spawn(async move {
            let (everyone, count) = (Everyone::default(), Arc::new(AtomicUsize::new(0)));
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                clients.spawn(serve(stream, manner, everyone.clone(), count.clone(), requests.clone()));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    pub fn url(&self) -> Option<String> {
        Some(format!("ws://{}", self.address))
    }
}

async fn serve(
    stream: TcpStream,
    manner: Manner,
    everyone: Everyone,
    count: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    if manner == Manner::Hangs {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let mut group = String::new();
    #[allow(clippy::result_large_err, reason = "the library's type")]
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        group = request.uri().path().split('/').nth(3).unwrap_or_default().to_owned();
        seen.lock().push(request.clone());
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, note).await else { return };
    if manner == Manner::Deaf {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let (mut writer, mut reader) = socket.split();
    let (sender, mut queue) = mpsc::channel::<Message>(10_000);
    everyone.lock().entry(group.clone()).or_default().push(sender);
    let write = async {
        while let Some(message) = queue.recv().await {
            if writer.send(message).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        let mut held = None;
        let mut frames = 0;
        while let Some(Ok(message)) = reader.next().await {
            if !(message.is_text() || message.is_binary()) {
                continue;
            }
            frames += 1;
            if manner == Manner::Closes && frames > 5 {
                return;
            }
            let tenth = count.fetch_add(1, Ordering::Relaxed) % 10 == 9;
            let say = |message: Message| {
                for client in everyone.lock().get(&group).into_iter().flatten() {
                    let _ = client.try_send(message.clone());
                }
            };
            match manner {
                Manner::Drops if tenth => {}
                Manner::Doubles if tenth => {
                    say(message.clone());
                    say(message);
                }
                Manner::Swaps if tenth && held.is_none() => held = Some(message),
                Manner::Respaces if tenth && message.is_text() => {
                    say(Message::text(format!("{} ", message.to_text().expect("text"))));
                }
                Manner::Dates if message.to_text().is_ok_and(|text| text.ends_with('}')) => {
                    let text = message.to_text().expect("text");
                    let at = fastrand::u64(..);
                    say(Message::text(format!("{},\"at\":{at}}}", &text[..text.len() - 1])));
                }
                _ => {
                    say(message);
                    if let Some(held) = held.take() {
                        say(held);
                    }
                }
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}
