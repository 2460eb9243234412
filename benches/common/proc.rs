//! Owns what Linux tells about processes and the machine: CPU time, resident memory, what others use, and
//! the limit of open files.

use std::fs;
use std::time::Instant;

/// The kernel's clock tick (`man 5 proc`); it has been 100 a second on every common system for decades.
const TICK_NS: u64 = 10_000_000;

/// Run time of all threads of a process, in nanoseconds; 0 when it is gone.
pub fn cpu_ns(pid: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let times = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    times.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// Resident memory in bytes; 0 when the process is gone.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

/// Open descriptors of a process; 0 when it is gone.
pub fn open_files(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |files| files.count() as u64)
}

/// Threads of a process; 0 when it is gone.
pub fn threads(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, |threads| threads.count() as u64)
}

/// What all cores did, in nanoseconds, as far as they were not idle.
fn busy_ns() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = stat.lines().next().unwrap_or_default().split_whitespace().flat_map(str::parse).collect();
    // user nice system idle iowait irq softirq steal; guests are in user already.
    fields.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, ticks)| ticks * TICK_NS).sum()
}

/// A look at the clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    at: Instant,
    proxy: u64,
    redis: u64,
    own: u64,
    all: u64,
}

/// What passed between two looks.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Seconds.
    pub secs: f64,
    /// CPU of the proxy, ns.
    pub proxy: u64,
    /// CPU of Redis, ns.
    pub redis: u64,
    /// The load generator's share of a core, in percent.
    pub own: f64,
    /// What everything else on this machine used, in percent of a core.
    pub others: f64,
}

impl Clocks {
    /// Now.
    pub fn read(proxy: u32, redis: Option<u32>) -> Self {
        Self {
            at: Instant::now(),
            proxy: cpu_ns(proxy),
            redis: redis.map_or(0, cpu_ns),
            own: cpu_ns(std::process::id()),
            all: busy_ns(),
        }
    }

    /// What has passed since `self`.
    pub fn until(&self, now: &Clocks) -> Spent {
        let wall = now.at - self.at;
        let share = |ns: u64| 100.0 * ns as f64 / wall.as_nanos().max(1) as f64;
        let (proxy, redis) = (now.proxy.saturating_sub(self.proxy), now.redis.saturating_sub(self.redis));
        let own = now.own.saturating_sub(self.own);
        let others = now.all.saturating_sub(self.all).saturating_sub(proxy + redis + own);
        Spent { secs: wall.as_secs_f64(), proxy, redis, own: share(own), others: share(others) }
    }
}

/// Raises the limit of open files as far as it goes and says whether it is enough.
///
/// # Errors
/// What is missing. The proxy's own process has the same hard limit.
pub fn descriptors(connections: usize) -> Result<(), String> {
    /// What the proxy and this process need beside their connections.
    const SPARE: u64 = 200;
    let have = rlimit::increase_nofile_limit(u64::MAX).map_err(|error| format!("limit of open files: {error}"))?;
    let need = connections as u64 + SPARE;
    if have >= need {
        return Ok(());
    }
    Err(format!(
        "{connections} connections need {need} open files a process, the limit is {have}: \
         raise it (ulimit -H -n) or pass --connections {}",
        have.saturating_sub(SPARE)
    ))
}

/// Kernel, processor and load, for the head of the report.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("Linux {}, {cores} × {}, load {load}", kernel.trim(), model.trim_start_matches([' ', '\t', ':']))
}
