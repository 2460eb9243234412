//! Starts a client program, reads what it says of itself, line by line, and tells it what to do. Without its interpreter
//! nothing is skipped.

use crate::harness::PATIENCE;
use serde_json::Value;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// A program that runs. Dropped, it is killed.
pub struct Program {
    name: String,
    child: Child,
    commands: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it has said, for whoever has to find out why a test failed.
    said: Vec<String>,
}

impl Program {
    /// Starts `compat/clients/<name>`.
    pub fn start(name: &str, args: &[&str], settings: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/clients").join(name);
        let interpreter = Interpreter::of(name);
        let mut command = Command::new(interpreter.find().unwrap_or_else(|problem| panic!("{name}: {problem}")));
        command.args(interpreter.flags()).arg(path).args(args).envs(settings.iter().copied());
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let commands = child.stdin.take().expect("its input");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { name: name.to_owned(), child, commands, lines, said: Vec::new() }
    }

    /// Tells it what to do.
    pub async fn say(&mut self, command: &str) {
        let line = format!("{command}\n");
        let written = timeout(PATIENCE, self.commands.write_all(line.as_bytes())).await.expect("it listens");
        written.unwrap_or_else(|error| panic!("{} is gone: {error}\n{}", self.name, self.said.join("\n")));
    }

    /// The next thing that happened to it; None: it has ended.
    pub async fn next(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} says nothing more\n{}", self.name, self.said.join("\n")));
        let line = line.expect("text")?;
        let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.name));
        self.said.push(line);
        Some(event)
    }

    /// The next event of this name. Others before it are passed over.
    pub async fn until(&mut self, name: &str) -> Value {
        loop {
            match self.next().await {
                Some(event) if event["event"] == name => return event,
                Some(_) => {}
                None => panic!("{} ended before it said {name}\n{}", self.name, self.said.join("\n")),
            }
        }
    }

    /// The text of the next frame it got, as it came.
    pub async fn frame(&mut self) -> String {
        let event = self.until("frame").await;
        event["text"].as_str().unwrap_or_else(|| panic!("{}: no text: {event}", self.name)).to_owned()
    }

    /// Ends it, and says what it had said.
    pub async fn quit(mut self) -> Vec<String> {
        self.say("quit").await;
        while self.next().await.is_some() {}
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status");
        assert!(status.success(), "{} ended with {status}\n{}", self.name, self.said.join("\n"));
        self.said
    }
}

/// What runs a program, as `tests/run` looks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interpreter {
    /// A Node that has a WebSocket of its own: 20.10 or newer.
    Node,
    /// A Python 3 that has the package websockets.
    Python,
}

impl Interpreter {
    fn of(name: &str) -> Self {
        if name.ends_with(".py") { Interpreter::Python } else { Interpreter::Node }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            // Since Node 22 without it.
            Interpreter::Node => &["--experimental-websocket"],
            Interpreter::Python => &[],
        }
    }

    fn find(self) -> Result<PathBuf, String> {
        let (variable, installed) = match self {
            Interpreter::Node => ("AETHER_TEST_NODE", "node"),
            Interpreter::Python => ("AETHER_TEST_WEBSOCKETS", "websockets-python"),
        };
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("venv");
        choose(variable, env::var_os(variable), &venv.join(installed))
    }
}

/// The variable, then what `tests/run` has installed.
fn choose(variable: &str, named: Option<OsString>, installed: &Path) -> Result<PathBuf, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        let problem = || format!("{variable}={} is not a file", named.display());
        return if named.is_file() { Ok(named) } else { Err(problem()) };
    }
    let problem = || format!("call tests/run, which installs what runs it, or name that in {variable}");
    Some(installed.to_owned()).filter(|path| path.is_file()).ok_or_else(problem)
}

#[test]
fn an_interpreter_is_named_or_installed_and_never_skipped() {
    let root = tempfile::tempdir().unwrap();
    let (named, installed) = (root.path().join("named"), root.path().join("node"));
    assert!(choose("X", None, &installed).unwrap_err().contains("tests/run"));
    for file in [&named, &installed] {
        std::fs::write(file, "").unwrap();
    }
    assert_eq!(choose("X", None, &installed), Ok(installed.clone()));
    assert_eq!(choose("X", Some("".into()), &installed), Ok(installed.clone()));
    assert_eq!(choose("X", Some(named.clone().into()), &installed), Ok(named));
    assert!(choose("X", Some("/nowhere".into()), &installed).unwrap_err().contains("X=/nowhere"));
}
