//! What is presumed of a client before anything is proven.

use super::*;
use crate::config::Switch;

fn presumed(auth: &Authenticator, credentials: &Credentials) -> (String, bool) {
    let presumption = auth.presume(credentials);
    (presumption.tenant.as_str().to_owned(), presumption.by_credential)
}

fn of_account(account: &str, secret: &str) -> Secret {
    token(SigningKey::Secret(&Secret::new(secret)), |mint| mint.account = Some(account.into()))
}

fn settings() -> Auth {
    let keyed = |account: Option<&str>| ApiKey { account: account.map(str::to_owned), ..api_key("web", "key") };
    Auth {
        api_keys: vec![keyed(None), ApiKey { key: Some(Secret::new("acme-key")), ..keyed(Some("acme")) }],
        ..by_secret()
    }
}

#[tokio::test]
async fn of_whoever_comes_in_the_truth_was_presumed() {
    for account_from_client in [Switch::Auto, Switch::Yes, Switch::No] {
        let auth = auth(&Auth { account_from_client, ..settings() }).await;
        for key in [None, Some("key"), Some("acme-key")] {
            for token in
                [None, Some(of_account("beta", SECRET)), Some(token(SigningKey::Secret(&Secret::new(SECRET)), |_| {}))]
            {
                for account in [None, Some("gamma".to_owned())] {
                    for origin in [None, Some("https://app.example.com".to_owned())] {
                        let api_key = key.map(Secret::new);
                        let shown = Credentials { api_key, token: token.clone(), account: account.clone(), origin };
                        let proven = auth.check(&shown, true).await.expect("valid");
                        let truth = (proven.tenant.as_str().to_owned(), proven.account_proven);
                        assert_eq!(presumed(&auth, &shown), truth, "{shown:?}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_forged_token_is_taken_at_its_word() {
    let auth = auth(&settings()).await;
    let forged = shown_token(of_account("vip", "another secret of more than thirty-two bytes"));
    assert_eq!(presumed(&auth, &forged), ("vip".into(), true));
    assert!(!auth.presume(&forged).is_sure && auth.presume(&shown_key("acme-key")).is_sure);
    assert!(!auth.presume(&Credentials { api_key: Some(Secret::new("acme-key")), ..forged.clone() }).is_sure);
    assert!(!auth.presume(&shown_key("wrong")).is_sure && !auth.presume(&Credentials::default()).is_sure);
    assert_eq!(auth.check(&forged, true).await.err(), Some(Refusal::TokenSignature));
}

#[tokio::test]
async fn what_cannot_be_read_names_nobody() {
    let auth = auth(&settings()).await;
    let long = format!("x.{}.y", "e".repeat(100_000));
    for bad in ["", ".", "x", "x.y", "x.!!!.z", "x.e30.z", "x.bnVsbA.z", "x.eyJhY2NvdW50X2lkIjoxLjV9.z", long.as_str()]
    {
        assert_eq!(presumed(&auth, &shown_token(Secret::new(bad))), ("_none".into(), false), "{bad:.20}");
    }
    assert_eq!(presumed(&auth, &shown_key("wrong")), ("_none".into(), false));
    let invisible = Credentials { account: Some("a\nb".into()), ..Credentials::default() };
    assert_eq!(presumed(&auth, &invisible), ("_none".into(), false));
}
