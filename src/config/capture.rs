//! Settings of the capture of V2 traffic: what is written down, how much of it, and what is blacked out first.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[capture]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Where to; none = nothing is captured.
    pub file: Option<PathBuf>,
    /// So many of a hundred groups, always the same ones: whole conversations, not single frames.
    pub percent: u8,
    /// Tenants, as patterns with `*` and `?`; empty = all.
    pub tenants: Vec<String>,
    /// The file is never larger; then the capture pauses until the next start or reload.
    #[serde(with = "super::human::size")]
    pub max_size: usize,
    /// JSON pointers (RFC 6901) of values that are blacked out; `*` stands for any one key or index.
    pub redact: Vec<String>,
    /// Frames that pointers cannot reach into: text that is no JSON, and binary.
    pub opaque: Opaque,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            file: None,
            percent: 100,
            tenants: Vec::new(),
            max_size: 64 << 20,
            // Valtronics clients may log in by a message in a batch.
            redact: ["/password", "/token", "/api_key", "/jwt", "/secret", "/messages/*/token"]
                .map(str::to_owned)
                .to_vec(),
            opaque: Opaque::Length,
        }
    }
}

/// `capture.opaque`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opaque {
    /// Only how long they were.
    Length,
    /// As they are.
    Keep,
}
