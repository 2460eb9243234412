//! The saboteur: a man in the middle of clients and a good server. What it has no fault for passes byte for byte, so
//! that what a case finds is the fault's and nothing else's.

use super::faults::Fault;
use super::room::{Item, Room, Side, Who};
use super::said::Said;
use super::when::{self, Later};
use super::wire::{self, CLOSE, Frame};
use super::{ways, what, who};
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Messages that may wait for a client.
const QUEUE: usize = 100_000;
/// How long a client may be silent where that is broken.
const IDLE: Duration = Duration::from_secs(2);
/// Longer than any test.
const EVER: Duration = Duration::from_secs(3600);
/// Between two frames of a client that belong together.
const TOGETHER: Duration = Duration::from_millis(300);

/// Listens as long as it lives.
pub struct Middle {
    pub address: SocketAddr,
    _listening: AbortOnDropHandle<()>,
}

struct Way {
    fault: Option<Fault>,
    /// The good API key.
    key: Option<String>,
    server: SocketAddr,
    room: Mutex<Room>,
    tasks: TaskTracker,
}

impl Middle {
    /// In front of a server; without a fault nothing is broken.
    pub async fn start(server: SocketAddr, fault: Option<Fault>, key: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let way = Arc::new(Way {
            fault,
            key: key.map(str::to_owned),
            server,
            room: Mutex::default(),
            tasks: TaskTracker::new(),
        });
        let listening = way.tasks.clone().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // How a connection ends is the client's to judge.
                let one = way.clone();
                way.tasks.spawn(async move { one.serve(client).await.ok() });
            }
        });
        Self { address, _listening: AbortOnDropHandle::new(listening) }
    }
}

impl Way {
    async fn serve(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let (mut from_client, mut from_server) = (BufReader::new(from_client), BufReader::new(from_server));
        let request = wire::head(&mut from_client).await?;
        let who = Who::of(request.split(' ').nth(1).unwrap_or_default());
        let seconds = who.side != Side::Other && !self.room.lock().tabs(&who).is_empty();
        if seconds && self.fault == Some(Fault::SecondRefused) {
            return to_client.write_all(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n").await;
        }
        let changed = self.fault.map(|fault| ways::request(fault, &request, self.key.as_deref()));
        to_server.write_all(changed.unwrap_or(request).as_bytes()).await?;
        let answer = wire::head(&mut from_server).await?;
        let accepted = wire::status(&answer) == 101;
        let mut body = vec![0; if accepted { 0 } else { wire::length(&answer) as usize }];
        from_server.read_exact(&mut body).await?;
        let answer = self.fault.map_or(answer.clone(), |fault| ways::answer(fault, answer));
        let (out, inbox) = mpsc::channel(QUEUE);
        // Before the client knows that it is in: what it does next may concern others.
        let seat = accepted.then(|| self.enter(&who, out));
        to_client.write_all(&[answer.as_bytes(), &body].concat()).await?;
        let Some(seat) = seat else { return Ok(()) };
        let goodbye = Mutex::new(false);
        let cut = CancellationToken::new();
        let talk = async {
            tokio::join!(
                self.up(seat, &who, from_client, to_server, &goodbye),
                self.down(seat, &who, from_server, &goodbye),
                write(inbox, to_client, &cut),
            )
        };
        cut.run_until_cancelled(talk).await;
        self.leave(seat, &who);
        Ok(())
    }

    fn enter(&self, who: &Who, out: mpsc::Sender<Item>) -> u64 {
        let mut room = self.room.lock();
        if self.fault == Some(Fault::SecondEndsFirst) && who.side != Side::Other {
            room.tabs(who).iter().for_each(|tab| {
                room.give(*tab, Item::Frame(Frame::close(4409)));
                room.give(*tab, Item::End);
            });
        }
        let seat = room.enter(who.clone(), out);
        let kept: Vec<_> = room.kept.extract_if(.., |(to, _)| *to == who.client).collect();
        kept.into_iter().for_each(|(_, frame)| room.give(seat, Item::Frame(frame)));
        let old = room.latest.get(&(who.group.clone(), who.side)).cloned();
        if let Some(old) = old.filter(|_| self.fault == Some(Fault::OldForNewcomers)) {
            room.give(seat, Item::Frame(old));
        }
        seat
    }

    fn leave(&self, seat: u64, who: &Who) {
        let mut room = self.room.lock();
        room.says_goodbye(seat);
        let gone = room.seats.remove(&seat).is_some();
        if gone && self.fault == Some(Fault::LeaveOfOneTab) && !room.tabs(who).is_empty() {
            let told = room.those(|one| one.side == Side::V3 && one.group == who.group);
            told.iter().for_each(|seat| room.give(*seat, Item::Frame(who::leave(who))));
        }
    }

    /// From the client to the server.
    async fn up(
        &self,
        seat: u64,
        who: &Who,
        mut from: BufReader<OwnedReadHalf>,
        mut to: OwnedWriteHalf,
        goodbye: &Mutex<bool>,
    ) {
        let (sender, mut frames) = mpsc::channel(QUEUE);
        let read = async move {
            while let Ok(frame) = wire::read(&mut from).await {
                if sender.send(frame).await.is_err() {
                    return;
                }
            }
        };
        let pass = async {
            let mut next: Option<Frame> = None;
            loop {
                let come = async { if next.is_some() { next.take() } else { frames.recv().await } };
                let idle = if self.fault == Some(Fault::IdleCut) { IDLE } else { EVER };
                let Ok(come) = timeout(idle, come).await else {
                    self.room.lock().give(seat, Item::End);
                    break;
                };
                let Some(frame) = come else { break };
                if self.fault == Some(Fault::LastWordsLost) && frame.is_message() {
                    tokio::time::sleep(TOGETHER).await;
                    next = frames.try_recv().ok();
                    if next.as_ref().map_or(frames.is_closed(), |next| next.opcode == CLOSE) {
                        continue;
                    }
                }
                if frame.opcode == CLOSE {
                    *goodbye.lock() = true;
                    self.room.lock().says_goodbye(seat);
                }
                if let Some(frame) = self.rises(seat, who, frame) {
                    // A server that reads no more says why; that comes the other way.
                    let _ = to.write_all(&frame.bytes(true)).await;
                }
            }
            // The client is gone.
            self.leave(seat, who);
            let _ = to.shutdown().await;
        };
        tokio::join!(read, pass);
    }

    /// What the server gets of a client's frame.
    fn rises(&self, seat: u64, who: &Who, frame: Frame) -> Option<Frame> {
        let Some(fault) = self.fault else { return Some(frame) };
        let (frame, answers) = ways::up(fault, who, frame);
        let mut room = self.room.lock();
        answers.into_iter().for_each(|item| room.give(seat, item));
        if let Some(serde_json::Value::Object(said)) = frame.as_ref().and_then(Frame::text).and_then(json) {
            if fault == Fault::DirectKept && who.side == Side::V3 {
                let kept = who::kept(&room, who, &said);
                room.kept.extend(kept);
            }
            room.said.insert(who.client.clone(), said);
        }
        let returned = room.gone.contains(who);
        let sent = room.seats.get_mut(&seat).filter(|_| frame.as_ref().is_some_and(Frame::is_message)).map(|seat| {
            seat.sent += 1;
            seat.sent
        });
        frame.filter(|_| !(fault == Fault::FirstOfReturnLost && returned && sent == Some(1)))
    }

    /// From the server to clients.
    async fn down(self: &Arc<Self>, seat: u64, who: &Who, mut from: BufReader<OwnedReadHalf>, goodbye: &Mutex<bool>) {
        while let Ok(frame) = wire::read(&mut from).await {
            match self.fault {
                Some(fault) if frame.is_message() => self.falls(fault, seat, who, frame),
                Some(fault) => {
                    let item = ways::control(fault, frame, *goodbye.lock());
                    self.room.lock().give(seat, item);
                }
                None => self.room.lock().give(seat, Item::Frame(frame)),
            }
        }
        self.room.lock().give(seat, Item::End);
        self.leave(seat, who);
    }

    /// What clients get of the server's message to one of them.
    fn falls(self: &Arc<Self>, fault: Fault, seat: u64, who: &Who, frame: Frame) {
        let said = Said::of(who.side, &frame);
        let mut room = self.room.lock();
        if who::is_group(who, said.as_ref()) {
            room.latest.insert((who.group.clone(), who.side), frame.clone());
        }
        let seats = who::gets(fault, &room, seat, who, said.as_ref());
        for frame in what::comes(fault, &room, who, said.as_ref(), frame) {
            for seat in &seats {
                if let Some(later) = when::give(fault, &mut room, *seat, frame.clone()) {
                    self.tasks.spawn(self.clone().later(*seat, later));
                }
            }
        }
        if fault == Fault::ErrorCloses && said.is_some_and(|said| said.is_error()) {
            room.give(seat, Item::Frame(Frame::close(1008)));
            room.give(seat, Item::End);
        }
    }

    async fn later(self: Arc<Self>, seat: u64, later: Later) {
        let (Later::Release(after) | Later::Give(after, _)) = &later;
        tokio::time::sleep(*after).await;
        let mut room = self.room.lock();
        let frame = match later {
            Later::Release(_) => room.seats.get_mut(&seat).and_then(|seat| seat.held.take()),
            Later::Give(_, frame) => Some(frame),
        };
        frame.into_iter().for_each(|frame| room.give(seat, Item::Frame(frame)));
    }
}

fn json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}

