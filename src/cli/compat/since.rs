//! Owns what became of a target since an earlier certificate (`--baseline`): what got worse, and what better. It looks at
//! verdicts alone; what clients get otherwise than before is a comparison's.

use super::words;
use crate::compat::{Certificate, Outcome, Status};
use std::collections::HashMap;
use std::fmt::Write;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Since<'a> {
    /// Not kept any more, or not there any more.
    pub worse: Vec<(&'a Outcome, Status)>,
    /// Kept again, with how it was.
    pub better: Vec<(&'a Outcome, Status)>,
    /// Of another version than then, or new.
    pub other: usize,
}

impl<'a> Since<'a> {
    /// Compares the two.
    pub fn of(then: &Certificate, now: &'a Certificate, strict: bool) -> Self {
        let before: HashMap<&str, &Outcome> = then.results.iter().map(|o| (o.id.as_str(), o)).collect();
        let mut since = Self::default();
        for outcome in &now.results {
            let same = |was: &&Outcome| was.version == outcome.version && was.hash == outcome.hash;
            let Some(was) = before.get(outcome.id.as_str()).copied().filter(same) else {
                since.other += 1;
                continue;
            };
            let (was_good, is_good) = (is_good(was, strict), is_good(outcome, strict));
            let is_bad = words::is_bad(outcome, strict) || outcome.status == Status::Lacking;
            if was_good && is_bad {
                since.worse.push((outcome, was.status));
            } else if is_good && words::is_bad(was, strict) {
                since.better.push((outcome, was.status));
            }
        }
        since
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (word, changes) in [("better", &self.better), ("worse", &self.worse)] {
            for (outcome, was) in changes {
                let (id, is) = (words::line(&outcome.id), Status::label(outcome.status));
                // Writing to a String cannot fail.
                let _ = writeln!(out, "{word:7} {id}: {} -> {is}: {}", Status::label(*was), words::why(outcome));
            }
        }
        let Self { worse, better, other } = self;
        let _ = write!(out, "since then: {} worse, {} better, {other} not comparable", worse.len(), better.len());
        out
    }
}

/// Played, and nothing against it.
fn is_good(outcome: &Outcome, strict: bool) -> bool {
    matches!(outcome.status, Status::Passed | Status::Differs) && !words::is_bad(outcome, strict)
}

#[cfg(test)]
mod tests {
    use super::super::made::{of, outcome};
    use super::*;

    #[test]
    fn only_what_was_good_can_get_worse() {
        use Status::{Differs, Failed, Lacking, Passed, Skipped};
        let all = |statuses: &[Status]| {
            of(statuses.iter().enumerate().map(|(n, status)| outcome(&format!("c{n}"), "aether", *status)).collect())
        };
        let then = all(&[Passed, Passed, Passed, Failed, Failed, Lacking, Skipped, Differs, Passed]);
        let mut now = all(&[Failed, Lacking, Skipped, Passed, Lacking, Failed, Failed, Failed, Differs, Failed]);
        let since = Since::of(&then, &now, false);
        let ids = |changes: &[(&Outcome, Status)]| changes.iter().map(|(o, _)| o.id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&since.worse), ids(&since.better), since.other),
            (vec!["c0".into(), "c1".into(), "c7".into()], vec!["c3".into()], 1)
        );
        assert!(Since::of(&then, &now, true).worse.iter().any(|(outcome, _)| outcome.id == "c8"));
        now.results[0].version = 2;
        let told = Since::of(&then, &now, false).text();
        let want = "better  c3: failed -> passed: passed\nworse   c1: passed -> lacking: lacking\n\
                    worse   c7: differs -> failed: failed\nsince then: 2 worse, 1 better, 2 not comparable";
        assert_eq!(told, want);
    }
}
