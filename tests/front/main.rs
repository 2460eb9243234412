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
mod ledger;
mod legacy;
mod limits;
mod lint;
mod migration_access;
mod migration_api;
mod pki;
mod policy;
mod presence;
mod proxy;
mod rates;
mod shadow;
mod steering;
mod tls;
mod v2_v3;

use std::time::Duration;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(15);
