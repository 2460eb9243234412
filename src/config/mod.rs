//! Owns every setting of the proxy: one file a concern, defaults in code, no I/O but reading the settings file.
//! `load` reads file, environment and flags; what a setting does is told where it is used.

mod auth;
mod capture;
mod date;
mod dialect;
mod dialects;
mod env;
mod envelope;
mod hub;
mod human;
mod key;
mod limits;
mod listen;
mod load;
mod migration;
mod mounts;
mod network;
mod policy;
mod problems;
mod reload;
mod remarks;
mod schema;
mod secret;
mod server_monitor;
mod shadow;
mod sources;
mod switch;
mod telemetry;
mod v2;
mod validate;
mod valtronics;
mod vectra;
mod window;

pub use auth::{ApiKey, Auth, Broadcasters, Guests, Jwt, Require};
pub use capture::{Capture, Opaque};
pub use date::Date;
pub use dialect::DialectName;
pub use dialects::{CustomDialect, FieldMap, Fixture, Jq, MapStep, NonObjects, Scalar, Unmapped};
pub use envelope::{Envelope, Nulls, UnknownMembers};
pub use hub::{ACCOUNT, Channels, Hub, Presence, V2Trouble, Wire};
pub use human::{parse_duration, parse_size};
pub use limits::{DuplicateClient, Limits, SlowConsumer};
pub use listen::{Listen, TlsFiles};
pub use load::{ConfigError, DEFAULT_TOML, LoadOptions, effective, load, validate_config};
pub use migration::{GateName, Migration};
pub use mounts::{Mount, SERVER_ID};
pub use network::{Network, NotANetwork};
pub use policy::{Exemption, NewTenants, OpenConnections, Policy, PolicyAction, RefuseWith, Rule, Who};
pub use reload::{Reload, diff, reloaded};
pub use remarks::remarks;
pub use secret::{RedisUrl, Secret, WebUrl};
pub use server_monitor::{Me, Role, ServerMonitor};
pub use shadow::Shadow;
pub use switch::Switch;
pub use telemetry::{LogFormat, Telemetry};
pub use v2::{Annotate, Audience, Render, Tenancy, V2, V3Shaped};
pub use valtronics::{Channel, Compat, Valtronics};
pub use vectra::Vectra;
pub use window::Window;

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
    /// Dialects of your own.
    pub dialects: Vec<CustomDialect>,
    /// Bounds on everything a client can make grow.
    pub limits: Limits,
    /// Who may still come with V2, and how a refusal is told.
    pub policy: Policy,
    /// What is remembered about the migration.
    pub migration: Migration,
    /// What is written down of V2 traffic.
    pub capture: Capture,
    /// What also goes to the legacy server.
    pub shadow: Shadow,
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
            dialects: Vec::new(),
            limits: Limits::default(),
            policy: Policy::default(),
            migration: Migration::default(),
            capture: Capture::default(),
            shadow: Shadow::default(),
            telemetry: Telemetry::default(),
        }
    }
}
