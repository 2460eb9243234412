//! Holds config/default.toml and the examples against the code.

use super::*;
use std::collections::BTreeSet;

/// The key a line sets, or would set if it were no comment.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
    key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_').then_some(key)
}

/// Sections in the order of the file, and keys (`limits.message`, `mounts.path`), also those commented out.
fn keys_of(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut sections, mut keys, mut section) = (Vec::new(), Vec::new(), String::new());
    for line in text.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = bare.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            section = name.to_owned();
            sections.push(name.to_owned());
        } else if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            sections.push(name.to_owned());
        } else if let Some(key) = key_of(line) {
            keys.push(format!("{section}.{key}"));
        }
    }
    let mut seen = BTreeSet::new();
    sections.retain(|section| seen.insert(section.clone()));
    (sections, keys)
}

fn shipped(name: &str) -> LoadOptions {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    LoadOptions { file: Some(file), ..LoadOptions::default() }
}

#[test]
fn the_default_file_says_the_defaults() {
    assert_eq!(load(&shipped("default.toml")).unwrap(), Config::default());
    let written: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
    let in_code: toml::Table = toml::from_str(&effective(&Config::default())).unwrap();
    for (section, value) in &in_code {
        let Some(values) = value.as_table() else { continue };
        for key in values.keys().filter(|key| !["api_keys", "rules", "exemptions"].contains(&key.as_str())) {
            assert!(written[section].get(key).is_some(), "{section}.{key} is only commented out");
        }
    }
}

#[test]
fn the_default_file_tells_every_key_in_the_order_of_the_code() {
    let schema = Schema::new();
    let (sections, mut written) = keys_of(DEFAULT_TOML);
    let is_section = |key: &String| {
        key.split('.').try_fold(&schema.root, |node, name| node.child(name.trim_end_matches("[]"))).is_some_and(
            |node| matches!(node, crate::config::schema::Node::Section(_) | crate::config::schema::Node::Tables(_)),
        )
    };
    // A table whose keys the user chooses is written as one line.
    let chosen = ["mounts[].query", "mounts[].header"];
    let (in_code_sections, in_code): (Vec<String>, Vec<String>) =
        schema.keys().into_iter().partition(|key| is_section(key) && !chosen.contains(&key.as_str()));
    // The file does not tell a list of tables from a table.
    let bare = |keys: Vec<String>| keys.into_iter().map(|key| key.replace("[]", "")).collect::<Vec<_>>();
    let (in_code_sections, in_code) = (bare(in_code_sections), bare(in_code));
    assert_eq!(sections, in_code_sections);

    let unique: BTreeSet<_> = written.iter().cloned().collect();
    assert_eq!(unique, in_code.iter().cloned().collect(), "keys that are missing or too many");
    // TOML wants a section's own keys before its subsections; within each the order is that of the code.
    let mut seen = BTreeSet::new();
    written.retain(|key| seen.insert(key.clone()));
    for section in &sections {
        let own = |keys: &[String]| -> Vec<String> {
            let of = |key: &String| key.rsplit_once('.').map(|(s, _)| s.to_owned());
            keys.iter().filter(|key| of(key).as_ref() == Some(section)).cloned().collect()
        };
        assert_eq!(own(&written), own(&in_code));
    }
}

#[test]
fn every_key_of_the_default_file_has_a_comment_above_it() {
    let lines: Vec<&str> = DEFAULT_TOML.lines().collect();
    let mut count = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| key_of(line).is_some()) {
        // One comment serves the six keys that are explained elsewhere, and the mounts after the first.
        let shared = line.starts_with("# ") && key_of(lines[at - 1]).is_some();
        let repeated = lines[..at].contains(&"[[mounts]]") && lines[at - 1..=at].join("").contains("path = \"/ws");
        let above = lines[at - 1];
        assert!((above.starts_with("# ") && key_of(above).is_none()) || shared || repeated, "{line}");
        count += 1;
    }
    assert!(count > 80, "{count}");
}

#[test]
fn the_examples_are_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let config = load(&LoadOptions { file: Some(file.clone()), ..LoadOptions::default() });
        assert_ne!(config.unwrap_or_else(|e| panic!("{e}")), Config::default(), "{}", file.display());
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn a_dialect_of_ones_own_is_read_to_the_bottom() {
    let config = load(&shipped("examples/own-dialect.toml")).unwrap();
    let [dialect, filters] = config.dialects.as_slice() else { panic!("{:?}", config.dialects) };
    assert!(dialect.fixtures.len() == 3 && dialect.lens().is_ok_and(|lens| lens.is_some()));
    assert!(filters.fixtures.len() == 4 && filters.jq.is_some());
    assert_eq!(crate::config::CustomDialect::names(&config.dialects).collect::<Vec<_>>(), ["acme", "kiosk"]);
    assert_eq!(toml::from_str::<Config>(&effective(&config)).unwrap(), config);
    let keys: Vec<_> = crate::config::diff(&Config::default(), &config).into_iter().map(|c| c.key).collect();
    assert_eq!(keys, ["dialects", "mounts"]);
    let text = std::fs::read_to_string(shipped("examples/own-dialect.toml").file.unwrap()).unwrap();
    for (from, to, told) in [
        ("rename = \"to\"", "renam = \"to\"", ":14: `dialects[0].map.steps[1]`: unknown operation or key `renam`"),
        ("\"lang\":\"de\",\"x\"", "\"lang\":\"fr\",\"x\"", ":24: `dialects[0].fixtures[0]`: `legacy` translates to"),
        ("legacy = '{\"body\"", "lgacy = '{\"body\"", "lgacy"),
    ] {
        assert!(text.contains(from), "{from}");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.replacen(from, to, 1).as_bytes()).unwrap();
        let options = LoadOptions { file: Some(file.path().to_owned()), ..LoadOptions::default() };
        let problems = load(&options).unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].contains(told), "{problems:#?}");
    }
}

#[test]
fn every_line_that_is_commented_out_may_be_taken_in() {
    let bare = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if key_of(line).is_some() || rest.starts_with('[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = DEFAULT_TOML.lines().map(bare).collect();
    assert_ne!(text.join("\n"), DEFAULT_TOML.trim_end());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, text.join("\n").as_bytes()).unwrap();
    let schema = Schema::new();
    let mut sources = Sources::new(&schema);
    sources.file(file.path());
    assert_eq!(sources.problems, []);
}
