//! Clients in masses and clients without manners, against the proxy's own process: reconnect storms, drains of
//! thousands, rolling restarts, and single clients that do what none should.
//!
//! `AETHER_CROWD` is how many clients a crowd has: 3000 by default, so that a debug build on two cores is through
//! in seconds; at most 15,000, since every process may open 20,000 files.

mod drain;
mod fleet;
mod hostile;
mod pair;
mod rolling;
mod storm;
#[allow(dead_code, reason = "its messages are for benchmarks")]
#[path = "../../../benches/common/wire.rs"]
mod wire;

use tokio::sync::{Mutex, MutexGuard};

/// How many clients a crowd has.
fn size() -> usize {
    let number = std::env::var("AETHER_CROWD").ok().filter(|text| !text.is_empty());
    number.map_or(3000, |text| text.parse().expect("AETHER_CROWD is a number")).min(15_000)
}

/// One crowd at a time in this process: together they would need more files than there are.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let files = rlimit::increase_nofile_limit(u64::MAX).expect("a limit of open files");
    assert!(files > size() as u64 + 500, "{files} open files are too few for {} clients: see AETHER_CROWD", size());
    turn
}
