//! Settings of the shadow: a share of V2 traffic also goes to the legacy server, and what comes of it is compared.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[shadow]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shadow {
    /// The legacy server, such as `ws://10.0.0.5:8000`; path and query are the client's. None = no shadow.
    pub url: Option<String>,
    /// A second instance of it: where the two differ from one another, a difference to us says nothing.
    pub noise_url: Option<String>,
    /// So many of a hundred groups, always the same ones, on every node.
    pub percent: u8,
    /// Tenants, as patterns with `*` and `?`; empty = all.
    pub tenants: Vec<String>,
    /// How long a frame may be missing on one side.
    #[serde(with = "super::human::duration")]
    pub window: Duration,
    /// JSON pointers (RFC 6901) of values that may differ, or be missing on one side; `*` stands for any one key or index.
    pub ignore: Vec<String>,
    /// Connections to the legacy server at most, for each of the two.
    pub max_connections: usize,
    /// Does the order of one sender's frames count?
    pub order: bool,
}

impl Default for Shadow {
    fn default() -> Self {
        Self {
            url: None,
            noise_url: None,
            percent: 5,
            tenants: Vec::new(),
            window: Duration::from_secs(5),
            ignore: Vec::new(),
            max_connections: 500,
            order: true,
        }
    }
}
