//! Every algorithm, and every way to talk a checker into the wrong one.

use super::server::{Server, jwk, set};
use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn pem_config(dir: &Path, name: &str, pem: &str) -> Auth {
    let path = dir.join(name);
    std::fs::write(&path, pem).expect("write");
    jwt(|jwt| jwt.public_key_file = Some(path))
}

fn hand_made(header: &str, payload: &str, signature: &str) -> Secret {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    Secret::new(format!("{header}.{payload}.{signature}"))
}

#[tokio::test]
async fn each_algorithm_is_checked_by_its_own_key_and_no_other() {
    let dir = tempfile::tempdir().expect("dir");
    let secret = Secret::new(SECRET);
    let kinds = [
        (&ALGORITHMS[..3], SigningKey::Secret(&secret), by_secret()),
        (&ALGORITHMS[3..9], SigningKey::Pem(&RSA.private), pem_config(dir.path(), "rsa", &RSA.public)),
        (&ALGORITHMS[9..10], SigningKey::Pem(&P256.private), pem_config(dir.path(), "p256", &P256.public)),
        (&ALGORITHMS[10..11], SigningKey::Pem(&P384.private), pem_config(dir.path(), "p384", &P384.public)),
        (&ALGORITHMS[11..], SigningKey::Pem(&ED.private), pem_config(dir.path(), "ed", &ED.public)),
    ];
    let mut checkers = vec![];
    for (_, _, config) in &kinds {
        checkers.push(auth(config).await);
    }
    let mut accepted = 0;
    for (mine, (algorithms, key, _)) in kinds.iter().enumerate() {
        for algorithm in *algorithms {
            let made = token(*key, |m| m.algorithm = Some(algorithm.to_string()));
            for (at, checker) in checkers.iter().enumerate() {
                let got = check(checker, made.clone()).await;
                assert_eq!(got.is_ok(), at == mine, "{algorithm} at {at}: {got:?}");
                accepted += usize::from(got.is_ok());
            }
        }
    }
    assert_eq!(accepted, ALGORITHMS.len());
}

#[tokio::test]
async fn a_public_key_is_never_taken_for_a_shared_secret() {
    let dir = tempfile::tempdir().expect("dir");
    for pair in [&RSA, &P256, &ED] {
        let auth = auth(&pem_config(dir.path(), "key", &pair.public)).await;
        for secret in [pair.public.clone(), pair.public.trim_end().to_owned()] {
            let forged = token(SigningKey::Secret(&Secret::new(secret)), |m| m.algorithm = Some("HS256".into()));
            assert_eq!(refusal(&auth, forged).await, Refusal::TokenKeyUnknown);
        }
    }
}

