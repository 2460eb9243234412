//! Owns the check of a JSON web token: which key may check it, does the signature hold, may it be fetched anew.
//! What the token then says is `claims`.

use super::claims::{ClaimRules, Proof};
use super::jwks::{self, Origin};
use super::key::VerifyKey;
use super::remote::RemoteKeys;
use super::watched::WatchedFile;
use super::{AuthError, Refusal};
use crate::clock::Timestamp;
use crate::config::{self, Secret};
use crate::envelope::ids::AccountId;
use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Everything that tokens are checked with.
#[derive(Debug)]
pub(super) struct Tokens {
    accepted: Vec<Algorithm>,
    rules: ClaimRules,
    secret: Option<VerifyKey>,
    files: Vec<KeyFile>,
    pub remote: Option<Arc<RemoteKeys>>,
}

/// A file with keys.
#[derive(Debug)]
struct KeyFile {
    file: WatchedFile,
    kind: FileKind,
    keys: ArcSwap<Vec<VerifyKey>>,
}

#[derive(Debug, Clone, Copy)]
enum FileKind {
    Secret,
    Pem,
    Jwks,
}

/// A token taken apart, nothing of it proven.
struct Unverified<'a> {
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// Why no key accepted a token.
enum Miss {
    /// None fits.
    NoKey,
    /// The one it names does not fit.
    Named,
    /// Those that might do not fit, and none was named.
    Unnamed,
}

/// RFC 7515 section 4.1, what matters here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<IgnoredAny>,
}

impl Tokens {
    /// Reads secret and files; fetches nothing. None where no source of keys is configured.
    ///
    /// # Errors
    /// Unknown algorithms, files or keys that cannot be used.
    pub async fn load(
        config: &config::Jwt,
        old: Option<&Tokens>,
        tasks: &TaskTracker,
    ) -> Result<Option<Self>, AuthError> {
        if !config.is_configured() {
            return Ok(None);
        }
        let accepted = algorithms(&config.algorithms)?;
        let secret = config.secret.as_ref().map(|secret| VerifyKey::from_secret(secret.expose(), &accepted));
        let secret =
            secret.transpose().map_err(|problem| AuthError::setting("auth.jwt.secret", problem.to_string()))?;
        let mut files = Vec::new();
        for (path, kind) in [
            (&config.secret_file, FileKind::Secret),
            (&config.public_key_file, FileKind::Pem),
            (&config.jwks_file, FileKind::Jwks),
        ] {
            let Some(path) = path else { continue };
            let file = WatchedFile::new(path);
            let keys = kind.parse(&file, &file.read().await?, &accepted)?;
            files.push(KeyFile { file, kind, keys: ArcSwap::from_pointee(keys) });
        }
        let remote = config
            .jwks_url
            .as_ref()
            .map(|url| RemoteKeys::new(url.expose(), &accepted, config.jwks_refresh, tasks).map(Arc::new));
        let remote = remote.transpose()?;
        if let (Some(new), Some(old)) = (&remote, old.and_then(|old| old.remote.as_ref())) {
            new.inherit(old);
        }
        Ok(Some(Self { accepted, rules: ClaimRules::new(config), secret, files, remote }))
    }

    /// Reads files that changed and fetches what is due.
    pub async fn poll(&self) {
        for file in &self.files {
            file.poll(&self.accepted).await;
        }
        if let Some(remote) = &self.remote {
            remote.refresh_if_due().await;
        }
    }

