//! `aether-proxy check`: are the settings right, and what are they? Reads no key files and asks no network.

use super::exit::{Exit, Failure};
use super::out::Out;
use super::settings::Sources;
use crate::app::{self, DialectsError};
use crate::config::{self, Config, ConfigError};
use crate::jq::this_program;

/// Loads the settings, names everything that is wrong with them, and prints what is in effect,
/// with remarks on what may not be meant
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
        if config.dialects.iter().any(|dialect| dialect.jq.is_some()) {
            filters(&config)?;
        }
        if !self.quiet {
            let mut out = Out::new();
            for remark in config::remarks(&config) {
                out.line(&format!("# {remark}"))?;
            }
            out.line(config::effective(&config).trim_end())?;
            out.flush()?;
        }
        Ok(Exit::Ok)
    }
}

/// Filters are checked by running them, as a proxy would.
fn filters(config: &Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(app::check_filters(config, &this_program())).map_err(|error| match error {
        DialectsError::Wrong(problems) => ConfigError { problems }.into(),
        DialectsError::NoProcess(text) => Failure::Other(Exit::Unavailable, text),
    })
}
