//! Owns one key that tokens are checked with. Each key is bound to the algorithms of its own kind when it is made, so
//! that no token can talk the house into using a public key as a shared secret (RFC 8725 section 3.1).

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};

/// Shared secrets.
const HMAC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
/// RSA, PKCS#1 v1.5 and PSS.
const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
/// RSA below 2048 bits is refused when a token is checked; better when the key is read.
const MIN_RSA_BYTES: usize = 256;

/// Why a key cannot be used. No text holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyProblem {
    #[error("the secret is empty")]
    EmptySecret,
    #[error("this is a private key: give its public half (openssl pkey -in private.pem -pubout)")]
    Private,
    #[error("this is a certificate: give its public key (openssl x509 -in cert.pem -pubkey -noout)")]
    Certificate,
    #[error("not a PEM public key of RSA, EC (P-256, P-384) or Ed25519")]
    Unknown,
    #[error("an RSA key below 2048 bits")]
    SmallRsa,
    #[error("auth.jwt.algorithms lists none that this key can check")]
    NoAlgorithm,
    #[error("not a JSON web key set: {{\"keys\":[…]}}")]
    NoSet,
    #[error("no key of this set can check signatures of auth.jwt.algorithms")]
    NoUsableKey,
    #[error("more than 64 keys")]
    TooMany,
}

/// A key, what it may check, and its name.
#[derive(Debug, Clone)]
pub(super) struct VerifyKey {
    pub kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl VerifyKey {
    /// Binds a key to those of its own algorithms that are accepted.
    pub fn new(
        kid: Option<String>,
        own: &[Algorithm],
        accepted: &[Algorithm],
        key: DecodingKey,
    ) -> Result<Self, KeyProblem> {
        let algorithms: Vec<_> = own.iter().copied().filter(|alg| accepted.contains(alg)).collect();
        if algorithms.is_empty() {
            return Err(KeyProblem::NoAlgorithm);
        }
        Ok(Self { kid, algorithms, key })
    }

    /// A shared secret; a line end after it is not part of it.
    pub fn from_secret(secret: &str, accepted: &[Algorithm]) -> Result<Self, KeyProblem> {
        let secret = secret.trim_end_matches(['\r', '\n']);
        match secret.len() {
            0 => return Err(KeyProblem::EmptySecret),
            n if n < 32 => tracing::warn!(bytes = n, "the JWT secret is shorter than 32 bytes and can be guessed"),
            _ => {}
        }
        Self::new(None, &HMAC, accepted, DecodingKey::from_secret(secret.as_bytes()))
    }

    /// A public key, whatever kind it is.
    pub fn from_pem(pem: &str, accepted: &[Algorithm]) -> Result<Self, KeyProblem> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(KeyProblem::Private);
        }
        if pem.contains("BEGIN CERTIFICATE-----") {
            return Err(KeyProblem::Certificate);
        }
        let bytes = pem.as_bytes();
        let key = DecodingKey::from_ed_pem(bytes)
            .or_else(|_| DecodingKey::from_ec_pem(bytes))
            .or_else(|_| DecodingKey::from_rsa_pem(bytes))
            .map_err(|_| KeyProblem::Unknown)?;
        let own = own_algorithms(&key)?;
        Self::new(None, own, accepted, key)
    }

    /// May this key check a token of this algorithm and key name? A key without a name, or a token without one,
    /// leaves it to the signature.
    pub fn fits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let named_alike = match (&self.kid, kid) {
            (Some(own), Some(kid)) => own == kid,
            _ => true,
        };
        named_alike && self.algorithms.contains(&algorithm)
    }

    /// Is the message signed by this key's owner?
    pub fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.algorithms.contains(&algorithm)
            && crypto::verify(signature, message.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

/// The algorithms a key can check by its nature.
pub(super) fn own_algorithms(key: &DecodingKey) -> Result<&'static [Algorithm], KeyProblem> {
    match key.family() {
        AlgorithmFamily::Hmac => Ok(&HMAC),
        AlgorithmFamily::Rsa => {
            // Any RSA algorithm serves: only the modulus is looked at.
            let jwk = Jwk::from_decoding_key(key, Some(Algorithm::RS256)).map_err(|_| KeyProblem::Unknown)?;
            match jwk.algorithm {
                AlgorithmParameters::RSA(rsa) if rsa.n.len() * 3 / 4 >= MIN_RSA_BYTES => Ok(&RSA),
                _ => Err(KeyProblem::SmallRsa),
            }
        }
        // An uncompressed point: 0x04, x, y.
        AlgorithmFamily::Ec => match key.try_get_as_bytes().map_or(0, <[u8]>::len) {
            65 => Ok(&[Algorithm::ES256]),
            97 => Ok(&[Algorithm::ES384]),
            _ => Err(KeyProblem::Unknown),
        },
        AlgorithmFamily::Ed => match key.try_get_as_bytes().map_or(0, <[u8]>::len) {
            32 => Ok(&[Algorithm::EdDSA]),
            _ => Err(KeyProblem::Unknown),
        },
    }
}
