//! Steady traffic over two proxies while something goes wrong: numbered V2 frames, V3 group messages and direct
//! messages, said on one node and heard on the other. What came of them is in `account`.

use super::account::{Book, Stream, Summary};
use super::talker::{Say, Talker};
use crate::harness::client::Client;
use crate::harness::proxy::ProxyProcess;
use parking_lot::Mutex;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Messages go out in pieces of this time: steady enough, and no timer per message.
const PIECE: Duration = Duration::from_millis(20);
/// Before the fault and after it the traffic runs this long.
const LEAD: Duration = Duration::from_millis(500);
/// What is to come comes within this time of the last thing that came.
const QUIET: Duration = Duration::from_secs(3);
/// Asked of one client and not done yet; more are left unsaid.
const ASKED: usize = 64;

struct Speaker {
    asks: mpsc::Sender<Say>,
    says: Vec<Say>,
    next: usize,
}

/// Clients that are connected and about to talk.
pub struct Traffic {
    rate: u32,
    names: Vec<String>,
    books: Vec<Arc<Mutex<Book>>>,
    asks: Vec<mpsc::Sender<Say>>,
    streams: Vec<Stream>,
    speakers: Vec<Speaker>,
    tasks: JoinSet<()>,
}

impl Traffic {
    /// Opens four groups of one speaker and one listener, on different nodes: V2 to V3, V3 to V2, V2 to V2, V3 to V3,
    /// in turn from either node; then one group with a V2 speaker on the first and a V3 speaker on the second node
    /// and a listener of each protocol. The V3 speakers also send direct messages to the next group's listener.
    /// All of them together say `rate` messages a second.
    pub async fn open(nodes: [&ProxyProcess; 2], rate: u32) -> Self {
        let mut traffic = Self {
            rate,
            names: Vec::new(),
            books: Vec::new(),
            asks: Vec::new(),
            streams: Vec::new(),
            speakers: Vec::new(),
            tasks: JoinSet::new(),
        };
        let mut pairs = Vec::new();
        for group in 0..4 {
            let (here, there) = (group % 2, (group + 1) % 2);
            let speaker = traffic.client(nodes[here], group % 2 == 1, &format!("g{group}"), "speaker").await;
            let listener =
                traffic.client(nodes[there], group == 0 || group == 3, &format!("g{group}"), "listener").await;
            traffic.stream(speaker, &format!("g{group}"), &[speaker, listener]);
            pairs.push((speaker, listener));
        }
        let mut crowd = Vec::new();
        for (node, v3, role) in
            [(0, false, "speaker"), (1, true, "speaker"), (0, true, "listener"), (1, false, "listener")]
        {
            let name = if v3 { format!("v3-{role}") } else { format!("v2-{role}") };
            crowd.push(traffic.client(nodes[node], v3, "crowd", &name).await);
        }
        traffic.stream(crowd[0], "crowd", &crowd);
        traffic.stream(crowd[1], "crowd", &crowd);
        // Speakers of g1 and g3 are V3 on the second node; these listeners are on the first or the second.
        traffic.direct(pairs[1].0, pairs[2].1);
        traffic.direct(pairs[3].0, pairs[1].1);
        traffic.direct(crowd[1], pairs[3].1);
        traffic
    }

    async fn client(&mut self, node: &ProxyProcess, v3: bool, group: &str, role: &str) -> usize {
        let name = format!("{group}-{role}");
        let path = if v3 { "/v3/ws" } else { "/ws" };
        let url = node.client_url(&format!("{path}/group/{group}/client/{name}"));
        let client = Client::connect(&url).await.unwrap_or_else(|refused| panic!("{url}: {refused:?}"));
        let book = Arc::new(Mutex::new(Book::default()));
        let (asks, asked) = mpsc::channel(ASKED);
        self.tasks.spawn(Talker { url, v3, book: book.clone() }.run(client, asked));
        self.names.push(name);
        self.books.push(book);
        self.asks.push(asks);
        self.names.len() - 1
    }

    fn stream(&mut self, from: usize, scope: &str, hear: &[usize]) {
        let say = Say { stream: self.streams.len(), to: None };
        self.streams.push(Stream { from, scope: scope.to_owned(), hear: hear.to_vec() });
        let says = vec![say; 4];
        self.speakers.push(Speaker { asks: self.asks[from].clone(), says, next: 0 });
    }

    /// One in five of this speaker's messages is for one client alone.
    fn direct(&mut self, from: usize, to: usize) {
        let say = Say { stream: self.streams.len(), to: Some(self.names[to].clone()) };
        let speaks = self.speakers.iter_mut().find(|speaker| speaker.asks.same_channel(&self.asks[from]));
        speaks.expect("a speaker").says.push(say);
        self.streams.push(Stream { from, scope: self.names[to].clone(), hear: vec![to] });
    }

    /// Talks while the scenario runs and a little before and after, waits until everything has come or nothing comes
    /// any more, and draws the sum. The clients hang up.
    pub async fn during(mut self, scenario: impl Future<Output = ()>) -> Summary {
        let done = AtomicBool::new(false);
        let began = Instant::now();
        tokio::join!(talk(&mut self.speakers, self.rate, &done), async {
            sleep(LEAD).await;
            scenario.await;
            sleep(LEAD).await;
            done.store(true, Ordering::Relaxed);
        });
        let seconds = began.elapsed().as_secs_f64();
        self.settle().await;
        let books: Vec<Book> = self.books.iter().map(|book| book.lock().clone()).collect();
        let said: u32 = books.iter().flat_map(|book| book.sent.values()).sum();
        Summary::of(&self.streams, &self.names, &books, f64::from(said) / seconds)
    }

    /// Until all is there, or nothing came for a while.
    async fn settle(&self) {
        let (mut heard, mut since) = (0, Instant::now());
        while since.elapsed() < QUIET {
            let books: Vec<_> = self.books.iter().map(|book| book.lock()).collect();
            let now: usize = books.iter().map(|book| book.heard.len()).sum();
            let sent = |stream: usize, from: usize| books[from].sent.get(&stream).copied().unwrap_or(0) as usize;
            let owed: usize = self.streams.iter().enumerate().map(|(n, s)| sent(n, s.from) * s.hear.len()).sum();
            drop(books);
            if now != heard {
                (heard, since) = (now, Instant::now());
            }
            // Once more after the last: what would come twice comes now.
            if now >= owed && since.elapsed() > LEAD / 2 {
                return;
            }
            sleep(PIECE).await;
        }
    }
}

async fn talk(speakers: &mut [Speaker], rate: u32, done: &AtomicBool) {
    let mut ticks = interval(PIECE);
    // A machine that cannot keep up says less; it does not say it all at once later.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut owed = 0.0;
    let mut turn = 0;
    while !done.load(Ordering::Relaxed) {
        ticks.tick().await;
        owed += f64::from(rate) * PIECE.as_secs_f64();
        while owed >= 1.0 {
            owed -= 1.0;
            let all = speakers.len();
            let speaker = &mut speakers[turn % all];
            turn += 1;
            let say = speaker.says[speaker.next % speaker.says.len()].clone();
            // One that is closed, or whose proxy does not read, says nothing.
            if speaker.asks.try_send(say).is_ok() {
                speaker.next += 1;
            }
        }
    }
}
