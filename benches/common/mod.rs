//! What the benchmarks share that face the proxy as a process: servers, what the kernel says about them, a cheap
//! client, and the marker by which every message is known.
#![allow(dead_code, reason = "each benchmark uses its part")]

pub mod histogram;
pub mod mark;
pub mod proc;
pub mod servers;
pub mod wire;
