//! The integration tests, as one binary: every other file here is a module of it.
//! They face the real thing: the proxy's own binary, a real Redis, real sockets. Nothing is skipped for want of a tool.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by a panic, also in the helpers it calls, and shows what led to it"
)]

mod cli;
mod fortnight;
mod harness;
mod hub;
mod operators;
mod secrets;
mod tls;
mod two_nodes;
