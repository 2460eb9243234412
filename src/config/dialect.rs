//! Settings' names of the dialects: those that are built in, and those that settings make.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `mounts.dialect`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum DialectName {
    /// Loose JSON, text and binary.
    AetherV2,
    /// `WS_Message_V3`.
    AetherV3,
    /// Telemetry of devices, by channel.
    Valtronics,
    /// Agents on servers, and pages that watch them.
    ServerMonitor,
    /// One worker, and pages that watch it.
    Vectra,
    /// Any other word: the name of a dialect that settings make. That there is one, validation says.
    Custom(String),
}

impl DialectName {
    /// Those that need no settings of their own.
    pub const BUILT_IN: [DialectName; 5] =
        [Self::AetherV2, Self::AetherV3, Self::Valtronics, Self::ServerMonitor, Self::Vectra];

    /// Those that are not V3, as policies name them.
    pub const LEGACY: [&str; 4] = ["aether-v2", "valtronics", "server-monitor", "vectra"];

    /// The word in the settings, and in metrics and logs for those that are built in.
    pub fn label(&self) -> &str {
        match self {
            Self::AetherV2 => "aether-v2",
            Self::AetherV3 => "aether-v3",
            Self::Valtronics => "valtronics",
            Self::ServerMonitor => "server-monitor",
            Self::Vectra => "vectra",
            Self::Custom(name) => name,
        }
    }

    /// Must the path of a mount name each client? The other protocols know no client ids.
    pub fn names_clients_by_path(&self) -> bool {
        matches!(self, Self::AetherV2 | Self::AetherV3)
    }
}

impl From<String> for DialectName {
    fn from(word: String) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|name| name.label() == word);
        built_in.unwrap_or(Self::Custom(word))
    }
}

impl From<DialectName> for String {
    fn from(name: DialectName) -> Self {
        name.label().into()
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_all_but_v3_are_legacy() {
        for name in DialectName::BUILT_IN {
            assert_eq!(DialectName::from(name.to_string()), name);
        }
        let legacy: Vec<_> = DialectName::BUILT_IN.into_iter().filter(|n| *n != DialectName::AetherV3).collect();
        assert_eq!(legacy.iter().map(DialectName::label).collect::<Vec<_>>(), DialectName::LEGACY);
        let written = serde_json::to_string(&DialectName::ServerMonitor).unwrap();
        assert_eq!(written, "\"server-monitor\"");
        let made: DialectName = serde_json::from_str("\"kiosk\"").unwrap();
        assert_eq!((made.label(), &made), ("kiosk", &DialectName::Custom("kiosk".into())));
    }
}
