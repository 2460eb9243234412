//! What a fleet of connections costs the proxy: `cargo bench --bench fleet`. It starts the proxy's own binary
//! as a process, alone and with a private Redis, puts real connections on it over loopback, and measures from
//! outside: CPU time and memory from /proc, latency, and exactly which messages came. It ends with an error
//! when one was lost, so that `-- --quick` is a smoke test. How to read the tables: docs/BENCHMARKS.md.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report")]

mod book;
#[path = "../common/mod.rs"]
mod common;
mod crew;
mod options;
mod report;
mod scenario;
mod servers;

use aether_proxy::clock::Clock;
use clap::Parser;
use common::{histogram, proc};
use options::Options;
use report::Sample;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    book::self_check();
    histogram::self_check();
    match run(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(faults) => {
            eprintln!("fleet: {faults} faults: see the columns lost, twice, reordered, misrouted and ended");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("fleet: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Measures everything; returns how much went wrong.
fn run(options: &Options) -> Result<u64, String> {
    let redis = common::servers::find_redis();
    if redis.is_none() && options.needs_redis() {
        return Err("--redis, but there is none: install redis-server, or name one in AETHER_TEST_REDIS".into());
    }
    let runs = options.runs(redis.is_some());
    proc::descriptors(runs.iter().map(|run| run.connections).max().unwrap_or_default())?;
    let machine = proc::machine();
    let pinned = !options.no_pin && common::servers::pin_self();
    let mut date = String::new();
    Clock::system().now().write(&mut date);
    let head = [
        ("date", date),
        ("machine", machine),
        ("proxy", if cfg!(debug_assertions) { "debug build: no figures to keep" } else { "release build" }.to_owned()),
        ("redis", redis.map_or("none found".to_owned(), |path| path.display().to_string())),
        ("cores", if pinned { "servers on the first, load on the second" } else { "as the kernel likes" }.to_owned()),
        (
            "measured",
            format!("{} rounds of {} s, frames of {} B", options.rounds(), options.time().as_secs(), options.size),
        ),
    ];
    for (name, text) in &head {
        println!("{name:<9} {text}");
    }
    println!();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let mut rounds = Vec::new();
    for round in 1..=options.rounds() {
        let mut samples: Vec<Sample> = Vec::new();
        for run in &runs {
            let name = format!("{} {} {}", run.what.name(), run.hub.name(), run.speaks.name());
            eprintln!("round {round}: {name}, {} connections", run.connections);
            let local = tokio::task::LocalSet::new();
            let measured = local.block_on(&runtime, scenario::measure(run, options, pinned));
            samples.extend(measured.map_err(|problem| format!("{name}: {problem}"))?);
        }
        rounds.push(samples);
    }
    print!("{}", report::tables(&rounds));
    if let Some(file) = &options.json {
        let text = format!("{:#}\n", report::json(&head, &rounds));
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("every round: {}", file.display());
    }
    Ok(rounds.iter().flatten().map(|sample| sample.faults).sum())
}
