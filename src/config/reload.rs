//! What SIGHUP may change: which keys differ between two settings, and which of them work without a restart.

use super::{Config, ConfigError, validate_config};
use serde_json::Value;

/// A key that differs between the running and the new settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// The key, such as `limits.message`; a list differs as a whole.
    pub key: String,
    /// Takes effect now; otherwise at the next start.
    pub reloadable: bool,
}

/// Parts of `[auth.jwt]` that are or belong to the key material.
const KEY_MATERIAL: [&str; 6] = ["algorithms", "secret", "secret_file", "public_key_file", "jwks_file", "jwks_url"];

/// Every key that differs, in the order of their names.
pub fn diff(old: &Config, new: &Config) -> Vec<Reload> {
    let mut keys = Vec::new();
    let value = |config: &Config| serde_json::to_value(config).unwrap_or(Value::Null);
    compare(&value(old), &value(new), "", &mut keys);
    // These are written as `[redacted]`, all or in part, so the texts cannot tell.
    for (key, differs) in [
        ("hub.url", old.hub.url != new.hub.url),
        ("auth.api_keys", old.auth.api_keys != new.auth.api_keys),
        ("auth.jwt.secret", old.auth.jwt.secret != new.auth.jwt.secret),
        ("auth.jwt.jwks_url", old.auth.jwt.jwks_url != new.auth.jwt.jwks_url),
        ("auth.worker_secret", old.auth.worker_secret != new.auth.worker_secret),
        ("mounts", old.mounts != new.mounts),
        ("listen.admin_token", old.listen.admin_token != new.listen.admin_token),
    ] {
        if differs && !keys.iter().any(|seen| seen == key) {
            keys.push(key.to_owned());
        }
    }
    keys.sort();
    keys.into_iter().map(|key| Reload { reloadable: is_reloadable(&key), key }).collect()
}

/// The running settings with all that may change taken from the new ones.
///
/// # Errors
/// The mixture contradicts itself, where each of the two did not: a new API key list is empty while the old
/// open address stays, say.
pub fn reloaded(running: &Config, new: &Config) -> Result<Config, ConfigError> {
    let mut mixed = running.clone();
    mixed.auth.api_keys.clone_from(&new.auth.api_keys);
    mixed.auth.api_keys_file.clone_from(&new.auth.api_keys_file);
    mixed.auth.origins.clone_from(&new.auth.origins);
    mixed.auth.broadcast = new.auth.broadcast;
    mixed.auth.jwt.algorithms.clone_from(&new.auth.jwt.algorithms);
    mixed.auth.jwt.secret.clone_from(&new.auth.jwt.secret);
    mixed.auth.jwt.secret_file.clone_from(&new.auth.jwt.secret_file);
    mixed.auth.jwt.public_key_file.clone_from(&new.auth.jwt.public_key_file);
    mixed.auth.jwt.jwks_file.clone_from(&new.auth.jwt.jwks_file);
    mixed.auth.jwt.jwks_url.clone_from(&new.auth.jwt.jwks_url);
    mixed.limits = new.limits.clone();
    mixed.limits.connections = running.limits.connections;
    mixed.limits.duplicate_client = running.limits.duplicate_client;
    mixed.policy = new.policy.clone();
    mixed.capture = new.capture.clone();
    mixed.telemetry.log_level.clone_from(&new.telemetry.log_level);
    validate_config(&mixed)?;
    Ok(mixed)
}

fn is_reloadable(key: &str) -> bool {
    match key.split_once('.') {
        Some(("auth", rest)) => {
            matches!(rest, "api_keys" | "api_keys_file" | "origins" | "broadcast")
                || rest.strip_prefix("jwt.").is_some_and(|name| KEY_MATERIAL.contains(&name))
        }
        Some(("limits", rest)) => !matches!(rest, "connections" | "duplicate_client"),
        Some(("telemetry", rest)) => rest == "log_level",
        Some(("policy" | "capture", _)) => true,
        _ => false,
    }
}

