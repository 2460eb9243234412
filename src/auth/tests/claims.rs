//! What a token says once its signature holds.

use super::*;
use serde_json::{Value, json};

/// A token with exactly these claims (`iat` aside).
fn saying(claims: Value) -> Secret {
    let Value::Object(extra) = claims else { panic!("an object") };
    mint(&Mint { extra, ..Mint::default() }, SigningKey::Secret(&Secret::new(SECRET)), NOW).expect("token")
}

async fn verdict(auth: &Authenticator, claims: Value) -> Result<Principal, Refusal> {
    check(auth, saying(claims)).await
}

#[tokio::test]
async fn expiry_and_start_hold_to_the_second_with_leeway() {
    let auth = auth(&by_secret()).await;
    let now = NOW.as_secs();
    for (claims, want) in [
        (json!({"exp": now + 1}), None),
        (json!({"exp": now - 29}), None),
        (json!({"exp": now - 30}), Some(Refusal::TokenExpired)),
        (json!({"exp": -1}), Some(Refusal::TokenExpired)),
        (json!({"exp": now as f64 + 0.5}), None),
        (json!({"exp": 1e300}), None),
        (json!({"exp": now + 60, "nbf": now + 30}), None),
        (json!({"exp": now + 60, "nbf": now + 31}), Some(Refusal::TokenNotYetValid)),
        (json!({}), Some(Refusal::TokenWithoutExpiry)),
        (json!({"exp": null}), Some(Refusal::TokenWithoutExpiry)),
        (json!({"exp": "9999999999"}), Some(Refusal::TokenMalformed)),
        (json!({"exp": now + 60, "nbf": "0"}), Some(Refusal::TokenMalformed)),
        (json!({"exp": [now]}), Some(Refusal::TokenMalformed)),
    ] {
        assert_eq!(verdict(&auth, claims.clone()).await.err(), want, "{claims}");
    }
    let expires = verdict(&auth, json!({"exp": now + 9})).await.expect("good").expires;
    assert_eq!(expires, Some(Timestamp(NOW.0 + 9000)));
}

#[tokio::test]
async fn a_token_without_expiry_passes_only_where_the_operator_says_so() {
    let mut config = by_secret();
    config.jwt.require_exp = false;
    let auth = auth(&config).await;
    assert_eq!(verdict(&auth, json!({})).await.expect("good").expires, None);
    assert_eq!(verdict(&auth, json!({"exp": 1})).await.err(), Some(Refusal::TokenExpired));
}

#[tokio::test]
async fn issuer_and_audience_must_be_there_once_they_are_configured() {
    let mut config = by_secret();
    config.jwt.require_exp = false;
    config.jwt.issuer = "https://id.example.com".into();
    config.jwt.audience = vec!["chat".into(), "rooms".into()];
    let auth = auth(&config).await;
    let iss = "https://id.example.com";
    for (claims, want) in [
        (json!({"iss": iss, "aud": "rooms"}), None),
        (json!({"iss": iss, "aud": ["other", "chat"]}), None),
        (json!({"iss": iss}), Some(Refusal::TokenAudience)),
        (json!({"iss": iss, "aud": "other"}), Some(Refusal::TokenAudience)),
        (json!({"iss": iss, "aud": []}), Some(Refusal::TokenAudience)),
        (json!({"iss": iss, "aud": {"chat": 1}}), Some(Refusal::TokenAudience)),
        (json!({"aud": "chat"}), Some(Refusal::TokenIssuer)),
        (json!({"iss": [iss], "aud": "chat"}), Some(Refusal::TokenIssuer)),
        (json!({"iss": "https://id.example.com/", "aud": "chat"}), Some(Refusal::TokenIssuer)),
    ] {
        assert_eq!(verdict(&auth, claims.clone()).await.err(), want, "{claims}");
    }
}

#[tokio::test]
async fn the_account_is_the_first_claim_present_as_text_or_whole_number() {
    let mut config = by_secret();
    config.jwt.require_exp = false;
    let auth = auth(&config).await;
    for (claims, want) in [
        (json!({"account_id": "acme", "account": "b"}), Ok(Some("acme"))),
        (json!({"account_id": null, "x_account_id": "x", "account": "b"}), Ok(Some("x"))),
        (json!({"account": 42}), Ok(Some("42"))),
        (json!({"account": u64::MAX}), Ok(Some("18446744073709551615"))),
        (json!({"sub": "s"}), Ok(None)),
        (json!({"account": 1.5}), Err("token_malformed")),
        (json!({"account": {"id": 1}}), Err("token_malformed")),
        (json!({"account": ""}), Err("account_invalid")),
        (json!({"account": "a\nb"}), Err("account_invalid")),
        (json!({"account": "a".repeat(257)}), Err("account_invalid")),
    ] {
        let got = verdict(&auth, claims.clone()).await;
        let got = got.as_ref().map(|p| p.account.as_ref().map(|a| a.as_str())).map_err(|r| r.label());
        assert_eq!(got, want, "{claims}");
    }
}

#[tokio::test]
async fn a_token_may_broadcast_by_its_claim_where_only_listed_ones_may() {
    let mut config = by_secret();
    config.jwt.require_exp = false;
    config.broadcast = crate::config::Broadcasters::Listed;
    let auth = auth(&config).await;
    for (claims, want) in
        [(json!({"broadcast": true}), true), (json!({"broadcast": "true"}), false), (json!({}), false)]
    {
        assert_eq!(verdict(&auth, claims.clone()).await.map(|p| p.may_broadcast), Ok(want), "{claims}");
    }
}
