//! Guests, what is required, whose account it is, and that nothing prints a secret.

use super::*;
use crate::config::{Broadcasters, Guests, Require, Switch};

fn both_kinds() -> Auth {
    Auth { api_keys: vec![api_key("web", "hush-key")], ..by_secret() }
}

pub(super) fn good_token() -> Secret {
    token(SigningKey::Secret(&Secret::new(SECRET)), |_| {})
}

pub(super) fn shown(key: Option<&str>, token: Option<Secret>) -> Credentials {
    Credentials { api_key: key.map(Secret::new), token, ..Credentials::default() }
}

#[tokio::test]
async fn a_fresh_proxy_takes_everybody_whatever_they_send() {
    let auth = auth(&Auth::default()).await;
    assert!(auth.guest_allowed(None) && !auth.guest_allowed(Some(false)));
    let wild = Credentials { account: Some("acme".into()), ..shown(Some("x"), Some(Secret::new("y"))) };
    let guest = auth.check(&wild, auth.guest_allowed(None)).await.expect("guest");
    assert_eq!((guest.method.label(), guest.tenant.as_str(), guest.account_proven), ("guest", "acme", false));
    assert_eq!(auth.check(&wild, false).await.err(), Some(Refusal::GuestsDenied));
    assert!(!auth.proves_accounts());
}

#[tokio::test]
async fn guests_come_in_where_allowed_but_never_with_a_wrong_credential() {
    for (guests, want) in [(Guests::Auto, false), (Guests::Allow, true), (Guests::Deny, false)] {
        let auth = auth(&Auth { guests, ..both_kinds() }).await;
        assert_eq!(auth.guest_allowed(None), want);
        assert!(auth.guest_allowed(Some(true)));
        assert_eq!(auth.check(&Credentials::default(), true).await.expect("guest").method.label(), "guest");
        assert_eq!(auth.check(&Credentials::default(), false).await.err(), Some(Refusal::Missing));
        assert_eq!(auth.check(&shown_key("wrong"), true).await.err(), Some(Refusal::ApiKeyUnknown));
        assert_eq!(
            auth.check(&shown(Some("wrong"), Some(good_token())), true).await.err(),
            Some(Refusal::ApiKeyUnknown)
        );
        let bad = auth.check(&shown(Some("hush-key"), Some(Secret::new("wrong"))), true).await.err();
        assert_eq!(bad, Some(Refusal::TokenMalformed));
    }
}

#[tokio::test]
async fn what_is_required_must_be_there_and_what_is_there_must_be_right() {
    for (require, key_only, token_only) in [
        (Require::Any, Ok("api_key"), Ok("token")),
        (Require::ApiKey, Ok("api_key"), Err("api_key_missing")),
        (Require::Jwt, Err("token_missing"), Ok("token")),
        (Require::Both, Err("token_missing"), Err("api_key_missing")),
    ] {
        let auth = auth(&Auth { require, ..both_kinds() }).await;
        for (credentials, want) in [
            (shown(Some("hush-key"), None), key_only),
            (shown(None, Some(good_token())), token_only),
            (shown(Some("hush-key"), Some(good_token())), Ok("both")),
            (shown(Some("hush-key"), Some(Secret::new("x"))), Err("token_malformed")),
            (shown(Some("x"), Some(good_token())), Err("api_key_unknown")),
        ] {
            let got = auth.check(&credentials, false).await;
            assert_eq!(got.map(|p| p.method.label()).map_err(Refusal::label), want, "{require:?}");
        }
    }
}

#[tokio::test]
async fn a_requirement_that_nothing_can_meet_is_an_error_at_start() {
    let keys = Auth { api_keys: vec![api_key("web", "hush-key")], ..Auth::default() };
    for (config, require) in [(by_secret(), Require::ApiKey), (keys.clone(), Require::Jwt), (keys, Require::Both)] {
        let error = Authenticator::new(&Auth { require, ..config }, Clock::fixed(NOW)).await.expect_err("error");
        assert_eq!(error.label(), "auth_setting");
    }
}

