//! Faults of Redis and of the way to it, held end to end: two proxies as processes of their own, V2 and V3 clients on
//! both, steady traffic, and an account for each client of what was owed to it and what came.

pub mod account;
mod killed;
pub mod pair;
mod talker;
pub mod traffic;
