//! Settings of what is remembered about the migration, and of what "done" means.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[migration]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Migration {
    /// How often what this node has seen goes to the inventory.
    #[serde(with = "super::human::duration")]
    pub flush_interval: Duration,
    /// A tenant without V2 for this long has moved; the gates look back as far.
    #[serde(with = "super::human::duration")]
    pub quiet: Duration,
    /// A V2 client that was not seen for this long leaves the inventory.
    #[serde(with = "super::human::duration")]
    pub forget_after: Duration,
    /// V2 clients in the inventory; above it the longest unseen go.
    pub max_clients: usize,
    /// Tenants that are remembered; later ones are counted together.
    pub max_tenants: usize,
    /// The first frames of each V2 connection are linted, then one of so many; 1 = all, 0 = none.
    pub lint_sample: u32,
    /// What must hold before V2 can be switched off.
    pub gates: Vec<GateName>,
}

impl Default for Migration {
    fn default() -> Self {
        Self {
            flush_interval: Duration::from_secs(5),
            quiet: Duration::from_secs(7 * 24 * 3600),
            forget_after: Duration::from_secs(30 * 24 * 3600),
            max_clients: 50_000,
            max_tenants: 10_000,
            lint_sample: 16,
            gates: vec![
                GateName::NoV2Connections,
                GateName::NoV2Handshakes,
                GateName::NoLoss,
                GateName::NoRoundtripMismatch,
                GateName::AllTenantsV3Only,
            ],
        }
    }
}

/// `migration.gates`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    /// No V2 connection was open for `quiet`.
    NoV2Connections,
    /// No V2 handshake was tried, refused ones included, for twice `quiet`.
    NoV2Handshakes,
    /// Nothing was lost for `quiet`.
    NoLoss,
    /// Every law check matched for `quiet`.
    NoRoundtripMismatch,
    /// Every tenant speaks V3 only.
    AllTenantsV3Only,
    /// V2 was refused for an hour or more, and nobody came who was not let in.
    BrownoutPassed,
    /// The legacy server gave recipients the same for `quiet`.
    ShadowClean,
}
