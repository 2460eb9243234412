//! Owns how a profile is read from a file, and what is said of one that is wrong. It may hold credentials, so nothing of
//! what stands in it is repeated but names of keys.

use crate::cli::exit::{Exit, Failure};
use crate::compat::Profile;
use serde_json::{Map, Value};
use std::path::Path;

/// Reads a file.
///
/// # Errors
/// File, line and what is wrong.
pub(super) fn read(file: &Path) -> Result<Profile, Failure> {
    let bad = |line: &str, why: &str| Failure::Other(Exit::Data, format!("{}:{line} {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad("", &error.to_string()))?;
    parse(&text).map_err(|(line, why)| bad(&format!("{line}:"), &why))
}

/// Reads a text; what is wrong has its line.
fn parse(text: &str) -> Result<Profile, (usize, String)> {
    let mut profile: Profile = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        (before.matches('\n').count() + 1, harmless(error.message()))
    })?;
    let mut flat = Map::new();
    flatten("", std::mem::take(&mut profile.settings), &mut flat);
    profile.settings = flat;
    Ok(profile)
}

/// A value of a wrong type stands in the message, and may be a key that only looks like a number.
fn harmless(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    match (line.starts_with("invalid type") || line.starts_with("invalid value"), line.rfind("expected ")) {
        (true, Some(at)) => line.get(at..).unwrap_or_default().to_owned(),
        _ => line.to_owned(),
    }
}

/// `v2.annotate` is one key of the cases, and two tables of TOML.
fn flatten(prefix: &str, from: Map<String, Value>, into: &mut Map<String, Value>) {
    for (key, value) in from {
        let key = format!("{prefix}{key}");
        match value {
            Value::Object(inner) => flatten(&format!("{key}."), inner, into),
            value => _ = into.insert(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_the_cases_name_them() {
        let text = "[settings]\nv2.annotate = \"min\"\n\"v2.audience\" = \"group\"\n[settings.v3]\nunknown_members = \"reject\"\n";
        let settings = Value::Object(parse(text).unwrap().settings);
        let want = r#"{"v2.annotate":"min","v2.audience":"group","v3.unknown_members":"reject"}"#;
        assert_eq!(settings.to_string(), want);
    }

    #[test]
    fn the_profile_of_the_documents_is_one() {
        let document = include_str!("../../../compat/README.md");
        let (_, block) = document.split_once("```toml\n").unwrap();
        let profile = parse(block.split_once("```").unwrap().0).unwrap();
        assert_eq!((profile.paths.len(), profile.mounts.len()), (2, 1));
        assert_eq!(profile.settings["v2.annotate"], "min");
    }

    #[test]
    fn what_is_wrong_has_a_line_and_tells_no_secret() {
        for (text, line, said) in [
            ("[channels]\ngruop = 'x'\n", 2, "unknown field `gruop`, expected one of `group`, `client`, `broadcast`"),
            ("[credentials]\n\napi_key = 4711\n", 3, "expected a string"),
            ("[credentials]\njwt = \"hush-4711\n", 2, "invalid basic string"),
            ("[[mounts]]\ndialect = \"vectra\"\n", 1, "missing field `path`"),
            ("[[mounts]]\ndialect = \"vecta\"\npath = \"/x\"\n", 2, "unknown variant `vecta`"),
            ("account = \"x\"\n", 1, "unknown field `account`"),
        ] {
            let (at, why) = parse(text).unwrap_err();
            assert!(at == line && why.contains(said) && !why.contains("4711"), "{at}: {why}");
        }
    }
}
