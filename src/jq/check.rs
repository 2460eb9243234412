//! Owns the question whether filters do what their author expects, asked before a proxy serves with them. It asks the
//! same process a proxy would, so that a filter that never ends is found and not waited for.

use super::filters::{Filters, StartError};
use super::json::{deeper, same};
use super::{Problem, Settings, To};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a filter is expected to make of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Which filter.
    pub to: To,
    /// What it gets.
    pub given: String,
    /// What it gives: all outputs, in order. JSON is compared by what it says, numbers by their text.
    pub expected: Vec<String>,
}

impl Case {
    /// A legacy frame and its V3 message, each of which is to become the other.
    pub fn pair(legacy: &str, v3: &str) -> [Self; 2] {
        let case =
            |to, given: &str, expected: &str| Self { to, given: given.to_owned(), expected: vec![expected.to_owned()] };
        [case(To::V3, legacy, v3), case(To::V2, v3, legacy)]
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The text of a filter.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The filters cannot be tried.
    #[error("the filters cannot be tried: {0}")]
    Untried(String),
    /// A case.
    #[error("fixture {number}, {}: {text}", .to.label())]
    Case {
        /// Its place in the list, from 1.
        number: usize,
        /// Which filter.
        to: To,
        /// What was expected and what came. It holds what the case holds.
        text: String,
    },
}

/// Compiles both filters and tries every case; nothing when all is well.
pub async fn check(settings: Settings, cases: &[Case]) -> Vec<Finding> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let depth = settings.limits.depth;
    let filters = match Filters::start(settings, &tasks, stop.clone()).await {
        Ok(filters) => filters,
        Err(StartError::Problems(problems)) => return problems.into_iter().map(Finding::from).collect(),
        Err(StartError::NoProcess(error)) => return vec![Finding::Untried(error.to_string())],
    };
    let mut findings = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let text = match filters.explain(case.to, &case.given).await {
            Ok(outputs) if agree(&outputs, &case.expected, depth) => continue,
            Ok(outputs) => format!("{} expected, {} came", list(&case.expected), list(&outputs)),
            Err(failure) => failure.to_string(),
        };
        findings.push(Finding::Case { number: at + 1, to: case.to, text });
    }
    stop.cancel();
    tasks.close();
    // The end of a process is bounded by itself.
    tasks.wait().await;
    findings
}

fn agree(outputs: &[String], expected: &[String], depth: usize) -> bool {
    let equal = |(left, right): (&String, &String)| {
        left == right || (!deeper(left, depth) && !deeper(right, depth) && same(left, right))
    };
    outputs.len() == expected.len() && outputs.iter().zip(expected).all(equal)
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(" and ") }
}
