//! Owns the command line of the soak: how long, how many, how fast, how often something breaks.

use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Mixed traffic on two proxies and a Redis for a long time, with churn and faults: does memory stay flat, do
/// descriptors come back, and is every message accounted for?
#[derive(Debug, Clone, Parser)]
#[command(name = "soak", bin_name = "cargo bench --bench soak --")]
pub struct Options {
    /// Minutes of traffic; Ctrl-C ends it earlier, with the verdict so far
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Connections, half of them V2
    #[arg(long)]
    connections: Option<usize>,
    /// Messages a second that clients send; each has 1 to 60 receivers
    #[arg(long)]
    rate: Option<f64>,
    /// Connections that go and come back, in percent of all a minute
    #[arg(long)]
    churn: Option<f64>,
    /// Seconds from one fault to the next
    #[arg(long)]
    fault_every: Option<f64>,
    /// What chance begins with; the same seed gives the same plan of faults
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// 80 connections, some seconds, every fault once: does it work?
    #[arg(long)]
    quick: bool,
    /// Another binary of the proxy
    #[arg(long, default_value = env!("CARGO_BIN_EXE_aether-proxy"), hide_default_value = true)]
    pub proxy: PathBuf,
    /// Also write samples, faults and verdict as JSON, to this file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "target/soak.json")]
    pub json: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// `cargo test` runs benchmarks too, to see that they work: it does not say `--bench`.
    pub fn is_quick(&self) -> bool {
        self.quick || !self.bench
    }

    /// How long there is traffic.
    pub fn time(&self) -> Duration {
        if self.is_quick() { Duration::from_secs(16) } else { Duration::from_secs_f64(self.minutes.max(0.1) * 60.0) }
    }

    /// How long the end of it is left without faults, so that what they did is over.
    pub fn quiet_end(&self) -> Duration {
        (self.time() / 6).min(Duration::from_secs(40))
    }

    /// Connections.
    pub fn connections(&self) -> usize {
        self.connections.unwrap_or(if self.is_quick() { 80 } else { 1_200 }).max(40)
    }

    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.rate.unwrap_or(150.0).max(1.0)
    }

    /// Part of all connections that leaves in a second.
    pub fn churn(&self) -> f64 {
        self.churn.unwrap_or(if self.is_quick() { 200.0 } else { 15.0 }).max(0.0) / 6_000.0
    }

    /// How long a slow reader reads nothing.
    pub fn longest_stall(&self) -> Duration {
        if self.is_quick() { Duration::from_secs(2) } else { Duration::from_secs(12) }
    }

    /// From one fault to the next.
    pub fn fault_every(&self) -> Duration {
        Duration::from_secs_f64(self.fault_every.unwrap_or(if self.is_quick() { 0.8 } else { 75.0 }).max(0.1))
    }
}
