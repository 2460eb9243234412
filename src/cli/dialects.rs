//! `aether-proxy dialects`: which dialects there are, and how much of its guide each keeps. The tables are the code's own.

use super::exit::{Exit, Failure};
use super::out::Out;
use crate::dialect::Spoken;
use crate::dialect::support::{ALL, Feature, Table};
use crate::label::Label;
use serde::Serialize;

/// Says what each dialect keeps of its guide: supported, approximated, suppressed or refused
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES:
  aether-proxy dialects
  aether-proxy dialects valtronics
  aether-proxy dialects --format json")]
pub struct Dialects {
    /// Only this one, such as vectra
    #[arg(value_parser = named)]
    dialect: Option<Spoken>,
    /// text is for people, md for documents, json for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Md,
    Json,
}

fn named(word: &str) -> Result<Spoken, String> {
    let all = || ALL.iter().map(|table| table.spoken);
    let known = || all().map(Spoken::label).collect::<Vec<_>>().join(", ");
    all().find(|spoken| Label::label(*spoken) == word).ok_or_else(|| format!("there are {}", known()))
}

impl Dialects {
    /// Runs it.
    ///
    /// # Errors
    /// A pipe that broke.
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut out = Out::new();
        for table in ALL.iter().filter(|table| self.dialect.is_none_or(|only| only == table.spoken)) {
            match self.format {
                Format::Text => out.line(&text(table))?,
                Format::Md => out.line(&markdown(table))?,
                Format::Json => table.features.iter().try_for_each(|feature| out.line(&json(table, feature)))?,
            }
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}

/// In columns, as wide as the widest of each.
fn text(table: &Table) -> String {
    let width = |of: fn(&Feature) -> usize| table.features.iter().map(of).max().unwrap_or_default();
    let (name, support) = (width(|f| f.name.chars().count()), width(|f| f.support.label().len()));
    let mut text = format!("{}\n", table.spoken.label());
    for f in table.features {
        let line = format!("  {:name$}  {:support$}  {}", f.name, f.support.label(), f.note);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A heading and a table.
fn markdown(table: &Table) -> String {
    let mut text = format!("### {}\n\n| feature | | what to know | guide |\n|---|---|---|---|\n", table.spoken.label());
    for f in table.features {
        text.push_str(&format!("| {} | {} | {} | {} |\n", f.name, f.support.label(), f.note, f.source));
    }
    text
}

#[derive(Serialize)]
struct Row {
    dialect: &'static str,
    feature: &'static str,
    support: &'static str,
    note: &'static str,
    guide: &'static str,
    shown_by: &'static str,
}

/// One line.
fn json(table: &Table, f: &Feature) -> String {
    let row = Row {
        dialect: table.spoken.label(),
        feature: f.name,
        support: f.support.label(),
        note: f.note,
        guide: f.source,
        shown_by: f.shown_by,
    };
    serde_json::to_string(&row).unwrap_or_default()
}
