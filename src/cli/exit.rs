//! Owns how the program ends: the exit codes (those of sysexits.h), and which failure has which.

use super::out;
use crate::config::ConfigError;
use std::io;
use std::process::ExitCode;

/// What the shell is told. `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// Something failed that has no code of its own.
    Failure = 1,
    /// The command line cannot be understood (EX_USAGE).
    Usage = 64,
    /// Part of the input was no good (EX_DATAERR).
    Data = 65,
    /// Something that is needed is not to be had, such as an address that is in use (EX_UNAVAILABLE).
    Unavailable = 69,
    /// The proxy that was asked wants a token, or another one (EX_NOPERM).
    NoPermission = 77,
    /// The settings are wrong (EX_CONFIG).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Settings, all problems at once.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for cannot be.
    #[error("{0}")]
    Usage(String),
    /// A sentence for people, and the code for the shell.
    #[error("{1}")]
    Other(Exit, String),
    /// Reading or writing; the reader of our output may have gone, as in `| head`.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// Says what happened on standard error, and which code it is.
    pub fn report(self) -> Exit {
        match &self {
            // Whoever read the output has seen enough.
            Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Ok,
            Failure::Config(error) => error.problems.iter().for_each(|problem| out::complain(problem)),
            Failure::Usage(text) => out::complain(&format!("{text} (see --help)")),
            other => out::complain(&other.to_string()),
        }
        match self {
            Failure::Config(_) => Exit::Config,
            Failure::Usage(_) => Exit::Usage,
            Failure::Other(exit, _) => exit,
            Failure::Io(_) => Exit::Failure,
        }
    }
}
