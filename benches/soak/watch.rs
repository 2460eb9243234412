//! Owns the look at the servers every ten seconds: memory, descriptors, threads, CPU, and the ledger as it stands.

use super::common::proc;
use super::common::servers::{Proxy, Redis};
use super::crowd::Crowd;
use super::operators::Scrape;
use super::stage::{self, Shared};
use serde::Serialize;
use std::time::Instant;

/// A mebibyte.
pub const MIB: f64 = 1024.0 * 1024.0;

/// One process at one moment.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Process {
    /// Another one after a restart.
    pub pid: u32,
    /// Resident memory in MiB.
    pub resident: f64,
    /// Open descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
    /// Percent of a core since the look before.
    pub cpu: f64,
    /// Connections it serves.
    pub connections: f64,
    /// Deliveries owed, of its life.
    pub owed: f64,
    /// Those of them that are settled.
    pub settled: f64,
    /// Those of them that were lost.
    pub lost: f64,
}

/// Everything at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at: f64,
    /// The proxies; none while one is away.
    pub proxies: [Option<Process>; 2],
    /// Redis, as a process.
    pub redis: Option<Process>,
    /// What Redis says it holds, in MiB.
    pub redis_holds: Option<f64>,
    /// Clients that are connected.
    pub connected: usize,
    /// Deliveries to clients since the start.
    pub delivered: u64,
    /// Faults of messages since the start.
    pub faults: u64,
}

/// Looks, and remembers the look before.
#[derive(Debug, Default)]
pub struct Watch {
    before: Vec<(u32, u64, Instant)>,
    /// All looks.
    pub samples: Vec<Sample>,
    /// The latest scrape of each proxy.
    pub scrapes: [Scrape; 2],
}

impl Watch {
    /// Looks once.
    pub async fn look(&mut self, crowd: &Crowd, stage: &Shared) {
        let mut before = Vec::new();
        let mut proxies = [None, None];
        for (at, seen) in proxies.iter_mut().enumerate() {
            let found = stage.borrow().proxy(at).map(|proxy: &Proxy| (proxy.pid(), proxy.admin));
            let Some((pid, admin)) = found else { continue };
            // It may be gone in between.
            let Ok(scrape) = Scrape::of(admin).await else { continue };
            let (owed, settled) = scrape.ledger();
            let connections = scrape.sum("aether_connections", "");
            let lost = scrape.sum("aether_messages_lost_total", "");
            *seen = Some(Process { connections, owed, settled, lost, ..self.process(pid, &mut before) });
            self.scrapes[at] = scrape;
        }
        let redis = stage.borrow().redis().map(Redis::pid);
        let redis = redis.map(|pid| self.process(pid, &mut before));
        self.before = before;
        let tally = crowd.book.borrow().tally.clone();
        self.samples.push(Sample {
            at: crowd.now() as f64 / 1e3,
            proxies,
            redis,
            redis_holds: redis_holds(stage).await,
            connected: crowd.connected(),
            delivered: tally.delivered,
            faults: tally.faults(),
        });
    }

    fn process(&self, pid: u32, before: &mut Vec<(u32, u64, Instant)>) -> Process {
        let (cpu, now) = (proc::cpu_ns(pid), Instant::now());
        before.push((pid, cpu, now));
        let share = self
            .before
            .iter()
            .find(|(other, ..)| *other == pid)
            .map(|(_, then, at)| 100.0 * cpu.saturating_sub(*then) as f64 / (now - *at).as_nanos().max(1) as f64);
        Process {
            pid,
            resident: proc::resident(pid) as f64 / MIB,
            files: proc::open_files(pid),
            threads: proc::threads(pid),
            cpu: share.unwrap_or_default(),
            ..Process::default()
        }
    }

    /// One line about the latest look.
    pub fn line(&self, last_fault: &str) -> String {
        let [.., sample] = self.samples.as_slice() else { return String::new() };
        let earlier = self.samples.iter().rev().nth(1);
        let (since, delivered) = earlier.map_or((0.0, 0), |s| (s.at, s.delivered));
        let rate = (sample.delivered - delivered) as f64 / (sample.at - since).max(0.1);
        let proxy = |at: usize| {
            sample.proxies[at]
                .map_or("away".to_owned(), |p: Process| format!("{:.1} MiB {} fd {:.0} %", p.resident, p.files, p.cpu))
        };
        format!(
            "{:>5.0} s  {} clients  {rate:.0} deliveries/s  A {}  B {}  Redis {:.1} MiB  faults {}  {last_fault}",
            sample.at,
            sample.connected,
            proxy(0),
            proxy(1),
            sample.redis_holds.unwrap_or_default(),
            sample.faults,
        )
    }
}

async fn redis_holds(stage: &Shared) -> Option<f64> {
    let info = stage::ask_redis(stage, "INFO memory").await.ok()?;
    let held = info.lines().find_map(|line| line.trim_end().strip_prefix("used_memory:")?.parse::<f64>().ok())?;
    Some(held / MIB)
}
