//! Settings of how a refusal is told.

use serde::{Deserialize, Serialize};

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How a handshake is refused.
    pub refuse_with: RefuseWith,
}

impl Default for Policy {
    fn default() -> Self {
        Self { refuse_with: RefuseWith::Http }
    }
}

/// `policy.refuse_with`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefuseWith {
    /// An HTTP status and a JSON body.
    Http,
    /// Accept, then close with the code: the only answer a browser's script can read.
    Close,
}
