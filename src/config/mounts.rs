//! Settings of mounts: which path speaks which dialect.

use super::{Annotate, Audience, DialectName, RefuseWith, Render, ServerMonitor, V3Shaped, Valtronics, Vectra};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Stands for a server's id in paths and groups of the server monitor.
pub const SERVER_ID: &str = "{server_id}";

/// `[[mounts]]`: a path pattern and, where two dialects share a path, more to tell them apart.
/// What is not said is taken from `[v2]` and `[policy]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Path with `{group_id}` and `{client_id}`, each one whole segment; of server monitors with `{server_id}`.
    pub path: String,
    /// The dialect spoken there.
    pub dialect: DialectName,
    /// Only for this host (without port), any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only with these query parameters; `"*"` = present with any value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Only with these headers; `"*"` = present with any value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// The group, where the path has none; of server monitors with `{server_id}` in it. See `Mount::group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The account of clients whose credential names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// As `auth.guests`, for this mount only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guests: Option<bool>,
    /// As `v2.audience`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// As `v2.v3_shaped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v3_shaped: Option<V3Shaped>,
    /// As `v2.annotate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotate: Option<Annotate>,
    /// As `v2.render`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render: Option<Render>,
    /// As `v2.presence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<bool>,
    /// As `v2.keepalive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<bool>,
    /// As `policy.refuse_with`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_with: Option<RefuseWith>,
    /// A text frame for V2 clients of this mount that are warned, once after they came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// More about `dialect = "valtronics"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valtronics: Option<Valtronics>,
    /// More about `dialect = "server-monitor"`, which needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_monitor: Option<ServerMonitor>,
    /// More about `dialect = "vectra"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectra: Option<Vectra>,
}

impl Mount {
    /// A mount that says nothing but its path and dialect.
    pub fn new(path: &str, dialect: DialectName) -> Self {
        Self {
            path: path.into(),
            dialect,
            host: None,
            query: BTreeMap::new(),
            header: BTreeMap::new(),
            group: None,
            account: None,
            guests: None,
            audience: None,
            v3_shaped: None,
            annotate: None,
            render: None,
            presence: None,
            keepalive: None,
            refuse_with: None,
            notice: None,
            valtronics: None,
            server_monitor: None,
            vectra: None,
        }
    }

    /// The group its clients join where the path does not say: the mount's own word, else that of the dialect.
    /// With `SERVER_ID` in it, every server has a group of its own.
    pub fn group(&self) -> Option<Cow<'_, str>> {
        match (&self.group, &self.dialect) {
            (Some(group), _) => Some(group.into()),
            (None, DialectName::Valtronics | DialectName::Vectra) => Some(self.dialect.label().into()),
            (None, DialectName::ServerMonitor) => Some(SERVER_ID.into()),
            (None, DialectName::AetherV2 | DialectName::AetherV3 | DialectName::Custom(_)) => None,
        }
    }

    /// The paths of the Aether guides.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::new("/v3/ws/group/{group_id}/client/{client_id}", DialectName::AetherV3),
            Self::new("/ws/group/{group_id}/client/{client_id}", DialectName::AetherV2),
            Self::new("/ws_redis/group/{group_id}/client/{client_id}", DialectName::AetherV2),
        ]
    }
}
