//! Owns what was found in all, and how it is told: for people, or as one JSON object.

use super::super::input::Place;
use super::super::out::{Out, shortened};
use crate::label::Label;
use crate::migration::lint::{About, Severity};
use crate::telemetry::labels::LintRule;
use serde::Serialize;
use std::io;

/// Examples of each rule.
const EXAMPLES: usize = 3;
/// Characters of an example.
const MOST: usize = 80;

/// See the module.
#[derive(Debug)]
pub struct Told {
    /// Frames looked at.
    pub frames: u64,
    /// Their connections, where a capture tells them.
    pub connections: Option<usize>,
    /// Lines that could not be read.
    pub unreadable: u64,
    by_rule: Vec<(u64, Vec<Example>)>,
}

/// Where a rule was found.
#[derive(Debug, Serialize)]
struct Example {
    file: String,
    line: u64,
    data: String,
}

impl Default for Told {
    fn default() -> Self {
        let by_rule = LintRule::ALL.iter().map(|_| (0, Vec::new())).collect();
        Self { frames: 0, connections: None, unreadable: 0, by_rule }
    }
}

impl Told {
    /// A rule was found here.
    pub fn add(&mut self, place: Place<'_>, rule: LintRule, data: &str) {
        let (n, examples) = &mut self.by_rule[rule.index()];
        *n += 1;
        if examples.len() < EXAMPLES {
            examples.push(Example { file: place.file.to_owned(), line: place.line, data: shortened(data, MOST) });
        }
    }

    /// Rules that were found.
    pub fn found(&self) -> impl Iterator<Item = LintRule> {
        LintRule::ALL.iter().copied().filter(|rule| self.by_rule[rule.index()].0 > 0)
    }

    /// The worst first.
    fn ranked(&self) -> Vec<LintRule> {
        let mut rules: Vec<_> = self.found().collect();
        rules.sort_by_key(|rule| (About::of(*rule).severity, *rule));
        rules
    }

    /// For people.
    ///
    /// # Errors
    /// A broken pipe.
    pub fn text(&self) -> io::Result<()> {
        let mut out = Out::new();
        for rule in self.ranked() {
            let About { severity, title, advice } = About::of(rule);
            let (n, examples) = &self.by_rule[rule.index()];
            out.line(&format!("{} {:<7} {n:>7}  {title}", rule.label(), severity.label()))?;
            out.line(&format!("{:23}{advice}", ""))?;
            for Example { file, line, data } in examples {
                out.line(&format!("{:23}{file}:{line}: {data}", ""))?;
            }
        }
        let mut said = format!("{} frames", self.frames);
        if let Some(connections) = self.connections {
            said += &format!(" of {connections} connections");
        }
        for severity in Severity::ALL {
            let of = self.found().filter(|rule| About::of(*rule).severity == *severity);
            let n: u64 = of.map(|rule| self.by_rule[rule.index()].0).sum();
            said += &format!(", {}: {n}", severity.label());
        }
        if self.unreadable > 0 {
            said += &format!(", lines that could not be read: {}", self.unreadable);
        }
        out.line(&said)?;
        out.flush()
    }

    /// As one JSON object.
    ///
    /// # Errors
    /// A broken pipe.
    pub fn json(&self, denied: &[LintRule]) -> io::Result<()> {
        #[derive(Serialize)]
        struct All<'a> {
            frames: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            connections: Option<usize>,
            unreadable: u64,
            denied: Vec<&'static str>,
            rules: Vec<Rule<'a>>,
        }
        #[derive(Serialize)]
        struct Rule<'a> {
            rule: &'static str,
            severity: &'static str,
            count: u64,
            title: &'static str,
            advice: &'static str,
            examples: &'a [Example],
        }
        let rule = |rule: LintRule| {
            let About { severity, title, advice } = About::of(rule);
            let (count, examples) = &self.by_rule[rule.index()];
            Rule { rule: rule.label(), severity: severity.label(), count: *count, title, advice, examples }
        };
        let all = All {
            frames: self.frames,
            connections: self.connections,
            unreadable: self.unreadable,
            denied: denied.iter().map(|rule| rule.label()).collect(),
            rules: self.ranked().into_iter().map(rule).collect(),
        };
        let mut out = Out::new();
        out.line(&serde_json::to_string(&all)?)?;
        out.flush()
    }
}
