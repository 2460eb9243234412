//! Tests of everything between a socket and the hub: a whole proxy in this process, on free ports, with the
//! in-process hub, and real WebSocket clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, also in the helpers it calls"
)]

mod addresses;
mod asking;
mod client;
mod echo;
mod endings;
mod handshake;
mod in_band;
mod ledger;
mod legacy;
mod limits;
mod lint;
mod me;
mod migration_access;
mod migration_api;
mod own;
mod pki;
mod policy;
mod presence;
mod promises;
mod proxy;
mod rates;
mod redial;
mod rooms;
mod shadow;
mod steering;
mod tls;
mod v2_v3;
mod workers;

use std::time::Duration;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(15);
