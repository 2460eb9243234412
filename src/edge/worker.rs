//! Owns how a worker proves itself in its handshake: by a secret, in a header or in the query. Only its hash is kept,
//! and it is compared in constant time.

use super::mounts::parameter;
use crate::config::{Secret, Vectra};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Where the secret stands; it wins over the query.
const HEADER: &str = "x-worker-secret";
/// Where it stands else.
const PARAMETER: &str = "token";
/// Who comes: `client`, which is meant too where it is missing, or `worker`.
const ROLE: &str = "client_type";
/// The largest file that is read for a secret.
const MOST: u64 = 16 << 10;

/// SHA-256 of the secret.
#[derive(Clone)]
pub struct WorkerSecret([u8; 32]);

impl fmt::Debug for WorkerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why the file of a secret is none. No text holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFile {
    /// The system's reason.
    #[error("`vectra.worker_secret_file` cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing in it, or much too much.
    #[error("`vectra.worker_secret_file` is empty or larger than 16 KiB")]
    Size,
}

/// Whom a request says it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A client.
    Client,
    /// The worker, which knows the secret.
    Worker,
    /// Somebody who says it is the worker and does not know the secret, or says it is something else.
    Stranger,
    /// Somebody who says it is the worker, where there is no secret and so none comes in.
    Uninvited,
}

impl WorkerSecret {
    /// From the settings, or the file they name; None where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or holds none.
    pub fn load(settings: &Vectra) -> Result<Option<Self>, SecretFile> {
        if let Some(secret) = settings.worker_secret.as_ref().filter(|secret| !secret.expose().is_empty()) {
            return Ok(Some(Self::of(secret.expose())));
        }
        let Some(path) = &settings.worker_secret_file else { return Ok(None) };
        let size = std::fs::metadata(path)?.len();
        let text = Secret::new(if size > MOST { String::new() } else { std::fs::read_to_string(path)? });
        // The line end after it is not part of it.
        match text.expose().trim_end_matches(['\r', '\n']) {
            "" => Err(SecretFile::Size),
            secret => Ok(Some(Self::of(secret))),
        }
    }

    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Is it this one? The time it takes does not tell.
    fn is(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

impl Caller {
    /// Whom a request comes from.
    pub fn of(query: &str, headers: &HeaderMap, secret: Option<&WorkerSecret>) -> Self {
        match parameter(query, ROLE).as_deref() {
            None | Some("client") => return Self::Client,
            Some("worker") => {}
            Some(_) => return Self::Stranger,
        }
        let Some(secret) = secret else { return Self::Uninvited };
        // An empty header counts as none (the guide's own source).
        let known = match headers.get(HEADER).filter(|presented| !presented.is_empty()) {
            Some(presented) => secret.is(presented.as_bytes()),
            None => parameter(query, PARAMETER).is_some_and(|presented| secret.is(presented.as_bytes())),
        };
        if known { Self::Worker } else { Self::Stranger }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use std::io::Write;

    fn caller(query: &str, header: Option<&'static str>) -> Caller {
        let mut headers = HeaderMap::new();
        headers.extend(
            header.map(|value| (hyper::header::HeaderName::from_static(HEADER), HeaderValue::from_static(value))),
        );
        Caller::of(query, &headers, Some(&WorkerSecret::of("s3cret")))
    }

    #[test]
    fn a_worker_is_who_knows_the_secret_and_the_header_wins() {
        for client in ["", "client_type=client", "token=s3cret", "client_type=worker&client_type=client"] {
            assert_eq!(caller(client, Some("s3cret")), Caller::Client, "{client}");
        }
        assert_eq!(caller("client_type=worker", Some("s3cret")), Caller::Worker);
        assert_eq!(caller("client_type=worker&token=s3cret", None), Caller::Worker);
        assert_eq!(caller("client_type=worker&token=wrong", Some("s3cret")), Caller::Worker);
        for stranger in ["client_type=worker", "client_type=worker&token=", "client_type=worker&token=S3cret"] {
            assert_eq!(caller(stranger, None), Caller::Stranger, "{stranger}");
        }
        assert_eq!(caller("client_type=worker&token=s3cret", Some("wrong")), Caller::Stranger);
        assert_eq!(caller("client_type=worker&token=s3cret", Some("")), Caller::Worker);
        assert_eq!(caller("client_type=admin&token=s3cret", None), Caller::Stranger);
        assert_eq!(caller("client_type=", None), Caller::Stranger);
        assert_eq!(Caller::of("client_type=worker&token=", &HeaderMap::new(), None), Caller::Uninvited);
    }

    #[test]
    fn a_secret_is_read_from_a_file_and_never_shown() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let settings = Vectra { worker_secret_file: Some(file.path().into()), ..Vectra::default() };
        assert!(matches!(WorkerSecret::load(&settings), Err(SecretFile::Size)));
        file.write_all(b"s3cret\n").expect("written");
        let secret = WorkerSecret::load(&settings).expect("read").expect("a secret");
        assert!(secret.is(b"s3cret") && !secret.is(b"s3cret\n"));
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert!(WorkerSecret::load(&Vectra::default()).expect("nothing to read").is_none());
        let gone = Vectra { worker_secret_file: Some("/nowhere/at/all".into()), ..Vectra::default() };
        assert!(matches!(WorkerSecret::load(&gone), Err(SecretFile::Io(_))));
    }
}
