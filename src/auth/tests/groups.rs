//! Keys that stand for a group, such as the server an agent is on.

use super::rules::{good_token, shown};
use super::*;
use crate::envelope::ids::AccountId;

fn grouped(name: &str, group: &str, account: Option<&str>) -> ApiKey {
    let account = account.map(str::to_owned);
    ApiKey { group: Some(group.into()), account, ..api_key(name, &format!("hush-{name}")) }
}

fn account(name: &str) -> AccountId {
    AccountId::new(name, 99).expect("an id")
}

#[tokio::test]
async fn a_group_belongs_to_the_key_and_to_nothing_else() {
    let keys = vec![grouped("one", "srv-1", None), api_key("web", "hush-web")];
    let auth = auth(&Auth { api_keys: keys, ..by_secret() }).await;
    let group = async |credentials: Credentials| auth.check(&credentials, true).await.map(|principal| principal.group);
    assert_eq!(group(shown_key("hush-one")).await, Ok(Some("srv-1".into())));
    assert_eq!(group(shown(Some("hush-one"), Some(good_token()))).await, Ok(Some("srv-1".into())));
    assert_eq!(group(shown_key("hush-web")).await, Ok(None));
    assert_eq!(group(shown(None, Some(good_token()))).await, Ok(None));
    assert_eq!(group(shown(None, None)).await, Ok(None));
}

#[tokio::test]
async fn a_group_is_known_to_its_own_account() {
    let keys = vec![grouped("one", "srv-1", Some("acme")), grouped("two", "srv-2", None), api_key("web", "hush-web")];
    let auth = auth(&Auth { api_keys: keys, ..Auth::default() }).await;
    let (acme, beta) = (account("acme"), account("beta"));
    for (group, of, want) in [
        ("srv-1", Some(&acme), true),
        ("srv-1", Some(&beta), false),
        ("srv-1", None, false),
        ("srv-2", Some(&beta), true),
        ("srv-2", None, true),
        ("srv-3", Some(&acme), false),
        // An agent with that key is on a server of its name.
        ("web", None, true),
        ("one", Some(&acme), false),
    ] {
        assert_eq!(auth.knows_group(group, of), want, "{group} {of:?}");
    }
}

#[tokio::test]
async fn where_no_key_has_a_group_every_group_is_known() {
    for keys in [vec![], vec![api_key("web", "hush-web")]] {
        assert!(auth(&Auth { api_keys: keys, ..Auth::default() }).await.knows_group("srv-1", None));
    }
}

#[tokio::test]
async fn a_file_of_keys_may_say_the_group() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("keys.toml");
    let config = Auth { api_keys_file: Some(path.clone()), ..Auth::default() };
    std::fs::write(&path, "[[api_keys]]\nname = \"a\"\nkey = \"hush\"\ngroup = \"srv-1\"\n").expect("written");
    let known = auth(&config).await;
    assert!(known.knows_group("srv-1", None) && !known.knows_group("srv-2", None));
    std::fs::write(&path, "[[api_keys]]\nname = \"a\"\nkey = \"hush\"\ngroup = \"\"\n").expect("written");
    let error = Authenticator::new(&config, Clock::fixed(NOW)).await.expect_err("no group").to_string();
    assert!(error.contains("API key `a`: the group must not be empty"), "{error}");
}
