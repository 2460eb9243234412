//! Finds kosoku, which plays the client of Autobahn's cases, as `tests/run` installs it, and runs it against a URL.
//! Without it nothing is skipped.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The slowest cases have more patience than a test should need.
const PATIENCE: Duration = Duration::from_secs(150);

/// What came of one case, as `cases.py` writes it.
#[derive(Debug, Default, Deserialize)]
pub struct Verdict {
    /// Its id, such as `6.4.3`.
    pub case: String,
    /// Autobahn's word about the messages.
    pub behavior: String,
    /// Its word about the end.
    pub close: String,
    /// The code the proxy closed with, or answered a close with.
    pub code: Option<u16>,
    /// Is it the proxy that must end the connection?
    pub server_fails: bool,
    /// What may come without what the messages say, by the word it earns.
    pub wanted: BTreeMap<String, Vec<String>>,
    /// What came, likewise.
    pub came: Vec<String>,
    /// The head of the 101.
    pub response: String,
    pub description: String,
    pub expectation: String,
    pub expected: String,
    pub actual: String,
}

/// Runs the cases of these patterns; panics when kosoku does not come to its end.
pub async fn run(url: &str, include: &str) -> Vec<Verdict> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("venv");
    let python = find(env::var_os("AETHER_TEST_KOSOKU"), &venv).unwrap_or_else(|problem| panic!("{problem}"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance/cases.py");
    let mut command = Command::new(&python);
    command.arg(script).args([url, include]).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    let ended = timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let output = ended.expect("the cases end in time").unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} cannot run the cases; tests/run installs what it needs:\n{said}",
        python.display()
    );
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{said}"))).collect()
}

/// A Python that has kosoku: the variable, then what `tests/run` installs.
fn find(named: Option<OsString>, venv: &Path) -> Result<PathBuf, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        let problem = || format!("AETHER_TEST_KOSOKU={} is not a file", named.display());
        return if named.is_file() { Ok(named) } else { Err(problem()) };
    }
    Some(venv.join("kosoku-python")).filter(|python| python.is_file()).ok_or_else(|| {
        "no kosoku, which runs Autobahn's cases: call tests/run, which installs it, or name a Python that has it \
         (pip install kosoku) in AETHER_TEST_KOSOKU"
            .to_owned()
    })
}

#[test]
fn the_variable_wins_then_what_was_installed_then_it_fails() {
    let root = tempfile::tempdir().unwrap();
    let (named, installed) = (root.path().join("named"), root.path().join("kosoku-python"));
    assert!(find(None, root.path()).unwrap_err().contains("tests/run"));
    for file in [&named, &installed] {
        std::fs::write(file, "").unwrap();
    }
    assert_eq!(find(None, root.path()), Ok(installed));
    assert_eq!(find(Some(named.clone().into()), root.path()), Ok(named));
    assert!(find(Some("/no/such".into()), root.path()).unwrap_err().contains("AETHER_TEST_KOSOKU=/no/such"));
}
