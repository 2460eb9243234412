//! Owns a small set of rules: what was found of one frame, without memory of its own.

use crate::label::Label;
use crate::telemetry::labels::LintRule;
use std::fmt;

/// Rules, each in it or not.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules(u16);

// One bit a rule.
const _: () = assert!(LintRule::ALL.len() <= 16, "a set of rules has 16 bits");

impl Rules {
    /// Puts one in.
    pub fn insert(&mut self, rule: LintRule) {
        self.0 |= 1 << rule.index();
    }

    /// Is it in?
    pub fn contains(self, rule: LintRule) -> bool {
        self.0 & (1 << rule.index()) != 0
    }

    /// Those that are in, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = LintRule> {
        LintRule::ALL.iter().copied().filter(move |rule| self.contains(*rule))
    }
}

impl FromIterator<LintRule> for Rules {
    fn from_iter<I: IntoIterator<Item = LintRule>>(rules: I) -> Self {
        let mut all = Self::default();
        rules.into_iter().for_each(|rule| all.insert(rule));
        all
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(LintRule::label)).finish()
    }
}
