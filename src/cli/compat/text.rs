//! Owns a certificate for people at a terminal: what is wrong first and in full, the rest counted, and a last line that
//! can be quoted.

use super::words;
use crate::compat::{Certificate, Outcome, Status};
use std::fmt::Write;

/// Checks of one status that are told in full; the others are counted by their reasons.
const IN_FULL: usize = 25;
/// Reasons of those others.
const REASONS: usize = 10;

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What matters.
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// A broken promise; a line that was wanted.
    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    /// A kept promise; a line that came.
    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is no fault.
    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    /// A line of a diff by its first character.
    pub(super) fn diff(self, line: &str) -> String {
        match line.as_bytes().first() {
            Some(b'-') => self.red(line),
            Some(b'+') => self.green(line),
            _ => line.to_owned(),
        }
    }
}

/// The whole certificate.
pub(super) fn text(certificate: &Certificate, strict: bool, paint: Paint) -> String {
    let mut out = String::new();
    let of = |status| certificate.results.iter().filter(move |outcome| outcome.status == status);
    if strict {
        let equal: Vec<_> = of(Status::Passed).filter(|outcome| words::is_bad(outcome, true)).collect();
        checks(&mut out, &equal, &paint.yellow("equal  "), paint);
    }
    checks(&mut out, &of(Status::Differs).collect::<Vec<_>>(), &paint.yellow("differs"), paint);
    // Last, since the end of a long output is what is seen.
    checks(&mut out, &of(Status::Failed).collect::<Vec<_>>(), &paint.red("failed "), paint);
    cannot(&mut out, certificate, paint);
    let reasons = words::reasons(of(Status::Skipped));
    if !reasons.is_empty() {
        let _ = writeln!(out, "{}", paint.bold("SKIPPED"));
        reasons.iter().for_each(|(n, why)| _ = writeln!(out, "{n:>7}  {why}"));
        out.push('\n');
    }
    table(&mut out, certificate, paint);
    let verdict = if certificate.results.iter().any(|outcome| words::is_bad(outcome, strict)) {
        paint.red("certificate:")
    } else {
        paint.green("certificate:")
    };
    let _ = writeln!(out, "\n{verdict} {}", words::quote(certificate));
    out
}

/// Checks that ended in one way.
fn checks(out: &mut String, checks: &[&Outcome], word: &str, paint: Paint) {
    for outcome in checks.iter().take(IN_FULL) {
        let _ = writeln!(out, "{word} {}", paint.bold(&words::line(&outcome.id)));
        for line in [words::line(&outcome.title), words::source(&outcome.source), words::why(outcome)] {
            let _ = writeln!(out, "        {line}");
        }
        words::diff(outcome).iter().for_each(|line| _ = writeln!(out, "          {}", paint.diff(line)));
        out.push('\n');
    }
    let reasons = words::reasons(checks.iter().skip(IN_FULL).copied());
    for (n, why) in reasons.iter().take(REASONS) {
        let _ = writeln!(out, "{word} and {n} more: {why}");
    }
    if reasons.len() > REASONS {
        let rest: usize = reasons.iter().skip(REASONS).map(|(n, _)| n).sum();
        let _ = writeln!(out, "{word} and {rest} more for other reasons");
    }
    if !reasons.is_empty() {
        let _ = writeln!(out, "        --format json tells them all\n");
    }
}

/// What the server cannot do, and how many checks would need it.
fn cannot(out: &mut String, certificate: &Certificate, paint: Paint) {
    let missing: Vec<_> = words::missing(certificate).collect();
    let width = missing.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    if !missing.is_empty() {
        let _ = writeln!(out, "{}", paint.bold("LACKING"));
        missing.iter().for_each(|(name, n, why)| _ = writeln!(out, "{n:>7}  {name:width$}  {why}"));
        out.push('\n');
    }
}

