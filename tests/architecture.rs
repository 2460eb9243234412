//! Holds the house to its plan: which layer may use which, what each file begins with, how long it may be,
//! and which words may stand where. It reads the source as text and knows no types; what clippy can see is left to clippy.

#![allow(clippy::expect_used, reason = "a test that cannot read the source must fail")]

#[path = "architecture/self_test.rs"]
mod self_test;
#[path = "architecture/view.rs"]
mod view;

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};
use view::{View, line_of, numbers, starts};

/// Lines a file may have. What is longer holds more than one idea.
const MAX_LINES: usize = 400;

/// Layers of `src/`, lowest first, and what each may use beside itself.
/// A new edge in this table needs a sentence in its commit.
const LAYERS: &[(&str, &[&str])] = &[
    ("label", &[]),
    ("envelope", &[]),
    ("close", &["label"]),
    ("clock", &[]),
    // Dialects are told the time, and name the reason when one of their rules ends a connection.
    ("dialect", &["label", "envelope", "close", "clock"]),
    // A dialect in the settings is held to its laws before anything is served by it.
    ("config", &["envelope", "dialect"]),
    // Both listeners use it, and they do not know each other.
    ("tls", &["config"]),
    ("auth", &["label", "envelope", "config", "clock"]),
    // It knows the one subcommand by name, and nothing else of who calls it.
    ("jq", &["label", "envelope"]),
    // Labels are types, so the metrics know the enums they are labelled with.
    ("telemetry", &["label", "close", "clock", "config", "dialect"]),
    // Both the inventory and the hub lie on Redis, and they do not know each other.
    ("redis_client", &["config"]),
    // The way to other servers; what is said there belongs to whoever goes it.
    ("dial", &[]),
    // It holds servers against cases, and must know nothing of how this one does it: of `dialect` it takes what a frame is.
    ("compat", &["label", "envelope", "clock", "config", "dialect", "redis_client", "dial"]),
    // It closes V2 connections with a reason, tells generations apart, and lints frames.
    // Its shadow talks to the legacy server.
    ("migration", &["label", "envelope", "close", "clock", "config", "dialect", "telemetry", "redis_client", "dial"]),
    ("hub", &["label", "envelope", "dialect", "jq", "config", "clock", "close", "telemetry", "redis_client"]),
    (
        "session",
        &["label", "envelope", "close", "clock", "config", "telemetry", "auth", "dialect", "jq", "migration", "hub"],
    ),
    ("edge", ABOVE_SESSION),
    ("admin", ABOVE_SESSION),
    ("app", EVERYTHING),
    ("cli", EVERYTHING),
    ("main", EVERYTHING),
    ("lib", EVERYTHING),
];
/// What the two listeners may use. They do not know each other: only `app` does.
const ABOVE_SESSION: &[&str] = &[
    "label",
    "envelope",
    "close",
    "clock",
    "config",
    "telemetry",
    "tls",
    "auth",
    "dialect",
    "jq",
    "migration",
    "hub",
    "session",
];
/// What stands on top may use anything.
const EVERYTHING: &[&str] = &[
    "label",
    "envelope",
    "close",
    "clock",
    "config",
    "telemetry",
    "tls",
    "auth",
    "dialect",
    "jq",
    "redis_client",
    "dial",
    "compat",
    "migration",
    "hub",
    "session",
    "edge",
    "admin",
    "app",
    "cli",
];

/// "Only X does Y", as far as text can tell. Tests inside a file are exempt.
struct Only {
    /// What to look for.
    what: Pattern,
    /// Where it may stand: files or folders below `src/`.
    allowed: &'static [&'static str],
    /// Why nowhere else.
    why: &'static str,
}

/// How a rule looks at a file.
enum Pattern {
    /// A path as code, from its first segment on: `redis::` does not match `crate::hub::redis::`.
    Code(&'static str),
    /// Text, also inside of string literals; the scheme of a URL does not count.
    Text(&'static str),
    /// An integer literal in this range.
    Number(Range<u32>),
}

const ONLY: &[Only] = &[
    // `close` ends.
    only(Pattern::Number(4400..4509), &["close.rs"], "close codes stand in one table: use CloseReason"),
    only(Pattern::Code("CloseCode::"), &["close.rs", "session/"], "only a session writes a close frame"),
    // `keys` names. The templates are settings, so their defaults are config's.
    only(
        Pattern::Text("\"ws:"),
        &["hub/keys.rs", "config/", "compat/profile.rs"],
        "names on Redis come from hub::keys",
    ),
    // The core has no I/O and no runtime.
    only(Pattern::Code("tokio::"), RUNTIME, "this layer is plain functions, tested without a runtime"),
    only(
        Pattern::Code("redis::"),
        &["redis_client/", "hub/", "migration/", "compat/play/"],
        "Redis is the hub's and the inventory's",
    ),
    only(Pattern::Text("WebSocketStream"), &["session/", "edge/", "dial/"], "only a session reads and writes frames"),
    only(Pattern::Code("jsonwebtoken::"), &["auth/", "cli/"], "tokens are read in auth and made by the cli"),
    // The root names the error of a metric declared twice.
    only(Pattern::Code("prometheus::"), &["telemetry/", "admin/", "app.rs"], "metrics have one declaration"),
    // Settings and time reach code as values.
    only(Pattern::Code("std::env::"), &["config/load.rs", "cli/", "main.rs"], "settings reach code as values"),
    only(Pattern::Code("SystemTime::"), &["clock.rs"], "the calendar is clock::Clock, so that tests can set it"),
    // Errors have names below the composition root.
    only(Pattern::Code("anyhow::"), &["app.rs", "cli/", "main.rs"], "closed error enums, each with a label"),
];
/// Layers that may know the runtime.
const RUNTIME: &[&str] = &[
    "telemetry/",
    "tls.rs",
    "tls/",
    "auth/",
    "jq/",
    "redis_client/",
    "dial/",
    "compat/play/",
    "migration/",
    "hub/",
    "session/",
    "edge/",
    "admin/",
    "app.rs",
    "app/",
    "cli/",
    "main.rs",
];

const fn only(what: Pattern, allowed: &'static [&'static str], why: &'static str) -> Only {
    Only { what, allowed, why }
}

/// One broken rule.
#[derive(Debug, PartialEq)]
struct Violation {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

#[test]
fn the_house_stands_as_planned() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.iter().any(|path| path.ends_with("src/lib.rs")), "the source was not found below {root:?}");
    let mut violations = Vec::new();
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    for path in files {
        let name = path.strip_prefix(root).expect("collected below the root").to_string_lossy().replace('\\', "/");
        check(&name, &read(&path).expect("a readable source file"), &mut violations);
        if !is_declared(&name, |parent| read(&root.join(parent))) {
            let rule = "no `mod` names this file, so it is not compiled and its tests never run".to_owned();
            violations.push(Violation { file: name, line: 1, rule });
        }
    }
    let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} broken rules:\n{}", list.len(), list.join("\n"));
}