    /// Does the token hold, and what does it prove?
    ///
    /// # Errors
    /// One of the `Token…` refusals, or `KeysUnavailable` while the JWKS address has never answered.
    pub async fn check(&self, token: &str, now: Timestamp) -> Result<Proof, Refusal> {
        let token = Unverified::parse(token, &self.accepted)?;
        if let Err(miss) = self.verify(&token) {
            // A shared secret never comes from an address.
            let remote = self.remote.as_ref().filter(|_| token.algorithm.family() != AlgorithmFamily::Hmac);
            match (remote, miss) {
                // The key it names is here and says no: fetching would not help.
                (None, Miss::Named | Miss::Unnamed) | (Some(_), Miss::Named) => return Err(Refusal::TokenSignature),
                (None, Miss::NoKey) => return Err(Refusal::TokenKeyUnknown),
                (Some(remote), Miss::NoKey | Miss::Unnamed) => {
                    remote.refresh_for_unknown_key().await;
                    self.verify(&token).map_err(|miss| match miss {
                        _ if remote.keys().is_none() => Refusal::KeysUnavailable,
                        Miss::NoKey => Refusal::TokenKeyUnknown,
                        Miss::Named | Miss::Unnamed => Refusal::TokenSignature,
                    })?;
                }
            }
        }
        let payload = URL_SAFE_NO_PAD.decode(token.payload).map_err(|_| Refusal::TokenMalformed)?;
        let payload = std::str::from_utf8(&payload).map_err(|_| Refusal::TokenMalformed)?;
        self.rules.check(payload, now)
    }

    /// The account it names, with nothing proven: neither signature nor time nor issuer is looked at.
    pub fn named_account(&self, token: &str) -> Option<AccountId> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        self.rules.named_account(std::str::from_utf8(&payload).ok()?)
    }

    fn verify(&self, token: &Unverified<'_>) -> Result<(), Miss> {
        let mut miss = Miss::NoKey;
        let mut try_all = |keys: &[VerifyKey]| {
            keys.iter().filter(|key| key.fits(token.algorithm, token.kid.as_deref())).any(|key| {
                if key.kid.is_some() && token.kid.is_some() {
                    miss = Miss::Named;
                } else if matches!(miss, Miss::NoKey) {
                    miss = Miss::Unnamed;
                }
                key.verifies(token.algorithm, token.message, token.signature)
            })
        };
        let held = try_all(self.secret.as_slice())
            || self.files.iter().any(|file| try_all(&file.keys.load()))
            || self.remote.as_ref().and_then(|remote| remote.keys()).is_some_and(|keys| try_all(&keys));
        if held { Ok(()) } else { Err(miss) }
    }
}

impl KeyFile {
    async fn poll(&self, accepted: &[Algorithm]) {
        let Some(read) = self.file.changed().await else { return };
        match read.and_then(|text| self.kind.parse(&self.file, &text, accepted)) {
            Ok(keys) => {
                tracing::info!(file = %self.file.path().display(), keys = keys.len(), "token keys read again");
                self.keys.store(Arc::new(keys));
            }
            Err(error) => {
                tracing::error!(error = %error, reason = error.label(), "token keys not read again, the old ones stay");
            }
        }
    }
}

impl FileKind {
    fn parse(self, file: &WatchedFile, text: &Secret, accepted: &[Algorithm]) -> Result<Vec<VerifyKey>, AuthError> {
        match self {
            FileKind::Secret => VerifyKey::from_secret(text.expose(), accepted).map(|key| vec![key]),
            FileKind::Pem => VerifyKey::from_pem(text.expose(), accepted).map(|key| vec![key]),
            FileKind::Jwks => jwks::parse(text.expose(), accepted, Origin::File),
        }
        .map_err(|problem| file.problem(problem.to_string()))
    }
}

impl<'a> Unverified<'a> {
    fn parse(token: &'a str, accepted: &[Algorithm]) -> Result<Self, Refusal> {
        let malformed = Refusal::TokenMalformed;
        let (message, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = message.split_once('.').ok_or(malformed)?;
        if payload.contains('.') {
            return Err(malformed);
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| malformed)?;
        if header.crit.is_some() {
            return Err(malformed);
        }
        // `none` is no algorithm here, in whatever case it is written.
        let algorithm = header.alg.parse().map_err(|_| Refusal::TokenAlgorithm)?;
        if !accepted.contains(&algorithm) {
            return Err(Refusal::TokenAlgorithm);
        }
        Ok(Self { message, payload, signature, algorithm, kid: header.kid })
    }
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, AuthError> {
    let bad = |problem: String| AuthError::setting("auth.jwt.algorithms", problem);
    if names.is_empty() {
        return Err(bad("must list one algorithm at least".into()));
    }
    let one = |name: &String| {
        name.parse().map_err(|_| bad(format!("`{name}` is not one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")))
    };
    names.iter().map(one).collect()
}
