//! Holds `dashboards/` to what it says: the files keep their conventions, rules and alerts do what they promise in
//! promtool, and a real Prometheus that scrapes real proxies has an answer to every question the panels ask.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, also in the helpers it calls"
)]

mod cardinality;
mod catalogue;
mod conventions;
mod files;
mod harness;
mod history;
mod layout;
mod live;
mod packaging;
mod prometheus;
mod promql;
mod promtool;
mod rules;

#[allow(dead_code, reason = "a toolbox of other tests")]
#[path = "../front/client.rs"]
mod client;
#[allow(dead_code, reason = "a toolbox of other tests")]
#[path = "../front/proxy.rs"]
mod proxy;

use std::time::Duration;

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(15);