/// All Rust files below a folder, which need not exist.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// Does a parent module say `mod` of this file? The roots of what cargo builds need none.
fn is_declared(name: &str, read: impl Fn(&str) -> Option<String>) -> bool {
    let stem = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let Some((folder, module)) = stem.rsplit_once('/') else { return true };
    let is_root = matches!(module, "main" | "lib") || matches!(folder, "tests" | "benches" | "examples");
    let parents =
        [format!("{folder}/mod.rs"), format!("{folder}/main.rs"), format!("{folder}/lib.rs"), format!("{folder}.rs")];
    is_root
        || parents.iter().filter_map(|parent| read(parent)).any(|text| {
            let code = View::of(&text).with_tests;
            starts(&code, "mod ")
                .any(|at| code[at + 4..].strip_prefix(module).is_some_and(|rest| rest.starts_with([';', ' '])))
        })
}

/// Applies every rule to one file; `name` is relative to the repository.
fn check(name: &str, text: &str, violations: &mut Vec<Violation>) {
    let mut broken = |line, rule| violations.push(Violation { file: name.to_owned(), line, rule });
    if !text.starts_with("//!") {
        broken(1, "a file begins with `//!`: what it owns, and what not".into());
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        broken(MAX_LINES + 1, format!("{lines} lines: at most {MAX_LINES}, one idea a file"));
    }
    let Some(inner) = name.strip_prefix("src/") else { return };
    let view = View::of(text);
    check_layer(inner, &view.code, &mut broken);
    for rule in ONLY {
        if rule.allowed.iter().any(|place| inner == *place || (place.ends_with('/') && inner.starts_with(place))) {
            continue;
        }
        for at in rule.what.find(&view) {
            broken(line_of(text, at), format!("{}: only in {}: {}", rule.what, rule.allowed.join(", "), rule.why));
        }
    }
}

/// Looks at every path that starts at the crate's root: `crate::x`, `crate::{x, y}`, enough `super::`.
fn check_layer(inner: &str, code: &str, broken: &mut impl FnMut(usize, String)) {
    let modules: Vec<&str> = inner.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let layer = modules[0];
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return broken(1, format!("`{layer}` has no place in the layer table of tests/architecture.rs"));
    };
    let mut roots: Vec<usize> = starts(code, "crate::").map(|at| at + "crate::".len()).collect();
    for at in starts(code, "super::") {
        let ups = code.as_bytes()[at..].chunks(7).take_while(|part| *part == b"super::").count();
        if ups >= modules.len() {
            roots.push(at + ups * "super::".len());
        }
    }
    for at in roots {
        for (offset, used) in heads(&code[at..]) {
            if used != layer && !allowed.contains(&used) {
                let line = line_of(code, at + offset);
                broken(line, format!("`{layer}` may not use `{used}`; it may use: {}", allowed.join(", ")));
            }
        }
    }
}

/// First segments of what follows `crate::`: one name, or those of a `{…}` list; with their offsets.
fn heads(rest: &str) -> Vec<(usize, &str)> {
    let word = |from: usize| {
        let end = rest[from..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(rest.len(), |n| from + n);
        (from, &rest[from..end])
    };
    if !rest.starts_with('{') {
        return vec![word(0)];
    }
    let (mut found, mut depth, mut fresh) = (Vec::new(), 0, false);
    for (at, c) in rest.char_indices() {
        match c {
            '{' => (depth, fresh) = (depth + 1, depth == 0),
            '}' => depth -= 1,
            ',' => fresh = depth == 1,
            c if fresh && !c.is_whitespace() => {
                found.push(word(at));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

impl Pattern {
    fn find(&self, view: &View) -> Vec<usize> {
        match self {
            Self::Code(path) => starts(&view.code, path).collect(),
            Self::Text(text) => {
                let found = view.text.match_indices(text).map(|(at, found)| (at, at + found.len()));
                found.filter(|(_, end)| !view.text[*end..].starts_with("//")).map(|(at, _)| at).collect()
            }
            Self::Number(range) => numbers(&view.code).filter(|(_, n)| range.contains(n)).map(|(at, _)| at).collect(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(text) | Self::Text(text) => write!(f, "`{text}`"),
            Self::Number(range) => write!(f, "numbers {} to {}", range.start, range.end - 1),
        }
    }
}
