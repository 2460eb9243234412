//! `aether-proxy lint`: what V2 traffic will trip over on its way to V3, of captured frames or of any others. Owns the
//! flags and the loop; the rules are `migration::lint`'s, and how they are told is `told`'s.

mod told;

use super::exit::{Exit, Failure};
use super::frames::Frames;
use super::input::{Place, each_line};
use super::out;
use super::settings::Sources;
use crate::config::{self, parse_size};
use crate::dialect::Frame;
use crate::envelope::ids::looks_like_integer;
use crate::label::Label;
use crate::migration::capture::{Content, Direction, Line};
use crate::migration::lint::{self, About, Rules, Severity};
use crate::telemetry::labels::LintRule;
use std::collections::HashSet;
use std::path::PathBuf;
use told::Told;

/// Finds what V2 clients will trip over when they move to V3, in captured traffic or in frames, one a line
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Rules and what to change are described in docs/LINT.md. The exit code is 1 when a denied rule was found, 65 when
lines could not be read (each is named on standard error, the others are linted all the same), else 0.

EXAMPLES:
  aether-proxy lint capture.ndjson
  aether-proxy lint --deny V2006,V2007 --format json capture.ndjson > findings.json
  echo '{\"a\":1,\"a\":2}' | aether-proxy lint --frames -
  aether-proxy lint --frames=json --max-message 64KiB - < frames.ndjson"
)]
pub struct Lint {
    /// Captured traffic (`capture.file`); `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files hold frames, one a line: the text as it is, or with =json {"text":...} and {"binary_hex":...}
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    frames: Option<Frames>,
    /// How findings are printed
    #[arg(long, default_value = "text")]
    format: Format,
    /// What makes the exit code 1: error, warning (and worse), info (and worse), none, or rules such as V2006
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "error", value_parser = denied)]
    deny: Vec<Denied>,
    /// Larger messages are found, such as 64KiB; usually `limits.message`
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_message: Option<usize>,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// What makes the command fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    Nothing,
    /// This and worse.
    Severity(Severity),
    Rule(LintRule),
}

fn denied(word: &str) -> Result<Denied, String> {
    let severity = Severity::ALL.iter().find(|severity| severity.label() == word).map(|s| Denied::Severity(*s));
    let rule = || LintRule::ALL.iter().find(|rule| rule.label() == word).map(|rule| Denied::Rule(*rule));
    let nothing = || (word == "none").then_some(Denied::Nothing);
    let form = || "must be error, warning, info, none, or a rule such as V2006".to_owned();
    severity.or_else(rule).or_else(nothing).ok_or_else(form)
}

impl Denied {
    fn denies(self, rule: LintRule) -> bool {
        match self {
            Denied::Nothing => false,
            // The worse comes first.
            Denied::Severity(least) => About::of(rule).severity <= least,
            Denied::Rule(denied) => denied == rule,
        }
    }
}

/// Connections of a capture: number, tenant, group, client.
type Seen = HashSet<(u64, String, String, String)>;

impl Lint {
    /// Runs it.
    ///
    /// # Errors
    /// Settings that are wrong, a file that cannot be read, a pipe that broke. Findings and bad lines are no errors
    /// here, only exit codes.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let most = match self.max_message {
            Some(most) => most,
            None => config::load(&sources.options())?.limits.message,
        };
        let (mut told, mut seen) = (Told::default(), Seen::new());
        each_line(&self.files, |place, line| {
            let done = match self.frames {
                Some(form) => form.read(line).map(|frame| told.frame(place, frame.borrow(), most)),
                None => captured(&mut told, &mut seen, place, line, most),
            };
            if let Err(why) = done {
                told.unreadable += 1;
                out::complain(&format!("{place}: {why}"));
            }
            Ok(())
        })?;
        told.connections = self.frames.is_none().then_some(seen.len());
        let found: Vec<LintRule> = told.found().collect();
        let denied: Vec<LintRule> = found.into_iter().filter(|r| self.deny.iter().any(|d| d.denies(*r))).collect();
        match self.format {
            Format::Text => told.text()?,
            Format::Json => told.json(&denied)?,
        }
        Ok(match (denied.is_empty(), told.unreadable) {
            (false, _) => Exit::Failure,
            (true, 0) => Exit::Ok,
            _ => Exit::Data,
        })
    }
}

/// A line of a capture: what the client sent, and on its first line the rules of its connection.
fn captured(told: &mut Told, seen: &mut Seen, place: Place<'_>, line: &[u8], most: usize) -> Result<(), String> {
    // The proxy fences off a line that a full disk has cut.
    if line.is_empty() {
        return Ok(());
    }
    let line = Line::read(line).map_err(|why| why.to_string())?;
    let content = line.content().map_err(|why| why.to_string())?;
    let group = line.group.as_deref().unwrap_or_default();
    let key = (line.conn, line.tenant.to_string(), group.to_owned(), line.client.to_string());
    if seen.insert(key) {
        let who = format!("tenant {}, group {group}, client {}", line.tenant, line.client);
        told.add(place, LintRule::V2Url, &who);
        if looks_like_integer(group) || looks_like_integer(&line.client) {
            told.add(place, LintRule::IntegerId, &who);
        }
    }
    if line.dir == Direction::Out {
        return Ok(());
    }
    match &content {
        Content::Whole(frame) => told.frame(place, frame.borrow(), most),
        Content::Redacted(text) => told.frame(place, Frame::Text(text), most),
        // Only texts that are no object are kept as a length.
        Content::TextOf(bytes) => told.length(place, LintRule::NotAnObject, *bytes, most),
        Content::BinaryOf(bytes) => told.length(place, LintRule::Binary, *bytes, most),
    }
    Ok(())
}

impl Told {
    fn frame(&mut self, place: Place<'_>, frame: Frame<'_>, most: usize) {
        let example = match frame {
            Frame::Text(text) => text.into(),
            Frame::Binary(bytes) => format!("({} bytes)", bytes.len()).into(),
        };
        self.rules(place, lint::frame(frame, most).rules, &example);
    }

    fn length(&mut self, place: Place<'_>, rule: LintRule, bytes: usize, most: usize) {
        let too_large = (bytes > most).then_some(LintRule::TooLarge);
        let rules = [rule].into_iter().chain(too_large).collect();
        self.rules(place, rules, &format!("({bytes} bytes)").into());
    }

    fn rules(&mut self, place: Place<'_>, rules: Rules, example: &std::borrow::Cow<'_, str>) {
        self.frames += 1;
        for rule in rules.iter() {
            self.add(place, rule, example);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_includes_what_is_worse() {
        let denies = |word: &str, rule| denied(word).map(|denied| denied.denies(rule));
        assert_eq!(denies("error", LintRule::DuplicateKey), Ok(true));
        assert_eq!(denies("error", LintRule::EnvelopeKey), Ok(false));
        assert_eq!(denies("warning", LintRule::DuplicateKey), Ok(true));
        assert_eq!(denies("info", LintRule::V2Url), Ok(true));
        assert_eq!(denies("none", LintRule::DuplicateKey), Ok(false));
        assert_eq!(denies("V2001", LintRule::V2Url), Ok(true));
        assert_eq!(denies("V2001", LintRule::DuplicateKey), Ok(false));
        assert!(denied("V2012").is_err() && denied("").is_err());
    }
}
