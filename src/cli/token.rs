//! `aether-proxy token`: makes a token that the same settings accept, for trying things out. It is no issuer:
//! it asks nobody who you are.

use super::exit::{Exit, Failure};
use super::out::{self, Out};
use super::settings::{Sources, pair};
use crate::auth::{Mint, MintError, SigningKey, mint};
use crate::clock::Clock;
use crate::config::{self, Secret, parse_duration};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes a JSON web token for tests, signed with the configured secret or a key file
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES:
  aether-proxy token --account acme --sub alice
  aether-proxy token --key-file private.pem --alg ES256 --ttl 5m --claim broadcast=true
  websocat \"$URL/ws/group/g/client/c?jwt=$(aether-proxy token --account acme)\"")]
pub struct Token {
    /// File with the shared secret, instead of the one in the settings
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// PEM file with a private key (RSA, EC, Ed25519)
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    key_file: Option<PathBuf>,
    /// Algorithm, such as HS256, RS256, ES256, EdDSA; usually the key's own
    #[arg(long)]
    alg: Option<String>,
    /// Name of the key (`kid`)
    #[arg(long)]
    kid: Option<String>,
    /// Whom it is about (`sub`)
    #[arg(long)]
    sub: Option<String>,
    /// Account
    #[arg(long)]
    account: Option<String>,
    /// How long it is good, such as 5m or 12h; "none" = for ever (no `exp`)
    #[arg(long, default_value = "1h", value_parser = ttl)]
    ttl: Ttl,
    /// Issuer (`iss`); usually the one in the settings
    #[arg(long)]
    issuer: Option<String>,
    /// Audience (`aud`), may be repeated; usually the one in the settings
    #[arg(long)]
    audience: Vec<String>,
    /// One more claim, as JSON where it is JSON, else as text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    claim: Vec<(String, String)>,
}

/// A duration, or none. (An `Option` would make the flag optional.)
#[derive(Debug, Clone, Copy)]
struct Ttl(Option<Duration>);

fn ttl(text: &str) -> Result<Ttl, String> {
    if text == "none" { Ok(Ttl(None)) } else { parse_duration(text).map(|ttl| Ttl(Some(ttl))) }
}

impl Token {
    /// Runs it.
    ///
    /// # Errors
    /// No key, or one that cannot sign so.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let config = config::load(&sources.options())?.auth.jwt;
        let what = self.what(&config);
        let key = self.key(&config)?;
        let token = mint(&what, key.signing(), Clock::system().now()).map_err(|error| match error {
            MintError::Algorithm => Failure::Usage(format!("--alg: {error}")),
            other => Failure::Other(Exit::Failure, other.to_string()),
        })?;
        out::complain("For tests: this token proves nothing but that you hold the key. Treat it as a password.");
        let mut out = Out::new();
        out.line(token.expose())?;
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// What it shall say: the flags, and where they are silent what the settings ask of a token.
    fn what(&self, config: &config::Jwt) -> Mint {
        let mut what = Mint {
            algorithm: self.alg.clone(),
            kid: self.kid.clone(),
            subject: self.sub.clone(),
            ttl: self.ttl.0,
            issuer: self.issuer.clone().or_else(|| Some(config.issuer.clone()).filter(|issuer| !issuer.is_empty())),
            audience: self.audience.clone(),
            ..Mint::default()
        };
        if what.audience.is_empty() {
            what.audience.extend(config.audience.first().cloned());
        }
        if what.algorithm.is_none() && self.secret_file.is_none() && self.key_file.is_none() {
            what.algorithm = config.algorithms.first().cloned();
        }
        let usual = "account_id";
        match (
            &self.account,
            config.account_claims.iter().find(|name| *name == usual).or(config.account_claims.first()),
        ) {
            (Some(account), Some(name)) if name != usual => {
                what.extra.insert(name.clone(), Value::from(account.clone()));
            }
            (account, _) => what.account.clone_from(account),
        }
        for (name, value) in &self.claim {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.clone()));
            what.extra.insert(name.clone(), value);
        }
        what
    }

    fn key(&self, config: &config::Jwt) -> Result<Key, Failure> {
        match (&self.key_file, self.secret_file.as_ref(), &config.secret, &config.secret_file) {
            (Some(file), ..) => Ok(Key::Pem(read(file)?)),
            (None, Some(file), ..) | (None, None, None, Some(file)) => Ok(Key::Secret(read(file)?)),
            (None, None, Some(secret), _) => Ok(Key::Secret(secret.clone())),
            (None, None, None, None) => Err(Failure::Other(
                Exit::Config,
                "nothing to sign with: set `auth.jwt.secret` (AETHER_AUTH__JWT__SECRET), or give --secret-file or --key-file"
                    .to_owned(),
            )),
        }
    }
}

/// What signs.
enum Key {
    Secret(Secret),
    Pem(Secret),
}

impl Key {
    fn signing(&self) -> SigningKey<'_> {
        match self {
            Key::Secret(secret) => SigningKey::Secret(secret),
            Key::Pem(pem) => SigningKey::Pem(pem),
        }
    }
}

fn read(file: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Other(Exit::Failure, format!("{}: {error}", file.display())))?;
    Ok(Secret::new(text))
}
