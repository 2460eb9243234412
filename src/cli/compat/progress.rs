//! Owns what is said while a suite is played: one line on a terminal, over and over.

use crate::cli::out;
use crate::compat::play::Progress;
use parking_lot::Mutex;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// How often it is said, at most: hundreds of checks end each second.
const PACE: Duration = Duration::from_millis(50);
/// Characters of the line; on a narrower terminal it would not be one.
const WIDE: usize = 78;

/// See the module.
#[derive(Debug)]
pub(super) struct Told {
    shows: bool,
    /// When it was said last.
    last: Mutex<Option<Instant>>,
}

impl Told {
    /// On a terminal; else nothing is said.
    pub fn new() -> Self {
        Self { shows: stderr().is_terminal(), last: Mutex::new(None) }
    }

    /// It is so far.
    pub fn say(&self, progress: &Progress) {
        if !self.shows {
            return;
        }
        let now = Instant::now();
        let mut last = self.last.lock();
        if last.is_none_or(|last| now - last >= PACE) {
            *last = Some(now);
            out::progress(&line(progress));
        }
    }

    /// Nothing more is said, and what was said last is gone.
    pub fn end(&self) {
        if self.shows {
            out::progress("");
        }
    }
}

fn line(progress: &Progress) -> String {
    let Progress { done, total, failed, playing } = progress;
    let width = total.to_string().len();
    out::shortened(&format!("{done:>width$}/{total}  {failed} failed  {playing}"), WIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_one_line() {
        let progress = Progress { done: 7, total: 812, failed: 1, playing: "x".repeat(200) };
        let line = line(&progress);
        assert!(line.starts_with("  7/812  1 failed  xxx") && line.ends_with('…'), "{line}");
        assert_eq!(line.chars().count(), WIDE + 1);
    }
}
