//! Settings of the V3 envelope as clients see it.

use serde::{Deserialize, Serialize};

/// `[envelope]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Envelope {
    /// Members without a value.
    pub nulls: Nulls,
    /// Members a V3 client sends that the schema does not know.
    pub unknown_members: UnknownMembers,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { nulls: Nulls::Omit, unknown_members: UnknownMembers::Ignore }
    }
}

/// `envelope.nulls`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nulls {
    /// Left out.
    Omit,
    /// Written as `null` (and `payload: {}`), as the reference server's Pydantic dump does.
    Include,
}

/// `envelope.unknown_members`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownMembers {
    /// Dropped and counted.
    Ignore,
    /// Answered with an error.
    Reject,
}
