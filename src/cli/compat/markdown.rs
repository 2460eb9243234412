//! Owns a certificate as Markdown, for a ticket or a wiki. What a server sent stands in fences and cells it cannot break
//! out of.

use super::words;
use crate::compat::{Certificate, Outcome, Status};
use crate::migration::report::markdown::plain;
use std::fmt::Write;

/// Backticks of a fence, at least.
const FENCE: usize = 3;

/// The whole certificate.
pub(super) fn markdown(certificate: &Certificate, strict: bool) -> String {
    let mut out = "# Compatibility certificate\n\n".to_owned();
    head(&mut out, certificate);
    let good = !certificate.results.iter().any(|outcome| words::is_bad(outcome, strict));
    let verdict = if good { "good" } else { "**not good**" };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\nThis is {verdict}: {}", cell(&words::quote(certificate)));
    counts(&mut out, certificate);
    capabilities(&mut out, certificate);
    let of = |status| certificate.results.iter().filter(move |outcome| outcome.status == status);
    section(&mut out, "Failed", of(Status::Failed));
    section(&mut out, "Differs, and may", of(Status::Differs));
    if strict {
        section(&mut out, "Same values, other bytes", of(Status::Passed).filter(|o| words::is_bad(o, true)));
    }
    let reasons = words::reasons(of(Status::Skipped));
    if !reasons.is_empty() {
        out.push_str("\n## Skipped\n\n| checks | why |\n|--:|---|\n");
        reasons.iter().for_each(|(n, why)| _ = writeln!(out, "| {n} | {} |", cell(why)));
    }
    out
}

/// What was played when against what.
fn head(out: &mut String, certificate: &Certificate) {
    let (suite, target) = (&certificate.suite, &certificate.target);
    let settings: Vec<_> = target.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    out.push_str("| | |\n|---|---|\n");
    for (name, value) in [
        ("target", target.url.clone()),
        ("server", target.server.clone().unwrap_or_default()),
        ("settings", settings.join(", ")),
        ("only", suite.only.join(", ")),
        ("date", format!("{}, in {:.1} s", certificate.at, certificate.seconds)),
        ("suite", format!("{}, {} cases, hash {}", suite.version, suite.cases, suite.hash)),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "| {name} | {} |", cell(&value));
        }
    }
}

fn counts(out: &mut String, certificate: &Certificate) {
    let titles: Vec<_> = words::STATUSES.iter().map(|status| Status::label(*status)).collect();
    let _ = writeln!(out, "\n| dialect | {} |\n|---|{}", titles.join(" | "), "--:|".repeat(titles.len()));
    for (dialect, counts) in words::by_dialect(certificate) {
        let _ = writeln!(out, "| {} | {} |", cell(dialect), counts.map(|n| n.to_string()).join(" | "));
    }
}

fn capabilities(out: &mut String, certificate: &Certificate) {
    out.push_str("\n## What the target can do\n\n| capability | | checks that lack it | how that is known |\n");
    out.push_str("|---|---|--:|---|\n");
    for (capability, has) in &certificate.capabilities {
        let (word, lack) = match has.has {
            true => ("yes", String::new()),
            false => ("no", words::needed(certificate, *capability).to_string()),
        };
        let _ = writeln!(out, "| {capability} | {word} | {lack} | {} |", cell(&has.why));
    }
}

/// Checks of one kind, in full.
fn section<'a>(out: &mut String, title: &str, checks: impl Iterator<Item = &'a Outcome>) {
    let mut checks = checks.peekable();
    if checks.peek().is_some() {
        let _ = writeln!(out, "\n## {title}");
    }
    for outcome in checks {
        let _ = writeln!(out, "\n### {}\n\n{}\n", cell(&outcome.id), cell(&outcome.title));
        let _ = writeln!(out, "* version {}, {}", outcome.version, cell(&words::source(&outcome.source)));
        let _ = writeln!(out, "* {}", cell(&words::why(outcome)));
        fenced(out, &words::diff(outcome));
    }
}

/// Lines of a diff in a fence that is longer than any in them.
pub(super) fn fenced(out: &mut String, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(FENCE.max(longest + 1));
    let _ = writeln!(out, "\n{fence}diff\n{}\n{fence}", lines.join("\n"));
}

/// A text that means nothing but itself, in one line.
pub(super) fn cell(text: &str) -> String {
    plain(&words::line(text))
}

#[cfg(test)]
mod tests {
    use super::super::made::certificate;
    use super::*;

    #[test]
    fn a_certificate_can_be_pasted_into_a_ticket() {
        let want = r#"# Compatibility certificate

| | |
|---|---|
| target | ws://127.0.0.1:8080 |
| server | uvicorn |
| settings | v2.annotate = "min" |
| date | 2026-03-11T12:34:56Z, in 12.5 s |
| suite | 0.1.0, 7 cases, hash a1b2c3d4e5f60718 |

This is **not good**: 2 passed (1 not byte for byte), 1 failed, 1 differ, 2 lacking, 1 skipped; suite 0.1.0 a1b2c3d4; ws://127.0.0.1:8080

| dialect | passed | failed | differs | lacking | skipped |
|---|--:|--:|--:|--:|--:|
| aether-v2 | 2 | 0 | 1 | 2 | 1 |
| aether | 0 | 1 | 0 | 0 | 0 |

## What the target can do

| capability | | checks that lack it | how that is known |
|---|---|--:|---|
| v2 | yes |  | a client was let in |
| v3 | yes |  | a client was let in |
| bridge | no | 2 | bob: nothing came within 5s |

## Failed

### aether.direct.across-groups

the title of aether.direct.across-groups

* version 1, promise of the guide, section 4.B
* bob: another frame\\u{1b}\[2J came

````diff
 {
-  "to_id": "bob"
+  "to_id": "<e&\u{7}```>"
 }
````

## Differs, and may

### aether.v2.c\#v3

the title of aether.v2.c\#v3

* version 1, choice of the proxy: tokens stand verbatim in the envelope
* the same values, other bytes

```diff
-1.0
+1
```

## Skipped

| checks | why |
|--:|---|
| 1 | needs v2.annotate = off |
"#;
        assert_eq!(markdown(&certificate(), false), want);
    }

    #[test]
    fn a_fence_is_longer_than_what_stands_in_it() {
        let mut out = String::new();
        fenced(&mut out, &["+``````".to_owned(), "-a`".to_owned()]);
        assert_eq!(out, "\n```````diff\n+``````\n-a`\n```````\n");
        let good = super::super::made::of(vec![]);
        assert!(markdown(&good, false).contains("This is good: 0 passed"));
    }
}
