//! Settings of logs and metrics.

use serde::{Deserialize, Serialize};

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Shape of a log line.
    pub log_format: LogFormat,
    /// Filter as in `RUST_LOG`: `info`, `aether_proxy::hub=debug,info`.
    pub log_level: String,
    /// Tenants with a metric label of their own; the others share `_other`.
    pub max_tenants: usize,
    /// One of so many V2 frames is translated back and compared, bytes and opcode; 1 = all, 0 = none.
    pub roundtrip_check: u32,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log_format: LogFormat::Text, log_level: "info".into(), max_tenants: 100, roundtrip_check: 100 }
    }
}

/// `telemetry.log_format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}
