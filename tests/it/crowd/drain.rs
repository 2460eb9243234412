//! SIGTERM with thousands connected: everyone is told, evenly spread, and the proxy ends in time.

use super::fleet::{After, Fleet};
use super::{alone, size};
use crate::harness::http;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::raw::RawClient;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const WINDOW: Duration = Duration::from_secs(6);
/// In which closes are counted.
const SLOT: Duration = Duration::from_millis(100);
const SLOTS: usize = (WINDOW.as_millis() / SLOT.as_millis()) as usize;
/// For goodbyes and the end of the process, beyond delay and window.
const REST: Duration = Duration::from_secs(11);

fn options() -> ProxyOptions {
    ["telemetry.log_level = \"aether_proxy::session=warn,info\"", "listen.drain_delay = \"1s\""]
        .into_iter()
        .fold(ProxyOptions::default(), |options, line| options.line(line))
        .line(&format!("listen.drain_window = \"{}s\"", WINDOW.as_secs()))
}

/// Waits until it says that it is not ready.
async fn not_ready(proxy: &ProxyProcess) -> Instant {
    let url = proxy.admin_url("/readyz");
    let began = Instant::now();
    while http::get(&url).await.status != 503 {
        assert!(began.elapsed() < Duration::from_secs(10), "still ready");
        sleep(Duration::from_millis(5)).await;
    }
    Instant::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_tells_everyone_evenly_and_cuts_nobody() {
    let _turn = alone().await;
    let mut proxy = options().start().await;
    let fleet = Fleet::connect(proxy.clients(), size(), After::Leave).await;
    fleet.take();
    let asked = Instant::now();
    proxy.signal("TERM");
    let unready = not_ready(&proxy).await;
    let status = proxy.wait_exit(Duration::from_secs(1) + WINDOW + REST).await;
    let took = asked.elapsed();
    fleet.all_out(Duration::from_secs(5)).await;
    let told = fleet.take();
    assert_eq!(status.code(), Some(0), "{}", proxy.output());
    assert_eq!((told.closed.len(), told.cut), (size(), 0), "each is told, and none is cut");
    assert!(told.closed.iter().all(|(_, code)| *code == 1012));
    let mut times: Vec<Instant> = told.closed.iter().map(|(at, _)| *at).collect();
    times.sort_unstable();
    assert!(unready < times[0], "not ready first");
    let mut slots = vec![0_usize; SLOTS + 1];
    for at in &times {
        let slot = (at.duration_since(times[0]).as_millis() / SLOT.as_millis()) as usize;
        slots[slot.min(SLOTS)] += 1;
    }
    let mean = size() / SLOTS;
    let (least, most) = (slots[..SLOTS].iter().min(), slots.iter().max().copied().unwrap_or_default());
    eprintln!("drain of {}: {took:?} in all; a slot of {SLOT:?} has {mean} on average, {least:?} to {most}", size());
    assert!(most <= mean * 4 + 20, "a burst: {slots:?}");
    // By each tenth of the window, a tenth of them.
    for tenth in 1..10 {
        let by = times.partition_point(|at| at.duration_since(times[0]) < WINDOW * tenth as u32 / 10);
        let due = size() * tenth / 10;
        assert!(by.abs_diff(due) <= size() / 10, "{by} of {due} after {tenth} tenths: {slots:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_holds_up_no_drain_and_costs_nobody_the_goodbye() {
    let _turn = alone().await;
    let mut proxy = options().start().await;
    // Deaf ones, with more on the way to them than their sockets take.
    let mut deaf = Vec::new();
    for n in 0..50 {
        let path = format!("/ws/group/deaf/client/d{n}");
        deaf.push(RawClient::open(proxy.clients(), &path).await);
    }
    let mut loud = RawClient::open(proxy.clients(), "/ws/group/deaf/client/loud").await;
    let big = crate::harness::raw::frame(crate::harness::raw::TEXT, true, &[b'x'; 100_000]);
    for _ in 0..30 {
        loud.write(&big).await;
        loud.read_frame().await.expect("its echo");
    }
    let fleet = Fleet::connect(proxy.clients(), size() / 6, After::Leave).await;
    fleet.take();
    proxy.signal("TERM");
    let status = proxy.wait_exit(Duration::from_secs(1) + WINDOW + REST).await;
    fleet.all_out(Duration::from_secs(5)).await;
    let told = fleet.take();
    assert_eq!(status.code(), Some(0), "{}", proxy.output());
    assert_eq!((told.closed.len(), told.cut), (size() / 6, 0), "whoever reads is told");
}
