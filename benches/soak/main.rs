//! Does it last? `cargo bench --bench soak -- --minutes 30` puts mixed traffic on two proxies and a Redis, lets clients
//! come and go, breaks one thing after the other, and ends with a verdict: memory flat, descriptors back, ledger
//! balanced, every message delivered once and in order or told to be lost. What each line means: docs/BENCHMARKS.md.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report")]

mod book;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod faults;
mod frames;
mod operators;
mod options;
mod plan;
mod rest;
mod stage;
mod traffic;
mod verdict;
mod watch;

use aether_proxy::clock::Clock;
use clap::Parser;
use common::{proc, servers};
use crowd::{Crowd, Order};
use fastrand::Rng;
use options::Options;
use serde_json::json;
use stage::{Shared, Stage};
use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use verdict::Check;
use watch::Watch;

/// From one look to the next.
const LOOK: Duration = Duration::from_secs(10);
/// How long servers may take to be ready, and clients to be gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nothing came for so long: nothing will.
const SILENT: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let options = Options::parse();
    book::self_check();
    frames::self_check();
    verdict::self_check();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("soak: something is wrong, see above");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("soak: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool, String> {
    proc::descriptors(options.connections())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let stage = Rc::new(RefCell::new(Stage::start(options)?));
    let crowd = Rc::new(Crowd::new(plan::Plan::new(options.connections()), options.seed));
    tokio::task::LocalSet::new().block_on(&runtime, soak(options, &stage, &crowd))
}

/// Something that was broken: when, what, and for how long, in seconds.
type Struck = Rc<RefCell<Vec<(f64, &'static str, f64)>>>;

async fn soak(options: &Options, stage: &Shared, crowd: &Rc<Crowd>) -> Result<bool, String> {
    let mut watch = Watch::default();
    let empty = get_ready(stage, crowd, &mut watch).await?;
    let seats = take_seats(crowd);
    let stop = stop_signal()?;
    let struck = Struck::default();
    let mut doing = JoinSet::new();
    doing.spawn_local(traffic::talk(crowd.clone(), options.rate()));
    doing.spawn_local(traffic::churn(crowd.clone(), options.churn(), options.longest_stall()));
    doing.spawn_local(traffic::go_home(crowd.clone()));
    doing.spawn_local(traffic::knock(crowd.clone()));
    doing.spawn_local(operators::look(crowd.clone(), stage.clone()));
    let end = Instant::now() + options.time();
    let breaking = tokio::task::spawn_local(break_things(
        options.clone(),
        stage.clone(),
        crowd.clone(),
        stop.clone(),
        end - options.quiet_end(),
        struck.clone(),
    ));
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.tick().await;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = tokio::time::sleep_until(end) => break,
            () = stop.cancelled() => break,
        }
        crowd.book.borrow_mut().sweep(crowd.now());
        watch.look(crowd, stage).await;
        eprintln!("{}", watch.line(struck.borrow().last().map_or("", |(_, name, _)| name)));
        if let Some(dead) = stage.borrow_mut().dead() {
            return Err(format!("{dead}; it said:\n{}", stage.borrow().log()));
        }
        if breaking.is_finished() && !stop.is_cancelled() && Instant::now() + options.quiet_end() < end {
            break;
        }
    }
    let interrupted = stop.is_cancelled();
    stop.cancel();
    eprintln!("{:>5.0} s  coming to rest", crowd.now() as f64 / 1e3);
    let broken = breaking.await.map_err(|error| error.to_string())?;
    doing.shutdown().await;
    let in_time = watch.samples.len();
    settle(crowd).await;
    crowd.book.borrow_mut().finish(crowd.now());
    leave(crowd, seats).await;
    let mut checks = verdict::of_messages(&crowd.book.borrow().tally);
    for at in 0..2 {
        checks.push(verdict::memory(stage::name(at), &watch.samples[..in_time], |sample| sample.proxies[at]));
    }
    checks.push(verdict::redis_memory(&watch.samples[..in_time]));
    checks.extend(rest::judge(crowd, stage, &mut watch, empty).await);
    checks.extend(rest::of_counts(crowd, &stage.borrow().log()));
    if let Err(problem) = broken {
        checks.push(Check::new("faults that could be done", problem, "all", false));
    }
    if interrupted {
        checks.push(Check::new("interrupted", "yes", "any: this is the verdict so far", true));
    }
    report(options, stage, crowd, &watch, &struck.borrow(), &checks)?;
    Ok(checks.iter().all(|check| check.holds))
}

/// Waits until both proxies are ready and have answered everything once; returns the descriptors they then hold.
async fn get_ready(stage: &Shared, crowd: &Rc<Crowd>, watch: &mut Watch) -> Result<rest::Files, String> {
    for at in 0..2 {
        let (clients, admin) = stage.borrow().proxy(at).map(|p| (p.clients, p.admin)).ok_or("no proxy")?;
        let until = Instant::now() + PATIENCE;
        while !operators::get(admin, "/readyz").await.is_ok_and(|(status, _)| status == 200) {
            if Instant::now() > until {
                return Err(format!("{} is not ready; it said:\n{}", stage::name(at), stage.borrow().log()));
            }
            sleep(Duration::from_millis(50)).await;
        }
        for path in operators::PATHS {
            let _ = operators::get(admin, path).await;
        }
        crowd.doors.borrow_mut()[at] = Some(clients);
    }
    sleep(Duration::from_secs(1)).await;
    watch.look(crowd, stage).await;
    Ok(rest::files(watch))
}

