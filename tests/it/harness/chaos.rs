//! A TCP proxy between two real parties that can be told to fail the way networks do.
//! Knows nothing of what it carries, but for a word it is told to look for. Holds one small buffer per direction; ends with all it started when dropped.

use parking_lot::Mutex;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::sleep,
};

/// Bytes on their way in one direction of one connection.
const BUFFER: usize = 16 * 1024;
/// What a client said first is kept up to about so many bytes.
const SAID: usize = 512;
/// Connections at one time; one more is closed at once.
const MAX_CONNECTIONS: usize = 1024;

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Weather {
    Fine,
    /// Nothing listens.
    Cut,
    /// Connections stand and carry nothing.
    Stalled,
    /// Bytes per second, for each direction of each connection.
    Slow(usize),
}

/// What the accept loop is asked to do; it answers when it is done.
#[derive(Debug)]
struct Order {
    weather: Option<Weather>,
    /// For those that have said this word, and nobody else.
    only: Option<&'static str>,
    kill: bool,
    done: oneshot::Sender<()>,
}

/// The proxy. Every method returns when what it says is so.
pub struct ChaosProxy {
    addr: SocketAddr,
    orders: mpsc::Sender<Order>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    _accept: JoinSet<()>,
}

impl ChaosProxy {
    /// Listens on a port of its own and passes everything to `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        // Bound but not listening for as long as the proxy lives: while it is cut, nobody else gets the port.
        let reserved = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let addr = reserved.local_addr().unwrap();
        let (orders, inbox) = mpsc::channel(1);
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let accept = Accept {
            upstream,
            listener: Some(listen(addr)),
            reserved,
            weather: Weather::Fine,
            carried: Vec::new(),
            connections: JoinSet::new(),
            accepted: accepted.clone(),
            open: open.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept.run(inbox));
        Self { addr, orders, accepted, open, _accept: tasks }
    }

    /// Where the party under test connects instead of to upstream.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections accepted since the start: tells a reconnect from a connection that never broke.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Closes every connection and refuses new ones.
    pub async fn cut(&self) {
        self.order(Some(Weather::Cut), None, true).await;
    }

    /// Half-open: connections stand, new ones are accepted, and nothing sent from now on passes until `restore`.
    pub async fn stall(&self) {
        self.order(Some(Weather::Stalled), None, false).await;
    }

    /// Half-open, but only those of the present connections whose client has said this word at their beginning.
    /// Later ones are served as before.
    pub async fn stall_those_that_said(&self, word: &'static str) {
        self.order(Some(Weather::Stalled), Some(word), false).await;
    }

    /// Lets so many bytes per second through, each direction of each connection for itself.
    pub async fn slow(&self, bytes_per_second: usize) {
        self.order(Some(Weather::Slow(bytes_per_second.max(1))), None, false).await;
    }

    /// Ends `cut`, `stall` and `slow`. What was held in a stall is passed on.
    pub async fn restore(&self) {
        self.order(Some(Weather::Fine), None, false).await;
    }

    /// Closes every connection; new ones are served as before.
    pub async fn kill_connections(&self) {
        self.order(None, None, true).await;
    }

    async fn order(&self, weather: Option<Weather>, only: Option<&'static str>, kill: bool) {
        let (done, answer) = oneshot::channel();
        self.orders.send(Order { weather, only, kill, done }).await.expect("the chaos proxy runs");
        answer.await.expect("the chaos proxy runs");
    }
}

/// The accept loop, which owns everything.
struct Accept {
    upstream: SocketAddr,
    listener: Option<TcpListener>,
    reserved: TcpSocket,
    /// For connections to come.
    weather: Weather,
    /// Those that are open.
    carried: Vec<Carried>,
    connections: JoinSet<()>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Accept {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                // An order first: a connection accepted after it must meet the new weather.
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                Some(_) = self.connections.join_next() => {}
                Some(Ok((client, _))) = accept(self.listener.as_ref()) => self.serve(client),
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        self.carried.retain(|carried| !carried.weather.is_closed());
        if let Some(weather) = order.weather {
            let meant =
                |said: &[u8]| order.only.is_none_or(|word| said.windows(word.len()).any(|w| w == word.as_bytes()));
            for carried in self.carried.iter().filter(|carried| meant(&carried.said.lock())) {
                carried.weather.send_replace(weather);
            }
            if order.only.is_none() {
                self.weather = weather;
            }
            match self.weather {
                Weather::Cut => self.listener = None,
                _ if self.listener.is_none() => self.listener = Some(listen(self.reserved.local_addr().unwrap())),
                _ => {}
            }
        }
        if order.kill {
            self.connections.shutdown().await;
        }
        let _ = order.done.send(()); // a test that gave up waiting is no concern here
    }

    fn serve(&mut self, client: TcpStream) {
        if self.connections.len() >= MAX_CONNECTIONS {
            return;
        }
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let open = Open::new(&self.open);
        let carried = Carried { weather: watch::Sender::new(self.weather), said: Arc::default() };
        let (upstream, weather, said) = (self.upstream, carried.weather.subscribe(), carried.said.clone());
        self.carried.push(carried);
        self.connections.spawn(async move {
            let _open = open;
            carry(client, upstream, weather, &said).await;
        });
    }
}

/// An open connection, as the accept loop sees it.
struct Carried {
    weather: watch::Sender<Weather>,
    /// What its client said first.
    said: Arc<Mutex<Vec<u8>>>,
}

/// Counts a connection for as long as it lives, however it ends.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The next connection; none while nothing listens.
async fn accept(listener: Option<&TcpListener>) -> Option<std::io::Result<(TcpStream, SocketAddr)>> {
    Some(listener?.accept().await)
}

async fn carry(client: TcpStream, upstream: SocketAddr, mut weather: watch::Receiver<Weather>, said: &Mutex<Vec<u8>>) {
    // Accepted in a stall: upstream hears of it when the stall ends.
    let _ = weather.wait_for(|weather| *weather != Weather::Stalled).await;
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let there = pump(from_client, to_server, weather.clone(), Some(said));
    tokio::join!(there, pump(from_server, to_client, weather, None));
}

/// One direction. Bytes are held while the network is stalled; an end or an error passes as the end of this direction.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    said: Option<&Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; BUFFER];
    loop {
        // Slow: pieces of a twentieth of a second.
        let most = match *weather.borrow() {
            Weather::Slow(rate) => (rate / 20).clamp(1, BUFFER),
            _ => BUFFER,
        };
        let read = match from.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        if let Some(mut said) = said.map(Mutex::lock).filter(|said| said.len() < SAID) {
            said.extend_from_slice(&buffer[..read]);
        }
        let Ok(now) = weather.wait_for(|weather| *weather != Weather::Stalled).await.map(|now| *now) else { break };
        if let Weather::Slow(rate) = now {
            // A test that asks for fine weather again need not wait for the rest of the pause.
            let pause = sleep(Duration::from_secs_f64(read as f64 / rate as f64));
            tokio::select! { () = pause => {}, _ = weather.wait_for(|w| *w != Weather::Slow(rate)) => {} }
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = weather.wait_for(|weather| *weather != Weather::Stalled).await;
    let _ = to.shutdown().await;
}

fn bind(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(addr).unwrap();
    socket
}

fn listen(addr: SocketAddr) -> TcpListener {
    bind(addr).listen(128).unwrap()
}
