//! TLS as operators meet it: a start that fails with a sentence, and a certificate renewed by hand.

use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::proxy::ProxyOptions;
use std::path::Path;

/// A proxy with these files for clients.
fn with(certificate: &Path, key: &Path) -> ProxyOptions {
    ProxyOptions::default()
        .line("[listen.tls]")
        .line(&format!("certificate = \"{}\"", certificate.display()))
        .line(&format!("key = \"{}\"", key.display()))
}

#[tokio::test]
async fn a_wrong_file_ends_the_start_with_the_code_for_settings_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();

    let problem = with(&certificate, &key).try_start().await.err().unwrap();
    assert!(problem.contains("exit status: 78"), "{problem}");
    let sentence = format!("listen.tls.key = \"{}\": cannot be read: No such file or directory", key.display());
    assert!(problem.contains(&sentence), "{problem}");

    std::fs::write(&key, made.cert.pem()).unwrap();
    let problem = with(&certificate, &key).try_start().await.err().unwrap();
    assert!(problem.contains("exit status: 78"), "{problem}");
    assert!(problem.contains("listen.tls.key = \"") && problem.contains("holds no private key"), "{problem}");

    let half = ProxyOptions::default().line("listen.admin_tls.certificate = \"/c.pem\"").try_start().await;
    let problem = half.err().unwrap();
    assert!(problem.contains("exit status: 78"), "{problem}");
    assert!(problem.contains("config.toml:1: `listen.admin_tls.certificate` is set but"), "{problem}");
}

#[tokio::test]
async fn a_hangup_reads_the_certificate_at_once_and_survives_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let proxy = with(&certificate, &key).start().await;
    let said = |text: &str| proxy.output().matches(text).count();

    // Nothing changed, so only the hangup can be what made it read.
    proxy.signal("HUP");
    eventually!(PATIENCE, said("use the certificate just read") == 1);
    std::fs::write(&certificate, "half a certifica").unwrap();
    proxy.signal("HUP");
    eventually!(PATIENCE, said("the new certificate is no good; the old one stays") == 1);
    assert_eq!(said("setting=\"listen.tls\""), 1, "{}", proxy.output());
    assert!(proxy.output().contains("holds no certificate"), "{}", proxy.output());
    // The settings were taken all the same, and it serves on.
    eventually!(PATIENCE, said("settings reloaded") == 2);
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    proxy.signal("HUP");
    eventually!(PATIENCE, said("use the certificate just read") == 2);
}
