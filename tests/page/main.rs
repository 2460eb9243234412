//! Tests of the operators' page in a real browser: a whole proxy in this process with its in-process hub, real V2 and
//! V3 clients, and headless Chromium driven by chromedriver. What the page shows is held against the API.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, also in the helpers it calls"
)]

mod access;
mod browser;
mod empty;
mod list;
mod live;
mod programs;
mod proxy;
mod written;

use std::time::Duration;

/// How long a test waits for what must happen. Two cores may start six browsers at once.
const PATIENCE: Duration = Duration::from_secs(30);
