//! Tests of the whole: settings and credentials in, principal or refusal out. What they share is here.

mod algorithms;
mod claims;
mod files;
mod groups;
mod jwks;
mod presume;
mod rules;
mod server;

use super::{Authenticator, Credentials, Mint, Principal, Refusal, SigningKey, mint};
use crate::clock::{Clock, Timestamp};
use crate::config::{ApiKey, Auth, Jwt, Secret, WebUrl};
use rcgen::{KeyPair, SignatureAlgorithm};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// 2026-03-11T12:34:56Z, and the clock of all tests.
const NOW: Timestamp = Timestamp(1_773_232_496_000);
const SECRET: &str = "a shared secret of more than thirty-two bytes";

/// A key pair in PEM.
struct Pair {
    private: Secret,
    public: String,
}

impl Pair {
    fn new(kind: &'static SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(kind).expect("key pair");
        Self { private: Secret::new(pair.serialize_pem()), public: pair.public_key_pem() }
    }
}

// Made once: RSA keys take their time.
static RSA: LazyLock<Pair> = LazyLock::new(|| Pair::new(&rcgen::PKCS_RSA_SHA256));
static P256: LazyLock<Pair> = LazyLock::new(|| Pair::new(&rcgen::PKCS_ECDSA_P256_SHA256));
static P384: LazyLock<Pair> = LazyLock::new(|| Pair::new(&rcgen::PKCS_ECDSA_P384_SHA384));
static ED: LazyLock<Pair> = LazyLock::new(|| Pair::new(&rcgen::PKCS_ED25519));

/// All that are known.
const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Settings that check tokens, with every algorithm.
fn jwt(change: impl FnOnce(&mut Jwt)) -> Auth {
    let mut auth = Auth::default();
    auth.jwt.algorithms = ALGORITHMS.map(String::from).to_vec();
    change(&mut auth.jwt);
    auth
}

fn by_secret() -> Auth {
    jwt(|jwt| jwt.secret = Some(Secret::new(SECRET)))
}

/// An API key in plain text.
fn api_key(name: &str, key: &str) -> ApiKey {
    ApiKey {
        name: name.into(),
        key: Some(Secret::new(key)),
        sha256: None,
        account: None,
        group: None,
        broadcast: false,
    }
}

async fn auth(config: &Auth) -> Authenticator {
    Authenticator::new(config, Clock::fixed(NOW)).await.expect("usable settings")
}

/// A token that is good for a minute, changed as the test needs it.
fn token(key: SigningKey<'_>, change: impl FnOnce(&mut Mint)) -> Secret {
    let mut what = Mint { ttl: Some(Duration::from_secs(60)), ..Mint::default() };
    change(&mut what);
    mint(&what, key, NOW).expect("token")
}

fn shown_token(token: Secret) -> Credentials {
    Credentials { token: Some(token), ..Credentials::default() }
}

fn shown_key(key: &str) -> Credentials {
    Credentials { api_key: Some(Secret::new(key)), ..Credentials::default() }
}

/// Checks a token alone, guests denied.
async fn check(auth: &Authenticator, token: Secret) -> Result<Principal, Refusal> {
    auth.check(&shown_token(token), false).await
}

/// The refusal, where there must be one.
async fn refusal(auth: &Authenticator, token: Secret) -> Refusal {
    check(auth, token).await.expect_err("a refusal")
}

/// Writes a file so that it looks different from before, however coarse the file system's clock is.
fn write(path: &Path, text: &str) {
    let before = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    std::fs::write(path, text).expect("write");
    if let Some(before) = before {
        let file = std::fs::File::options().write(true).open(path).expect("open");
        file.set_modified(before + Duration::from_secs(1)).expect("mtime");
    }
}
