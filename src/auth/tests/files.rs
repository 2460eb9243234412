//! Key files that change while the proxy runs.

use super::super::watched::WatchedFile;
use super::server::{jwk, set};
use super::*;
use jsonwebtoken::Algorithm;
use tokio_util::sync::CancellationToken;

async fn knows(auth: &Authenticator, key: &str) -> bool {
    auth.check(&shown_key(key), false).await.is_ok()
}

fn table(name: &str, key: &str) -> String {
    format!("[[api_keys]]\nname = \"{name}\"\nkey = \"{key}\"\n")
}

fn with_file(path: &Path) -> Auth {
    Auth { api_keys: vec![api_key("inline", "hush-0")], api_keys_file: Some(path.into()), ..Auth::default() }
}

#[tokio::test]
async fn keys_of_a_changed_file_come_and_go_and_those_of_the_settings_stay() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("keys.toml");
    write(&path, &table("a", "hush-1"));
    let auth = auth(&with_file(&path)).await;
    assert!(knows(&auth, "hush-0").await && knows(&auth, "hush-1").await && !knows(&auth, "hush-2").await);
    write(&path, &table("b", "hush-2"));
    assert!(knows(&auth, "hush-1").await, "not read before the next look");
    auth.poll().await;
    assert!(knows(&auth, "hush-0").await && !knows(&auth, "hush-1").await && knows(&auth, "hush-2").await);
    write(&path, "api_keys = []");
    auth.poll().await;
    assert!(knows(&auth, "hush-0").await && !knows(&auth, "hush-2").await);
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_keys_until_it_is_mended() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("keys.toml");
    write(&path, &table("a", "hush-1"));
    let auth = auth(&with_file(&path)).await;
    let same_as_inline = table("b", "hush-0");
    for broken in ["", "[[api_keys]]\nname = \"a\"\nkey = \"hu", "[[api_keys]]\nname = \"a\"", &same_as_inline] {
        write(&path, broken);
        auth.poll().await;
        assert!(knows(&auth, "hush-1").await, "{broken}");
        assert!(auth.reload(&with_file(&path)).await.is_err(), "{broken}");
        assert!(knows(&auth, "hush-1").await, "{broken}");
    }
    std::fs::remove_file(&path).expect("remove");
    auth.poll().await;
    assert!(knows(&auth, "hush-1").await);
    write(&path, &table("b", "hush-2"));
    auth.poll().await;
    assert!(knows(&auth, "hush-2").await && !knows(&auth, "hush-1").await);
}

#[tokio::test]
async fn a_file_is_read_once_for_each_change_good_or_bad() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("keys.toml");
    write(&path, "good");
    let file = WatchedFile::new(&path);
    assert_eq!(file.read().await.expect("text"), Secret::new("good"));
    assert!(file.changed().await.is_none());
    for bad in [Some(""), None] {
        match bad {
            Some(text) => write(&path, text),
            None => std::fs::remove_file(&path).expect("remove"),
        }
        assert!(file.changed().await.is_some_and(|read| read.is_err()), "told once");
        assert!(file.changed().await.is_none(), "and not again");
    }
    std::fs::create_dir(&path).expect("folder");
    assert!(file.changed().await.is_none(), "what is no file is as none");
}

#[tokio::test]
async fn errors_name_the_line_and_never_the_key() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("keys.toml");
    for (text, word) in [
        ("[[api_keys]]\nname = \"a\"\nkey = \"hush\n", "line 3"),
        ("[[api_keys]]\nname = \"a\"\nkey = 4711\n", "line 3"),
        ("[[api_keys]]\nname = \"a\"\nkey = hush\n", "line 3"),
        ("[[api_keys]]\nname = \"a\"\nkye = \"hush\"\n", "unknown field `kye`"),
        ("[[api_keys]]\nkey = \"hush\"\n", "missing field `name`"),
        ("[[api_keys]]\nname = \"a\"\nsha256 = \"hush\"\n", "64 hex digits"),
        ("[[api_keys]]\nname = \"a\"\nkey = \"hush\"\nsha256 = \"hush\"\n", "either key or sha256"),
        ("[[api_keys]]\nname = \"a\"\nkey = \"\"\n", "either key or sha256"),
        ("[[api_keys]]\nname = \"\"\nkey = \"hush\"\n", "name of an API key must not be empty"),
        ("[[api_keys]]\nname = \"a\"\nkey = \"hush\"\naccount = \"\"\n", "the account must not be empty"),
    ] {
        write(&path, text);
        let error = Authenticator::new(&with_file(&path), Clock::fixed(NOW)).await.expect_err(text);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(word) && shown.contains("keys.toml"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("4711"), "{shown}");
    }
    let missing = Authenticator::new(&with_file(&dir.path().join("no")), Clock::fixed(NOW)).await.expect_err("missing");
    assert_eq!(missing.label(), "auth_read");
}

#[tokio::test]
async fn every_kind_of_token_key_file_is_read_again() {
    let dir = tempfile::tempdir().expect("dir");
    let [secret, pem, jwks] = ["secret", "pem", "jwks"].map(|name| dir.path().join(name));
    write(&secret, &format!("{SECRET}\n"));
    write(&pem, &P256.public);
    write(&jwks, &set(&[jwk("k", &RSA, Algorithm::RS256)]));
    let config = jwt(|jwt| {
        jwt.secret_file = Some(secret.clone());
        jwt.public_key_file = Some(pem.clone());
        jwt.jwks_file = Some(jwks.clone());
    });
    let auth = auth(&config).await;
    let hs = token(SigningKey::Secret(&Secret::new(SECRET)), |_| {});
    let [es, rs] = [&P256, &RSA].map(|pair| token(SigningKey::Pem(&pair.private), |m| m.kid = Some("k".into())));
    for good in [&hs, &es, &rs] {
        assert!(check(&auth, good.clone()).await.is_ok());
    }
    for path in [&secret, &pem, &jwks] {
        write(path, " ");
    }
    auth.poll().await;
    for good in [&hs, &es, &rs] {
        assert!(check(&auth, good.clone()).await.is_ok(), "broken files change nothing");
    }
    write(&secret, "another secret, long enough to be taken without a word");
    write(&pem, &ED.public);
    write(&jwks, &set(&[jwk("k", &P384, Algorithm::ES384)]));
    auth.poll().await;
    for old in [&hs, &es, &rs] {
        assert!(check(&auth, old.clone()).await.is_err());
    }
    for pair in [&ED, &P384] {
        assert!(check(&auth, token(SigningKey::Pem(&pair.private), |_| {})).await.is_ok());
    }
}

#[tokio::test]
async fn the_background_loop_sees_each_change_and_ends_when_told() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("keys.toml");
    write(&path, &table("a", "hush-1"));
    let auth = auth(&with_file(&path)).await;
    let shutdown = CancellationToken::new();
    let test = async {
        for key in ["hush-2", "hush-3"] {
            write(&path, &table("b", key));
            while !knows(&auth, key).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(auth.clone().run(shutdown.clone()), test) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("seen and ended in time");
}
