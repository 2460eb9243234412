//! Owns what all forms of a certificate say alike: the line that can be quoted, where a check comes from, how many ended
//! how and why, and diffs short enough to read. What a server sent stands in it as harmless text.

use crate::cli::out::shortened;
use crate::compat::suite::Source;
use crate::compat::{Capability, Certificate, Grade, Outcome, Status};

/// Digits of the suite's hash that are shown where there is little room.
const DIGITS: usize = 8;
/// Lines of a diff.
const LINES: usize = 40;
/// Characters of a line of it.
const WIDE: usize = 200;
/// Characters of a reason.
const LONG: usize = 300;

/// In the order in which they are told.
pub(super) const STATUSES: [Status; 5] =
    [Status::Passed, Status::Failed, Status::Differs, Status::Lacking, Status::Skipped];

/// Whether this check is against the target.
pub(super) fn is_bad(outcome: &Outcome, strict: bool) -> bool {
    match outcome.status {
        Status::Failed => true,
        Status::Differs => strict,
        Status::Passed => strict && outcome.grade == Some(Grade::Equal),
        Status::Lacking | Status::Skipped => false,
    }
}

/// All of it in one line.
pub(super) fn quote(certificate: &Certificate) -> String {
    let count = |status| certificate.count(status);
    let equal = certificate.results.iter().filter(|outcome| outcome.grade == Some(Grade::Equal)).count();
    let equal = if equal == 0 { String::new() } else { format!(" ({equal} not byte for byte)") };
    format!(
        "{} passed{equal}, {} failed, {} differ, {} lacking, {} skipped; suite {}; {}",
        count(Status::Passed),
        count(Status::Failed),
        count(Status::Differs),
        count(Status::Lacking),
        count(Status::Skipped),
        suite(certificate),
        line(&certificate.target.url),
    )
}

/// Version and hash of what was played, in short.
pub(super) fn suite(certificate: &Certificate) -> String {
    let hash: String = certificate.suite.hash.chars().take(DIGITS).collect();
    let some = if certificate.suite.only.is_empty() { "" } else { " in part" };
    line(&format!("{} {hash}{some}", certificate.suite.version))
}

/// Where a check comes from.
pub(super) fn source(source: &Source) -> String {
    match source {
        Source::Guide { section } => format!("promise of the guide, section {}", line(section)),
        Source::Proxy { why } => format!("choice of the proxy: {}", line(why)),
    }
}

/// Why it ended so; checks that are only equal say it themselves.
pub(super) fn why(outcome: &Outcome) -> String {
    match &outcome.why {
        Some(why) => line(why),
        None if outcome.grade == Some(Grade::Equal) => "the same values, not the same bytes".to_owned(),
        None => Status::label(outcome.status).to_owned(),
    }
}

/// A text of the target in one line that moves no cursor.
pub(super) fn line(text: &str) -> String {
    shortened(text, LONG)
}

/// The diff of a check, in lines that can be read.
pub(super) fn diff(outcome: &Outcome) -> Vec<String> {
    short(outcome.diff.as_deref())
}

/// A diff, in lines that can be read.
pub(super) fn short(diff: Option<&str>) -> Vec<String> {
    let diff = diff.unwrap_or_default();
    let all = diff.lines().count();
    let mut lines: Vec<_> = diff.lines().take(LINES).map(|line| shortened(line, WIDE)).collect();
    if all > LINES {
        lines.push(format!("… and {} more lines", all - LINES));
    }
    lines
}

/// How many ended how, for each dialect in the order of the suite.
pub(super) fn by_dialect(certificate: &Certificate) -> Vec<(&str, [usize; 5])> {
    let mut found: Vec<(&str, [usize; 5])> = Vec::new();
    for outcome in &certificate.results {
        let at = found.iter().position(|(dialect, _)| *dialect == outcome.dialect).unwrap_or_else(|| {
            found.push((&outcome.dialect, [0; 5]));
            found.len() - 1
        });
        let column = STATUSES.iter().position(|status| *status == outcome.status).unwrap_or_default();
        found[at].1[column] += 1;
    }
    found
}

/// Reasons of these, with how many each has; the most frequent first.
pub(super) fn reasons<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for why in outcomes.map(why) {
        match found.iter_mut().find(|(_, known)| *known == why) {
            Some((n, _)) => *n += 1,
            None => found.push((1, why)),
        }
    }
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    found
}

/// What the target cannot do: its name, how many checks would need it, and how that is known.
pub(super) fn missing(certificate: &Certificate) -> impl Iterator<Item = (&'static str, usize, String)> {
    let missing = certificate.capabilities.iter().filter(|(_, has)| !has.has);
    missing.map(|(capability, has)| (capability.label(), needed(certificate, *capability), line(&has.why)))
}

/// How many checks lack this; one that lacks several things counts at each.
pub(super) fn needed(certificate: &Certificate, capability: Capability) -> usize {
    let lacking = certificate.results.iter().filter(|outcome| outcome.status == Status::Lacking);
    lacking.filter(|outcome| needs(outcome).any(|need| need == capability.label())).count()
}

/// The words of `needs a, b`.
fn needs(outcome: &Outcome) -> impl Iterator<Item = &str> {
    let list = outcome.why.as_deref().and_then(|why| why.strip_prefix("needs ")).unwrap_or_default();
    list.split(", ")
}

#[cfg(test)]
mod tests {
    use super::super::made::certificate;
    use super::*;

    #[test]
    fn one_line_says_it_all() {
        assert_eq!(
            quote(&certificate()),
            "2 passed (1 not byte for byte), 1 failed, 1 differ, 2 lacking, 1 skipped; suite 0.1.0 a1b2c3d4; ws://127.0.0.1:8080"
        );
    }

    #[test]
    fn strict_is_strict_with_what_is_only_equal() {
        let bad = |strict| -> Vec<_> {
            let certificate = certificate();
            certificate.results.iter().filter(|o| is_bad(o, strict)).map(|o| o.id.clone()).collect()
        };
        assert_eq!(bad(false), ["aether.direct.across-groups"]);
        assert_eq!(bad(true), ["aether.v2.b#v2", "aether.direct.across-groups", "aether.v2.c#v3"]);
    }

    #[test]
    fn a_long_diff_ends_and_moves_no_cursor() {
        let mut outcome = certificate().results[2].clone();
        outcome.diff = Some("+\u{1b}[2J\n".repeat(LINES + 2));
        let lines = diff(&outcome);
        assert_eq!((lines.len(), lines[0].as_str()), (LINES + 1, "+\\u{1b}[2J"));
        assert_eq!(lines[LINES], "… and 2 more lines");
    }
}
