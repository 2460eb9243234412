//! The compatibility suite over sockets: the runner itself, and what it finds on the proxy, on a server that nobody tuned
//! for it, and on servers that are broken on purpose.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by a panic, also in the helpers it calls, and shows what led to it"
)]
mod broken;
mod conversations;
mod differences;
#[path = "../it/harness/mod.rs"]
mod harness;
mod own;
mod play;
mod reference;
mod scenarios;
mod server;
mod settings;
