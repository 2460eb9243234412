//! The operators' listener: `/metrics`, `/livez`, `/readyz`, the page at `/migration` and its API, over HTTP/1.1, plain or
//! in TLS, on an address of its own. Owns the paths, their answers and who gets them; what is true (ready? draining?) it
//! is told.

mod access;
mod answer;
mod migration;
mod page;
mod query;
mod readiness;
mod routes;
mod serve;

#[cfg(test)]
mod tests;

pub use access::{Access, AccessError, Denied};
pub use query::{Bad, Query};
pub use readiness::{NotReady, Readiness};
pub use serve::serve;

use crate::clock::Clock;
use crate::migration::Migration;
use crate::telemetry::Metrics;
use std::fmt;
use std::sync::Arc;

/// What the answers are made from.
pub struct AdminState {
    /// `/metrics`
    pub metrics: Arc<Metrics>,
    /// For metrics that expire.
    pub clock: Clock,
    /// `/migration` and its API.
    pub migration: Arc<Migration>,
    /// Who may see the migration.
    pub access: Access,
    /// `/readyz`: from memory, without waiting for anything.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("ready", &(self.ready)()).finish_non_exhaustive()
    }
}
