//! Holds the table of what each dialect keeps of its guide: every row names a case or a test that shows it, and the
//! document shows the tables as they are.

use aether_proxy::dialect::support::ALL;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The texts of all files below a folder.
fn texts(folder: &Path, ending: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(texts(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            all.push(std::fs::read_to_string(&path).expect("a text"));
        }
    }
    all
}

#[test]
fn every_row_is_shown_by_a_case_or_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = texts(&root.join("compat/cases"), ".json");
    let tests: Vec<_> = ["tests", "src"].iter().flat_map(|folder| texts(&root.join(folder), ".rs")).collect();
    let mut seen = BTreeSet::new();
    for table in ALL {
        assert!(!table.features.is_empty());
        for feature in table.features {
            let by = feature.shown_by;
            let (id, name) = (format!("\"id\": \"{by}\""), format!("fn {by}("));
            let shown = cases.iter().any(|text| text.contains(&id)) || tests.iter().any(|text| text.contains(&name));
            assert!(shown, "{}: {}: nothing is called {by}", table.spoken.label(), feature.name);
            assert!(seen.insert((table.spoken.label(), feature.name)), "{} twice", feature.name);
        }
    }
}

#[test]
fn the_document_shows_the_tables() {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/DIALECTS.md"));
    let document = document.expect("docs/DIALECTS.md");
    let printed = Command::new(env!("CARGO_BIN_EXE_aether-proxy")).args(["dialects", "--format", "md"]).output();
    let printed = String::from_utf8(printed.expect("it runs").stdout).expect("text");
    assert!(printed.contains("| supported |") && document.contains(printed.trim_end()), "print it again:\n{printed}");
}
