//! Owns what is told of two certificates beside one another: every difference, what a client would notice first.

mod markdown;
mod text;

pub(super) use markdown::markdown;
pub(super) use text::text;

use super::words;
use crate::compat::compare::{self, Difference, Sort};
use crate::compat::{Capability, Certificate, Outcome, Status, SuiteInfo, TargetInfo};
use crate::label::Label;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Debug, Serialize)]
pub(super) struct Compared<'a> {
    old: Side<'a>,
    new: Side<'a>,
    /// Checks that were played on both, and are the same.
    checks: usize,
    /// How many differences there are of each sort.
    counts: BTreeMap<&'static str, usize>,
    capabilities: Vec<Ability>,
    differences: Vec<Difference>,
}

/// What was played against what.
#[derive(Debug, Serialize)]
struct Side<'a> {
    target: &'a TargetInfo,
    suite: &'a SuiteInfo,
    at: &'a str,
}

/// Something that one of the two can do and the other not.
#[derive(Debug, Serialize)]
struct Ability {
    capability: Capability,
    old: bool,
    new: bool,
    /// How the side that cannot is known not to.
    why: String,
}

/// How each sort is called before its differences, and in the line that counts them.
const TITLES: [(Sort, &str, &str); 7] = [
    (Sort::Seen, "What a client would notice", "seen otherwise by a client"),
    (Sort::Verdict, "Another verdict", "of another verdict"),
    (Sort::Written, "The same values, other bytes", "in other bytes"),
    (Sort::Unplayed, "Played on one side alone", "played on one side alone"),
    (Sort::Incomparable, "Not comparable", "not comparable"),
    (Sort::Gone, "Only in the old", "only old"),
    (Sort::New, "Only in the new", "only new"),
];

impl<'a> Compared<'a> {
    /// Compares them.
    pub fn of(old: &'a Certificate, new: &'a Certificate) -> Self {
        let differences = compare::certificates(old, new);
        let count = |sort: Sort| differences.iter().filter(|one| one.sort == sort).count();
        let counts = Sort::ALL.iter().map(|sort| (Sort::label(*sort), count(*sort))).collect();
        let checks = played_on_both(old, new);
        let capabilities = abilities(old, new);
        Self { old: Side::of(old), new: Side::of(new), checks, counts, capabilities, differences }
    }

    /// Whether there is anything that can be compared.
    pub fn is_possible(&self) -> bool {
        self.checks > 0
    }

    /// Whether they do the same, as far as can be said.
    pub fn is_same(&self) -> bool {
        // What one of them cannot do is among the capabilities; the rest is about suites and settings.
        let is_else =
            |one: &Difference| matches!(one.sort, Sort::Unplayed | Sort::Incomparable | Sort::Gone | Sort::New);
        self.capabilities.is_empty() && self.differences.iter().all(is_else)
    }

    /// For programs.
    ///
    /// # Errors
    /// None that a test has not seen before.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Those of one sort.
    fn sorted(&self, sort: Sort) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |one| one.sort == sort)
    }

    /// Why checks were played on one side alone, and how many for each reason, most first.
    fn unplayed(&self) -> Vec<(usize, String)> {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        self.sorted(Sort::Unplayed).for_each(|one| *reasons.entry(words::line(&one.why)).or_default() += 1);
        let mut counted: Vec<_> = reasons.into_iter().map(|(why, n)| (n, why)).collect();
        counted.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        counted
    }

    /// All of it in one line; sorts that nothing is of are left out, but for the first.
    pub fn quote(&self) -> String {
        let counts: Vec<_> = TITLES
            .iter()
            .map(|(sort, _, told)| (self.counts.get(Sort::label(*sort)).copied().unwrap_or_default(), *told))
            .enumerate()
            .filter(|(at, (n, _))| *at == 0 || *n > 0)
            .map(|(_, (n, told))| format!("{n} {told}"))
            .collect();
        let can = match self.capabilities.len() {
            0 => String::new(),
            n => format!(", {n} only one of them can"),
        };
        let (checks, counts) = (self.checks, counts.join(", "));
        format!("{checks} played on both: {counts}{can}; {} -> {}", self.old.told(), self.new.told())
    }
}

impl<'a> Side<'a> {
    fn of(certificate: &'a Certificate) -> Self {
        Self { target: &certificate.target, suite: &certificate.suite, at: &certificate.at }
    }

    fn told(&self) -> String {
        words::line(&self.target.url)
    }
}

/// How many checks are certain to show a difference where there is one.
fn played_on_both(old: &Certificate, new: &Certificate) -> usize {
    let is_played = |one: &Outcome| !matches!(one.status, Status::Lacking | Status::Skipped);
    let key = |one: &'_ Outcome| (one.id.clone(), one.version, one.hash.clone());
    let played = |one: &Certificate| one.results.iter().filter(|one| is_played(one)).map(key).collect::<BTreeSet<_>>();
    played(old).intersection(&played(new)).count()
}

