//! The operators' listener: `/metrics`, `/livez`, `/readyz` over HTTP/1.1, plain or in TLS, on an address of its own.
//! Owns the paths and their answers; what is true (ready? draining?) it is told. It asks for no credential.

mod readiness;
mod routes;
mod serve;

#[cfg(test)]
mod tests;

pub use readiness::{NotReady, Readiness};
pub use serve::serve;

use crate::clock::Clock;
use crate::telemetry::Metrics;
use std::fmt;
use std::sync::Arc;

/// What the answers are made from.
pub struct AdminState {
    /// `/metrics`
    pub metrics: Arc<Metrics>,
    /// For metrics that expire.
    pub clock: Clock,
    /// `/readyz`: from memory, without waiting for anything.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("ready", &(self.ready)()).finish_non_exhaustive()
    }
}
