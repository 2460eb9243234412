//! Owns the flags that all commands share: where settings come from beside the defaults.

use crate::config::LoadOptions;
use std::path::PathBuf;

/// Flags of every command.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Sources {
    /// Settings file (TOML); also AETHER_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, stronger than file and environment; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

impl Sources {
    /// For `config::load`, the environment included.
    pub fn options(&self) -> LoadOptions {
        // What is not UTF-8 is shown as far as it is and refused by its key, not by a panic.
        let env = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        LoadOptions { file: self.config.clone(), env: env.collect(), set: self.set.clone() }
    }
}

/// `name=value`, for `--set` and `--claim`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}
