//! The conversations of the three other dialects, over sockets, against the proxy: every one that can be played.

use crate::harness::redis::RedisServer;
use crate::own::{Own, is_kept, reasons};
use aether_proxy::compat::{Certificate, Status};
use std::time::Duration;

const DIALECTS: [&str; 3] = ["valtronics", "server-monitor", "vectra"];
/// Conversations that are longer by themselves are played by hand: this many seconds in `COMPAT_LONGEST`.
const LONGEST: u64 = 3;
/// How many are longer.
const LONG: usize = 21;
/// What no server can be brought to do from outside, and how often.
const UNPLAYABLE: [(&str, usize); 6] = [
    ("a policy of the server is not made from outside", 2),
    ("no limit of the server is reached by one client", 2),
    ("no way in where everybody is turned down for this", 1),
    ("nobody knows the id of its clients, so nobody can address them", 2),
    ("of each server there is one agent", 1),
    ("the server's hub is not taken away from outside", 3),
];

fn longest() -> Option<u64> {
    std::env::var("COMPAT_LONGEST").ok().map(|text| text.parse().expect("seconds"))
}

/// Nothing else was skipped than what is known.
fn only_the_known_is_skipped(certificate: &Certificate) {
    let skipped = reasons(certificate, Status::Skipped).into_iter();
    let (long, skipped): (Vec<_>, Vec<_>) = skipped.partition(|(why, _)| why.contains("longer than"));
    let long: usize = long.into_iter().map(|(_, count)| count).sum();
    assert_eq!(skipped, UNPLAYABLE);
    assert!(long == LONG || longest().is_some(), "{long} take long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_keeps_every_conversation_that_can_be_played() {
    let own = Own::start(Some(RedisServer::start().await)).await;
    let certificate = own.play(&DIALECTS, Duration::from_secs(longest().unwrap_or(LONGEST))).await;
    assert!(is_kept(&certificate));
    only_the_known_is_skipped(&certificate);
    assert_eq!(certificate.count(Status::Lacking), 0);
    assert!(certificate.count(Status::Passed) >= 302, "{}", certificate.count(Status::Passed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_what_is_written_on_the_hub_cannot_be_played_and_all_else_is_kept() {
    let certificate = Own::start(None).await.play(&["vectra"], Duration::from_secs(LONGEST)).await;
    assert!(is_kept(&certificate));
    assert_eq!(reasons(&certificate, Status::Lacking).into_iter().collect::<Vec<_>>(), [("needs hub", 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_otherwise_is_found_out() {
    let mut own = Own::start(None).await;
    // Here everybody is subscribed from the start, and the worker works for somebody else.
    own.redirect("/valtronics/guide/{group}/me", "/valtronics/telemetry/{group}/me");
    own.redirect("/vectra/{group}?client_type=worker", "/vectra/elsewhere?client_type=worker");
    let ids = ["valtronics.subscribe.guide-first", "vectra.worker.heard", "valtronics.ping.guide"];
    let certificate = own.play(&ids, Duration::ZERO).await;
    let status = |id: &str| certificate.results.iter().find(|one| one.id == id).map(|one| one.status);
    assert_eq!(ids.map(status), [Some(Status::Failed), Some(Status::Failed), Some(Status::Passed)]);
}
