//! `aether-proxy compat`: any server held against the compatibility suite, or two against one another. Owns the command
//! and how it ends; the cases, the runner and the comparison are `compat`'s, each form of what was found a file of its own.

mod compared;
mod flags;
mod junit;
mod listed;
#[cfg(test)]
mod made;
mod markdown;
mod profile;
mod progress;
mod selection;
mod since;
mod target;
mod text;
mod words;

use super::exit::{Exit, Failure};
use super::out::{self, Out};
use crate::compat::play::{self, RunError};
use crate::compat::suite::{Suite, SuiteError};
use crate::compat::{Certificate, FORMAT, Status};
use compared::Compared;
use flags::{How, Known, What};
use progress::Told;
use selection::Selection;
use since::Since;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use text::Paint;

/// Holds any server against the compatibility suite: what it does as promised, what otherwise, what not at all
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The cases are played through nothing but the server's sockets (and its Redis, where --redis names it). What is a \
promise of a guide and not kept is `failed`; what is a choice of this proxy and done otherwise `differs`, which is no \
fault; what the server has no way in for is `lacking`; what needs other settings or more time is `skipped`. The format \
of cases and profiles is described in compat/README.md.

The cases use groups and ids of their own, but they send hostile frames and broadcasts: play them against servers \
without users.

EXAMPLES:
  aether-proxy compat --target ws://127.0.0.1:8080
  aether-proxy compat --target ws://127.0.0.1:8080 --redis redis://127.0.0.1:6379 --format json --output new.json
  aether-proxy compat --target ws://127.0.0.1:8080 --dialect aether-v2 --only 'aether.v2.numbers.*' --strict
  aether-proxy compat --compare ws://127.0.0.1:8000 ws://127.0.0.1:8080
  aether-proxy compat --compare old.json new.json --format md > ticket.md
  aether-proxy compat --list --dialect vectra

EXIT CODES:
   0  every promise is kept; of --compare: no difference
   1  a promise is not kept, or what --require names is missing; with --strict: something differs in a byte;
      with --baseline: something got worse; with --compare: something differs
  64  usage
  65  cases, a certificate, a profile or a key that cannot be read
  69  the target cannot be reached, or the output not be written"
)]
pub struct Compat {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    how: How,
    /// Another folder of cases than the one this program was built with
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// What differs counts as failed, and so do the same values in other bytes
    #[arg(long, conflicts_with_all = ["list", "compare"])]
    strict: bool,
    /// An earlier certificate of the same target (JSON): only what got worse since then counts
    #[arg(long, value_name = "FILE", requires = "target")]
    baseline: Option<PathBuf>,
    /// text is for people, md for a ticket, junit for a CI server, json the certificate that can be compared
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where it is written, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Junit,
    Md,
}

impl Compat {
    /// Runs it.
    ///
    /// # Errors
    /// Flags that make no sense, files that cannot be read, a target that does not answer. What is found is no error here,
    /// only an exit code.
    pub fn run(&self) -> Result<Exit, Failure> {
        let suite = match &self.cases {
            None => Suite::built_in(),
            Some(folder) => Suite::folder(folder),
        };
        let suite = suite.map_err(|error: SuiteError| Failure::Other(Exit::Data, error.to_string()))?;
        self.selection.check(&suite)?;
        self.can_be_written()?;
        match (&self.what.target, self.what.compare.as_deref()) {
            (Some(target), _) => self.certify(&suite, target),
            (None, Some([old, new])) => self.compare(&suite, old, new),
            _ => self.list(&suite),
        }
    }

    fn list(&self, suite: &Suite) -> Result<Exit, Failure> {
        let listed = match self.format {
            Format::Text => listed::text(suite, &self.selection),
            Format::Json => listed::json(suite, &self.selection).map_err(io::Error::from)?,
            Format::Junit | Format::Md => return Err(Failure::Usage("--list: as text or json".to_owned())),
        };
        self.write(&listed)?;
        Ok(Exit::Ok)
    }

    fn certify(&self, suite: &Suite, target: &str) -> Result<Exit, Failure> {
        let baseline = self.baseline.as_deref().map(read).transpose()?;
        let certificate = self.play(suite, "--target", target, false)?;
        let strict = self.strict;
        let shown = match self.format {
            Format::Text => text::text(&certificate, strict, self.paint()),
            Format::Json => serde_json::to_string_pretty(&certificate).map_err(io::Error::from)?,
            Format::Junit => junit::junit(&certificate, strict),
            Format::Md => markdown::markdown(&certificate, strict),
        };
        self.write(&shown)?;
        if self.format != Format::Text || self.output.is_some() {
            out::complain(&format!("certificate: {}", words::quote(&certificate)));
        }
        let bad = match &baseline {
            None => certificate.results.iter().any(|outcome| words::is_bad(outcome, strict)),
            Some(baseline) => {
                let since = Since::of(baseline, &certificate, strict);
                out::complain(&since.text());
                !since.worse.is_empty()
            }
        };
        let met = self.is_what_was_asked_for(&certificate);
        Ok(if bad || !met { Exit::Failure } else { Exit::Ok })
    }

