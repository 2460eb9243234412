//! Owns the verdict: what was found at rest and over time, what was wanted, and whether it is so. Plain functions.

use super::book::Tally;
use super::watch::{Process, Sample};
use serde_json::{Value, json};
use std::fmt::{Display, Write};

/// Seconds after its start in which a process may still grow into its work.
const WARM_UP: f64 = 90.0;
/// Shorter than this a slope says nothing.
const LEAST_SECONDS: f64 = 120.0;
/// MiB a proxy may grow in ten minutes …
const GROWTH: f64 = 2.0;
/// … or this part of what it holds, if that is more: noise is as large as the process.
const GROWTH_PART: f64 = 0.05;

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Check {
    name: String,
    found: String,
    wanted: String,
    /// Is it as wanted?
    pub holds: bool,
}

impl Check {
    /// Found, wanted, and whether that fits.
    pub fn new(name: impl Into<String>, found: impl Display, wanted: impl Display, holds: bool) -> Self {
        Self { name: name.into(), found: format!("{found}"), wanted: format!("{wanted}"), holds }
    }

    /// Must be 0.
    pub fn zero(name: impl Into<String>, found: u64) -> Self {
        Self::new(name, found, 0, found == 0)
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({ "name": self.name, "found": self.found, "wanted": self.wanted, "holds": self.holds })
    }
}

/// What was found among the messages.
pub fn of_messages(tally: &Tally) -> Vec<Check> {
    vec![
        Check::new("messages sent", tally.sent, "more than 0", tally.sent > 0),
        Check::new("deliveries", tally.delivered, "more than 0", tally.delivered > 0),
        Check::zero("missing, nobody was told", tally.lost),
        Check::zero("came twice", tally.twice),
        Check::zero("out of order", tally.reordered),
        Check::zero("came to the wrong client", tally.misrouted),
        Check::zero("changed on the way", tally.corrupt),
        Check::new("missing, its sender was told", tally.told_sender, "any", true),
        Check::new("missing, the receiver was told", tally.told_receiver, "any", true),
        Check::new("missing with the data of Redis", tally.with_data, "any", true),
    ]
}

/// Straight line through points: its slope. None when there are too few.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (points.len() > 2 && below > 0.0).then(|| above / below)
}

/// Does a proxy's memory stay flat in the second half of its life, or of the run, whichever began later?
pub fn memory(name: &str, samples: &[Sample], of: impl Fn(&Sample) -> Option<Process>) -> Check {
    let title = format!("{name}: growth in 10 min");
    let unknown = |why: &str| Check::new(title.clone(), why, "flat, in a longer run", true);
    let Some(last) = samples.iter().rev().find_map(&of) else { return unknown("not seen") };
    let life: Vec<(f64, f64)> = samples
        .iter()
        .filter_map(|sample| of(sample).filter(|p| p.pid == last.pid).map(|p| (sample.at, p.resident)))
        .collect();
    let end = samples.last().map_or(0.0, |sample| sample.at);
    let born = life.first().map_or(0.0, |point| point.0);
    let from = (born + WARM_UP).max(end / 2.0).max(born + (end - born) / 2.0);
    let half: Vec<(f64, f64)> = life.into_iter().filter(|point| point.0 >= from).collect();
    let seconds = half.last().zip(half.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    if seconds < LEAST_SECONDS {
        return unknown(&format!("only {seconds:.0} s after warming up"));
    }
    let Some(slope) = slope(&half) else { return unknown("too few samples") };
    let held = half.iter().map(|point| point.1).sum::<f64>() / half.len() as f64;
    let (grown, bound) = (slope * seconds, (GROWTH * seconds / 600.0).max(GROWTH_PART * held));
    Check::new(
        title,
        format!("{:+.2} MiB ({grown:+.2} in {seconds:.0} s, of {held:.1})", slope * 600.0),
        format!("at most {bound:.2} in {seconds:.0} s"),
        grown <= bound,
    )
}

/// Does Redis hold no more at the end than before?
pub fn redis_memory(samples: &[Sample]) -> Check {
    let peak = |part: &[Sample]| part.iter().filter_map(|sample| sample.redis_holds).fold(0.0, f64::max);
    let (early, late) = samples.split_at(samples.len() * 2 / 3);
    let (before, after) = (peak(early), peak(late));
    let seconds = samples.last().map_or(0.0, |sample| sample.at);
    let found = format!("{before:.1}, then {after:.1} MiB");
    // Journals fill for two minutes, and those of quiet scopes go again.
    if seconds < 2.0 * LEAST_SECONDS {
        return Check::new("Redis: most held", found, "no more, in a longer run", true);
    }
    let bound = before * 1.25 + 4.0;
    Check::new("Redis: most held", found, format!("at most {bound:.1} in the last third"), after <= bound)
}

/// As Markdown.
pub fn table(checks: &[Check]) -> String {
    let mut lines = vec![["what", "found", "wanted", ""].map(str::to_owned)];
    for check in checks {
        let mark = if check.holds { "ok" } else { "WRONG" };
        lines.push([check.name.clone(), check.found.clone(), check.wanted.clone(), mark.to_owned()]);
    }
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3].map(width);
    lines.insert(1, widths.map(|width| "-".repeat(width)));
    let mut out = String::new();
    for line in lines {
        for (cell, width) in line.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(out, "| {cell:<width$} ");
        }
        out.push_str("|\n");
    }
    out
}

/// Does it see what grows? Called at the start.
pub fn self_check() {
    let run = |each: &dyn Fn(usize) -> f64| {
        let sample = |n: usize| Sample {
            at: n as f64 * 10.0,
            proxies: [Some(Process { pid: 1, resident: each(n), ..Process::default() }), None],
            redis: None,
            redis_holds: Some(each(n)),
            connected: 0,
            delivered: 0,
            faults: 0,
        };
        let samples: Vec<Sample> = (0..180).map(sample).collect();
        (memory("it", &samples, |sample| sample.proxies[0]).holds, redis_memory(&samples).holds)
    };
    // Warming up, and then noise.
    assert_eq!(run(&|n| 30.0 + (n as f64).min(9.0) + (n % 3) as f64), (true, true));
    // 5 MiB in ten minutes; three quarters of it in all.
    assert!(!run(&|n| 30.0 + n as f64 / 12.0).0);
    assert_eq!(run(&|n| 10.0 + n as f64 / 4.0), (false, false));
}
