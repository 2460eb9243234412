//! Owns every setting of the proxy: one file a concern, defaults in code, no I/O but reading the settings file.
//! `load` reads file, environment and flags; what a setting does is told where it is used.

mod auth;
mod env;
mod envelope;
mod hub;
mod human;
mod key;
mod limits;
mod listen;
mod load;
mod mounts;
mod network;
mod policy;
mod problems;
mod reload;
mod schema;
mod secret;
mod sources;
mod switch;
mod telemetry;
mod v2;
mod validate;

pub use auth::{ApiKey, Auth, Broadcasters, Guests, Jwt, Require};
pub use envelope::{Envelope, Nulls, UnknownMembers};
pub use hub::{Channels, Hub, Presence, V2Trouble, Wire};
pub use human::parse_duration;
pub use limits::{DuplicateClient, Limits, SlowConsumer};
pub use listen::{Listen, TlsFiles};
pub use load::{ConfigError, DEFAULT_TOML, LoadOptions, effective, load, validate_config};
pub use mounts::{DialectName, Mount};
pub use network::{Network, NotANetwork};
pub use policy::{Policy, RefuseWith};
pub use reload::{Reload, diff, reloaded};
pub use secret::{RedisUrl, Secret};
pub use switch::Switch;
pub use telemetry::{LogFormat, Telemetry};
pub use v2::{Annotate, Audience, Render, Tenancy, V2, V3Shaped};

use serde::{Deserialize, Serialize};

/// All settings. `Config::default()` is a working proxy on loopback with the in-process hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the proxy listens.
    pub listen: Listen,
    /// The hub that joins nodes: Redis, or the process itself.
    pub hub: Hub,
    /// Who may come in.
    pub auth: Auth,
    /// How accounts are kept apart.
    pub tenancy: Tenancy,
    /// What V3 clients see.
    pub envelope: Envelope,
    /// How the legacy dialect is translated, where a mount does not say otherwise.
    pub v2: V2,
    /// Which path speaks which dialect; the first that matches wins.
    pub mounts: Vec<Mount>,
    /// Bounds on everything a client can make grow.
    pub limits: Limits,
    /// How refusals are told.
    pub policy: Policy,
    /// Logs and metrics.
    pub telemetry: Telemetry,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            hub: Hub::default(),
            auth: Auth::default(),
            tenancy: Tenancy::default(),
            envelope: Envelope::default(),
            v2: V2::default(),
            mounts: Mount::defaults(),
            limits: Limits::default(),
            policy: Policy::default(),
            telemetry: Telemetry::default(),
        }
    }
}
