//! Owns the command line of the benchmark: which scenarios, which protocols, which hubs, how large, how long.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Connections of a group in `idle`, `handshakes` and `rooms`.
pub const ROOM: usize = 10;

/// Starts the proxy as a process, puts a fleet of real connections on it and measures what they cost
#[derive(Debug, Parser)]
#[command(name = "fleet", bin_name = "cargo bench --bench fleet --")]
pub struct Options {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    pub what: Vec<What>,
    /// Connections, instead of what each scenario has by default
    #[arg(long)]
    connections: Option<usize>,
    /// Seconds of each measurement
    #[arg(long)]
    secs: Option<u64>,
    /// How often everything is measured, each time on a fresh server
    #[arg(long)]
    rounds: Option<usize>,
    /// Bytes of a client's frame
    #[arg(long, default_value_t = 200)]
    pub size: usize,
    /// Only through a Redis of its own
    #[arg(long, conflicts_with = "memory")]
    redis: bool,
    /// Only through the hub within the process
    #[arg(long)]
    memory: bool,
    /// Only V2 connections (with --v3 and --mixed: those too)
    #[arg(long)]
    v2: bool,
    /// Only V3 connections
    #[arg(long)]
    v3: bool,
    /// Only groups in which every second connection is V2
    #[arg(long)]
    mixed: bool,
    /// 500 connections, one second, one round: does it work, and is nothing lost?
    #[arg(long)]
    quick: bool,
    /// Let the kernel choose the cores; else server and Redis have the first one and the load another
    #[arg(long)]
    pub no_pin: bool,
    /// Another binary of the proxy, to compare two
    #[arg(long, default_value = env!("CARGO_BIN_EXE_aether-proxy"), hide_default_value = true)]
    pub proxy: PathBuf,
    /// Also write every round as JSON, to this file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "target/fleet.json")]
    pub json: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Memory and CPU of connections that say nothing
    Idle,
    /// Connections per second
    Handshakes,
    /// One publisher, 1,000 receivers
    Fanout,
    /// 1,000 groups of ten, everyone talks in turn
    Rooms,
    /// 100 pairs, direct messages
    Direct,
    /// All of these
    All,
}

/// Who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// Legacy clients.
    V2,
    /// Native clients.
    V3,
    /// Every second one of each group is V2.
    Mixed,
}

/// What joins the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubKind {
    /// The hub within the process.
    Memory,
    /// A private Redis.
    Redis,
}

/// One thing to measure on a fresh server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Never `All`.
    pub what: What,
    /// Who is connected.
    pub speaks: Speaks,
    /// Through what.
    pub hub: HubKind,
    /// Connections.
    pub connections: usize,
}

impl Options {
    /// Seconds of each measurement.
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.secs.unwrap_or(if self.is_quick() { 1 } else { 3 }).max(1))
    }

    /// How long idle connections are watched, which is also how often the proxy then pings them: slow enough
    /// that it is at rest in between.
    pub fn idle_time(&self) -> Duration {
        if self.is_quick() { self.time() } else { self.time().max(Duration::from_secs(10)) }
    }

    /// Rounds.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.is_quick() { 1 } else { 3 }).max(1)
    }

    /// `cargo test` runs benchmarks too, to see that they work: it does not say `--bench`.
    pub fn is_quick(&self) -> bool {
        self.quick || !self.bench
    }

    /// Only what needs Redis was asked for.
    pub fn needs_redis(&self) -> bool {
        self.redis
    }

    /// One round.
    pub fn runs(&self, redis_found: bool) -> Vec<Run> {
        let hubs = [(HubKind::Memory, !self.redis), (HubKind::Redis, redis_found && !self.memory)];
        let chosen = [(Speaks::V2, self.v2), (Speaks::V3, self.v3), (Speaks::Mixed, self.mixed)];
        let any = chosen.iter().any(|(_, wanted)| *wanted);
        let mut runs = Vec::new();
        for what in [What::Idle, What::Handshakes, What::Fanout, What::Rooms, What::Direct] {
            if !self.what.contains(&what) && !self.what.contains(&What::All) {
                continue;
            }
            for (hub, _) in hubs.iter().filter(|(_, wanted)| *wanted) {
                for (speaks, wanted) in chosen {
                    let by_default = speaks != Speaks::Mixed || matches!(what, What::Fanout | What::Rooms);
                    if if any { wanted } else { by_default } {
                        runs.push(Run { what, speaks, hub: *hub, connections: self.connections_of(what) });
                    }
                }
            }
        }
        runs
    }

    /// Whole groups, at least one.
    fn connections_of(&self, what: What) -> usize {
        let usual = match what {
            What::Fanout => 1_001,
            What::Direct => 200,
            _ => 10_000,
        };
        let wanted = self.connections.unwrap_or(if self.is_quick() { usual.min(500) } else { usual });
        let group = match what {
            What::Fanout => return wanted.max(2),
            What::Direct => 2,
            _ => ROOM,
        };
        wanted.div_ceil(group).max(1) * group
    }
}

impl What {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            What::Idle => "idle",
            What::Handshakes => "handshakes",
            What::Fanout => "fanout",
            What::Rooms => "rooms",
            What::Direct => "direct",
            What::All => "all",
        }
    }

    /// Messages a second at the fixed rate.
    pub fn rate(self) -> f64 {
        match self {
            What::Fanout => 10.0,
            What::Rooms => 500.0,
            _ => 1_000.0,
        }
    }

    /// Messages under way in the closed loop.
    pub fn window(self) -> u64 {
        if self == What::Fanout { 8 } else { 64 }
    }
}

impl Speaks {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Speaks::V2 => "v2",
            Speaks::V3 => "v3",
            Speaks::Mixed => "mixed",
        }
    }

    /// Is the connection of this number V2?
    pub fn is_v2(self, number: usize) -> bool {
        match self {
            Speaks::V2 => true,
            Speaks::V3 => false,
            Speaks::Mixed => number.is_multiple_of(2),
        }
    }
}

impl HubKind {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            HubKind::Memory => "memory",
            HubKind::Redis => "redis",
        }
    }
}