    /// What is required is there, and something was played at all; what is not so is said.
    fn is_what_was_asked_for(&self, certificate: &Certificate) -> bool {
        let mut good = true;
        for required in self.how.required() {
            let why = match certificate.capabilities.get(&required) {
                Some(it) if it.has => continue,
                Some(it) => words::line(&it.why),
                None => "it was not looked for".to_owned(),
            };
            out::complain(&format!("--require: the target has no {required}: {why}"));
            good = false;
        }
        let idle = |status| matches!(status, Status::Lacking | Status::Skipped);
        if certificate.results.iter().all(|outcome| idle(outcome.status)) {
            out::complain("Nothing could be played: the target has none of what these cases need.");
            good = false;
        }
        good
    }

    fn compare(&self, suite: &Suite, old: &str, new: &str) -> Result<Exit, Failure> {
        if self.format == Format::Junit {
            return Err(Failure::Usage("--compare: as text, md or json".to_owned()));
        }
        let (old, new) = (self.side(suite, old)?, self.side(suite, new)?);
        let compared = Compared::of(&old, &new);
        if !compared.is_possible() {
            let why = "--compare: no check that is the same in both was played on both";
            return Err(Failure::Other(Exit::Data, why.to_owned()));
        }
        let shown = match self.format {
            Format::Json => compared.json().map_err(io::Error::from)?,
            Format::Md => compared::markdown(&compared),
            Format::Text | Format::Junit => compared::text(&compared, self.paint()),
        };
        self.write(&shown)?;
        if self.format != Format::Text || self.output.is_some() {
            out::complain(&format!("compared: {}", compared.quote()));
        }
        Ok(if compared.is_same() { Exit::Ok } else { Exit::Failure })
    }

    /// A certificate of what is selected: from its file, or of a server that is played.
    fn side(&self, suite: &Suite, side: &str) -> Result<Certificate, Failure> {
        let mut certificate = match side.contains("://") {
            true => self.play(suite, "--compare", side, true)?,
            false => read(Path::new(side))?,
        };
        self.selection.narrow(&mut certificate);
        Ok(certificate)
    }

    /// Plays what is selected against a target.
    fn play(&self, suite: &Suite, flag: &str, url: &str, keep_going: bool) -> Result<Certificate, Failure> {
        let address = target::address(flag, url)?;
        let redis = self.known.redis().map(target::redis).transpose()?;
        let profile = self.known.profile(&address.to_string())?;
        let options = self.how.options(self.selection.patterns(suite), keep_going);
        let told = Told::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let played = runtime.block_on(async {
            if !self.known.allow_remote {
                target::are_here(flag, &address, redis.as_ref()).await?;
            }
            let played = play::run(suite, &profile, &options, &|progress| told.say(&progress)).await;
            played.map_err(|error| match error {
                RunError::Address(error) => Failure::Usage(format!("{flag}: {error}")),
                RunError::Nothing(what) => Failure::Usage(format!("--only: no check is {what}")),
                away => Failure::Other(Exit::Unavailable, words::line(&away.to_string())),
            })
        });
        told.end();
        played
    }

    /// A long run must not end in a folder that is not there.
    fn can_be_written(&self) -> Result<(), Failure> {
        let folder = self.output.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            Some(folder) if !folder.is_dir() => {
                Err(Failure::Usage(format!("--output: there is no folder {}", folder.display())))
            }
            _ => Ok(()),
        }
    }

    fn paint(&self) -> Paint {
        Paint(self.output.is_none() && io::stdout().is_terminal() && !out::no_color())
    }

    /// Writes it where it belongs. That its reader has gone changes nothing of what was found.
    fn write(&self, text: &str) -> Result<(), Failure> {
        let text = text.trim_end();
        if let Some(file) = &self.output {
            let bad = |error: io::Error| Failure::Other(Exit::Unavailable, format!("{}: {error}", file.display()));
            return std::fs::write(file, format!("{text}\n")).map_err(bad);
        }
        let mut out = Out::new();
        match out.line(text).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Reads a certificate.
fn read(file: &Path) -> Result<Certificate, Failure> {
    let bad = |why: &str| Failure::Other(Exit::Data, format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad(&error.to_string()))?;
    let certificate: Certificate =
        serde_json::from_str(&text).map_err(|error| bad(&format!("not a certificate: {error}")))?;
    match certificate.format {
        FORMAT => Ok(certificate),
        other => Err(bad(&format!("of format {other}; this program reads format {FORMAT}"))),
    }
}