#[tokio::test]
async fn a_token_without_signature_is_refused_however_none_is_written() {
    let auth = auth(&by_secret()).await;
    for none in ["none", "None", "NONE", "", "HS257"] {
        let forged = hand_made(&format!(r#"{{"alg":"{none}"}}"#), r#"{"exp":9999999999}"#, "");
        assert_eq!(refusal(&auth, forged).await, Refusal::TokenAlgorithm, "{none}");
    }
    let forged = hand_made(r#"{"alg":"HS256"}"#, r#"{"exp":9999999999}"#, "");
    assert_eq!(refusal(&auth, forged).await, Refusal::TokenSignature);
}

/// A key that comes with the token, or an address of one, is the forger's own (RFC 8725 section 3.10); a key's name is a
/// name, and neither a file nor a query.
#[tokio::test]
async fn a_token_brings_no_key_of_its_own_and_sends_nobody_to_fetch_one() {
    use jsonwebtoken::{Algorithm, EncodingKey, crypto};
    let dir = tempfile::tempdir().expect("dir");
    let forger = jwk("k", &P384, Algorithm::ES384);
    let theirs = Server::start(set(std::slice::from_ref(&forger))).await;
    let ours = Server::start(set(&[jwk("ours", &P256, Algorithm::ES256)])).await;
    let by_file = pem_config(dir.path(), "p256", &P256.public);
    let by_url = jwt(|jwt| jwt.jwks_url = Some(WebUrl::new(&*ours.url)));
    let payload = r#"{"exp":9999999999,"account_id":"acme"}"#;
    let signed = |header: &str, key: &EncodingKey, algorithm| {
        let message = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("signed");
        Secret::new(format!("{message}.{signature}"))
    };
    let pem = |pair: &Pair| EncodingKey::from_ec_pem(pair.private.expose().as_bytes()).expect("key");
    let url = &theirs.url;
    for config in [by_secret(), by_file, by_url] {
        let auth = auth(&config).await;
        for more in [
            format!(r#""jwk":{forger}"#),
            format!(r#""jku":"{url}","kid":"k""#),
            format!(r#""x5u":"{url}""#),
            format!(r#""x5c":["{url}"]"#),
            r#""kid":"../../../../dev/null""#.into(),
            r#""kid":"/dev/null""#.into(),
            r#""kid":"x' UNION SELECT '"#.to_owned() + "\"",
            r#""kid":"""#.into(),
            r#""kid":"ours\u0000""#.into(),
        ] {
            for (alg, key, algorithm) in [
                ("ES384", pem(&P384), Algorithm::ES384),
                ("HS256", EncodingKey::from_secret(b""), Algorithm::HS256),
                ("HS256", EncodingKey::from_secret(P256.public.as_bytes()), Algorithm::HS256),
            ] {
                let forged = signed(&format!(r#"{{"alg":"{alg}",{more}}}"#), &key, algorithm);
                let why = refusal(&auth, forged).await;
                assert!(matches!(why, Refusal::TokenSignature | Refusal::TokenKeyUnknown), "{alg} {more}: {why:?}");
            }
        }
    }
    assert_eq!(theirs.hits(), 0, "nobody was sent there");
    // The same tokens, with the right key, are good: what stands beside it is passed over.
    let auth = auth(&by_secret()).await;
    for more in [format!(r#""jku":"{url}""#), format!(r#""jwk":{forger}"#)] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        assert!(check(&auth, signed(&format!(r#"{{"alg":"HS256",{more}}}"#), &key, Algorithm::HS256)).await.is_ok());
    }
    assert_eq!(theirs.hits(), 0, "nor for these");
}

#[tokio::test]
async fn an_algorithm_that_is_not_listed_is_refused_with_the_right_key() {
    let mut config = by_secret();
    config.jwt.algorithms = vec!["HS512".into()];
    let auth = auth(&config).await;
    let secret = Secret::new(SECRET);
    let of = |name: &str| token(SigningKey::Secret(&secret), |m| m.algorithm = Some(name.into()));
    assert_eq!(refusal(&auth, of("HS256")).await, Refusal::TokenAlgorithm);
    assert!(check(&auth, of("HS512")).await.is_ok());
}

#[tokio::test]
async fn every_changed_character_breaks_a_token() {
    let auth = auth(&by_secret()).await;
    let good = token(SigningKey::Secret(&Secret::new(SECRET)), |m| m.account = Some("acme".into()));
    assert!(check(&auth, good.clone()).await.is_ok());
    for at in 0..good.expose().len() {
        let mut bytes = good.expose().as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let bad = Secret::new(String::from_utf8(bytes).expect("ascii"));
        assert!(check(&auth, bad).await.is_err(), "position {at}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    let auth = auth(&by_secret()).await;
    let good = token(SigningKey::Secret(&Secret::new(SECRET)), |_| {});
    let good = good.expose();
    for bad in [
        "",
        "a",
        "a.b",
        "a.b.c",
        "..",
        &format!("{good}.x"),
        &format!("Bearer {good}"),
        hand_made("[]", "{}", "").expose(),
        hand_made(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, "{}", "").expose(),
        hand_made(r#"{"alg":"none","alg":"HS256"}"#, "{}", "").expose(),
    ] {
        assert_eq!(refusal(&auth, Secret::new(bad)).await, Refusal::TokenMalformed, "{bad}");
    }
    assert_eq!(refusal(&auth, Secret::new("a".repeat(16_385))).await, Refusal::TooLong);
}

#[tokio::test]
async fn files_that_are_no_public_key_are_explained_and_never_quoted() {
    let dir = tempfile::tempdir().expect("dir");
    let garbled = RSA.public.replace('A', "");
    for (pem, word) in [
        (RSA.private.expose(), "private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate"),
        (garbled.as_str(), "not a PEM"),
        ("hush", "not a PEM"),
        ("  \n", "empty"),
    ] {
        let error =
            Authenticator::new(&pem_config(dir.path(), "public.pem", pem), Clock::fixed(NOW)).await.expect_err("error");
        let text = error.to_string();
        assert!(text.contains(word) && text.contains("public.pem") && !text.contains("hush"), "{text}");
        assert_eq!(error.label(), "auth_file");
    }
}

#[test]
fn a_token_is_not_minted_with_a_key_that_cannot_sign_so() {
    use super::super::MintError;
    let make = |key, algorithm: &str| {
        mint(&Mint { algorithm: Some(algorithm.into()), ..Mint::default() }, key, NOW).expect_err("error")
    };
    let secret = Secret::new(SECRET);
    assert_eq!(make(SigningKey::Secret(&secret), "RS256"), MintError::Mismatch);
    assert_eq!(make(SigningKey::Secret(&secret), "none"), MintError::Algorithm);
    assert_eq!(make(SigningKey::Pem(&P384.private), "ES256"), MintError::Mismatch);
    assert_eq!(make(SigningKey::Pem(&Secret::new(RSA.public.clone())), "RS256"), MintError::Key);
}
