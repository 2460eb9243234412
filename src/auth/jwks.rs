//! Reads JSON web key sets (RFC 7517). Keys that are not for us (encryption, unknown kinds) are passed over.

use super::key::{KeyProblem, VerifyKey, own_algorithms};
use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A token without `kid` is tried with every key: this bounds the work.
const MAX_KEYS: usize = 64;

/// Where a set comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file of this machine, which may hold shared secrets (`kty: oct`).
    File,
    /// An address, which may not: what is published is no secret.
    Url,
}

/// Each key by itself, so that one of an unknown kind does not spoil the others.
#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The keys of a set that can check tokens.
///
/// # Errors
/// Not a set, too large, or nothing in it that could be used.
pub(super) fn parse(text: &str, accepted: &[Algorithm], origin: Origin) -> Result<Vec<VerifyKey>, KeyProblem> {
    let set: Set<'_> = serde_json::from_str(text).map_err(|_| KeyProblem::NoSet)?;
    if set.keys.len() > MAX_KEYS {
        return Err(KeyProblem::TooMany);
    }
    let keys: Vec<_> = set.keys.iter().filter_map(|raw| key(raw.get(), accepted, origin)).collect();
    if keys.is_empty() { Err(KeyProblem::NoUsableKey) } else { Ok(keys) }
}

fn key(text: &str, accepted: &[Algorithm], origin: Origin) -> Option<VerifyKey> {
    let jwk: Jwk = serde_json::from_str(text).ok()?;
    let common = &jwk.common;
    let for_signatures = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    if !for_signatures {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let secret = decoding.family() == AlgorithmFamily::Hmac;
    if secret && (origin == Origin::Url || decoding.try_get_as_bytes().is_ok_and(<[u8]>::is_empty)) {
        return None;
    }
    let mut own = own_algorithms(&decoding).ok()?.to_vec();
    if let Some(said) = common.key_algorithm {
        let said = Algorithm::try_from(said).ok()?;
        own.retain(|alg| *alg == said);
    }
    VerifyKey::new(common.key_id.clone(), &own, accepted, decoding).ok()
}
