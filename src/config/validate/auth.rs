//! Contradictions of `[auth]`: credentials that check nothing, and an open door nobody asked for.

use super::Findings;
use crate::config::{
    Config, Guests, Jwt, Require, WebUrl,
    problems::{nearest_word, quoted},
};
use std::{collections::BTreeMap, time::Duration};

/// Whoever was refused holds a socket as long.
const LONGEST_REFUSAL: Duration = Duration::from_secs(60);
/// Algorithms with a shared secret.
const SHARED: [&str; 3] = ["HS256", "HS384", "HS512"];
/// Algorithms with a public key.
const PUBLIC: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Jwt {
    /// Leaves only the algorithms that the source of keys can serve. Whoever holds a public key could otherwise
    /// sign HS256 tokens with it as the shared secret (RFC 8725 section 2.1). Without a source nothing changes.
    pub(in crate::config) fn narrow(&mut self) {
        if self.is_configured() {
            let shared = self.is_shared();
            self.algorithms.retain(|name| SHARED.contains(&name.as_str()) == shared);
        }
    }

    fn is_shared(&self) -> bool {
        self.secret.is_some() || self.secret_file.is_some()
    }
}

/// Design section 5: without any credential the proxy only binds loopback.
pub(super) fn open_to_the_network(config: &Config, findings: &mut Findings) {
    let address = config.listen.clients;
    if !address.ip().is_loopback() && !config.auth.has_credentials() && config.auth.guests != Guests::Allow {
        findings.add(
            "listen.clients",
            format!(
                "`listen.clients` = {address} is open to the network, but no credential is configured: add \
                 `[[auth.api_keys]]` or a key in `[auth.jwt]`, or listen on 127.0.0.1, or let everyone in on purpose \
                 with `auth.guests` = \"allow\""
            ),
        );
    }
}

/// Names, and exactly one form of each key.
pub(super) fn api_keys(config: &Config, findings: &mut Findings) {
    let mut names = BTreeMap::new();
    for (at, key) in config.auth.api_keys.iter().enumerate() {
        let here = format!("auth.api_keys[{at}]");
        if key.name.trim().is_empty() {
            findings.add(format!("{here}.name"), format!("`{here}.name` is empty; logs and metrics need it"));
        } else if let Some(first) = names.insert(key.name.as_str(), at) {
            let text = format!("`{here}.name` is the same as `auth.api_keys[{first}].name`");
            findings.add(format!("{here}.name"), text);
        }
        match (&key.key, &key.sha256) {
            (None, None) => findings.add(&here, format!("`{here}` needs `key` or `sha256`")),
            (Some(_), Some(_)) => findings.add(&here, format!("`{here}` has both `key` and `sha256`; keep `sha256`")),
            (Some(key), None) if key.expose().is_empty() => {
                findings.add(format!("{here}.key"), format!("`{here}.key` is empty"));
            }
            (None, Some(hash)) if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
                findings.add(format!("{here}.sha256"), format!("`{here}.sha256` is not 64 hex digits"));
            }
            _ => {}
        }
        if key.group.as_deref().is_some_and(|group| group.is_empty() || group.contains(char::is_control)) {
            findings.add(format!("{here}.group"), format!("`{here}.group` must be a text, on one line"));
        }
    }
}

/// One source of keys, and algorithms that fit it.
pub(super) fn jwt(config: &Config, findings: &mut Findings) {
    let jwt = &config.auth.jwt;
    let sources: Vec<&str> = [
        ("secret", jwt.secret.is_some()),
        ("secret_file", jwt.secret_file.is_some()),
        ("public_key_file", jwt.public_key_file.is_some()),
        ("jwks_file", jwt.jwks_file.is_some()),
        ("jwks_url", jwt.jwks_url.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect();
    if sources.len() > 1 {
        let text = format!("`auth.jwt` takes one source of keys, but has {}", quoted(&sources, ", "));
        findings.add(format!("auth.jwt.{}", sources[1]), text);
    }
    if jwt.secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        findings.add("auth.jwt.secret", "`auth.jwt.secret` is empty");
    }
    let jwks_url = jwt.jwks_url.as_ref().map(WebUrl::expose);
    if jwks_url.is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        findings.add("auth.jwt.jwks_url", "`auth.jwt.jwks_url` must begin with https:// (or http://)");
    }
    // No identity provider asks for one.
    let host = jwks_url.and_then(|url| url.split("://").nth(1)).and_then(|rest| rest.split('/').next());
    if host.is_some_and(|host| host.contains('@')) {
        findings.add("auth.jwt.jwks_url", "`auth.jwt.jwks_url` must not hold a user or password");
    }
    algorithms(jwt, &sources, findings);
    for (at, origin) in config.auth.origins.iter().enumerate() {
        let host = origin.split_once("://").map(|(_, host)| host);
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            let text = format!(
                "`auth.origins[{at}]` = \"{origin}\" is no origin such as \"https://app.example.com\" (without a path; \
                 for any origin leave the list empty)"
            );
            findings.add("auth.origins", text);
        }
    }
}

