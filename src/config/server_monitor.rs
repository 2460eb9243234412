//! Settings of a mount that speaks with a server monitor's agents or front ends.

use super::{Compat, WebUrl};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[mounts.server_monitor]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerMonitor {
    /// Who comes here.
    pub role: Role,
    /// Whose behaviour clients meet.
    #[serde(default = "guide")]
    pub compat: Compat,
    /// How long an agent's answer goes back to who sent the command.
    #[serde(default = "five_minutes", with = "super::human::duration")]
    pub answers_within: Duration,
    /// What becomes of the request by which agents test their key; None = it is not known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub me: Option<Me>,
    /// The path of that request.
    #[serde(default = "me_path")]
    pub me_path: String,
    /// Where it is forwarded to: scheme and host. Path and query are the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub me_upstream: Option<WebUrl>,
}

impl ServerMonitor {
    /// A mount that says nothing but who comes.
    pub fn new(role: Role) -> Self {
        Self { role, compat: guide(), answers_within: five_minutes(), me: None, me_path: me_path(), me_upstream: None }
    }
}

/// `mounts.server_monitor.role`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The agent of a server; which one, its API key says (`auth.api_keys.group`).
    Agent,
    /// A page that shows a server's metrics.
    Metrics,
    /// A page that shows a server's log.
    Logs,
}

/// `mounts.server_monitor.me`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Me {
    /// From the API keys here.
    Answer,
    /// To `me_upstream`.
    Forward,
}

fn guide() -> Compat {
    Compat::Guide
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn me_path() -> String {
    "/api/v1/api-keys/me".into()
}
