//! What the tests stand on: servers, clients and faults, each real, private to one test and gone when it ends.
//! Owns no test of the proxy itself; each file proves only that it does what it says.

#![allow(dead_code, reason = "a toolbox: not each test file uses each tool")]

pub mod chaos;
#[cfg(test)]
mod chaos_test;
pub mod client;
#[cfg(test)]
mod client_test;
pub mod cluster;
pub mod eventually;
pub mod http;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod redis;
pub mod redis_binary;
pub mod scrape;
pub mod sentinel;

use std::time::Duration;

/// How long a test waits for what must happen. Long, because a slow machine is no fault;
/// nothing waits that long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(15);
