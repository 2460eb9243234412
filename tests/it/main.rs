//! The integration tests, as one binary: every other file here is a module of it.
//! They face the real thing: the proxy's own binary, a real Redis, real sockets. Nothing is skipped for want of a tool.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by a panic, also in the helpers it calls, and shows what led to it"
)]

mod attack;
mod cli;
mod clients;
mod conformance;
mod crowd;
mod dialects;
mod faults;
mod fortnight;
mod harness;
mod hub;
mod jq;
#[allow(dead_code, reason = "its other manners are for the tests of one node")]
#[path = "../front/legacy.rs"]
mod legacy;
mod memory;
mod migration;
mod operators;
mod own;
#[allow(dead_code, reason = "its clients are for the tests of one node")]
#[path = "../front/pki.rs"]
mod pki;
mod rooms;
mod secrets;
mod shadow;
mod tls;
mod two_nodes;
