//! Settings of authentication. Secrets are `Secret`: they print as `[redacted]` wherever they go.

use super::{Secret, Switch, WebUrl};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Who may come in without any credential.
    pub guests: Guests,
    /// Which credentials a client must present.
    pub require: Require,
    /// Who may send to everyone (`target: "broadcast"`).
    pub broadcast: Broadcasters,
    /// Take the account from `x_account_id` when the credential itself names none, also from guests. Such an account is
    /// a claim, not a proof. `Auto`: only while no configured credential can prove an account; otherwise anybody with
    /// a shared app key could walk into any account.
    pub account_from_client: Switch,
    /// Origins a browser may come from (`https://app.example.com`, `https://*.example.com` for one label);
    /// empty = any.
    pub origins: Vec<String>,
    /// API keys written here, by name.
    pub api_keys: Vec<ApiKey>,
    /// A TOML file with `[[api_keys]]` tables, read again when it changes. To withdraw all keys write `api_keys = []`:
    /// an empty file counts as half-written.
    pub api_keys_file: Option<PathBuf>,
    /// JSON web tokens.
    pub jwt: Jwt,
    /// Deadline of dialects that authenticate in their first frame.
    #[serde(with = "super::human::duration")]
    pub in_band_timeout: Duration,
    /// How long a client that failed there is kept before it is closed, and up to half as long on top: some dial again
    /// at once, for ever.
    #[serde(with = "super::human::duration")]
    pub refuse_delay: Duration,
    /// What the worker of Vectra presents where its mount names no secret of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_secret: Option<Secret>,
    /// File with that secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_secret_file: Option<PathBuf>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            guests: Guests::Auto,
            require: Require::Any,
            broadcast: Broadcasters::Any,
            account_from_client: Switch::Auto,
            origins: Vec::new(),
            api_keys: Vec::new(),
            api_keys_file: None,
            jwt: Jwt::default(),
            in_band_timeout: Duration::from_secs(10),
            refuse_delay: Duration::from_secs(5),
            worker_secret: None,
            worker_secret_file: None,
        }
    }
}

impl Auth {
    /// Is there any credential that could be checked? Without one the proxy stays on loopback.
    pub fn has_credentials(&self) -> bool {
        !self.api_keys.is_empty() || self.api_keys_file.is_some() || self.jwt.is_configured()
    }
}

/// `auth.guests`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guests {
    /// Allowed while no credential is configured, else denied.
    Auto,
    /// Allowed on every mount.
    Allow,
    /// Denied.
    Deny,
}

/// `auth.require`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// One valid credential; one that is presented and wrong is refused all the same.
    Any,
    /// A valid API key; a token beside it is checked too.
    ApiKey,
    /// A valid token.
    Jwt,
    /// Both.
    Both,
}

/// `auth.broadcast`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broadcasters {
    /// Every client, as the guide promises (section 4 C).
    Any,
    /// Keys with `broadcast = true` and tokens whose `auth.jwt.broadcast_claim` is true.
    Listed,
    /// Nobody.
    None,
}

/// `[[auth.api_keys]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// How logs and metrics call the key; it names the tenant where no account does.
    pub name: String,
    /// The key itself; prefer `sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// SHA-256 of the key, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The account every holder belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The group every holder belongs to; for agents of a server monitor the id of their server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// May send to everyone when `auth.broadcast = "listed"`.
    #[serde(default)]
    pub broadcast: bool,
}

/// `[auth.jwt]`: one source of keys or more (`secret`, `secret_file`, `public_key_file`, `jwks_file`, `jwks_url`).
/// A token passes with the key of any source; each key only checks algorithms of its own kind. Files are read again
/// when they change: replace them by renaming, so that none is seen half-written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    /// Accepted algorithms (HS256/384/512, RS256/384/512, PS256/384/512, ES256/384, EdDSA); the token's own claim
    /// is never trusted beyond this list.
    pub algorithms: Vec<String>,
    /// Shared secret for HS256, HS384 and HS512; RFC 7518 section 3.2 asks for 32 bytes or more.
    pub secret: Option<Secret>,
    /// File with the shared secret.
    pub secret_file: Option<PathBuf>,
    /// PEM file with a public key (RSA of 2048 bits or more, EC P-256 or P-384, Ed25519).
    pub public_key_file: Option<PathBuf>,
    /// JWKS file, read again when it changes.
    pub jwks_file: Option<PathBuf>,
    /// JWKS address, fetched again by `jwks_refresh` and when an unknown `kid` arrives. https trusts the machine's
    /// roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
    pub jwks_url: Option<WebUrl>,
    /// How often the JWKS is fetched.
    #[serde(with = "super::human::duration")]
    pub jwks_refresh: Duration,
    /// Refuse tokens without `exp`; without it a token that leaks is good for ever.
    pub require_exp: bool,
    /// Required `iss`; empty = not checked.
    pub issuer: String,
    /// Accepted `aud`; empty = not checked.
    pub audience: Vec<String>,
    /// Clock difference that is forgiven.
    #[serde(with = "super::human::duration")]
    pub leeway: Duration,
    /// Claims that name the account; the first present wins.
    pub account_claims: Vec<String>,
    /// Claim that allows broadcasting when `auth.broadcast = "listed"`.
    pub broadcast_claim: String,
}

impl Jwt {
    /// Is there a source of keys?
    pub fn is_configured(&self) -> bool {
        self.secret.is_some()
            || self.secret_file.is_some()
            || self.public_key_file.is_some()
            || self.jwks_file.is_some()
            || self.jwks_url.is_some()
    }
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            algorithms: ["HS256", "RS256", "ES256", "EdDSA"].map(String::from).to_vec(),
            secret: None,
            secret_file: None,
            public_key_file: None,
            jwks_file: None,
            jwks_url: None,
            jwks_refresh: Duration::from_secs(300),
            require_exp: true,
            issuer: String::new(),
            audience: Vec::new(),
            leeway: Duration::from_secs(30),
            account_claims: ["account_id", "x_account_id", "account"].map(String::from).to_vec(),
            broadcast_claim: "broadcast".into(),
        }
    }
}