#[tokio::test]
async fn a_credential_of_a_kind_nobody_configured_proves_nothing() {
    let auth = auth(&Auth { api_keys: vec![api_key("web", "hush-key")], ..Auth::default() }).await;
    let unchecked = Some(Secret::new("some.unchecked.token"));
    assert_eq!(auth.check(&shown(None, unchecked.clone()), false).await.err(), Some(Refusal::ApiKeyMissing));
    let got = auth.check(&shown(Some("hush-key"), unchecked), false).await.expect("by key");
    assert_eq!(got.method.label(), "api_key");
}

#[tokio::test]
async fn every_key_is_found_by_its_text_or_hash_and_no_other() {
    let api_keys = (0..100).map(|n| api_key(&format!("name-{n}"), &format!("key-{n}"))).collect();
    let mut config = Auth { api_keys, ..Auth::default() };
    // printf hashed | sha256sum
    let hex = "1a06df824ed741b53c785079a6347f00eec5af82f9850775409ca69dff4068a6".to_owned();
    config.api_keys.push(ApiKey { key: None, sha256: Some(hex), ..api_key("by-hash", "") });
    let auth = auth(&config).await;
    for n in 0..100 {
        let got = auth.check(&shown_key(&format!("key-{n}")), false).await.expect("known");
        assert_eq!(got.key.as_deref(), Some(format!("name-{n}").as_str()));
        assert_eq!(got.tenant.as_str(), format!("name-{n}"));
    }
    assert_eq!(auth.check(&shown_key("hashed"), false).await.expect("known").tenant.as_str(), "by-hash");
    for wrong in ["key-100", "KEY-1", "key-1 ", "", "name-1"] {
        assert_eq!(auth.check(&shown_key(wrong), false).await.err(), Some(Refusal::ApiKeyUnknown), "{wrong}");
    }
}

#[tokio::test]
async fn the_account_is_the_tokens_then_the_keys_then_the_clients() {
    let mut config = both_kinds();
    config.api_keys.push(ApiKey { account: Some("of-key".into()), ..api_key("owned", "hush-owned") });
    let of_token = || token(SigningKey::Secret(&Secret::new(SECRET)), |m| m.account = Some("of-token".into()));
    let origin = Some("https://App.example.com:8443".to_owned());
    // Tokens prove accounts here, so `auto` is as good as false.
    for (switch, from_client) in [(Switch::Yes, true), (Switch::No, false), (Switch::Auto, false)] {
        config.account_from_client = switch;
        let auth = auth(&config).await;
        assert!(auth.proves_accounts());
        let claim = if from_client { Some("claimed") } else { None };
        for (key, token, claimed, account, proven, overridden, tenant) in [
            (Some("hush-owned"), Some(of_token()), Some("claimed"), Some("of-token"), true, true, "of-token"),
            (Some("hush-owned"), Some(of_token()), Some("of-token"), Some("of-token"), true, false, "of-token"),
            (Some("hush-owned"), Some(good_token()), None, Some("of-key"), true, false, "of-key"),
            (Some("hush-owned"), None, Some("claimed"), Some("of-key"), true, true, "of-key"),
            (Some("hush-key"), None, Some("claimed"), claim, false, !from_client, claim.unwrap_or("web")),
            (Some("hush-key"), None, None, None, false, false, "web"),
            (None, Some(good_token()), None, None, false, false, "app.example.com"),
        ] {
            let credentials =
                Credentials { account: claimed.map(str::to_owned), origin: origin.clone(), ..shown(key, token) };
            let got = auth.check(&credentials, false).await.expect("known");
            assert_eq!(got.account.as_ref().map(|a| a.as_str()), account);
            assert_eq!((got.account_proven, got.account_overridden), (proven, overridden), "{credentials:?}");
            assert_eq!(got.tenant.as_str(), tenant);
        }
    }
    let auth = auth(&Auth { account_from_client: Switch::Yes, ..both_kinds() }).await;
    let long = Credentials { account: Some("a".repeat(257)), ..shown_key("hush-key") };
    let refused = auth.check(&long, false).await.expect_err("too long");
    assert_eq!((refused.label(), refused.status().as_u16()), ("account_invalid", 403));
    let nobody = auth.check(&shown(None, Some(good_token())), false).await.expect("known");
    assert_eq!(nobody.tenant.as_str(), "_none");
}

