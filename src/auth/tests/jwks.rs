//! Keys behind an address: rotation, failure, and what a set may hold.

use super::super::key::KeyProblem;
use super::super::remote::RemoteKeys;
use super::server::{Server, jwk, set};
use super::*;
use jsonwebtoken::Algorithm;
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Settings with this address; every look fetches.
fn by_url(url: &str) -> Auth {
    jwt(|jwt| {
        jwt.jwks_url = Some(WebUrl::new(url));
        jwt.jwks_refresh = Duration::ZERO;
    })
}

fn signed_by(pair: &Pair, kid: Option<&str>) -> Secret {
    token(SigningKey::Pem(&pair.private), |m| m.kid = kid.map(str::to_owned))
}

#[tokio::test]
async fn a_token_with_an_unknown_kid_finds_the_rotated_key_at_once() {
    let server = Server::start(set(&[jwk("one", &P256, Algorithm::ES256)])).await;
    let auth = auth(&by_url(&server.url)).await;
    assert!(check(&auth, signed_by(&P256, Some("one"))).await.is_ok());
    assert!(check(&auth, signed_by(&P256, None)).await.is_ok(), "no kid: the signature decides");
    assert_eq!(server.hits(), 1);
    server.answers(200, set(&[jwk("two", &ED, Algorithm::EdDSA)]));
    assert!(check(&auth, signed_by(&ED, Some("two"))).await.is_ok());
    assert_eq!(server.hits(), 2);
    assert_eq!(refusal(&auth, signed_by(&P256, Some("one"))).await, Refusal::TokenKeyUnknown, "withdrawn");
}

#[tokio::test]
async fn many_tokens_with_unknown_kids_cause_one_fetch() {
    let server = Server::start(set(&[jwk("one", &P256, Algorithm::ES256)])).await;
    let auth = auth(&by_url(&server.url)).await;
    let all = (0..50).map(|n| {
        let (auth, token) = (auth.clone(), signed_by(&P256, Some(&format!("no-{n}"))));
        async move { refusal(&auth, token).await }
    });
    let refusals = futures_util::future::join_all(all).await;
    assert_eq!(refusals, [Refusal::TokenKeyUnknown; 50]);
    assert_eq!(server.hits(), 2, "one at start, one for all of them");
    assert_eq!(refusal(&auth, signed_by(&P256, Some("late"))).await, Refusal::TokenKeyUnknown);
    assert_eq!(server.hits(), 2, "nor does one that comes later");
}

