//! A V3 client and a V2 client in one group that talk while something goes on beside them: how long each message
//! took, and that each came once. On a thread of their own, so that the test's own work is not measured.

use crate::harness::client::Client;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Messages each way: fewer say nothing.
const LEAST: usize = 5;
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(10);
/// How long two who talk may ever wait for a message while a debug build on a busy machine is under attack; the
/// figure that matters is printed.
const MOST: Duration = Duration::from_secs(3);

/// Two who talk.
pub struct Pair {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Pair {
    /// Returns when both are connected.
    pub async fn talk(proxy: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (connected, ready) = tokio::sync::oneshot::channel();
        let until = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let open =
                    |path| async move { Client::connect(&format!("ws://{proxy}{path}")).await.expect("connected") };
                let mut v2 = open("/ws/group/the-pair/client/two").await;
                let mut v3 = open("/v3/ws/group/the-pair/client/three").await;
                let _ = connected.send(());
                let mut took = Vec::new();
                while took.len() < LEAST || !until.load(Ordering::SeqCst) {
                    took.push(exchange(&mut v2, &mut v3, took.len()).await);
                    tokio::time::sleep(PAUSE).await;
                }
                took
            })
        });
        ready.await.expect("the pair is connected");
        Self { stop, thread }
    }

    /// Ends the talk: p50, p99 and the longest time a message took from one to the other. Panics when one was lost,
    /// came twice, or took too long.
    pub fn finish(self, what: &str) -> [Duration; 3] {
        self.stop.store(true, Ordering::SeqCst);
        let mut took = self.thread.join().expect("the pair talked to the end");
        took.sort_unstable();
        let at = |share: f64| took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1];
        let figures = [at(0.5), at(0.99), at(1.0)];
        eprintln!("{what}: {} messages of the pair, p50, p99, longest {figures:?}", took.len());
        assert!(figures[2] < MOST, "{what}: {figures:?}");
        figures
    }
}

/// One message there and one back.
async fn exchange(v2: &mut Client, v3: &mut Client, n: usize) -> Duration {
    let began = Instant::now();
    v3.send_text(format!(r#"{{"msg_type":"msg","target":"group","msg":"there {n}"}}"#)).await;
    hears(v2, &format!("there {n}")).await;
    let there = began.elapsed();
    hears(v3, &format!("there {n}")).await;
    let began = Instant::now();
    v2.send_text(format!(r#"{{"msg":"back {n}"}}"#)).await;
    hears(v3, &format!("back {n}")).await;
    let back = began.elapsed();
    hears(v2, &format!("back {n}")).await;
    there.max(back)
}

/// The next message that is no presence is this one.
async fn hears(client: &mut Client, msg: &str) {
    loop {
        let heard = client.expect_json().await;
        if heard["msg_type"] != "presence" {
            return assert_eq!(heard["msg"], msg, "{heard}");
        }
    }
}