fn algorithms(jwt: &Jwt, sources: &[&str], findings: &mut Findings) {
    let key = "auth.jwt.algorithms";
    let known: Vec<&str> = SHARED.iter().chain(&PUBLIC).copied().collect();
    for name in jwt.algorithms.iter().filter(|name| !known.contains(&name.as_str())) {
        let near = nearest_word(name, &known).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        findings.add(key, format!("`{key}` cannot hold `{name}`, only {}{near}", quoted(&known, ", ")));
    }
    if sources.len() != 1 {
        return;
    }
    if jwt.algorithms.is_empty() {
        findings.add(key, format!("`{key}` is empty: no token could be valid"));
    }
    // The default list names both families and is narrowed to what the source can serve; a list that
    // somebody wrote is meant, so what cannot be meant is refused.
    if jwt.algorithms == Jwt::default().algorithms {
        return;
    }
    let (unfit, reason) = if jwt.is_shared() {
        (&PUBLIC[..], "needs a public key, and a shared secret is none")
    } else {
        (&SHARED[..], "would let anyone who knows the public key sign tokens with it")
    };
    for name in jwt.algorithms.iter().filter(|name| unfit.contains(&name.as_str())) {
        findings.add(key, format!("`{key}`: `{name}` with `auth.jwt.{}` {reason}; take it out", sources[0]));
    }
}

