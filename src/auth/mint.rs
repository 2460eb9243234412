//! Makes tokens, for `aether-proxy token` and for tests. Pure: the time is given, nothing is read.

use crate::clock::Timestamp;
use crate::config::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value};
use std::time::Duration;

/// What signs.
#[derive(Debug, Clone, Copy)]
pub enum SigningKey<'a> {
    /// A shared secret: HS256 unless said otherwise.
    Secret(&'a Secret),
    /// A private key in PEM, PKCS#8 (or PKCS#1 for RSA): RS256, ES256, ES384 or EdDSA unless said otherwise.
    Pem(&'a Secret),
}

/// What a token shall say.
#[derive(Debug, Clone, Default)]
pub struct Mint {
    /// `alg`; None takes the key's usual one.
    pub algorithm: Option<String>,
    /// `kid`
    pub kid: Option<String>,
    /// `sub`
    pub subject: Option<String>,
    /// `account_id`
    pub account: Option<String>,
    /// `exp` is so long after now; None makes a token without `exp`.
    pub ttl: Option<Duration>,
    /// `iss`
    pub issuer: Option<String>,
    /// `aud`
    pub audience: Vec<String>,
    /// Further claims, which win over the ones above.
    pub extra: Map<String, Value>,
}

/// Why no token was made. No text holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// Not one of the twelve.
    #[error("not one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")]
    Algorithm,
    /// The key cannot sign so.
    #[error("the key cannot sign with this algorithm")]
    Mismatch,
    /// Not a private key.
    #[error("not a PEM private key of RSA, EC or Ed25519 in PKCS#8 form (openssl pkcs8 -topk8 -nocrypt)")]
    Key,
}

impl MintError {
    /// The same word in logs and answers.
    pub fn label(self) -> &'static str {
        match self {
            MintError::Algorithm => "mint_algorithm",
            MintError::Mismatch => "mint_mismatch",
            MintError::Key => "mint_key",
        }
    }
}

/// Makes a token.
///
/// # Errors
/// A key that is none, or that cannot sign with the algorithm asked for.
pub fn mint(what: &Mint, key: SigningKey<'_>, now: Timestamp) -> Result<Secret, MintError> {
    let (key, usual) = encoding_key(key)?;
    let asked = what.algorithm.as_ref().map(|name| name.parse::<Algorithm>().map_err(|_| MintError::Algorithm));
    let asked = asked.transpose()?;
    let claims = claims(what, now);
    // A P-384 key does not sign ES256: without a wish the first that works is taken.
    for &algorithm in asked.as_ref().map_or(usual, std::slice::from_ref) {
        let header = Header { kid: what.kid.clone(), ..Header::new(algorithm) };
        if let Ok(token) = encode(&header, &claims, &key) {
            return Ok(Secret::new(token));
        }
    }
    Err(MintError::Mismatch)
}

fn claims(what: &Mint, now: Timestamp) -> Map<String, Value> {
    let now = now.as_secs();
    let mut claims = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            claims.insert(name.into(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::from);
    put("iat", Some(now.into()));
    let ttl = what.ttl.map(|ttl| i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
    put("exp", ttl.map(|ttl| now.saturating_add(ttl).into()));
    put("sub", text(&what.subject));
    put("account_id", text(&what.account));
    put("iss", text(&what.issuer));
    put(
        "aud",
        match what.audience.as_slice() {
            [] => None,
            [one] => Some(one.clone().into()),
            all => Some(all.to_vec().into()),
        },
    );
    claims.extend(what.extra.clone());
    claims
}

fn encoding_key(key: SigningKey<'_>) -> Result<(EncodingKey, &'static [Algorithm]), MintError> {
    let pem = match key {
        SigningKey::Secret(secret) => {
            let secret = secret.expose().trim_end_matches(['\r', '\n']);
            return Ok((EncodingKey::from_secret(secret.as_bytes()), &[Algorithm::HS256]));
        }
        SigningKey::Pem(pem) => pem.expose(),
    };
    // The RSA reader takes public keys too, which sign nothing.
    if !pem.contains("PRIVATE KEY-----") {
        return Err(MintError::Key);
    }
    let bytes = pem.as_bytes();
    let ed = EncodingKey::from_ed_pem(bytes).map(|key| (key, &[Algorithm::EdDSA][..]));
    ed.or_else(|_| EncodingKey::from_ec_pem(bytes).map(|key| (key, &[Algorithm::ES256, Algorithm::ES384][..])))
        .or_else(|_| EncodingKey::from_rsa_pem(bytes).map(|key| (key, &[Algorithm::RS256][..])))
        .map_err(|_| MintError::Key)
}
