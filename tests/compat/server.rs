//! The reference server as a process: `compat/reference/server.py` on a free port, dead when dropped. Without the Python
//! that has its packages nothing is skipped.

use crate::harness::{PATIENCE, process};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What V3 clients must bring.
pub const API_KEY: &str = "a-key";
/// Names the Python to use.
const PYTHON: &str = "AETHER_TEST_REFERENCE";

/// A running server.
pub struct ReferenceServer {
    child: Child,
    /// `ws://127.0.0.1:PORT`
    pub url: String,
    /// Where it writes what goes wrong in it.
    dir: TempDir,
}

impl ReferenceServer {
    /// Starts it on this Redis and waits until it listens; panics with what it said when it does not.
    pub async fn start(redis: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/reference/server.py");
        let mut command = Command::new(python().unwrap_or_else(|problem| panic!("{problem}")));
        command.arg(server).env("PORT", "0").env("REDIS_URL", redis).env("API_KEY", API_KEY);
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(File::create(dir.path().join("log")).unwrap()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await;
        let mut server = Self { child, url: String::new(), dir };
        match line {
            Ok(Ok(Some(line))) if line.starts_with("listening on ws://") => {
                server.url = line.trim_start_matches("listening on ").to_owned();
                server
            }
            other => panic!("the reference server does not listen: {other:?}\n{}", server.log()),
        }
    }

    /// Ends it as an operator would.
    pub async fn stop(mut self) -> ExitStatus {
        process::signal(self.child.id().expect("it runs"), "TERM");
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it still runs\n{}", self.log())).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

/// The Python that `tests/run` has found or made.
fn python() -> Result<PathBuf, String> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("venv");
    choose(env::var_os(PYTHON), &venv.join("reference-python"))
}

/// The variable, then what `tests/run` has installed.
fn choose(named: Option<OsString>, installed: &Path) -> Result<PathBuf, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        let problem = || format!("{PYTHON}={} is not a file", named.display());
        return if named.is_file() { Ok(named) } else { Err(problem()) };
    }
    let problem = "no Python for the reference server: call tests/run, which installs one with its packages, or name a \
        Python 3.11 or newer that has what compat/reference/requirements.txt lists in ";
    Some(installed.to_owned()).filter(|path| path.is_file()).ok_or_else(|| format!("{problem}{PYTHON}"))
}

#[test]
fn its_python_is_named_or_installed_and_never_skipped() {
    let root = tempfile::tempdir().unwrap();
    let (named, installed) = (root.path().join("named"), root.path().join("reference-python"));
    assert!(choose(None, &installed).unwrap_err().contains("call tests/run"));
    for file in [&named, &installed] {
        fs::write(file, "").unwrap();
    }
    assert_eq!(choose(None, &installed), Ok(installed.clone()));
    assert_eq!(choose(Some("".into()), &installed), Ok(installed.clone()));
    assert_eq!(choose(Some(named.clone().into()), &installed), Ok(named));
    assert!(choose(Some("/nowhere".into()), &installed).unwrap_err().contains("AETHER_TEST_REFERENCE=/nowhere"));
}
