//! Owns a certificate as JUnit XML, the form in which CI servers read test results. There is no schema that all of them
//! keep to: it uses what Jenkins, GitLab and GitHub's readers have in common.

use super::words;
use crate::cli::out::shortened;
use crate::compat::{Certificate, Outcome, Status};
use std::fmt::Write;

/// The whole certificate: a suite for each dialect, a case for each check.
pub(super) fn junit(certificate: &Certificate, strict: bool) -> String {
    let results = &certificate.results;
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let counts = counts(results.iter(), strict);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "<testsuites name=\"aether-proxy compat\" {counts} time=\"{:.3}\">", certificate.seconds);
    for (dialect, _) in words::by_dialect(certificate) {
        let of = || results.iter().filter(move |outcome| outcome.dialect == dialect);
        let seconds: f64 = of().map(|outcome| outcome.seconds).sum();
        let (name, at) = (escaped(dialect), escaped(&certificate.at));
        let counts = self::counts(of(), strict);
        let _ = writeln!(out, "  <testsuite name=\"{name}\" {counts} time=\"{seconds:.3}\" timestamp=\"{at}\">");
        properties(&mut out, certificate);
        of().for_each(|outcome| case(&mut out, outcome, strict));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts<'a>(results: impl Iterator<Item = &'a Outcome>, strict: bool) -> String {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for outcome in results {
        tests += 1;
        failures += usize::from(words::is_bad(outcome, strict));
        skipped += usize::from(matches!(outcome.status, Status::Lacking | Status::Skipped));
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"")
}

/// What was played, and against what.
fn properties(out: &mut String, certificate: &Certificate) {
    out.push_str("    <properties>\n");
    let target = &certificate.target;
    let settings = target.settings.iter().map(|(key, value)| (format!("setting {key}"), value.to_string()));
    let has = |has| if has { "yes" } else { "no" };
    let can = certificate.capabilities.iter().map(|(one, it)| (format!("has {one}"), has(it.has).to_owned()));
    let fixed = [
        ("target".to_owned(), target.url.clone()),
        ("server".to_owned(), target.server.clone().unwrap_or_default()),
        ("suite".to_owned(), format!("{} {}", certificate.suite.version, certificate.suite.hash)),
    ];
    for (name, value) in fixed.into_iter().chain(settings).chain(can) {
        let (name, value) = (escaped(&name), escaped(&words::line(&value)));
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    out.push_str("    </properties>\n");
}

fn case(out: &mut String, outcome: &Outcome, strict: bool) {
    let (dialect, id) = (escaped(&outcome.dialect), escaped(&outcome.id));
    let _ = write!(out, "    <testcase classname=\"{dialect}\" name=\"{id}\" time=\"{:.3}\"", outcome.seconds);
    let why = escaped(&words::why(outcome));
    match outcome.status {
        Status::Lacking | Status::Skipped => {
            let word = Status::label(outcome.status);
            let _ = writeln!(out, "><skipped message=\"{word}: {why}\"/></testcase>");
        }
        _ if words::is_bad(outcome, strict) => {
            let word = if outcome.status == Status::Passed { "equal" } else { Status::label(outcome.status) };
            let told = escaped(&told(outcome));
            let _ = writeln!(out, "><failure type=\"{word}\" message=\"{why}\">{told}</failure></testcase>");
        }
        Status::Differs => {
            let told = escaped(&told(outcome));
            let _ = writeln!(out, "><system-out>differs: {why}&#10;{told}</system-out></testcase>");
        }
        _ => out.push_str("/>\n"),
    }
}

/// What there is to know, for who looks at one case alone.
fn told(outcome: &Outcome) -> String {
    let head = [shortened(&outcome.title, 200), words::source(&outcome.source)];
    head.into_iter().chain(words::diff(outcome)).map(|line| line + "\n").collect()
}

/// A text in an attribute or between tags. What XML 1.0 cannot hold at all is written as Rust writes it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // In an attribute they would become blanks, and a carriage return a line break.
            '\t' | '\n' | '\r' => _ = write!(out, "&#{};", u32::from(c)),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::made::certificate;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_dialect_is_a_suite_and_each_check_a_case() {
        let want = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="aether-proxy compat" tests="7" failures="1" errors="0" skipped="3" time="12.500">
  <testsuite name="aether-v2" tests="6" failures="0" errors="0" skipped="3" time="1.500" timestamp="2026-03-11T12:34:56Z">
    <properties>
      <property name="target" value="ws://127.0.0.1:8080"/>
      <property name="server" value="uvicorn"/>
      <property name="suite" value="0.1.0 a1b2c3d4e5f60718"/>
      <property name="setting v2.annotate" value="&quot;min&quot;"/>
      <property name="has v2" value="yes"/>
      <property name="has v3" value="yes"/>
      <property name="has bridge" value="no"/>
    </properties>
    <testcase classname="aether-v2" name="aether.v2.a#v2" time="0.250"/>
    <testcase classname="aether-v2" name="aether.v2.b#v2" time="0.250"/>
    <testcase classname="aether-v2" name="aether.v2.c#v3" time="0.250"><system-out>differs: the same values, other bytes&#10;the title of aether.v2.c#v3&#10;choice of the proxy: tokens stand verbatim in the envelope&#10;-1.0&#10;+1&#10;</system-out></testcase>
    <testcase classname="aether-v2" name="aether.v2.d#v3" time="0.250"><skipped message="lacking: needs bridge"/></testcase>
    <testcase classname="aether-v2" name="aether.v2.e#v3" time="0.250"><skipped message="lacking: needs bridge"/></testcase>
    <testcase classname="aether-v2" name="aether.v2.f#v2" time="0.250"><skipped message="skipped: needs v2.annotate = off"/></testcase>
  </testsuite>
"#;
        let xml = junit(&certificate(), false);
        assert!(xml.starts_with(want), "{xml}");
        let failed = r#"<testcase classname="aether" name="aether.direct.across-groups" time="0.250"><failure type="failed" message="bob: another frame\u{1b}[2J came">the title of aether.direct.across-groups&#10;promise of the guide, section 4.B&#10; {&#10;-  &quot;to_id&quot;: &quot;bob&quot;&#10;+  &quot;to_id&quot;: &quot;&lt;e&amp;\u{7}```&gt;&quot;&#10; }&#10;</failure></testcase>"#;
        assert!(xml.contains(failed), "{xml}");
    }

    #[test]
    fn strict_makes_failures_of_what_differs_and_of_what_is_only_equal() {
        let xml = junit(&certificate(), true);
        assert!(xml.contains("tests=\"7\" failures=\"3\""), "{xml}");
        assert!(xml.contains("<failure type=\"differs\"") && xml.contains("<failure type=\"equal\""), "{xml}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_or_is_forbidden(text in "\\PC*|[\\x00-\\x1f<>&'\"\\]a\u{fffe}\u{ffff}]{0,40}") {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'', '\n', '\r', '\t']), "{}", escaped);
            let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
            prop_assert_eq!(escaped.chars().find(|c| forbidden(*c)), None);
            for (at, _) in escaped.match_indices('&') {
                let known = ["&lt;", "&gt;", "&amp;", "&quot;", "&apos;", "&#9;", "&#10;", "&#13;"];
                prop_assert!(known.iter().any(|entity| escaped[at..].starts_with(entity)), "{}", escaped);
            }
        }
    }
}
