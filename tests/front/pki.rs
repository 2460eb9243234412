//! Certificates for tests: an authority, what it signs, the files of a listener, and clients that trust it.

use aether_proxy::config::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who signs.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Pair {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `localhost`, for servers and clients alike.
    pub fn sign(&self) -> Pair {
        let params = CertificateParams::new(["localhost".to_owned()]).expect("params");
        let key = KeyPair::generate().expect("key");
        let certificate = params.signed_by(&key, &self.0).expect("certificate");
        Pair {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("key"),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// A client that trusts this authority and shows a certificate, or none.
    pub fn client(&self, versions: &[&'static SupportedProtocolVersion], shows: Option<Pair>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let config = config.with_root_certificates(roots);
        let mut config = match shows {
            None => config.with_no_client_auth(),
            Some(pair) => config.with_client_auth_cert(vec![pair.certificate], pair.key).expect("client certificate"),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

/// The client's side of a handshake.
pub async fn handshake(client: &TlsConnector, tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
    client.connect(ServerName::try_from("localhost").expect("name"), tcp).await
}

/// The files of a listener, in a folder of their own.
pub struct Folder(TempDir);

impl Folder {
    pub fn with(pair: &Pair) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.put(pair);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes certificate and key, one after the other as an operator does.
    pub fn put(&self, pair: &Pair) {
        self.write("certificate.pem", &pair.certificate_pem);
        self.write("key.pem", &pair.key_pem);
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    /// The settings that name them.
    pub fn settings(&self) -> TlsFiles {
        let file = |name: &str| Some(self.path().join(name));
        TlsFiles { certificate: file("certificate.pem"), key: file("key.pem"), client_ca: None }
    }

    /// The same, with an authority for clients.
    pub fn mutual(&self, authority: &Authority) -> TlsFiles {
        self.write("clients.pem", &authority.pem());
        TlsFiles { client_ca: Some(self.path().join("clients.pem")), ..self.settings() }
    }
}