/// How many ended how.
fn table(out: &mut String, certificate: &Certificate, paint: Paint) {
    let rows = words::by_dialect(certificate);
    let width = rows.iter().map(|(dialect, _)| dialect.len()).max().unwrap_or_default().max("all".len());
    let titles: String = words::STATUSES.iter().map(|status| format!("  {:>7}", Status::label(*status))).collect();
    let _ = writeln!(out, "{:width$}{}", "", paint.bold(&titles));
    let mut row = |name: &str, counts: &[usize; 5]| {
        let counts: String = counts.iter().map(|n| format!("  {n:>7}")).collect();
        let _ = writeln!(out, "{:width$}{counts}", words::line(name));
    };
    rows.iter().for_each(|(dialect, counts)| row(dialect, counts));
    if rows.len() > 1 {
        row("all", &words::STATUSES.map(|status| certificate.count(status)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{certificate, of, outcome};
    use super::*;

    #[test]
    fn a_certificate_is_told_from_what_differs_to_the_line_that_is_quoted() {
        let want = r#"differs aether.v2.c#v3
        the title of aether.v2.c#v3
        choice of the proxy: tokens stand verbatim in the envelope
        the same values, other bytes
          -1.0
          +1

failed  aether.direct.across-groups
        the title of aether.direct.across-groups
        promise of the guide, section 4.B
        bob: another frame\u{1b}[2J came
           {
          -  "to_id": "bob"
          +  "to_id": "<e&\u{7}```>"
           }

LACKING
      2  bridge  bob: nothing came within 5s

SKIPPED
      1  needs v2.annotate = off

            passed   failed  differs  lacking  skipped
aether-v2        2        0        1        2        1
aether           0        1        0        0        0
all              2        1        1        2        1

certificate: 2 passed (1 not byte for byte), 1 failed, 1 differ, 2 lacking, 1 skipped; suite 0.1.0 a1b2c3d4; ws://127.0.0.1:8080
"#;
        assert_eq!(text(&certificate(), false, Paint(false)), want);
    }

    #[test]
    fn strict_tells_what_is_only_equal() {
        let strict = text(&certificate(), true, Paint(false));
        assert!(strict.starts_with("equal   aether.v2.b#v2\n"), "{strict}");
        assert!(strict.contains("        the same values, not the same bytes\n"), "{strict}");
    }

    #[test]
    fn what_is_all_right_is_short() {
        let mut good = of(vec![outcome("a", "aether-v2", Status::Passed)]);
        good.capabilities.clear();
        let want = "           passed   failed  differs  lacking  skipped\naether-v2        1        0        0        0        0\n\
                    \ncertificate: 1 passed, 0 failed, 0 differ, 0 lacking, 0 skipped; suite 0.1.0 a1b2c3d4; ws://127.0.0.1:8080\n";
        assert_eq!(text(&good, false, Paint(false)), want.replacen("  ", "   ", 1));
    }

    #[test]
    fn a_server_that_does_nothing_right_does_not_fill_the_screen() {
        let results = (0..IN_FULL + 12).map(|n| outcome(&format!("c{n}"), "aether", Status::Failed)).collect();
        let mut certificate = of(results);
        let told = text(&certificate, false, Paint(false));
        assert!(told.contains("\nfailed  c24\n        the title of c24\n") && !told.contains("c25"), "{told}");
        let more = "\n\nfailed  and 12 more: failed\n        --format json tells them all\n\n";
        assert!(told.contains(more), "{told}");
        certificate.results.iter_mut().enumerate().for_each(|(n, outcome)| outcome.why = Some(format!("{n}")));
        let told = text(&certificate, false, Paint(false));
        assert!(told.contains("\nfailed  and 1 more: 34\nfailed  and 2 more for other reasons\n"), "{told}");
    }

    #[test]
    fn colours_end_where_they_should() {
        let told = text(&certificate(), false, Paint(true));
        assert!(told.contains("\x1b[31mfailed \x1b[0m \x1b[1maether.direct.across-groups\x1b[0m\n"), "{told}");
        assert!(told.contains("          \x1b[31m-1.0\x1b[0m\n          \x1b[32m+1\x1b[0m\n"), "{told}");
        assert!(told.ends_with("ws://127.0.0.1:8080\n") && told.contains("\x1b[31mcertificate:\x1b[0m 2 passed"));
    }
}
