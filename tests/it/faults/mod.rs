//! Faults of Redis and of the way to it, held end to end: two proxies as processes of their own, V2 and V3 clients on
//! both, steady traffic, and an account for each client of what was owed to it and what came.

pub mod account;
mod cluster;
mod frozen;
mod journal;
mod killed;
mod link;
pub mod pair;
mod restarted;
mod sentinel;
mod talker;
pub mod traffic;

/// Faults are noticed sooner than by default, so that a test need not wait for them.
const QUICK: [&str; 4] = [
    "hub.top_check = \"500ms\"",
    "hub.command_timeout = \"700ms\"",
    "hub.probe_interval = \"400ms\"",
    "hub.publish_deadline = \"8s\"",
];
