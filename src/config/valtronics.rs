//! Settings of a mount that speaks Valtronics.

use serde::{Deserialize, Serialize};

/// `[mounts.valtronics]`. The limits are those of the guide; 0 switches one off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Valtronics {
    /// Whose behaviour clients meet.
    pub compat: Compat,
    /// What they are subscribed to once they are authenticated; None = what they ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Open connections of one user.
    pub connections_per_user: usize,
    /// Open connections in all, of this proxy.
    pub connections: usize,
    /// Connections one user may make a minute.
    pub connects_per_minute: u32,
    /// Messages a connection may send a second.
    pub messages_per_second: u32,
    /// Largest frame in bytes. Larger ones get an error frame; above `limits.message` the connection ends.
    #[serde(with = "super::human::size")]
    pub message: usize,
    /// Messages in one `batch`.
    pub batch: usize,
}

impl Default for Valtronics {
    fn default() -> Self {
        Self {
            compat: Compat::Guide,
            channel: None,
            connections_per_user: 100,
            connections: 1000,
            connects_per_minute: 10,
            messages_per_second: 100,
            message: 1024,
            batch: 50,
        }
    }
}

/// `compat` of a legacy dialect: where its guide and its real server differ, whom to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// What the guide promises.
    Guide,
    /// What the real server does.
    Server,
}

/// `mounts.valtronics.channel`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// What devices measure.
    Telemetry,
    /// Alerts.
    Alerts,
    /// The state of the system.
    System,
    /// The state of the devices.
    Devices,
}