async fn write(mut inbox: mpsc::Receiver<Item>, mut to: OwnedWriteHalf, cut: &CancellationToken) {
    while let Some(item) = inbox.recv().await {
        match item {
            // A client that is gone is known from its other half.
            Item::Frame(frame) => drop(to.write_all(&frame.bytes(false)).await),
            Item::End => break,
            Item::Reset => {
                let _ = socket2::SockRef::from(to.as_ref()).set_linger(Some(Duration::ZERO));
                cut.cancel();
                return to.forget();
            }
        }
    }
    let _ = to.shutdown().await;
}

/// Without any fault it is not there.
#[tokio::test]
async fn nothing_is_changed_where_nothing_is_broken() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let middle = Middle::start(server.local_addr().unwrap(), None, None).await;
    let mut client = TcpStream::connect(middle.address).await.unwrap();
    let head = "GET /ws/group/g%20/client/c?x=1 HTTP/1.1\r\nHost: odd\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut server, _) = server.accept().await.unwrap();
    assert_eq!(wire::head(&mut server).await.unwrap(), head);
    let answer = "HTTP/1.1 101 Yes\r\nServer: odd\r\n\r\n";
    server.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(wire::head(&mut client).await.unwrap(), answer);
    for opcode in 0..16 {
        let frame = Frame { flags: 0x50, opcode, payload: vec![b'x'; 70_000] };
        client.write_all(&frame.bytes(true)).await.unwrap();
        assert_eq!(wire::read(&mut server).await.unwrap(), frame);
        server.write_all(&frame.bytes(false)).await.unwrap();
        assert_eq!(wire::read(&mut client).await.unwrap(), frame);
    }
    drop(server);
    assert!(wire::read(&mut client).await.is_err());
}
