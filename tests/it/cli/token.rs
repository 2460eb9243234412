//! `aether-proxy token`: what it prints is a token that a proxy with the same settings lets in.

use super::{end, proxy, run};
use crate::harness::client::Client;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};

const SECRET: &str = "hush: a secret of more than thirty-two bytes";
/// Settings in which a token must say more than the minimum.
const SETTINGS: [(&str, &str); 5] = [
    ("AETHER_AUTH__JWT__SECRET", SECRET),
    ("AETHER_AUTH__JWT__ALGORITHMS", "HS384"),
    ("AETHER_AUTH__JWT__ISSUER", "https://id.example.com"),
    ("AETHER_AUTH__JWT__AUDIENCE", "chat"),
    ("AETHER_AUTH__JWT__ACCOUNT_CLAIMS", "tenant"),
];

fn mint(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let mut command = proxy(&[&["token"], arguments].concat());
    command.envs(settings.iter().copied());
    let ended = end(command, b"");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("For tests") && !ended.err.contains("hush"), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 1, "the token alone: {}", ended.out);
    ended.out.trim_end().to_owned()
}

async fn enters(proxy: &ProxyProcess, token: &str) -> Result<(), u16> {
    let url = proxy.client_url(&format!("/v3/ws/group/g/client/c?jwt={token}"));
    Client::connect(&url).await.map(drop).map_err(|refused| refused.status)
}

#[tokio::test]
async fn the_same_settings_let_it_in() {
    let options = SETTINGS.iter().fold(ProxyOptions::default(), |options, (name, value)| options.env(name, value));
    let proxy = options.start().await;
    assert_eq!(enters(&proxy, &mint(&["--sub", "alice", "--account", "acme"], &SETTINGS)).await, Ok(()));
    // The proxy does look.
    for (arguments, settings) in [
        (&["--issuer", "https://evil.example.com"][..], &SETTINGS[..]),
        (&["--alg", "HS256"], &SETTINGS),
        (&["--ttl", "none"], &SETTINGS),
        (&["--claim", "exp=1"], &SETTINGS),
        (&[], &[("AETHER_AUTH__JWT__SECRET", "hush: another secret of more than thirty-two bytes")]),
    ] {
        assert_eq!(enters(&proxy, &mint(arguments, settings)).await, Err(401), "{arguments:?}");
    }
    assert!(!proxy.output().contains("hush") && !proxy.output().contains("eyJ"), "{}", proxy.output());
}

#[test]
fn claims_and_accounts_are_what_was_asked_for() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let arguments =
        ["--account", "acme", "--ttl", "5m", "--claim", "broadcast=true", "--claim", "name=a b", "--kid", "k1"];
    let token = mint(&arguments, &SETTINGS);
    let part = |at: usize| -> serde_json::Value {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let (head, claims) = (part(0), part(1));
    assert_eq!((&head["alg"], &head["kid"]), (&"HS384".into(), &"k1".into()));
    assert_eq!((&claims["tenant"], &claims["account_id"]), (&"acme".into(), &serde_json::Value::Null));
    assert_eq!((&claims["broadcast"], &claims["name"]), (&true.into(), &"a b".into()));
    assert_eq!((&claims["iss"], &claims["aud"]), (&"https://id.example.com".into(), &"chat".into()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
}

#[test]
fn files_sign_too_and_without_a_key_nothing_is_signed() {
    let dir = tempfile::tempdir().unwrap();
    let (secret, pem) = (dir.path().join("secret"), dir.path().join("key.pem"));
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(&pem, pair.serialize_pem()).unwrap();
    for (flag, file) in [("--secret-file", &secret), ("--key-file", &pem)] {
        assert_eq!(mint(&[flag, file.to_str().unwrap()], &[]).split('.').count(), 3);
    }
    for (arguments, code) in [
        (vec!["token"], 78),
        (vec!["token", "--key-file", "/nonexistent"], 1),
        (vec!["token", "--key-file", secret.to_str().unwrap()], 1),
        (vec!["token", "--key-file", pem.to_str().unwrap(), "--alg", "HS256"], 1),
    ] {
        let ended = run(&arguments);
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{arguments:?}: {}", ended.err);
        assert!(!ended.err.is_empty() && !ended.err.contains("hush"), "{}", ended.err);
    }
}
