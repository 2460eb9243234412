//! Holds the Markdown files to the code: links lead somewhere, settings, metrics and files that are named exist,
//! tables say what the code says, and commands marked `# tested` print what stands below them.
#![allow(clippy::expect_used, reason = "a test that cannot read the documents must fail")]

use aether_proxy::auth::Refusal;
use aether_proxy::clock::Timestamp;
use aether_proxy::close::CloseReason;
use aether_proxy::config::{self, LoadOptions};
use aether_proxy::dialect::Frame;
use aether_proxy::label::Label;
use aether_proxy::migration::lint::{self, About};
use aether_proxy::telemetry::Metrics;
use aether_proxy::telemetry::labels::LintRule;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One Markdown file.
struct Document {
    /// Below the root, for people.
    name: String,
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All of them, but for what is built or hidden.
fn documents() -> Vec<Document> {
    let (mut found, mut folders) = (Vec::new(), vec![root().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && file != "target" && file != "node_modules" && !file.starts_with('.') {
                folders.push(path);
            } else if file.ends_with(".md") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.push(Document { name, text: std::fs::read_to_string(&path).expect("a text"), path });
            }
        }
    }
    assert!(found.iter().any(|d| d.name == "README.md") && found.len() >= 6, "only {} documents", found.len());
    found
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("a document")
}

/// Fenced blocks: the word behind the fence, and the lines.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(word) => {
                blocks.push((word, String::new()));
                inside = true;
            }
            None if inside => {
                let (_, block) = blocks.last_mut().expect("a block is open");
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "a block is not closed");
    blocks
}

/// The text without its fenced blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let outside = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    outside.collect::<Vec<_>>().join("\n")
}

/// What stands between single backticks.
fn spans(text: &str) -> Vec<String> {
    prose(text).split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The cells of each row of the first table below a heading.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, below) = text.split_once(&format!("\n{heading}\n")).expect("the heading");
    let rows = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let row = row.trim().trim_start_matches('|').trim_end_matches('|');
        row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    rows.skip(2).map(cells).collect()
}

/// How GitHub names a heading in a link.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let (mut broken, mut checked) = (Vec::new(), 0);
    for document in documents() {
        let prose = prose(&document.text);
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
            checked += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = document.path.parent().expect("a folder");
            let path = if file.is_empty() { document.path.clone() } else { folder.join(file) };
            let leads = path.exists()
                && (anchor.is_empty()
                    || std::fs::read_to_string(&path)
                        .is_ok_and(|text| prose_headings(&text).any(|heading| slug(&heading) == anchor)));
            if !leads {
                broken.push(format!("{}: {target}", document.name));
            }
        }
    }
    assert!(checked > 20, "only {checked} links were found");
    assert_eq!(broken, Vec::<String>::new());
}

fn prose_headings(text: &str) -> impl Iterator<Item = String> {
    let headings: Vec<_> = prose(text).lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    headings.into_iter()
}

/// Does the loader know this key, whatever it thinks of the value?
fn is_setting(key: &str) -> bool {
    let options = LoadOptions { set: vec![(key.to_owned(), "x".to_owned())], ..LoadOptions::default() };
    config::load(&options).err().is_none_or(|error| !error.to_string().contains("unknown key"))
}

