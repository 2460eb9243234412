//! The command line as shells and scripts meet it: a process with arguments, pipes and an exit code.

mod check;
mod compat;
mod lint;
mod mutual;
mod own;
mod replay;
mod report;
mod token;
mod translate;

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What a command came to.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

/// A command of the proxy, ready to be changed and run.
fn proxy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aether-proxy"));
    // The variables of whoever runs the tests must not change what is tested.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AETHER_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
fn end(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().expect("it was piped");
    let input = input.to_vec();
    // Beside reading, or a full pipe stops both sides for ever. A command may also end without reading.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let _ = writer.join().expect("a writer does not panic");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: status.code().expect("no signal ended it"), out: text(stdout), err: text(stderr) }
}

fn run(arguments: &[&str]) -> Ended {
    end(proxy(arguments), b"")
}

#[test]
fn help_and_version_are_no_failures_and_tell_the_exit_codes() {
    let help = run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for word in [
        "serve",
        "check",
        "translate",
        "lint",
        "replay",
        "compat",
        "token",
        "report",
        "who",
        "EXIT CODES",
        " 65 ",
        " 77 ",
        " 78 ",
        "AETHER_CONFIG",
    ] {
        assert!(help.out.contains(word), "{word} is not in {}", help.out);
    }
    assert_eq!(run(&["--version"]).out, format!("aether-proxy {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["serve", "check", "translate", "lint", "replay", "compat", "token", "report", "who"] {
        assert_eq!(run(&[command, "--help"]).code, 0, "{command}");
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    for arguments in [
        &["nope"][..],
        &["--set", "limits.message"],
        &["translate"],
        &["translate", "--from", "v2", "--to", "v4"],
        &["translate", "--from", "v3", "--to", "v3"],
        &["translate", "--from", "v3", "--to", "v2", "--restore"],
        &["translate", "--from", "v2", "--to", "v3", "--client", "server"],
        &["lint"],
        &["lint", "--deny", "V2012", "-"],
        &["lint", "--frames", "text", "--max-message", "big", "-"],
        &["replay"],
        &["replay", "-", "--speed", "2"],
        &["replay", "-", "--target", "wss://127.0.0.1:1"],
        &["replay", "-", "--target", "ws://127.0.0.1:1/path"],
        &["replay", "-", "--target", "ws://192.0.2.1:1"],
        &["replay", "-", "--target", "ws://127.0.0.1:1", "--speed", "-1"],
        &["compat"],
        &["compat", "--list", "--target", "ws://127.0.0.1:1"],
        &["compat", "--compare", "old.json"],
        &["token", "--ttl", "soon"],
        &["report", "--format", "pdf"],
        &["who", "--limit", "0"],
        &["who", "--token", "x", "--token-file", "y"],
        &["token", "--alg", "none", "--set", "auth.jwt.secret=x"],
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (64, ""), "{arguments:?}: {}", ended.err);
        assert!(!ended.err.is_empty(), "{arguments:?}");
    }
}