#[tokio::test]
async fn a_token_that_waits_for_a_fetch_under_way_causes_no_second_one() {
    let server = Server::start(set(&[jwk("one", &P256, Algorithm::ES256)])).await;
    let auth = auth(&by_url(&server.url)).await;
    server.answers(200, set(&[jwk("two", &ED, Algorithm::EdDSA)]));
    let ((), checked) = tokio::join!(auth.poll(), check(&auth, signed_by(&ED, Some("two"))));
    assert!(checked.is_ok());
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn a_wrong_signature_under_a_known_kid_causes_no_fetch() {
    let server = Server::start(set(&[jwk("one", &P256, Algorithm::ES256)])).await;
    let auth = auth(&by_url(&server.url)).await;
    let other = Pair::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    assert_eq!(refusal(&auth, signed_by(&other, Some("one"))).await, Refusal::TokenSignature);
    let shared = token(SigningKey::Secret(&Secret::new(SECRET)), |_| {});
    assert_eq!(refusal(&auth, shared).await, Refusal::TokenKeyUnknown, "no address publishes shared secrets");
    assert_eq!(server.hits(), 1);
    assert_eq!(refusal(&auth, signed_by(&other, None)).await, Refusal::TokenSignature);
    assert_eq!(server.hits(), 2, "without a kid the key may be a new one");
}

#[tokio::test]
async fn old_keys_stay_while_the_address_fails_in_any_way() {
    let good = set(&[jwk("one", &P256, Algorithm::ES256)]);
    let mut server = Server::start(good.clone()).await;
    let auth = auth(&by_url(&server.url)).await;
    let before = server.hits();
    let failures = [
        (500, good.clone()),
        (302, good.clone()),
        (200, "<html>".into()),
        (200, r#"{"keys":[]}"#.into()),
        (200, format!("{good}{}", " ".repeat(256 << 10))),
    ];
    for (hits, (status, body)) in (before + 1..).zip(failures) {
        server.answers(status, body);
        auth.poll().await;
        assert_eq!(server.hits(), hits);
        assert!(check(&auth, signed_by(&P256, Some("one"))).await.is_ok(), "{status}");
    }
    server.stop().await;
    auth.poll().await;
    assert!(check(&auth, signed_by(&P256, Some("one"))).await.is_ok());
    assert!(auth.keys_available());
}

#[tokio::test]
async fn tokens_are_refused_for_now_until_the_address_answers() {
    let server = Server::start(String::new()).await;
    server.answers(503, "");
    let auth = auth(&by_url(&server.url)).await;
    assert!(!auth.keys_available());
    let refused = refusal(&auth, signed_by(&P256, Some("one"))).await;
    assert_eq!((refused, refused.status().as_u16()), (Refusal::KeysUnavailable, 503));
    assert!(refused.retry_after().is_some());
    server.answers(200, set(&[jwk("one", &P256, Algorithm::ES256)]));
    auth.poll().await;
    assert!(check(&auth, signed_by(&P256, Some("one"))).await.is_ok());
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_an_address_that_is_down() {
    let mut server = Server::start(set(&[jwk("one", &P256, Algorithm::ES256)])).await;
    let mut config = by_url(&server.url);
    let auth = auth(&config).await;
    server.stop().await;
    config.jwt.leeway = Duration::ZERO;
    auth.reload(&config).await.expect("reload");
    assert!(check(&auth, signed_by(&P256, Some("one"))).await.is_ok());
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_fetch_it_caused() {
    let server = Server::start(set(&[jwk("one", &P256, Algorithm::ES256)])).await;
    let auth = auth(&by_url(&server.url)).await;
    server.answers(200, set(&[jwk("two", &ED, Algorithm::EdDSA)]));
    let token = signed_by(&ED, Some("two"));
    {
        let mut first = Box::pin(check(&auth, token.clone()));
        // Polled once, it waits for the fetch; then it is dropped.
        assert!(futures_util::poll!(&mut first).is_pending());
    }
    assert!(check(&auth, token).await.is_ok());
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn https_is_trusted_by_the_roots_given_and_by_no_other() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("key");
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("certificate");
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let server = Server::with(set(&[jwk("one", &P256, Algorithm::ES256)]), Some(tls)).await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("root");
    for (roots, trusted) in [(roots, true), (RootCertStore::empty(), false)] {
        let url = server.url.parse().expect("address");
        let every = Duration::from_secs(60);
        let remote = RemoteKeys::with_roots(url, &[Algorithm::ES256], every, roots, &TaskTracker::new()).expect("keys");
        remote.refresh_if_due().await;
        assert_eq!(remote.keys().is_some(), trusted);
    }
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn an_address_that_cannot_be_one_is_an_error_at_start() {
    for bad in ["", "jwks.json", "/jwks", "ftp://host/", "https://", "https://user:hush@host/jwks"] {
        let error = Authenticator::new(&by_url(bad), Clock::fixed(NOW)).await.expect_err(bad);
        assert!(error.to_string().starts_with("auth.jwt.jwks_url: ") && !error.to_string().contains("hush"), "{error}");
    }
}

#[test]
fn a_set_gives_only_keys_that_are_meant_for_signatures_and_for_us() {
    use super::super::jwks::{Origin, parse};
    let accepted = [Algorithm::ES256, Algorithm::RS256, Algorithm::PS256, Algorithm::HS256];
    let ec = jwk("k", &P256, Algorithm::ES256);
    let with = |add: &str| ec.replacen('{', &format!("{{{add},"), 1).replace(r#""alg":"ES256","#, "");
    let count = |key: &str, origin| parse(&set(&[key.to_owned()]), &accepted, origin).map(|keys| keys.len());
    assert_eq!(count(&ec, Origin::Url), Ok(1));
    assert_eq!(count(&with(r#""use":"sig","key_ops":["verify"]"#), Origin::Url), Ok(1));
    for useless in [
        with(r#""use":"enc""#),
        with(r#""key_ops":["encrypt"]"#),
        with(r#""alg":"RS256""#),
        with(r#""alg":"ECDH-ES""#),
        ec.replace("P-256", "secp256k1"),
        jwk("k", &ED, Algorithm::EdDSA),
        r#"{"kty":"AKP","kid":"k"}"#.into(),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.into(),
        "7".into(),
    ] {
        assert_eq!(count(&useless, Origin::Url), Err(KeyProblem::NoUsableKey), "{useless}");
    }
    let secret = r#"{"kty":"oct","k":"aHVzaA"}"#;
    assert_eq!(count(secret, Origin::File), Ok(1));
    assert_eq!(count(secret, Origin::Url), Err(KeyProblem::NoUsableKey), "what is published is no secret");
    assert_eq!(parse(&set(&["7".into(), ec.clone()]), &accepted, Origin::Url).map(|k| k.len()), Ok(1));
    assert_eq!(parse(&set(&vec![ec; 65]), &accepted, Origin::Url).err(), Some(KeyProblem::TooMany));
    // The alg of a key binds it: an RSA key for RS256 checks no PS256.
    let rsa = parse(&set(&[jwk("k", &RSA, Algorithm::RS256)]), &accepted, Origin::Url).expect("keys");
    assert!(rsa[0].fits(Algorithm::RS256, None) && !rsa[0].fits(Algorithm::PS256, None));
}