#[test]
fn every_setting_that_is_named_exists() {
    assert!(is_setting("limits.message") && is_setting("auth.jwt.secret") && !is_setting("limits.mesage"));
    let effective: toml::Table = config::effective(&config::Config::default()).parse().expect("settings");
    let sections: BTreeSet<&str> = effective.keys().map(String::as_str).collect();
    let (mut unknown, mut checked) = (Vec::new(), BTreeSet::new());
    for document in documents() {
        for span in spans(&document.text) {
            // `section.key`, perhaps with a value behind it; `[section]`; AETHER_SECTION__KEY.
            let key = span.split([' ', '=']).next().unwrap_or_default();
            let key = match key.strip_prefix("AETHER_") {
                Some(name) if name.contains("__") => name.to_lowercase().replace("__", "."),
                _ => key.to_owned(),
            };
            let of_words =
                key.split('.').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            let section = key.split('.').next().unwrap_or_default();
            let is_file = [".rs", ".toml", ".md", ".conf", ".lua"].iter().any(|end| key.ends_with(end));
            if key.contains('.') && of_words && sections.contains(section) && !is_file {
                if !is_setting(&key) {
                    unknown.push(format!("{}: {span}", document.name));
                }
                checked.insert(key);
            } else if let Some(section) = span.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
                let section = section.trim_matches(['[', ']']);
                let named =
                    section.bytes().all(|b| b.is_ascii_lowercase() || b"_.".contains(&b)) && !section.is_empty();
                if named && !config::DEFAULT_TOML.contains(&format!("[{section}]")) {
                    unknown.push(format!("{}: {span}", document.name));
                }
            }
        }
    }
    assert!(checked.len() > 30, "only {checked:?} were found");
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn every_metric_that_is_named_exists() {
    let metrics = Metrics::new(1).expect("metrics");
    metrics.tenants.opened("acme", Timestamp(1));
    let exposed = metrics.render(Timestamp(1)).expect("text");
    let known: BTreeSet<&str> =
        exposed.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let (mut unknown, mut checked) = (Vec::new(), 0);
    for document in documents() {
        let words = document.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        // The crate, and two files.
        let others = ["aether_proxy", "aether_v2", "aether_v3"];
        for word in words.filter(|word| word.starts_with("aether_") && !others.contains(word)) {
            checked += 1;
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            if !known.contains(family) && !word.ends_with('_') {
                unknown.push(format!("{}: {word}", document.name));
            }
        }
    }
    assert!(checked > 10, "only {checked} metrics were found");
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn every_file_that_is_named_exists() {
    let (mut missing, mut checked) = (Vec::new(), 0);
    for document in documents() {
        for span in spans(&document.text) {
            let of_ours =
                ["src/", "tests/", "config/", "compat/", "docs/", "benches/"].iter().any(|top| span.starts_with(top));
            if !of_ours || span.contains(['<', '{', ' ', '…', '*']) {
                continue;
            }
            checked += 1;
            if !root().join(&span).exists() {
                missing.push(format!("{}: {span}", document.name));
            }
        }
    }
    assert!(checked > 30, "only {checked} files were found");
    assert_eq!(missing, Vec::<String>::new());
}

/// A threat counts as handled because a test shows it: one that is gone, or renamed, shows nothing.
/// Our Rust files: path and text.
fn sources() -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join("src"), root().join("tests")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.push((name, std::fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    found
}

#[test]
fn every_test_that_security_names_exists() {
    let sources = sources();
    let (mut missing, mut checked) = (Vec::new(), 0);
    for name in spans(&document("SECURITY.md")) {
        // A sentence; a setting has a dot, or fewer words.
        let is_test = name.matches('_').count() >= 3
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_test {
            checked += 1;
            // Those of a contract are made by a macro, from a function that takes the place.
            if !sources.iter().any(|(_, source)| source.contains(&format!("fn {name}("))) {
                missing.push(name);
            }
        }
    }
    assert!(checked > 40, "only {checked} tests were found");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_table_of_close_codes_is_the_codes() {
    let written = table(&document("docs/PROTOCOL.md"), "## Close codes");
    let meant: Vec<Vec<String>> = CloseReason::ALL
        .iter()
        .map(|reason| {
            let code = reason.code().map_or("–".to_owned(), |code| code.to_string());
            let back = if reason.reconnect() { "yes" } else { "no" };
            vec![code, reason.label().to_owned(), reason.text().to_owned(), back.to_owned()]
        })
        .collect();
    assert_eq!(written, meant);
}

#[test]
fn the_table_of_refusals_holds_all_of_authentication() {
    let rows = table(&document("docs/PROTOCOL.md"), "## Refusals before the upgrade");
    let written: BTreeMap<&str, &str> = rows.iter().map(|row| (row[1].as_str(), row[0].as_str())).collect();
    for refusal in Refusal::ALL {
        let status = refusal.status().as_u16().to_string();
        assert_eq!(written.get(refusal.label()), Some(&status.as_str()), "{}", refusal.label());
    }
    // The others are words of the edge.
    let answers = document("src/edge/answer.rs") + &document("src/edge/upgrade.rs");
    for code in written.keys().filter(|code| Refusal::ALL.iter().all(|refusal| refusal.label() != **code)) {
        assert!(answers.contains(&format!("\"{code}\"")), "nothing answers {code}");
    }
}

#[test]
fn commands_marked_as_tested_print_what_stands_below_them() {
    let home = tempfile::tempdir().expect("a folder");
    // As after `cargo build --release` at the root of the repository.
    let release = home.path().join("target/release");
    std::fs::create_dir_all(&release).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_aether-proxy"), release.join("aether-proxy")).expect("a link");
    std::os::unix::fs::symlink(root().join("config"), home.path().join("config")).expect("a link");
    let mut checked = 0;
    for document in documents() {
        let blocks = blocks(&document.text);
        for (at, (_, script)) in
            blocks.iter().enumerate().filter(|(_, (kind, s))| *kind == "sh" && s.starts_with("# tested\n"))
        {
            let mut shell = Command::new("sh");
            shell.args(["-euc", script]).current_dir(home.path()).env_clear();
            let path = std::env::var_os("PATH").unwrap_or_default();
            let output = shell.env("PATH", path).output().expect("a shell");
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{}: {script}{err}", document.name);
            let below = blocks.get(at + 1).filter(|(kind, _)| *kind == "text").map(|(_, text)| text.as_str());
            assert_eq!(Some(&*out), below, "{}: {script}{err}", document.name);
            checked += 1;
        }
    }
    assert!(checked > 0, "no command is tested");
}

#[test]
fn the_rules_of_lint_are_the_rules_and_their_examples_are_found() {
    let text = document("docs/LINT.md");
    let meant: Vec<Vec<String>> = LintRule::ALL
        .iter()
        .map(|rule| {
            let about = About::of(*rule);
            [rule.label(), about.severity.label(), about.title, about.advice].map(str::to_owned).to_vec()
        })
        .collect();
    assert_eq!(table(&text, "## The rules"), meant);
    let mut checked = 0;
    for rule in LintRule::ALL {
        let (_, below) = text.split_once(&format!("\n### {}\n", rule.label())).expect("a section of its own");
        let section = below.split("\n### ").next().expect("a section");
        let frames: Vec<_> = blocks(section).into_iter().filter(|(kind, _)| *kind == "json").map(|(_, f)| f).collect();
        let found = |frame: &str| lint::frame(Frame::Text(frame.trim_end()), usize::MAX).rules;
        if let [example, .., instead] = &frames[..] {
            checked += 1;
            assert!(found(example).contains(*rule), "{} is not found in {example}", rule.label());
            let left: Vec<_> = found(instead).iter().collect();
            assert_eq!(left, [LintRule::HalfMigrated], "{instead}");
        }
    }
    assert_eq!(checked, 6);
}

#[test]
fn every_failure_mode_names_the_test_that_shows_it() {
    let (text, sources) = (document("docs/FAILURES.md"), sources());
    let (mut missing, mut checked) = (Vec::new(), 0);
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what happens")) {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().expect("a cell");
        let named = spans(last);
        if named.is_empty() {
            missing.push(format!("nothing shows: {row}"));
        }
        for test in named {
            checked += 1;
            let (module, name) = test.rsplit_once("::").unwrap_or(("", &test));
            // `hub::faults` is hub/faults.rs, or a module in a file of that folder.
            let place = module.replace("::", "/");
            let stands =
                |(file, source): &(String, String)| file.contains(&place) && source.contains(&format!("fn {name}()"));
            if !sources.iter().any(stands) {
                missing.push(test);
            }
        }
    }
    assert!(checked > 30, "only {checked} tests are named");
    assert_eq!(missing, Vec::<String>::new());
}
