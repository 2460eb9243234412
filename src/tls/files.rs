//! Owns what a listener's PEM files must hold, and which TLS is made of them. The key reaches no error and no log.

use crate::config::TlsFiles;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, RootCertStore, ServerConfig};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

/// No file is larger, in bytes; a machine's whole list of roots has a quarter of it.
const MAX: u64 = 1 << 20;
/// The upgrade to WebSocket is HTTP/1.1's (RFC 6455 section 4.1).
const ALPN: &[u8] = b"http/1.1";

/// Why TLS cannot be had from the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting} = \"{}\": cannot be read: {source}", path.display())]
    Read {
        /// The key that names the file.
        setting: String,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{setting} = \"{}\": {problem}", path.display())]
    File {
        /// The key that names the file.
        setting: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl TlsError {
    /// The same word in logs and tests.
    pub fn label(&self) -> &'static str {
        match self {
            TlsError::Read { .. } => "unreadable",
            TlsError::File { .. } => "bad_file",
        }
    }
}

/// Inode, time of the last write and length of each file; none where there is no file.
pub(super) type Look = Vec<Option<(u64, SystemTime, u64)>>;

/// The files of one listener.
#[derive(Debug)]
pub(super) struct Files {
    setting: &'static str,
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl Files {
    /// None without a certificate; that a key comes with it, the settings were checked for.
    pub fn of(setting: &'static str, files: &TlsFiles) -> Option<Self> {
        let (certificate, key) = (files.certificate.clone()?, files.key.clone()?);
        Some(Self { setting, certificate, key, client_ca: files.client_ca.clone() })
    }

    /// The section they are set in.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// How they look now. Links are followed, so that one that points elsewhere looks different.
    pub async fn look(&self) -> Look {
        let mut look = Vec::with_capacity(3);
        for path in [&self.certificate, &self.key].into_iter().chain(&self.client_ca) {
            let meta = tokio::fs::metadata(path).await.ok();
            look.push(meta.and_then(|meta| Some((meta.ino(), meta.modified().ok()?, meta.len()))));
        }
        look
    }

    /// Reads them all, and makes the TLS of them.
    ///
    /// # Errors
    /// The first file that is no good.
    pub async fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = self.certificates("certificate", &self.certificate).await?;
        let key = self.private_key().await?;
        let clients = match &self.client_ca {
            None => None,
            Some(path) => Some(self.verifier(path).await?),
        };
        self.server(chain, key, clients)
    }

    fn server(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let bad_certificate = |error: Error| match error {
            Error::InconsistentKeys(_) => {
                let problem = format!("is not the key of the certificate in \"{}\"", self.certificate.display());
                self.problem("key", &self.key, problem)
            }
            Error::General(_) => self.problem("key", &self.key, "holds a key of a kind that is not supported"),
            other => self.problem("certificate", &self.certificate, format!("cannot be used: {other}")),
        };
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(bad_certificate)?;
        let verified = clients.is_some();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(clients),
        };
        let mut server = builder.with_single_cert(chain, key).map_err(bad_certificate)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        if verified {
            // Whoever resumes shows no certificate again, though it may have expired since.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        } else {
            // What a client that comes back needs, it keeps itself: thousands may at once.
            server.ticketer = aws_lc_rs::Ticketer::new().map_err(bad_certificate)?;
            server.send_tls13_tickets = 1;
        }
        Ok(Arc::new(server))
    }

    async fn certificates(&self, key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let text = self.bytes(key, path).await?;
        let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(self.problem(key, path, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")),
            Err(_) => Err(self.problem(key, path, "is no valid PEM")),
        }
    }

    async fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = self.bytes("key", &self.key).await?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            let problem = match error {
                pem::Error::NoItemsFound => "holds no private key in PEM (PKCS#8, SEC 1 or PKCS#1, not encrypted)",
                _ => "is no valid PEM",
            };
            self.problem("key", &self.key, problem)
        })
    }

    async fn verifier(&self, path: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in self.certificates("client_ca", path).await? {
            let bad = |error| self.problem("client_ca", path, format!("holds a certificate that is no good: {error}"));
            roots.add(authority).map_err(bad)?;
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(aws_lc_rs::default_provider()))
            .build()
            .map_err(|error| self.problem("client_ca", path, error.to_string()))
    }

    async fn bytes(&self, key: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
        let setting = format!("{}.{key}", self.setting);
        let unreadable = |source| TlsError::Read { setting: setting.clone(), path: path.to_owned(), source };
        // A pipe or device could block the reader for ever.
        if !tokio::fs::metadata(path).await.map_err(unreadable)?.is_file() {
            return Err(self.problem(key, path, "is no file"));
        }
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
        if bytes.len() as u64 > MAX {
            return Err(self.problem(key, path, "is larger than 1 MiB"));
        }
        Ok(bytes)
    }

    fn problem(&self, key: &str, path: &Path, problem: impl Into<String>) -> TlsError {
        let setting = format!("{}.{key}", self.setting);
        TlsError::File { setting, path: path.to_owned(), problem: problem.into() }
    }
}
