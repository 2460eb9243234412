//! `aether-proxy jq-worker`: the process a proxy runs jq filters in. Nobody calls it by hand.

use super::exit::{Exit, Failure};
use crate::jq;

/// Runs the jq filters of a custom dialect for the proxy that started it
#[derive(Debug, clap::Args)]
pub struct JqWorker {}

impl JqWorker {
    /// Runs it until the proxy has gone.
    ///
    /// # Errors
    /// What is read is not what a proxy says.
    pub fn run(&self) -> Result<Exit, Failure> {
        jq::work()?;
        Ok(Exit::Ok)
    }
}
