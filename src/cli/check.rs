//! `aether-proxy check`: are the settings right, and what are they? Reads no key files and asks no network.

use super::exit::{Exit, Failure};
use super::out::Out;
use super::settings::Sources;
use crate::config;

/// Loads the settings, names everything that is wrong with them, and prints what is in effect
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Print nothing when all is well
    #[arg(long, short)]
    quiet: bool,
}

impl Check {
    /// Runs it.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let config = config::load(&sources.options())?;
        if !self.quiet {
            let mut out = Out::new();
            out.line(config::effective(&config).trim_end())?;
            out.flush()?;
        }
        Ok(Exit::Ok)
    }
}