#[tokio::test]
async fn a_shared_key_opens_no_account_once_another_credential_proves_one() {
    let claim = || Credentials { account: Some("acme".into()), ..shown_key("hush-key") };
    let shared = || api_key("web", "hush-key");
    let owned = ApiKey { account: Some("acme".into()), ..api_key("acme", "hush-acme") };
    for (config, want) in [
        (Auth { api_keys: vec![shared()], ..Auth::default() }, Some("acme")),
        (Auth { api_keys: vec![shared(), owned], ..Auth::default() }, None),
        (Auth { api_keys: vec![shared()], ..by_secret() }, None),
    ] {
        assert_eq!(config.account_from_client, Switch::Auto);
        let got = auth(&config).await.check(&claim(), false).await.expect("known");
        assert_eq!((got.account.as_ref().map(|a| a.as_str()), got.account_proven), (want, false));
        assert_eq!(got.account_overridden, want.is_none());
    }
}

#[tokio::test]
async fn who_may_broadcast_is_the_operators_choice() {
    let listed = ApiKey { broadcast: true, ..api_key("loud", "hush-loud") };
    for (broadcast, want) in [
        (Broadcasters::Any, [true, true, true]),
        (Broadcasters::Listed, [true, false, false]),
        (Broadcasters::None, [false, false, false]),
    ] {
        let config = Auth { api_keys: vec![listed.clone(), api_key("web", "hush-key")], broadcast, ..Auth::default() };
        let auth = auth(&config).await;
        for (credentials, want) in [shown_key("hush-loud"), shown_key("hush-key"), shown(None, None)].iter().zip(want) {
            assert_eq!(auth.check(credentials, true).await.map(|p| p.may_broadcast), Ok(want));
        }
    }
}

#[tokio::test]
async fn a_reload_takes_all_of_the_new_settings_or_none() {
    let auth = auth(&both_kinds()).await;
    let fresh =
        Auth { origins: vec!["https://a.test".into()], api_keys: vec![api_key("new", "hush-new")], ..Auth::default() };
    let broken = Auth { origins: vec!["nonsense".into()], ..fresh.clone() };
    assert!(auth.reload(&broken).await.is_err());
    assert!(auth.check(&shown_key("hush-key"), false).await.is_ok() && auth.origin_allowed(Some("https://b.test")));
    auth.reload(&fresh).await.expect("reload");
    assert!(auth.check(&shown_key("hush-key"), false).await.is_err() && !auth.origin_allowed(Some("https://b.test")));
    assert!(auth.check(&shown_key("hush-new"), false).await.is_ok() && auth.origin_allowed(None));
}

#[tokio::test]
async fn nothing_that_prints_shows_a_secret() {
    let auth = auth(&both_kinds()).await;
    let token = good_token();
    let credentials = shown(Some("hush-key"), Some(token.clone()));
    let principal = auth.check(&credentials, false).await.expect("known");
    let mut all = format!("{auth:?} {credentials:?} {principal:?}");
    for refusal in Refusal::ALL {
        all += &format!("{refusal} {refusal:?} {}", refusal.label());
    }
    for secret in ["hush", SECRET, &format!("{:?}", SECRET.as_bytes()), token.expose(), "digest"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("web") && all.contains("[redacted]"), "the test looks at the right things");
}

#[test]
fn refusals_have_distinct_labels_and_one_of_three_statuses() {
    let labels: std::collections::HashSet<_> = Refusal::ALL.into_iter().map(Refusal::label).collect();
    assert_eq!(labels.len(), Refusal::ALL.len());
    assert!(Refusal::ALL.into_iter().all(|r| matches!(r.status().as_u16(), 401 | 403 | 503)));
}
