//! The place of a setting, as `mounts[1].path`, and where its value came from.

use std::fmt;

/// Keys whose value is a secret or holds one; `mounts` as a whole, which a variable may set.
const SECRET: [&str; 8] = [
    "hub.url",
    "auth.jwt.secret",
    "auth.jwt.jwks_url",
    "auth.worker_secret",
    "listen.admin_token",
    "mounts",
    "mounts[].server_monitor.me_upstream",
    "mounts[].vectra.worker_secret",
];

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a table.
    Name(String),
    /// Into a list.
    Item(usize),
}

/// The place of a setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyPath(pub Vec<Step>);

impl KeyPath {
    /// The key `name` below this one.
    pub fn name(&self, name: &str) -> Self {
        self.with(Step::Name(name.into()))
    }

    /// Element `index` of this list.
    pub fn item(&self, index: usize) -> Self {
        self.with(Step::Item(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// As in the schema's list of keys: `mounts[].path`.
    pub fn pattern(&self) -> String {
        self.text(|_| "[]".into())
    }

    /// Holds a secret, or may: its value is never repeated in a message.
    pub fn is_secret(&self) -> bool {
        let pattern = self.pattern();
        SECRET.contains(&pattern.as_str()) || pattern.starts_with("auth.api_keys")
    }

    fn text(&self, index: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Item(at) => text.push_str(&index(*at)),
                Step::Name(name) if text.is_empty() => text.push_str(name),
                Step::Name(name) => {
                    text.push('.');
                    text.push_str(name);
                }
            }
        }
        text
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|at| format!("[{at}]")))
    }
}

/// Where a value came from. The order is the order of strength.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A line of the settings file; line 0 is the file itself.
    File(String, usize),
    /// An environment variable.
    Variable(String),
    /// `--set key=…`
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(file, 0) => f.write_str(file),
            Origin::File(file, line) => write!(f, "{file}:{line}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(key) => write!(f, "--set {key}"),
        }
    }
}
