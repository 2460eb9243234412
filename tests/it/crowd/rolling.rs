//! A rolling restart of two nodes on one Redis while everyone talks.
//!
//! What is promised: who stays on a node hears everything, once and in order, while the other node restarts. What a
//! client said before it answered the proxy's goodbye is published; it need not say it again. Who moves hears
//! nothing while it is on its way. Nobody who stays, or is back within the grace, is told to have left.

use crate::harness::PATIENCE;
use crate::harness::client::Client;
use crate::harness::eventually::eventually;
use crate::harness::http;
use crate::harness::ports::{self, Kept};
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::redis::RedisServer;
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

/// Between two messages of one client.
const PAUSE: Duration = Duration::from_millis(5);

/// A node that comes back at its own address.
struct Node {
    kept: Kept,
    proxy: Option<ProxyProcess>,
    redis: String,
}

impl Node {
    async fn start(redis: &RedisServer) -> Self {
        let mut node = Self { kept: ports::keep(), proxy: None, redis: redis.url() };
        node.begin().await;
        node
    }

    async fn begin(&mut self) {
        let options =
            ["listen.drain_delay = \"300ms\"", "listen.drain_window = \"700ms\"", "hub.presence.grace = \"4s\""];
        let options = options.into_iter().fold(ProxyOptions::default(), |options, line| options.line(line));
        let options =
            options.env("AETHER_HUB__URL", &self.redis).env("AETHER_LISTEN__CLIENTS", &self.kept.address.to_string());
        let proxy = self.proxy.insert(options.start().await);
        let ready = proxy.admin_url("/readyz");
        eventually!(PATIENCE, http::get(&ready).await.status, |status| *status == 200);
    }

    /// As an orchestrator does it: SIGTERM, wait for the end, start again.
    async fn restart(&mut self) {
        let mut proxy = self.proxy.take().expect("it runs");
        proxy.signal("TERM");
        let status = proxy.wait_exit(PATIENCE).await;
        assert_eq!(status.code(), Some(0), "{}", proxy.output());
        self.begin().await;
    }
}

/// What one client did and heard, from its first connection to the end.
#[derive(Default)]
struct Diary {
    /// Messages it sent, numbered from 0.
    sent: u64,
    /// What it heard, by sender.
    heard: HashMap<String, Vec<u64>>,
    /// Presence events of others: who, and what.
    presence: Vec<(String, String)>,
    /// How often it lost its connection, always with 1012.
    moved: usize,
}

/// Talks and listens until told to stop, on the first of the nodes that takes it.
async fn life(name: &'static str, v2: bool, homes: Vec<SocketAddr>, stop: Arc<AtomicBool>) -> (&'static str, Diary) {
    let mut diary = Diary::default();
    let mut client = connect(name, v2, &homes).await;
    let mut next = Instant::now();
    loop {
        let talking = !stop.load(Ordering::SeqCst);
        if talking && Instant::now() >= next {
            let n = diary.sent;
            let text = match v2 {
                true => format!(r#"{{"msg":"{name} {n}"}}"#),
                false => format!(r#"{{"msg_type":"msg","target":"group","msg":"{name} {n}"}}"#),
            };
            client.send_text(text).await;
            diary.sent += 1;
            next += PAUSE;
        }
        // Nothing more for a while, once all have stopped: that was everything.
        let wait = if talking { PAUSE } else { Duration::from_millis(1500) };
        match client.try_next(wait).await {
            Ok(None) if !talking => return (name, diary),
            Ok(None) => {}
            Ok(Some(Message::Text(text))) => diary.note(&serde_json::from_str(&text).expect("JSON")),
            Ok(Some(Message::Close(frame))) => {
                assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1012), "{name}");
                // Reading on answers the goodbye; so does every WebSocket library.
                assert!(client.try_next(PATIENCE).await.is_err(), "the end");
                diary.moved += 1;
                client = connect(name, v2, &homes).await;
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

async fn connect(name: &str, v2: bool, homes: &[SocketAddr]) -> Client {
    let dialect = if v2 { "/ws" } else { "/v3/ws" };
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        for home in homes {
            // Nobody listens there, or it does not take us: the next one.
            if tokio::net::TcpStream::connect(home).await.is_ok()
                && let Ok(client) = Client::connect(&format!("ws://{home}{dialect}/group/g/client/{name}")).await
            {
                return client;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{name} found no node");
}

impl Diary {
    fn note(&mut self, message: &Value) {
        if message["msg_type"] == "presence" {
            let event = message["payload"]["event"].as_str().unwrap_or_default().to_owned();
            return self.presence.push((message["from_id"].as_str().unwrap_or_default().to_owned(), event));
        }
        let text = message["msg"].as_str().unwrap_or_else(|| panic!("{message}"));
        let (who, n) = text.split_once(' ').unwrap_or_else(|| panic!("{text}"));
        self.heard.entry(who.to_owned()).or_default().push(n.parse().expect("a number"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_costs_those_who_stay_nothing_and_those_who_move_no_word() {
    let redis = RedisServer::start().await;
    let (mut a, mut b) = tokio::join!(Node::start(&redis), Node::start(&redis));
    let (at_a, at_b) = (vec![a.kept.address, b.kept.address], vec![b.kept.address, a.kept.address]);
    let halt = || Arc::new(AtomicBool::new(false));

    // One node after the other: who is at home on the node that stays must not notice.
    for round in 0..2 {
        let (stop, sent) = (halt(), AtomicU64::new(0));
        let (leaving, staying, homes) = if round == 0 { (&mut a, &at_b, &at_a) } else { (&mut b, &at_a, &at_b) };
        let mut lives = JoinSet::new();
        for (name, v2) in [("stay-v2", true), ("stay-v3", false)] {
            lives.spawn(life(name, v2, staying.clone(), stop.clone()));
        }
        for (name, v2) in [("move-v2", true), ("move-v3", false)] {
            lives.spawn(life(name, v2, homes.clone(), stop.clone()));
        }
        sleep(Duration::from_millis(1500)).await;
        leaving.restart().await;
        sleep(Duration::from_secs(1)).await;
        stop.store(true, Ordering::SeqCst);
        let diaries: HashMap<_, _> = lives.join_all().await.into_iter().collect();
        for (name, diary) in &diaries {
            sent.fetch_add(diary.sent, Ordering::SeqCst);
            assert_eq!(diary.moved, usize::from(name.starts_with("move")), "{name}");
        }
        for name in ["stay-v2", "stay-v3"] {
            for (sender, theirs) in &diaries {
                let heard = &diaries[name].heard[*sender];
                let gap = heard.iter().zip(heard.iter().skip(1)).find(|(one, next)| **next != **one + 1);
                assert_eq!(gap, None, "round {round}: {name} heard {sender} with a gap, twice, or out of order");
                assert_eq!(heard.last(), Some(&(theirs.sent - 1)), "round {round}: {name} missed the end of {sender}");
            }
        }
        let leaves = diaries["stay-v3"].presence.iter().filter(|(_, event)| event == "leave");
        assert_eq!(leaves.collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "round {round}: nobody has left");
        eprintln!("rolling restart, round {round}: {} messages, each heard once and in order", sent.into_inner());
        // The clients of this round leave before the next: beyond the grace and the lease of the node that ended.
        sleep(Duration::from_millis(200)).await;
    }
}
