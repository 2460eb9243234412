//! Of the other tests' harness, what starts a Redis.

#![allow(dead_code, reason = "a toolbox of other tests")]

#[path = "../it/harness/eventually.rs"]
pub mod eventually;
#[path = "../it/harness/ports.rs"]
pub mod ports;
#[path = "../it/harness/process.rs"]
pub mod process;
#[path = "../it/harness/redis.rs"]
pub mod redis;
#[path = "../it/harness/redis_binary.rs"]
pub mod redis_binary;

pub use crate::PATIENCE;
