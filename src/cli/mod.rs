//! The command line: arguments, exit codes. What a command does is its own file's.

mod serve;

use crate::config::{self, ConfigError, LoadOptions};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Wrong usage (sysexits.h EX_USAGE).
pub const USAGE: u8 = 64;
/// Settings that cannot be used (sysexits.h EX_CONFIG).
pub const CONFIG: u8 = 78;

/// Lets V2 and V3 WebSocket clients talk through one V3 hub.
#[derive(Debug, Parser)]
#[command(version, about, after_help = "Exit codes: 0 ok, 64 usage, 78 settings, 1 anything else.")]
pub struct Cli {
    /// What to do; without a command: serve.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Where settings come from: defaults < file < environment < flags.
#[derive(Debug, Args)]
struct SettingsArgs {
    /// A TOML file with settings; `AETHER_CONFIG` names one too.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, stronger than file and environment, such as limits.message=64KiB.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve clients until told to stop (SIGTERM drains, a second one ends at once).
    Serve,
}

/// What the command line comes to: its words, and an exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Settings, found out late.
    #[error("{0}")]
    Settings(String),
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// See the help text.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Config(_) | Failure::Settings(_) => ExitCode::from(CONFIG),
            Failure::Other(_) => ExitCode::FAILURE,
        }
    }
}

/// Does what the arguments say.
///
/// # Errors
/// What went wrong, with an exit code.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let options = LoadOptions { file: cli.settings.config, env: environment(), set: cli.settings.set };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(config::load(&options)?),
    }
}

/// The process's variables; one that is not UTF-8 cannot be a setting.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
