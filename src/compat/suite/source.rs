//! Owns where an expectation comes from: a promise of a guide, or the proxy's own choice.

use serde::{Deserialize, Serialize};

/// The source of a case. A server may fail the second kind and still be right.
#[derive(Deserialize, Serialize, Debug, Clone, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// A protocol guide says so.
    Guide {
        /// Where in the guide.
        section: String,
    },
    /// The guide is silent or contradicts itself, and the proxy chose.
    Proxy {
        /// Why this.
        why: String,
    },
}

impl Source {
    /// The section, or the reason.
    pub fn told(&self) -> &str {
        match self {
            Source::Guide { section } => section,
            Source::Proxy { why } => why,
        }
    }

    /// Every server that keeps to the guides does it so.
    pub fn is_promise(&self) -> bool {
        matches!(self, Source::Guide { .. })
    }
}