fn take_seats(crowd: &Rc<Crowd>) -> JoinSet<()> {
    let mut seats = JoinSet::new();
    for seat in 0..crowd.plan.seats.len() {
        let crowd = crowd.clone();
        seats.spawn_local(async move {
            // 500 a second.
            sleep(Duration::from_millis(2 * seat as u64)).await;
            crowd.take(seat).await;
        });
    }
    seats
}

/// Cancelled at Ctrl-C and when the process is asked to end.
fn stop_signal() -> Result<CancellationToken, String> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (stop, mut signals) = (stop.clone(), signal(kind).map_err(|error| error.to_string())?);
        tokio::task::spawn_local(async move {
            let _ = signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}

async fn break_things(
    options: Options,
    stage: Shared,
    crowd: Rc<Crowd>,
    stop: CancellationToken,
    until: Instant,
    struck: Struck,
) -> Result<(), String> {
    let mut rng = Rng::with_seed(options.seed);
    loop {
        for fault in faults::round(&mut rng) {
            let pause = options.fault_every();
            if Instant::now() + pause > until || timeout(pause, stop.cancelled()).await.is_ok() {
                return Ok(());
            }
            let from = crowd.now();
            fault.strike(&stage, &crowd).await.map_err(|problem| format!("{}: {problem}", fault.name()))?;
            struck.borrow_mut().push((from as f64 / 1e3, fault.name(), (crowd.now() - from) as f64 / 1e3));
        }
    }
}

/// Waits until nothing comes any more.
async fn settle(crowd: &Crowd) {
    let until = Instant::now() + PATIENCE;
    let (mut delivered, mut since) = (0, Instant::now());
    while Instant::now() < until && since.elapsed() < SILENT {
        sleep(Duration::from_millis(100)).await;
        let now = crowd.book.borrow().tally.delivered;
        if now != delivered {
            (delivered, since) = (now, Instant::now());
        }
    }
}

async fn leave(crowd: &Crowd, mut seats: JoinSet<()>) {
    crowd.over.cancel();
    for line in crowd.lines.borrow().iter().flatten() {
        line.order(Order::Clean);
    }
    let _ = timeout(PATIENCE, async { while seats.join_next().await.is_some() {} }).await;
}

fn report(
    options: &Options,
    stage: &Shared,
    crowd: &Crowd,
    watch: &Watch,
    struck: &[(f64, &'static str, f64)],
    checks: &[Check],
) -> Result<(), String> {
    let mut date = String::new();
    Clock::system().now().write(&mut date);
    let seconds = crowd.now() / 1_000;
    let head = [
        ("date", date),
        ("machine", proc::machine()),
        ("proxy", if cfg!(debug_assertions) { "as this tool: debug, or --proxy" } else { "release build" }.to_owned()),
        ("redis", servers::find_redis().map_or(String::new(), |path| path.display().to_string())),
        ("clients", format!("{}, {} messages/s", crowd.plan.seats.len(), options.rate())),
        ("soaked", format!("{seconds} s, {} faults, seed {}", struck.len(), options.seed)),
    ];
    for (name, text) in &head {
        println!("{name:<9} {text}");
    }
    let book = crowd.book.borrow();
    let quantile = |share| book.latency.quantile_ms(share).unwrap_or_default();
    println!("latency   p50 {:.1} ms, p99 {:.0} ms, faults included\n", quantile(0.5), quantile(0.99));
    println!("{}", verdict::table(checks));
    for (at, name, took) in struck {
        println!("{at:>7.1} s  {name}, {took:.1} s");
    }
    let counts = crowd.counts.borrow();
    println!();
    for (what, n) in counts.iter() {
        println!("{n:>9}  {what}");
    }
    for example in &book.examples {
        println!("example: {example}");
    }
    if checks.iter().any(|check| !check.holds) {
        let log = stage.borrow().log();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("the proxies said {} lines; the last of them:", lines.len());
        lines.iter().skip(lines.len().saturating_sub(20)).for_each(|line| eprintln!("  {line}"));
    }
    if let Some(file) = &options.json {
        let struck: Vec<_> = struck.iter().map(|(at, name, took)| json!({"at": at, "what": name, "s": took})).collect();
        let all = json!({
            "head": head.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect::<serde_json::Map<_, _>>(),
            "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
            "messages": book.tally, "counts": *counts, "faults": struck, "examples": book.examples,
            "samples": watch.samples,
        });
        std::fs::write(file, format!("{all:#}\n")).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("everything: {}", file.display());
    }
    Ok(())
}
