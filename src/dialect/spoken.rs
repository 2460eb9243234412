//! Owns the names of the dialects and their generations: labels of metrics, words of logs and policies.

use crate::label::labels;

labels! {
    /// The two generations.
    pub enum Protocol {
        /// Any legacy dialect.
        V2 = "v2",
        /// `WS_Message_V3`.
        V3 = "v3",
    }
}

labels! {
    /// The name of each dialect.
    pub enum Spoken {
        /// Loose JSON, text, binary.
        AetherV2 = "aether-v2",
        /// Strict envelopes.
        AetherV3 = "aether-v3",
        /// Subscriptions to channels of telemetry, alerts and states.
        Valtronics = "valtronics",
        /// Agents of servers and the pages that watch them.
        ServerMonitor = "server-monitor",
        /// Dashboards and their one worker.
        Vectra = "vectra",
        /// Any dialect made by settings (`[[dialects]]`).
        Custom = "custom",
    }
}

impl Spoken {
    /// Its generation.
    pub fn protocol(self) -> Protocol {
        match self {
            Spoken::AetherV3 => Protocol::V3,
            _ => Protocol::V2,
        }
    }
}
