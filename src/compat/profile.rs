//! Owns what is known of a target before anything is played: where its ways in are, what it is set to, and what it lets
//! in. All of it has defaults, which are those of the guides. How it is asked for is the command's.

use super::suite::Speaks;
use crate::config::{RedisUrl, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A target.
#[derive(Deserialize, Debug, Clone)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// `ws://host:port` or `wss://host:port`, perhaps with a path in front of all others.
    #[serde(skip)]
    pub url: String,
    /// Its hub, for cases that publish there.
    #[serde(skip)]
    pub redis: Option<RedisUrl>,
    /// What it is set to, as the cases name it: `v2.annotate` and so on. Cases that need something else are skipped.
    pub settings: Map<String, Value>,
    /// Paths of Aether's ways in, with `{group}` and `{client}`.
    pub paths: BTreeMap<Speaks, String>,
    /// Channels of its hub.
    pub channels: Channels,
    /// What clients of Aether come with.
    pub credentials: Credentials,
    /// The ways in of other dialects; the first that has the settings of a case, no more and no less, serves it.
    pub mounts: Vec<Mount>,
}

/// Channels of the hub.
#[derive(Deserialize, Debug, Clone)]
#[serde(default, deny_unknown_fields)]
pub struct Channels {
    /// With `{group}`.
    pub group: String,
    /// With `{client}`.
    pub client: String,
    /// Of all.
    pub broadcast: String,
}

/// What clients come with.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// As `api_key` in the query.
    pub api_key: Option<Secret>,
    /// As `jwt` in the query.
    pub jwt: Option<Secret>,
    /// As `x_account_id` in the query.
    pub account: Option<String>,
}

/// A way in of another dialect.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Which.
    pub dialect: Speaks,
    /// Its path, perhaps with `{group}`, `{client}` and a query.
    pub path: String,
    /// The group V3 clients meet its clients in; `{group}` is the case's.
    #[serde(default = "same")]
    pub group: String,
    /// What it is set to, as conversations name it: what differs from the guide, `role` included. With
    /// `denies`, everybody who comes is turned down for this reason.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The id by which V3 clients know whoever comes here. Without it they do not, and nobody addresses them.
    #[serde(default)]
    pub client: Option<String>,
    /// Headers it wants.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Tokens and API keys it lets in when they are presented in a frame; `*`: all. The first is taken where a case does
    /// not say which; where a case names another, one of these stands in for it.
    #[serde(default)]
    pub accepts: Vec<String>,
    /// It asks for a login in the first frame.
    #[serde(default)]
    pub login: bool,
}

impl Profile {
    /// The way in that has these settings; `group` and `client` among them are the case's own.
    pub fn mount(&self, dialect: Speaks, settings: &Map<String, Value>) -> Option<&Mount> {
        let own = |(name, _): &(&String, &Value)| !["group", "client"].contains(&name.as_str());
        let has = |mount: &&Mount| mount.settings.iter().filter(own).eq(settings.iter().filter(own));
        self.mounts.iter().filter(|mount| mount.dialect == dialect).find(has)
    }
}

impl Default for Profile {
    /// Paths and channels of the guides.
    fn default() -> Self {
        let paths = [
            (Speaks::V2, "/ws/group/{group}/client/{client}"),
            (Speaks::V2Redis, "/ws_redis/group/{group}/client/{client}"),
            (Speaks::V2Bare, "/ws/{client}"),
            (Speaks::V3, "/v3/ws/group/{group}/client/{client}"),
        ];
        Self {
            url: String::new(),
            redis: None,
            settings: Map::new(),
            paths: paths.into_iter().map(|(speaks, path)| (speaks, path.to_owned())).collect(),
            channels: Channels::default(),
            credentials: Credentials::default(),
            mounts: Vec::new(),
        }
    }
}

impl Default for Channels {
    fn default() -> Self {
        let [group, client, broadcast] = ["ws:group:{group}", "ws:client:{client}", "ws:broadcast"].map(str::to_owned);
        Self { group, client, broadcast }
    }
}

fn same() -> String {
    "{group}".to_owned()
}
