//! Two proxies on one Redis, what their own books say at rest, and what their probes say meanwhile.

use crate::harness::eventually::eventually;
use crate::harness::http;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::scrape::Scrape;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Between two looks at the probes.
const LOOK: Duration = Duration::from_millis(100);

/// A fault shows in readiness within this time: so long a command may take and an outage must last, and a second for
/// a machine that is busy.
const DOWN: Duration = Duration::from_millis(700 + 1500 + 1000);
/// Its end shows within this time. A second is enough, but for a debug build that has a backlog on a busy machine.
const UP: Duration = Duration::from_secs(12);

/// Two proxies.
pub struct Pair {
    pub one: ProxyProcess,
    pub two: ProxyProcess,
}

impl Pair {
    /// Both with these lines, each with its own way to Redis; ready.
    pub async fn start(lines: &[&str], urls: [&str; 2]) -> Self {
        let start = |url: &str| {
            let options = lines.iter().fold(ProxyOptions::default(), |options, line| options.line(line));
            options.env("AETHER_HUB__URL", url).start()
        };
        let (one, two) = tokio::join!(start(urls[0]), start(urls[1]));
        let pair = Self { one, two };
        for node in pair.nodes() {
            let ready = async || http::get(&node.admin_url("/readyz")).await.status;
            eventually!(Duration::from_secs(15), ready().await, |status: &u16| *status == 200);
        }
        pair
    }

    pub fn nodes(&self) -> [&ProxyProcess; 2] {
        [&self.one, &self.two]
    }

    /// At rest every delivery that was owed is accounted for, on both.
    pub async fn balanced(&self) {
        for node in self.nodes() {
            eventually!(
                Duration::from_secs(10),
                {
                    let scrape = Scrape::of(node.admin()).await;
                    (scrape.sum("aether_deliveries_expected_total"), scrape.sum("aether_deliveries_total"))
                },
                |(expected, accounted): &(f64, f64)| expected == accounted && *expected > 0.0
            );
        }
    }

    /// The sum of both nodes over the series with these labels.
    pub async fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let (one, two) = tokio::join!(Scrape::of(self.one.admin()), Scrape::of(self.two.admin()));
        one.sum_of(name, labels) + two.sum_of(name, labels)
    }

    /// Looks at the probes of both from now on.
    pub fn watch(&self) -> Watch {
        let looked: [Arc<Mutex<Vec<Look>>>; 2] = Default::default();
        let mut tasks = JoinSet::new();
        for (node, looked) in self.nodes().into_iter().zip(&looked) {
            tasks.spawn(look(node.admin(), looked.clone()));
        }
        Watch { began: Instant::now(), looked, _tasks: tasks }
    }
}

/// One look at the probes.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    ready: bool,
    alive: bool,
}

async fn look(admin: SocketAddr, looked: Arc<Mutex<Vec<Look>>>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let status = async |path: &str| http::try_get(&format!("http://{admin}{path}")).await.map(|reply| reply.status);
        let (ready, alive) = (status("/readyz").await, status("/livez").await);
        assert!(matches!(ready, Ok(200 | 503)), "{ready:?}");
        looked.lock().push(Look { at: Instant::now(), ready: ready == Ok(200), alive: alive == Ok(200) });
    }
}

/// What the probes say. The nodes are numbered from 0.
pub struct Watch {
    began: Instant,
    looked: [Arc<Mutex<Vec<Look>>>; 2],
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Each change of readiness on a node since the watch began: when, and to what.
    pub fn changes(&self, node: usize) -> Vec<(Duration, bool)> {
        let looked = self.looked[node].lock();
        let turns = looked.windows(2).filter(|two| two[0].ready != two[1].ready);
        turns.map(|two| (two[1].at - self.began, two[1].ready)).collect()
    }

    /// `/livez` was 200 whenever it was asked, and it was asked.
    #[track_caller]
    pub fn always_alive(&self) {
        for looked in &self.looked {
            let looked = looked.lock();
            assert!(looked.len() > 10 && looked.iter().all(|look| look.alive), "{looked:?}");
        }
    }

    /// No probe said anything but yes.
    #[track_caller]
    pub fn never_down(&self) {
        self.always_alive();
        for node in [0, 1] {
            assert_eq!(self.changes(node), [], "node {node} said it was not ready");
        }
    }

    /// The time on the watch.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Down once, soon after the fault's beginning at `from`, and up again once after its end at `to`.
    pub async fn down_once(&self, node: usize, from: Duration, to: Duration) {
        self.always_alive();
        let changes = eventually!(UP, self.changes(node), |changes: &Vec<_>| changes.len() >= 2);
        let told = format!("node {node}, fault from {from:?} to {to:?}: {changes:?}");
        let [(down, false), (up, true)] = changes[..] else { panic!("not one down and one up: {told}") };
        assert!(down >= from && down <= from + DOWN, "down too early or too late: {told}");
        assert!(up >= to && up <= to + UP, "up too early or too late: {told}");
    }
}