/// What is required must be possible.
pub(super) fn requirements(config: &Config, findings: &mut Findings) {
    let auth = &config.auth;
    let keys = !auth.api_keys.is_empty() || auth.api_keys_file.is_some();
    let tokens = auth.jwt.is_configured();
    if matches!(auth.require, Require::ApiKey | Require::Both) && !keys {
        findings.add("auth.require", "`auth.require` asks for an API key, but no `[[auth.api_keys]]` exists");
    }
    if matches!(auth.require, Require::Jwt | Require::Both) && !tokens {
        findings.add("auth.require", "`auth.require` asks for a token, but `[auth.jwt]` has no source of keys");
    }
    for (key, value) in
        [("auth.in_band_timeout", auth.in_band_timeout), ("auth.jwt.jwks_refresh", auth.jwt.jwks_refresh)]
    {
        if value.is_zero() {
            findings.add(key, format!("`{key}` must be longer than 0"));
        }
    }
    if auth.refuse_delay > LONGEST_REFUSAL {
        findings.add("auth.refuse_delay", "`auth.refuse_delay` must not be longer than 1m");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;
    use crate::config::{ApiKey, Secret};

    fn key(name: &str, key: Option<&str>, sha256: Option<&str>) -> ApiKey {
        let sha256 = sha256.map(str::to_owned);
        ApiKey { name: name.into(), key: key.map(Secret::new), sha256, account: None, group: None, broadcast: false }
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_open_address_needs_a_credential_or_a_word() {
        let open = |c: &mut Config| c.listen.clients = ([0, 0, 0, 0], 8080).into();
        assert_refused("let everyone in on purpose with `auth.guests` = \"allow\"", open);
        assert_accepted(|c| {
            open(c);
            c.auth.guests = Guests::Allow;
        });
        assert_accepted(|c| {
            open(c);
            c.auth.api_keys = vec![key("a", Some("b"), None)];
        });
        assert_accepted(|c| c.listen.clients = "[::1]:0".parse().unwrap());
        assert_accepted(|c| c.listen.admin = ([0, 0, 0, 0], 9090).into());
    }

    #[test]
    fn an_api_key_has_one_form() {
        let hash = "aB".repeat(32);
        assert_accepted(|c| c.auth.api_keys = vec![key("a", Some("k"), None), key("b", None, Some(&hash))]);
        assert_refused("needs `key` or `sha256`", |c| c.auth.api_keys = vec![key("a", None, None)]);
        assert_refused("has both", |c| c.auth.api_keys = vec![key("a", Some("k"), Some(&hash))]);
        assert_refused("[0].key` is empty", |c| c.auth.api_keys = vec![key("a", Some(""), None)]);
        assert_refused("64 hex", |c| c.auth.api_keys = vec![key("a", None, Some(&"g".repeat(64)))]);
        assert_refused("64 hex", |c| c.auth.api_keys = vec![key("a", None, Some("ab"))]);
        let of = |group: &str| ApiKey { group: Some(group.into()), ..key("a", Some("k"), None) };
        assert_accepted(|c| c.auth.api_keys = vec![of("srv-1")]);
        assert_refused("[0].group` must be a text", |c| c.auth.api_keys = vec![of("")]);
    }

    #[test]
    fn api_keys_have_names_of_their_own() {
        let twice = vec![key("a", Some("k"), None), key("a", Some("l"), None)];
        assert_refused("`auth.api_keys[1].name` is the same as `auth.api_keys[0].name`", |c| c.auth.api_keys = twice);
        assert_refused("name` is empty", |c| c.auth.api_keys = vec![key(" ", Some("k"), None)]);
    }

    #[test]
    fn tokens_have_one_source_of_keys() {
        assert_refused("but has `secret`, `jwks_url`", |c| {
            c.auth.jwt.secret = Some(Secret::new("s"));
            c.auth.jwt.jwks_url = Some(WebUrl::new("https://x"));
        });
        assert_refused("secret` is empty", |c| c.auth.jwt.secret = Some(Secret::new("")));
        assert_refused("user or password", |c| c.auth.jwt.jwks_url = Some(WebUrl::new("https://u:p@x/keys")));
        assert_accepted(|c| c.auth.jwt.jwks_url = Some(WebUrl::new("https://x/keys@v1")));
        assert_refused("must begin with https://", |c| c.auth.jwt.jwks_url = Some(WebUrl::new("ftp://x")));
    }

    #[test]
    fn a_public_key_never_meets_hmac() {
        let public = |list: &[&str]| {
            let algorithms = names(list);
            move |c: &mut Config| {
                c.auth.jwt.jwks_file = Some("jwks.json".into());
                c.auth.jwt.algorithms = algorithms;
            }
        };
        assert_refused("`HS256` with `auth.jwt.jwks_file` would let anyone", public(&["RS256", "HS256"]));
        assert_refused("`HS512` with", public(&["HS512"]));
        assert_accepted(public(&["RS256", "ES256", "EdDSA", "PS512"]));
        assert_refused("no token could be valid", public(&[]));
    }

    #[test]
    fn a_shared_secret_serves_hmac_alone() {
        assert_refused("`RS256` with `auth.jwt.secret` needs a public key", |c| {
            c.auth.jwt.secret = Some(Secret::new("s"));
            c.auth.jwt.algorithms = names(&["RS256"]);
        });
        assert_accepted(|c| {
            c.auth.jwt.secret_file = Some("s".into());
            c.auth.jwt.algorithms = names(&["HS384", "HS512"]);
        });
    }

    #[test]
    fn an_unknown_algorithm_is_refused_with_the_nearest() {
        assert_refused("did you mean `HS256`?", |c| c.auth.jwt.algorithms = names(&["hs256"]));
        assert_refused("cannot hold `none`, only `HS256`", |c| c.auth.jwt.algorithms = names(&["none"]));
    }

    #[test]
    fn the_default_algorithms_are_narrowed_to_the_source() {
        let narrowed = |change: fn(&mut Jwt)| {
            let mut jwt = Jwt::default();
            change(&mut jwt);
            jwt.narrow();
            jwt.algorithms
        };
        assert_eq!(narrowed(|_| {}), Jwt::default().algorithms);
        assert_eq!(narrowed(|jwt| jwt.secret = Some(Secret::new("s"))), ["HS256"]);
        assert_eq!(narrowed(|jwt| jwt.jwks_url = Some(WebUrl::new("https://x"))), ["RS256", "ES256", "EdDSA"]);
    }

    #[test]
    fn what_is_required_must_exist() {
        assert_refused("asks for an API key", |c| c.auth.require = Require::ApiKey);
        assert_refused("asks for a token", |c| c.auth.require = Require::Jwt);
        assert_accepted(|c| {
            c.auth.require = Require::Both;
            c.auth.api_keys_file = Some("keys.toml".into());
            c.auth.jwt.secret_file = Some("secret".into());
        });
        assert_refused("longer than 0", |c| c.auth.in_band_timeout = Duration::ZERO);
        assert_refused("longer than 1m", |c| c.auth.refuse_delay = Duration::from_secs(61));
        assert_accepted(|c| c.auth.refuse_delay = Duration::ZERO);
    }

    #[test]
    fn an_origin_is_scheme_and_host() {
        assert_accepted(|c| c.auth.origins = names(&["https://app.example.com", "http://localhost:3000"]));
        for bad in ["app.example.com", "https://app.example.com/", "*"] {
            assert_refused("is no origin", |c| c.auth.origins = names(&[bad]));
        }
    }
}
