//! Owns how it is told which step did what. The two ways report here as they go; where nobody asks, nothing is made.

use super::plan::{Claim, Plan};
use super::spec::Step;
use crate::envelope::json;

/// What became of one member.
#[derive(Debug)]
pub enum Fate<'f> {
    /// Its step led it there.
    Moved {
        /// Which.
        claim: &'f Claim,
        /// Its value.
        token: &'f str,
    },
    /// It does not fit where its step leads.
    Unfit {
        /// Which.
        claim: &'f Claim,
        /// Its value.
        token: &'f str,
    },
    /// It was not there, or is not written since it need not be.
    Defaulted {
        /// Which.
        claim: &'f Claim,
        /// The step that gives the value.
        step: usize,
        /// The value.
        token: &'f str,
    },
    /// No step names it.
    Stayed {
        /// The legacy object it stands in.
        legacy: usize,
        /// The object of the payload it stands in.
        node: usize,
        /// Its key there, with quotes.
        key: &'f str,
        /// Its value.
        token: &'f str,
    },
    /// Nothing leads to a legacy member.
    Left {
        /// The V3 path.
        place: String,
        /// Its value.
        token: &'f str,
    },
}

/// Who wants to know.
pub trait Watch {
    /// One member.
    fn told<'f>(&mut self, fate: impl FnOnce() -> Fate<'f>);
    /// The frame was taken as it is after all.
    fn whole(&mut self);
}

/// Nobody.
impl Watch for () {
    #[inline]
    fn told<'f>(&mut self, _: impl FnOnce() -> Fate<'f>) {}
    #[inline]
    fn whole(&mut self) {}
}

/// What became of one member, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The step, counted from nought as in the settings; none where no step had a part in it.
    pub step: Option<usize>,
    /// The step, or why there is none.
    pub words: String,
    /// Where it stood and what it was; empty: it was not there.
    pub before: String,
    /// Where it stands and what it is; empty: it is not there.
    pub after: String,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Legacy to V3.
    Up,
    /// V3 to legacy.
    Down,
}

/// Writes down all that is told.
pub struct Teller<'p> {
    plan: &'p Plan,
    steps: &'p [Step],
    way: Way,
    /// So far.
    pub told: Vec<Told>,
}

/// Members told of one frame; a frame can have a hundred thousand.
const MOST_TOLD: usize = 256;
/// Bytes of a value that are told.
const MOST_VALUE: usize = 120;

impl<'p> Teller<'p> {
    /// Nothing told yet.
    pub fn new(plan: &'p Plan, steps: &'p [Step], way: Way) -> Self {
        Self { plan, steps, way, told: Vec::new() }
    }

    fn words(&self, step: usize) -> String {
        self.steps.get(step).map(ToString::to_string).unwrap_or_default()
    }

    fn add(&mut self, step: Option<usize>, words: String, legacy: String, v3: String) {
        let (before, after) = if self.way == Way::Up { (legacy, v3) } else { (v3, legacy) };
        if self.told.len() < MOST_TOLD {
            self.told.push(Told { step, words, before, after });
        }
    }
}

fn at(place: &str, token: &str) -> String {
    if token.len() <= MOST_VALUE {
        return format!("{place}: {token}");
    }
    let cut = (0..=MOST_VALUE).rev().find(|&i| token.is_char_boundary(i)).unwrap_or(0);
    format!("{place}: {}… ({} bytes)", &token[..cut], token.len())
}

/// A path with one more name, which may be anything.
pub fn below(mut names: Vec<String>, key_token: &str) -> String {
    let key = json::decode_str(key_token).map_or_else(|| key_token.to_owned(), |key| key.into_owned());
    names.push(key);
    super::path::show(&names)
}

impl Watch for Teller<'_> {
    fn told<'f>(&mut self, fate: impl FnOnce() -> Fate<'f>) {
        match fate() {
            Fate::Moved { claim, token } => {
                let (legacy, v3) = (at(&claim.shown.0, token), at(&claim.shown.1, token));
                self.add(Some(claim.step), self.words(claim.step), legacy, v3);
            }
            Fate::Unfit { claim, token } => {
                let words = format!("{}: does not fit, stays under its own name", self.words(claim.step));
                let (legacy, v3) = (at(&claim.shown.0, token), at(&format!("payload.{}", claim.shown.0), token));
                self.add(Some(claim.step), words, legacy, v3);
            }
            Fate::Defaulted { claim, step, token } => {
                self.add(Some(step), self.words(step), String::new(), at(&claim.shown.1, token));
            }
            Fate::Stayed { legacy, node, key, token } => {
                let mut names = vec!["payload".to_owned()];
                names.extend(self.plan.payload.path(node));
                let legacy = at(&below(self.plan.legacy.path(legacy), key), token);
                self.add(None, "no step names it".into(), legacy, at(&below(names, key), token));
            }
            Fate::Left { place, token } => {
                self.add(None, "no step leads to a legacy member".into(), String::new(), at(&place, token));
            }
        }
    }

    fn whole(&mut self) {
        self.told.clear();
        let words = "two members would stand in one place: every member stays under its own name".to_owned();
        self.told.push(Told { step: None, words, before: "the frame".into(), after: "payload".into() });
    }
}