/// What was looked for on both sides, and found on one.
fn abilities(old: &Certificate, new: &Certificate) -> Vec<Ability> {
    let both: BTreeSet<_> = old.capabilities.keys().filter(|one| new.capabilities.contains_key(one)).collect();
    both.into_iter()
        .filter_map(|one| {
            let (then, now) = (&old.capabilities[one], &new.capabilities[one]);
            let why = if then.has { now.why.clone() } else { then.why.clone() };
            (then.has != now.has).then_some(Ability { capability: *one, old: then.has, new: now.has, why })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::made::{certificate, of, outcome};
    use super::*;
    use crate::compat::{Has, Seen, SeenWhat};

    /// Something of everything: old and new.
    pub(super) fn pair() -> (Certificate, Certificate) {
        let old = certificate();
        let mut new = certificate();
        new.target.url = "ws://127.0.0.1:9090".to_owned();
        new.results[0].seen =
            vec![Seen { client: "bob".to_owned(), what: SeenWhat::Text("{\"a\":\"```<\"}".to_owned()) }];
        new.results[1].status = Status::Failed;
        new.results[1].why = Some("too late".to_owned());
        new.results[2].seen[1].what = SeenWhat::Text("{\"a\":1.0}".to_owned());
        new.results[3].version = 2;
        new.results.remove(4);
        new.results.push(outcome("aether.v2.g#v2", "aether-v2", Status::Passed));
        new.capabilities.insert(Capability::Bridge, Has { has: true, why: "bob heard it".to_owned() });
        (old, new)
    }

    #[test]
    fn one_line_says_it_all() {
        let (old, new) = pair();
        let compared = Compared::of(&old, &new);
        assert_eq!(
            compared.quote(),
            "3 played on both: 1 seen otherwise by a client, 1 of another verdict, 1 in other bytes, 1 not comparable, 1 only old, \
             1 only new, 1 only one of them can; ws://127.0.0.1:8080 -> ws://127.0.0.1:9090"
        );
        assert!(!compared.is_same() && compared.is_possible());
        let same = Compared::of(&old, &old);
        assert!(
            same.is_same() && same.quote().starts_with("4 played on both: 0 seen otherwise by a client; "),
            "{}",
            same.quote()
        );
    }

    #[test]
    fn another_suite_is_no_other_behaviour() {
        let one = |id: &str, version| Outcome { version, ..outcome(id, "aether", Status::Passed) };
        let (old, new) =
            (of(vec![one("a", 1), one("b", 1), one("c", 1)]), of(vec![one("b", 2), one("c", 1), one("d", 1)]));
        let compared = Compared::of(&old, &new);
        assert!(compared.is_same() && compared.is_possible() && compared.checks == 1);
        assert!(!Compared::of(&old, &of(vec![one("d", 1)])).is_possible());
    }

    #[test]
    fn what_only_one_side_could_be_asked_is_counted_by_reason() {
        let one = |id: &str, status, why: Option<&str>| Outcome {
            seen: Vec::new(),
            why: why.map(str::to_owned),
            ..outcome(id, "aether", status)
        };
        let lacking = |id| one(id, Status::Lacking, Some("needs bridge"));
        let old = of(vec![lacking("a"), lacking("b"), one("c", Status::Skipped, Some("too long")), lacking("d")]);
        let new =
            of(["a", "b", "c"].map(|id| one(id, Status::Passed, None)).into_iter().chain([lacking("d")]).collect());
        let compared = Compared::of(&old, &new);
        let bridge = "it was lacking, and now it passed: needs bridge".to_owned();
        assert_eq!(compared.unplayed(), [(2, bridge), (1, "it was skipped, and now it passed: too long".to_owned())]);
        assert!(compared.quote().contains("3 played on one side alone"), "{}", compared.quote());
        let told = text(&compared, super::super::text::Paint(false));
        assert!(
            told.contains("ALONE\n      2  it was lacking, and now it passed: needs bridge\n      1  it"),
            "{told}"
        );
        assert!(markdown(&compared).contains("\n| 2 | it was lacking, and now it passed: needs bridge |\n"));
    }

    #[test]
    fn programs_get_it_as_one_object() {
        let (old, new) = pair();
        let json: serde_json::Value = serde_json::from_str(&Compared::of(&old, &new).json().unwrap()).unwrap();
        assert_eq!((&json["checks"], &json["counts"]["seen"]), (&3.into(), &1.into()));
        assert_eq!(json["old"]["target"]["url"], "ws://127.0.0.1:8080");
        assert_eq!(json["capabilities"][0]["capability"], "bridge");
        assert_eq!(
            (&json["differences"][0]["sort"], &json["differences"][0]["new"]),
            (&"seen".into(), &"passed".into())
        );
    }
}
