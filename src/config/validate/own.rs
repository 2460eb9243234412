//! Contradictions of `[[dialects]]`: names that are taken, maps that cannot be turned round, and examples that do not
//! hold. The laws themselves are the lens's.

use super::Findings;
use crate::config::{Config, CustomDialect, Jq};
use crate::dialect::custom;
use std::collections::HashMap;
use std::time::Duration;

/// Every dialect by itself, and their names.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let mut seen = HashMap::new();
    for (at, dialect) in config.dialects.iter().enumerate() {
        name(at, &dialect.name, findings);
        if let Some(first) = seen.insert(dialect.name.as_str(), at) {
            let key = format!("dialects[{at}].name");
            let text = format!("`{key}` = \"{}\" is the name of `dialects[{first}]` already", dialect.name);
            findings.add(&key, text);
        }
        match (&dialect.map, &dialect.jq) {
            (Some(_), None) => map(at, dialect, findings),
            (None, Some(jq)) => limits(at, jq, findings),
            (None, None) => findings.add(
                format!("dialects[{at}]"),
                format!("`dialects[{at}]` needs a field map, `[dialects.map]`, or filters, `[dialects.jq]`"),
            ),
            (Some(_), Some(_)) => findings.add(
                format!("dialects[{at}].jq"),
                format!("`dialects[{at}]` has both `map` and `jq`; take one of them out"),
            ),
        }
    }
}

fn name(at: usize, name: &str, findings: &mut Findings) {
    let key = format!("dialects[{at}].name");
    let mut add = |text: &str| findings.add(&key, format!("`{key}` = \"{name}\" {text}"));
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_plain || name.len() > 32 {
        add("must begin with a letter and hold at most 32 small letters, digits and dashes");
    } else if CustomDialect::BUILT_IN.contains(&name) {
        add("is the name of a built-in dialect");
    }
}

/// The map, then its fixtures.
fn map(at: usize, dialect: &CustomDialect, findings: &mut Findings) {
    let mut add = |below: &str, problem: &custom::Problem| {
        let key = match (problem.step, problem.fixture) {
            (Some(step), _) => format!("dialects[{at}].map.steps[{step}]"),
            (None, Some(fixture)) => format!("dialects[{at}].fixtures[{fixture}]"),
            (None, None) => format!("dialects[{at}].{below}"),
        };
        findings.add(&key, format!("`{key}`: {}", problem.text));
    };
    match dialect.lens() {
        Ok(Some(lens)) => {
            custom::check(&lens, &dialect.fixtures()).iter().for_each(|problem| add("fixtures", problem));
        }
        Ok(None) => {}
        Err(problems) => problems.iter().for_each(|problem| add("map", problem)),
    }
}

/// What the filters say is looked at where they are run.
fn limits(at: usize, jq: &Jq, findings: &mut Findings) {
    let mut add = |name: &str, text: &str| {
        let key = format!("dialects[{at}].jq.{name}");
        findings.add(&key, format!("`{key}` {text}"));
    };
    for (name, text, file) in
        [("to_v3", jq.to_v3.is_some(), jq.to_v3_file.is_some()), ("to_v2", jq.to_v2.is_some(), jq.to_v2_file.is_some())]
    {
        match (text, file) {
            (false, false) => add(name, &format!("is missing; `{name}_file` may name a file with it")),
            (true, true) => add(name, &format!("is given, and `{name}_file` too; take one of them out")),
            _ => {}
        }
    }
    if !(1..=1024).contains(&jq.depth) {
        add("depth", "must be between 1 and 1024");
    }
    if !(Duration::from_millis(1)..=Duration::from_secs(5)).contains(&jq.time) {
        add("time", "must be between 1ms and 5s");
    }
    if jq.output == 0 {
        add("output", "must be more than 0");
    }
    // Less would not hold the filters themselves.
    if jq.memory < 8 << 20 {
        add("memory", "must be at least 8MiB");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;

    const ACME: &str = r#"
        name = "acme"
        [map]
        steps = [{ rename = "text", to = "msg" }]
        [[fixtures]]
        legacy = '{"text":"hi","room":7}'
        v3 = '{"msg_type":"msg","target":"group","msg":"hi","payload":{"room":7}}'
    "#;

    fn with(texts: &[&str]) -> impl FnOnce(&mut Config) {
        let all = texts.iter().map(|text| toml::from_str(text).expect("a dialect")).collect();
        |c| c.dialects = all
    }

    #[test]
    fn a_name_is_plain_and_its_own() {
        assert_accepted(with(&[ACME, &ACME.replace("acme", "acme-2")]));
        assert_refused("is the name of `dialects[0]` already", with(&[ACME, ACME]));
        assert_refused("is the name of a built-in", with(&[&ACME.replace("acme", "aether-v2")]));
        for bad in ["", "Acme", "2acme", "acme_2", "ac me", "äcme"] {
            assert_refused("must begin with a letter", with(&[&ACME.replace("acme", bad)]));
        }
    }

    #[test]
    fn there_is_a_map_or_filters() {
        assert_refused("needs a field map", with(&["name = \"a\""]));
        let filters = "name = \"a\"\n[jq]\nto_v3 = \".\"\nto_v2_file = \"x.jq\"\n";
        assert_accepted(with(&[filters]));
        assert_refused("has both `map` and `jq`", with(&[&format!("{filters}[map]\n")]));
        assert_refused("`dialects[0].jq.to_v2` is missing", with(&["name = \"a\"\n[jq]\nto_v3 = \".\""]));
        assert_refused("`to_v2_file` too", with(&[&format!("{filters}to_v2 = \".\"")]));
        assert_refused("`dialects[0].jq.depth`", with(&[&format!("{filters}depth = 0")]));
        assert_refused("`dialects[0].jq.time`", with(&[&format!("{filters}time = \"0s\"")]));
        assert_refused("must be at least 8MiB", with(&[&format!("{filters}memory = \"8191KiB\"")]));
        assert_refused("`dialects[0].jq.output`", with(&[&format!("{filters}output = 0")]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_step_or_fixture() {
        assert_refused(
            "`dialects[0].map.steps[0]`: unknown operation or key `renam`; did you mean `rename`?",
            with(&[&ACME.replace("rename", "renam")]),
        );
        assert_refused(
            "`dialects[0].map.steps[0]`: `mgs` is no place",
            with(&[&ACME.replace("\"msg\" }", "\"mgs\" }")]),
        );
        assert_refused("`dialects[0].fixtures[0]`: `legacy` translates", with(&[&ACME.replace(":7}'", ":7.0}'")]));
    }
}
