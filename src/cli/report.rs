//! `aether-proxy report`: how far the migration is, asked of a running proxy; the exit code says whether V2 can go.

use super::exit::{Exit, Failure};
use super::operators::{self, Target};
use super::out::Out;
use super::settings::Sources;
use crate::migration::report::view::Report as View;
use crate::migration::report::{markdown, text};

/// Shows how far the migration is and whether V2 can be switched off, as a running proxy knows it
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES:
  aether-proxy report
  aether-proxy report --url https://proxy.example:9090 --token-file token --format md > ticket.md
  aether-proxy report --format json | jq .forecast
  aether-proxy report > /dev/null && echo 'V2 can go'

EXIT CODES:
   0  every gate of migration.gates passes: V2 can be switched off
   1  not yet
  69  the proxy, or its store, cannot be reached
  77  the proxy wants a token, or another one")]
pub struct Report {
    #[command(flatten)]
    target: Target,
    /// text and md are for people; json is the whole report, csv its tenants
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Md,
    Json,
    Csv,
}

impl Report {
    /// Runs it.
    ///
    /// # Errors
    /// The proxy cannot be asked.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let operators = self.target.operators(sources)?;
        let (report, shown) = operators::run(async {
            let whole = operators.text("/api/v1/migration").await?;
            let report: View = operators.read(&whole)?;
            let shown = match self.format {
                Format::Text => text::text(&report),
                Format::Md => markdown::markdown(&report),
                // As it came: a newer proxy may say more than this program knows.
                Format::Json => whole,
                Format::Csv => operators.text("/api/v1/migration/tenants?format=csv").await?,
            };
            Ok((report, shown))
        })?;
        let mut out = Out::new();
        out.line(shown.trim_end())?;
        out.flush()?;
        Ok(if report.verdict.safe_to_retire { Exit::Ok } else { Exit::Failure })
    }
}