fn compare(old: &Value, new: &Value, prefix: &str, keys: &mut Vec<String>) {
    match (old, new) {
        // Both have the same members: optional ones are null, not absent, outside of lists.
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                compare(value, new.get(name).unwrap_or(&Value::Null), &key, keys);
            }
        }
        _ if old != new => keys.push(prefix.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        ApiKey, Broadcasters, DialectName, DuplicateClient, Guests, Mount, RedisUrl, RefuseWith, Secret, Vectra,
        WebUrl, key::KeyPath, key::Step, schema::Schema,
    };

    fn changed(change: impl FnOnce(&mut Config)) -> Vec<(String, bool)> {
        let mut new = Config::default();
        change(&mut new);
        diff(&Config::default(), &new).into_iter().map(|c| (c.key, c.reloadable)).collect()
    }

    #[test]
    fn equal_settings_do_not_differ() {
        assert_eq!(changed(|_| {}), []);
    }

    #[test]
    fn each_key_says_whether_it_needs_a_restart() {
        let expect = |key: &str, reloadable: bool| vec![(key.to_owned(), reloadable)];
        assert_eq!(changed(|c| c.limits.message = 1), expect("limits.message", true));
        assert_eq!(changed(|c| c.limits.connections = 1), expect("limits.connections", false));
        let replace = |c: &mut Config| c.limits.duplicate_client = DuplicateClient::Replace;
        assert_eq!(changed(replace), expect("limits.duplicate_client", false));
        assert_eq!(changed(|c| c.telemetry.log_level = "debug".into()), expect("telemetry.log_level", true));
        assert_eq!(changed(|c| c.telemetry.max_tenants = 1), expect("telemetry.max_tenants", false));
        assert_eq!(changed(|c| c.policy.refuse_with = RefuseWith::Close), expect("policy.refuse_with", true));
        assert_eq!(changed(|c| c.auth.broadcast = Broadcasters::None), expect("auth.broadcast", true));
        assert_eq!(changed(|c| c.auth.guests = Guests::Deny), expect("auth.guests", false));
        assert_eq!(changed(|c| c.auth.jwt.issuer = "x".into()), expect("auth.jwt.issuer", false));
        assert_eq!(
            changed(|c| c.auth.jwt.jwks_url = Some(WebUrl::new("https://x"))),
            expect("auth.jwt.jwks_url", true)
        );
        assert_eq!(changed(|c| c.mounts.truncate(1)), expect("mounts", false));
        assert_eq!(changed(|c| c.hub.channels.v2 = "x".into()), expect("hub.channels.v2", false));
    }

    #[test]
    fn a_changed_secret_is_noticed_although_it_prints_the_same() {
        let with = |secret: &str| {
            let mut config = Config::default();
            config.auth.jwt.secret = Some(Secret::new(secret));
            config.auth.jwt.jwks_url = Some(WebUrl::new(format!("https://h/jwks?code={secret}")));
            config.auth.worker_secret = Some(Secret::new(secret));
            config.hub.url = RedisUrl::new(format!("redis://:{secret}@h"));
            let vectra = Vectra { worker_secret: Some(Secret::new(secret)), ..Vectra::default() };
            config.mounts.push(Mount { vectra: Some(vectra), ..Mount::new("/ws", DialectName::Vectra) });
            let key = Some(Secret::new(secret));
            config.auth.api_keys =
                vec![ApiKey { name: "a".into(), key, sha256: None, account: None, group: None, broadcast: false }];
            config
        };
        let keys: Vec<String> = diff(&with("one"), &with("two")).into_iter().map(|change| change.key).collect();
        let changed =
            ["auth.api_keys", "auth.jwt.jwks_url", "auth.jwt.secret", "auth.worker_secret", "hub.url", "mounts"];
        assert_eq!(keys, changed);
        assert_eq!(diff(&with("one"), &with("one")), []);
    }

    #[test]
    fn what_is_applied_is_exactly_what_is_called_reloadable() {
        // Every leaf changed at once, as far as the checks allow: what still differs afterwards needs a restart.
        let running = Config::default();
        let mut new = Config::default();
        new.limits.message = 1000;
        new.limits.connections = 7;
        new.limits.duplicate_client = DuplicateClient::Replace;
        new.limits.idle_timeout = std::time::Duration::from_secs(9);
        new.auth.origins = vec!["https://a.example".into()];
        new.auth.jwt.secret = Some(Secret::new("s"));
        new.auth.jwt.algorithms = vec!["HS256".into()];
        new.auth.jwt.issuer = "i".into();
        new.auth.api_keys_file = Some("k".into());
        new.auth.broadcast = Broadcasters::Listed;
        new.policy.refuse_with = RefuseWith::Close;
        new.telemetry.log_level = "debug".into();
        new.telemetry.max_tenants = 3;
        new.hub.publish_queue = 3;
        let mixed = reloaded(&running, &new).unwrap();
        assert_eq!(diff(&running, &mixed).len(), 9);
        assert!(diff(&running, &mixed).iter().all(|change| change.reloadable));
        assert_eq!(diff(&mixed, &new).len(), 5);
        assert!(diff(&mixed, &new).iter().all(|change| !change.reloadable));
    }

    #[test]
    fn a_reload_cannot_open_the_door() {
        let mut running = Config::default();
        running.listen.clients = ([0, 0, 0, 0], 8080).into();
        let key = ApiKey {
            name: "a".into(),
            key: Some(Secret::new("k")),
            sha256: None,
            account: None,
            group: None,
            broadcast: false,
        };
        running.auth.api_keys = vec![key];
        let mut new = running.clone();
        new.auth.api_keys.clear();
        new.auth.guests = Guests::Allow;
        let refused = reloaded(&running, &new).unwrap_err();
        assert!(refused.to_string().contains("open to the network"), "{refused}");
    }

    #[test]
    fn the_reloadable_keys_exist() {
        let keys = Schema::new().keys();
        let path =
            |name: &str| KeyPath(vec![Step::Name("auth".into()), Step::Name("jwt".into()), Step::Name(name.into())]);
        assert!(KEY_MATERIAL.iter().all(|name| keys.contains(&path(name).pattern())));
    }
}
