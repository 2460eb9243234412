//! Reconnect storms: thousands lose their connections in the same moment and come back in the same moment.

use super::fleet::{After, Fleet, Told};
use super::pair::Pair;
use super::{alone, size};
use crate::harness::eventually::eventually;
use crate::harness::ports;
use crate::harness::process::{descriptors, resident};
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

const RETURN: Duration = Duration::from_secs(60);

fn quiet() -> ProxyOptions {
    ProxyOptions::default().line("telemetry.log_level = \"aether_proxy::session=warn,info\"")
}

async fn start_at(address: SocketAddr) -> ProxyProcess {
    quiet().env("AETHER_LISTEN__CLIENTS", &address.to_string()).start().await
}

/// Says how the return went.
fn report(what: &str, began: Instant, told: &Told) {
    let mut after: Vec<_> = told.arrived.iter().map(|at| at.duration_since(began).as_secs_f64()).collect();
    after.sort_unstable_by(f64::total_cmp);
    let (first, last) = (after[0], after[after.len() - 1]);
    let rate = after.len() as f64 / (last - first).max(0.001);
    let ninety = after[after.len() * 9 / 10];
    eprintln!(
        "{what}: {} back, the first after {first:.2} s, 90 % after {ninety:.2} s, the last after {last:.2} s: {rate:.0} a second; \
         {} refusals, {} failed attempts",
        after.len(),
        told.refused.len(),
        told.failed
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_whose_proxy_died_is_back_within_seconds_of_its_return() {
    let _turn = alone().await;
    let kept = ports::keep();
    let proxy = start_at(kept.address).await;
    let fleet = Fleet::connect(proxy.clients(), size(), After::Return).await;
    let before = resident(proxy.pid());
    drop(proxy);
    fleet.all_out(RETURN).await;
    let cut = fleet.take();
    assert_eq!((cut.cut, cut.closed.len()), (size(), 0));
    let began = Instant::now();
    let proxy = start_at(kept.address).await;
    let pair = Pair::talk(proxy.clients()).await;
    fleet.all_in(size(), RETURN).await;
    let told = fleet.take();
    report("restart", began, &told);
    pair.finish("restart");
    assert_eq!((told.arrived.len(), told.refused.len(), told.cut), (size(), 0, 0));
    let after = resident(proxy.pid());
    assert!(after < before * 3 / 2, "{before} bytes before, {after} after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_leaves_those_who_stayed_talking_and_leaves_nothing_behind() {
    let _turn = alone().await;
    let proxy = quiet().start().await;
    let pair = Pair::talk(proxy.clients()).await;
    let files = descriptors(proxy.pid());
    let fleet = Fleet::connect(proxy.clients(), size(), After::Return).await;
    let mut after_first = None;
    for round in 0..2 {
        fleet.take();
        let began = Instant::now();
        fleet.reset_all();
        let told = fleet.arrivals(size(), RETURN).await;
        report(&format!("storm {round}"), began, &told);
        assert_eq!((told.refused.len(), told.cut), (0, 0), "{:?}", told.refused.first());
        // Storm by storm it does not grow.
        let held = resident(proxy.pid());
        let first = *after_first.get_or_insert(held);
        assert!(held < first * 3 / 2, "{first} bytes after the first storm, {held} after the next");
    }
    pair.finish("storm");
    drop(fleet);
    // The connection of the pair is closed too.
    eventually!(RETURN, descriptors(proxy.pid()), |now| *now <= files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_above_the_rate_is_told_when_to_come_and_all_come_back() {
    let _turn = alone().await;
    // Few enough that a debug build on a busy machine could take many more a second.
    let (size, rate) = (size() / 6, size() / 60);
    let proxy = quiet().start().await;
    let fleet = Fleet::connect(proxy.clients(), size, After::Return).await;
    proxy.configure(&format!(
        "telemetry.log_level = \"aether_proxy::session=warn,info\"\nlimits.handshakes_per_second = {rate}\n"
    ));
    let pair = Pair::talk(proxy.clients()).await;
    proxy.signal("HUP");
    eventually!(RETURN, crate::operators::reloads(&proxy).await.0, |ok| *ok >= 1.0);
    fleet.take();
    let began = Instant::now();
    fleet.reset_all();
    let told = fleet.arrivals(size, RETURN).await;
    report(&format!("bounded to {rate} a second"), began, &told);
    pair.finish("bounded storm");
    assert_eq!(told.cut, 0);
    assert!(!told.refused.is_empty() && told.refused.iter().all(|answer| answer.starts_with("HTTP/1.1 503 ")));
    // Two seconds' worth at once, then the rate.
    for (n, at) in told.arrived.iter().enumerate() {
        let allowed = at.duration_since(began).as_secs_f64() * rate as f64 + 2.0 * rate as f64;
        assert!(n as f64 <= allowed + 50.0, "{n} after {:?}", at.duration_since(began));
    }
    // Told when there will be room, most come once more and not every second until they are lucky.
    let refusals = told.refused.len() as f64 / size as f64;
    assert!(refusals < 1.5, "{refusals} refusals for each client");
}
