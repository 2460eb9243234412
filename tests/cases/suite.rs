//! Owns which cases are played: those of the folder, read as the runner reads them, and every one in its place.

use aether_proxy::compat::suite::{Body, Case, Conversation, Direction, File, FrameCase, Suite, Written};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The folder of what the suite is.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat")
}

/// All cases as they lie in the folder.
pub fn suite() -> &'static Suite {
    static SUITE: LazyLock<Suite> =
        LazyLock::new(|| Suite::folder(&root().join("cases")).unwrap_or_else(|error| panic!("{error}")));
    &SUITE
}

/// A frame that is a text.
pub fn text(frame: &Written) -> &str {
    frame.text().expect("a text is expected")
}

/// The cases of one frame whose files lie here, at least one.
pub fn frames(folder: &str) -> Vec<(Case, FrameCase)> {
    let all: Vec<_> = below(folder)
        .filter_map(|(_, case)| match &case.body {
            Body::Frame(frame) => Some((case.clone(), (**frame).clone())),
            _ => None,
        })
        .collect();
    assert!(!all.is_empty(), "{folder} holds no case");
    all
}

/// All conversations of a dialect, at least one, with their ids.
pub fn conversations(dialect: &str) -> Vec<(String, Conversation)> {
    let all: Vec<_> = below(&format!("{dialect}/"))
        .filter_map(|(file, case)| match &case.body {
            Body::Conversation(conversation) => {
                assert_eq!(file.dialect, dialect, "{}", file.path);
                assert!(case.id.starts_with(&format!("{dialect}.")) && !conversation.steps.is_empty(), "{}", case.id);
                Some((case.id.clone(), conversation.clone()))
            }
            _ => None,
        })
        .collect();
    assert!(!all.is_empty(), "{dialect} has no conversation");
    all
}

fn below(folder: &str) -> impl Iterator<Item = (&'static File, &'static Case)> {
    suite().cases().filter(move |(file, _)| file.path.starts_with(folder))
}

/// What the files of a folder must be, for folders in which every file is alike.
const PLACES: &[(&str, Direction, &str)] = &[
    ("aether/v2-to-hub/", Direction::ToHub, "aether-v2"),
    ("aether/v3-to-hub/", Direction::ToHub, "aether-v3"),
    ("aether/hub-to-clients/", Direction::FromHub, "aether-v"),
    ("aether/scenarios/", Direction::Scenario, "aether"),
    ("valtronics/", Direction::Conversation, "valtronics"),
    ("server-monitor/", Direction::Conversation, "server-monitor"),
    ("vectra/", Direction::Conversation, "vectra"),
    ("probes/", Direction::Probe, ""),
];

#[test]
fn every_file_lies_where_its_kind_does_and_no_case_is_lost() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &suite().files {
        let found = PLACES.iter().find(|(folder, ..)| file.path.starts_with(folder));
        let (folder, direction, dialect) = found.unwrap_or_else(|| panic!("{}: nothing lies there", file.path));
        let scenario = file.direction == Direction::Scenario && file.dialect == *dialect;
        assert!(file.direction == *direction || scenario, "{}: {:?}", file.path, file.direction);
        // What a scenario needs, each case and each client of it can tell.
        let told = !file.needs.is_empty() || matches!(file.direction, Direction::Scenario | Direction::Probe);
        assert!(file.dialect.starts_with(dialect) && told, "{}", file.path);
        let schema = root().join("cases").join(&file.path);
        let text = std::fs::read_to_string(&schema).expect("a file");
        let head: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let named = schema.with_file_name(head["$schema"].as_str().expect("a path"));
        assert!(named.exists(), "{}: its $schema is not there", file.path);
        *seen.entry(folder).or_default() += file.cases.len();
    }
    for (folder, least) in [("aether/v2-to-hub/", 178), ("aether/v3-to-hub/", 100), ("aether/hub-to-clients/", 65)] {
        assert!(seen.get(folder) >= Some(&least), "cases were lost: {seen:?}");
    }
    assert!(suite().cases().count() >= 670, "cases were lost: {seen:?}");
}

#[test]
fn every_probe_names_what_it_tells_and_is_played() {
    let probes = suite().files.iter().filter(|file| file.direction == Direction::Probe).map(|file| file.cases.len());
    assert_eq!(aether_proxy::compat::compile::probes(suite()).len(), probes.sum::<usize>(), "probe.<capability>");
}
