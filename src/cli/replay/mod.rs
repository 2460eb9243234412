//! `aether-proxy replay`: captured V2 frames once more, through the lens alone or through a proxy. Owns the
//! flags; what a capture holds and each of the two ways are files of their own.

mod heard;
mod laws;
mod talk;
mod target;

use super::exit::{Exit, Failure};
use super::out::Out;
use super::settings::Sources;
use crate::config;
use std::path::PathBuf;
use std::time::Duration;
use talk::{Played, Talk, Who};

/// Plays captured V2 traffic once more: through the translation, checking its laws, or against a proxy
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --target every frame a client sent goes through the translation, and its laws are checked: it comes \
back exactly, its envelope is valid, and the text on the hub reads back as it was written.

With --target one V2 connection is opened for each captured client (for each of its tabs, where several were open at \
once), all frames are sent in their order, and what each client gets is compared with what it got then, in any order. \
Clients that came late or left early get more than then; if that is to be expected, --allow-more. Frames with blacked \
out values, or of which only the length was kept, are skipped, and so is what V3 clients had said.

The exit code is 1 when something differs, 65 when lines could not be read, else 0.

EXAMPLES:
  aether-proxy replay capture.ndjson
  aether-proxy replay capture.ndjson --target ws://127.0.0.1:8080
  aether-proxy replay capture.ndjson --target ws://127.0.0.1:8080 --speed 10 --api-key-file key.txt"
)]
pub struct Replay {
    /// Captured traffic (`capture.file`); `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A proxy to talk to, such as ws://127.0.0.1:8080; other machines than this one only with --allow-remote
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// So many times as fast as recorded; 0 = as fast as possible
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, requires = "target")]
    speed: f64,
    /// How long to wait for what is still missing when nothing comes any more
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = config::parse_duration, requires = "target")]
    wait: Duration,
    /// More frames than then are no difference
    #[arg(long, requires = "target")]
    allow_more: bool,
    /// Also talk to other machines: to them it is real traffic
    #[arg(long, requires = "target")]
    allow_remote: bool,
    /// File with the API key to come with
    #[arg(long, value_name = "FILE", requires = "target")]
    api_key_file: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    let is_usable = speed == 0.0 || (0.001..=1e6).contains(&speed);
    if is_usable { Ok(speed) } else { Err("must be 0, or between 0.001 and 1000000".to_owned()) }
}

impl Replay {
    /// Runs it.
    ///
    /// # Errors
    /// Settings or flags that are wrong, a file that cannot be read, a target that does not answer. Differences and bad
    /// lines are no errors here, only exit codes.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let mut out = Out::new();
        let (same, unreadable) = match &self.target {
            None => {
                let config = config::load(&sources.options())?;
                let talk = Talk::read(&self.file)?;
                (laws::run(&talk, &config, &mut out)?, talk.unreadable)
            }
            Some(url) => {
                // Before a large file is read.
                let target = target::Target::new(url, self)?;
                let talk = Talk::read(&self.file)?;
                (target.run(&talk, &mut out)?, talk.unreadable)
            }
        };
        out.flush()?;
        Ok(match (same, unreadable) {
            (false, _) => Exit::Failure,
            (true, 0) => Exit::Ok,
            _ => Exit::Data,
        })
    }
}
