//! Owns where an expectation comes from: a promise of a guide, or the proxy's own choice.

use serde::Deserialize;

/// The source of a case.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    Guide { section: String },
    Proxy { why: String },
}

impl Source {
    /// The section, or the reason.
    pub fn told(&self) -> &str {
        match self {
            Source::Guide { section } => section,
            Source::Proxy { why } => why,
        }
    }
}
