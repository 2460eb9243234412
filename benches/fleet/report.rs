//! Owns what is shown: one table for connections and one for messages, median (least–most) over the rounds,
//! and the same in full as JSON.

use super::options::{Run, What};
use serde_json::{Value, json};
use std::fmt::Write;

/// The figures of one measurement.
#[derive(Debug)]
pub struct Sample {
    run: Run,
    pace: String,
    values: Vec<(&'static str, f64)>,
    /// Losses and everything else that must not happen.
    pub faults: u64,
}

impl Sample {
    /// Without figures.
    pub fn new(run: Run, pace: String, faults: u64) -> Self {
        Self { run, pace, values: Vec::new(), faults }
    }

    /// Adds a figure; its name is that of its column.
    pub fn add(&mut self, name: &'static str, value: f64) {
        self.values.push((name, value));
    }

    /// Adds a figure, if there is one.
    pub fn add_some(&mut self, name: &'static str, value: Option<f64>) {
        self.values.extend(value.map(|value| (name, value)));
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    fn is_of(&self, other: &Sample) -> bool {
        self.run == other.run && self.pace == other.pace
    }

    fn json(&self, round: usize) -> Value {
        let Run { what, speaks, hub, connections } = self.run;
        let values: serde_json::Map<String, Value> =
            self.values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "round": round, "scenario": what.name(), "pace": self.pace, "hub": hub.name(), "clients": speaks.name(),
            "connections": connections, "faults": self.faults, "values": values,
        })
    }
}

/// How a column sums up its rounds.
#[derive(Clone, Copy)]
enum Column {
    /// Median, least and most, with so many decimals.
    Spread(&'static str, usize),
    /// All rounds together.
    Sum(&'static str),
    /// The worst round.
    Most(&'static str),
}

const CONNECTIONS: &[Column] = &[
    Column::Spread("KiB/connection", 2),
    Column::Spread("MiB empty", 1),
    Column::Spread("CPU %", 2),
    Column::Spread("connections/s", 0),
    Column::Spread("proxy µs/handshake", 1),
    Column::Spread("redis µs/handshake", 1),
    Column::Most("load %"),
    Column::Most("others %"),
];

const MESSAGES: &[Column] = &[
    Column::Spread("proxy µs/delivery", 2),
    Column::Spread("redis µs/delivery", 2),
    Column::Spread("deliveries/s", 0),
    Column::Spread("p50 ms", 2),
    Column::Spread("p99 ms", 2),
    Column::Sum("deliveries"),
    Column::Sum("lost"),
    Column::Sum("twice"),
    Column::Sum("reordered"),
    Column::Sum("misrouted"),
    Column::Sum("ended"),
    Column::Most("load %"),
    Column::Most("others %"),
];

impl Column {
    fn name(self) -> &'static str {
        match self {
            Column::Spread(name, _) | Column::Sum(name) | Column::Most(name) => name,
        }
    }

    fn cell(self, rounds: &[&Sample]) -> String {
        let mut values: Vec<f64> = rounds.iter().filter_map(|sample| sample.get(self.name())).collect();
        values.sort_by(f64::total_cmp);
        let [least, .., most] = values[..] else {
            return match (values.first(), self) {
                (None, _) => "–".into(),
                (Some(only), Column::Spread(_, decimals)) => format!("{only:.decimals$}"),
                (Some(only), _) => format!("{only:.0}"),
            };
        };
        match self {
            Column::Sum(_) => format!("{:.0}", values.iter().sum::<f64>()),
            Column::Most(_) => format!("{most:.0}"),
            Column::Spread(_, decimals) => {
                let half = values.len() / 2;
                let median =
                    if values.len().is_multiple_of(2) { (values[half - 1] + values[half]) / 2.0 } else { values[half] };
                format!("{median:.decimals$} ({least:.decimals$}–{most:.decimals$})")
            }
        }
    }
}

/// Both tables, as Markdown.
pub fn tables(rounds: &[Vec<Sample>]) -> String {
    let is_about_connections = |sample: &&Sample| matches!(sample.run.what, What::Idle | What::Handshakes);
    let all: Vec<&Sample> = rounds.iter().flatten().collect();
    let (connections, messages): (Vec<&Sample>, Vec<&Sample>) = all.into_iter().partition(is_about_connections);
    let mut out = String::new();
    for (samples, columns) in [(connections, CONNECTIONS), (messages, MESSAGES)] {
        if !samples.is_empty() {
            table(&samples, columns, &mut out);
        }
    }
    out
}

fn table(samples: &[&Sample], columns: &[Column], out: &mut String) {
    // Columns that nobody filled say nothing.
    let filled = |column: &&Column| samples.iter().any(|sample| sample.get(column.name()).is_some());
    let columns: Vec<&Column> = columns.iter().filter(filled).collect();
    let mut lines = vec![["scenario", "hub", "clients", "number"].map(str::to_owned).to_vec()];
    lines[0].extend(columns.iter().map(|column| column.name().to_owned()));
    let mut seen: Vec<&Sample> = Vec::new();
    for sample in samples {
        if seen.iter().any(|other| other.is_of(sample)) {
            continue;
        }
        seen.push(sample);
        let rounds: Vec<&Sample> = samples.iter().filter(|other| other.is_of(sample)).copied().collect();
        let Run { what, speaks, hub, connections } = sample.run;
        let name = format!("{} {}", what.name(), sample.pace);
        let mut line = vec![name.trim().into(), hub.name().into(), speaks.name().into(), connections.to_string()];
        line.extend(columns.iter().map(|column| column.cell(&rounds)));
        lines.push(line);
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or_default())
        .collect();
    lines.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect());
    for line in lines {
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(out, "| {cell:<width$} ");
        }
        out.push_str("|\n");
    }
    out.push('\n');
}

/// Every round in full.
pub fn json(head: &[(&str, String)], rounds: &[Vec<Sample>]) -> Value {
    let head: serde_json::Map<String, Value> =
        head.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    let all = rounds.iter().enumerate().flat_map(|(round, samples)| samples.iter().map(move |s| s.json(round)));
    json!({ "head": head, "samples": all.collect::<Vec<Value>>() })
}
