//! What files may hold, what is said of those that are no good, and that those change nothing.

use super::Tls;
use crate::config::TlsFiles;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Certificate and key in PEM.
fn made(key: &KeyPair) -> (String, String) {
    let params = CertificateParams::new(["localhost".to_owned()]).expect("params");
    (params.self_signed(key).expect("certificate").pem(), key.serialize_pem())
}

fn ec() -> KeyPair {
    KeyPair::generate().expect("key")
}

struct Folder(TempDir);

impl Folder {
    fn with(certificate: &str, key: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("c.pem", certificate);
        folder.write("k.pem", key);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("written");
    }

    fn files(&self) -> TlsFiles {
        let path: &Path = self.0.path();
        TlsFiles { certificate: Some(path.join("c.pem")), key: Some(path.join("k.pem")), client_ca: None }
    }

    async fn load(&self) -> Result<Arc<Tls>, String> {
        let loaded = Tls::load("listen.tls", &self.files()).await;
        loaded.map(|tls| tls.expect("configured")).map_err(|error| error.to_string())
    }
}

/// What stands in the OCTET STRING of a PKCS#8 key: SEC 1 or PKCS#1.
fn inner(pkcs8: &[u8]) -> &[u8] {
    let read = |der: &[u8]| {
        let (header, length) = match der[1] {
            n if n < 0x80 => (2, usize::from(n)),
            n => {
                let n = usize::from(n & 0x7f);
                (2 + n, der[2..2 + n].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
            }
        };
        (header, header + length)
    };
    let mut at = read(pkcs8).0;
    while pkcs8[at] != 4 {
        at += read(&pkcs8[at..]).1;
    }
    let (from, to) = read(&pkcs8[at..]);
    &pkcs8[at + from..at + to]
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[tokio::test]
async fn without_a_certificate_there_is_no_tls() {
    assert!(Tls::load("listen.tls", &TlsFiles::default()).await.expect("no error").is_none());
}

#[tokio::test]
async fn every_common_form_of_key_is_read() {
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("key");
    let (ec, ed) = (ec(), KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("key"));
    for (pair, key) in [
        (&ec, ec.serialize_pem()),
        (&ed, ed.serialize_pem()),
        (&rsa, rsa.serialize_pem()),
        (&ec, pem("EC PRIVATE KEY", inner(ec.serialized_der()))),
        (&rsa, pem("RSA PRIVATE KEY", inner(rsa.serialized_der()))),
    ] {
        let loaded = Folder::with(&made(pair).0, &key).load().await;
        assert!(loaded.is_ok(), "{:?} of {:?}", loaded.err(), key.lines().next());
    }
}

#[tokio::test]
async fn a_chain_is_sent_whole() {
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params.clone(), ec()).expect("root");
    let between = CertifiedIssuer::signed_by(params, ec(), &root).expect("intermediate");
    let key = ec();
    let params = CertificateParams::new(["localhost".to_owned()]).expect("params");
    let leaf = params.signed_by(&key, &between).expect("leaf");
    let folder = Folder::with(&(leaf.pem() + &between.pem()), &key.serialize_pem());
    let tls = folder.load().await.expect("loaded");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der().clone()).expect("root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let client = client.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let (here, there) = tokio::io::duplex(1 << 16);
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("name");
    let connect = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, here);
    let (client, server) = tokio::join!(connect, tls.accept(there));
    assert!(server.is_ok(), "{:?}", server.err());
    assert_eq!(client.expect("trusted").get_ref().1.peer_certificates().map(<[_]>::len), Some(2));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_setting_and_file_and_without_the_key() {
    let (certificate, key) = made(&ec());
    let (other, body) = (ec().serialize_pem(), key.lines().nth(1).expect("base64").to_owned());
    let locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let cut = key.replace("-----END PRIVATE KEY-----", "");
    let odd = key.replacen("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY", 1);
    for (certificate, key, said) in [
        ("", key.as_str(), "listen.tls.certificate = \"*c.pem\": holds no certificate"),
        (key.as_str(), key.as_str(), "listen.tls.certificate = \"*c.pem\": holds no certificate"),
        (certificate.as_str(), "", "listen.tls.key = \"*k.pem\": holds no private key"),
        (certificate.as_str(), locked.as_str(), "listen.tls.key = \"*k.pem\": holds no private key"),
        (certificate.as_str(), other.as_str(), "listen.tls.key = \"*k.pem\": is not the key of the certificate in \""),
        (certificate.as_str(), cut.as_str(), "listen.tls.key = \"*k.pem\": is no valid PEM"),
        (certificate.as_str(), odd.as_str(), "listen.tls.key = \"*k.pem\": is no valid PEM"),
        (
            certificate.as_str(),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "listen.tls.key = \"*k.pem\": holds a key of a kind that is not supported",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key.as_str(),
            "listen.tls.certificate = \"*c.pem\": cannot be used",
        ),
    ] {
        let error = Folder::with(certificate, key).load().await.expect_err(said);
        let (before, after) = said.split_once('*').expect("a mark");
        assert!(error.starts_with(before) && error.contains(after), "{error}, not {said}");
        assert!(!error.contains(&body) && !error.contains("AAAA"), "{error}");
    }
    let folder = Folder::with(&certificate, &key);
    let files = TlsFiles { client_ca: folder.files().key, ..folder.files() };
    let error = Tls::load("listen.admin_tls", &files).await.expect_err("no authority").to_string();
    assert!(error.starts_with("listen.admin_tls.client_ca = ") && error.contains("no certificate"), "{error}");
    let files = TlsFiles { key: Some("/nonexistent/k.pem".into()), ..folder.files() };
    let error = Tls::load("listen.tls", &files).await.expect_err("no file").to_string();
    assert_eq!(
        error,
        "listen.tls.key = \"/nonexistent/k.pem\": cannot be read: No such file or directory (os error 2)"
    );
    let files = TlsFiles { certificate: Some("/dev/zero".into()), ..folder.files() };
    let error = Tls::load("listen.tls", &files).await.expect_err("a device").to_string();
    assert_eq!(error, "listen.tls.certificate = \"/dev/zero\": is no file");
}

#[tokio::test]
async fn a_bad_new_file_changes_nothing_until_a_good_one_comes() {
    let (certificate, key) = made(&ec());
    let folder = Folder::with(&certificate, &key);
    let tls = folder.load().await.expect("loaded");
    let in_use = || -> *const ServerConfig { Arc::as_ptr(&tls.current.load()) };
    let first = in_use();
    assert!(!tls.has_changed().await);
    folder.write("k.pem", "half a ke");
    assert!(!tls.has_changed().await, "it may still be written");
    assert!(tls.has_changed().await, "it has settled");
    tls.reread().await;
    assert_eq!(in_use(), first);
    assert!(!tls.has_changed().await && !tls.has_changed().await, "a bad file is told once");
    let (certificate, key) = made(&ec());
    folder.write("c.pem", &certificate);
    assert!(!tls.has_changed().await);
    folder.write("k.pem", &key);
    assert!(!tls.has_changed().await, "the second of the two starts the wait anew");
    assert!(tls.has_changed().await);
    tls.reread().await;
    assert_ne!(in_use(), first);
}
