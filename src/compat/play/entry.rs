//! Owns how a client asks to be let in: path, query and headers of its handshake. Pure.

use crate::compat::suite::{Cast, Credential, Speaks};
use crate::compat::{Ids, Mount, Profile};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};

/// What stands in a path as it is.
pub const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A credential that nobody issued.
const WRONG: &str = "nobody-issued-this";

/// A handshake. Debug is left out: there are credentials in it.
pub struct Entry {
    /// With the query.
    pub path: String,
    /// Beside those every handshake has.
    pub headers: HeaderMap,
}

/// How this client asks to be let in; `mount` is the way in of a dialect beside Aether's own.
///
/// # Errors
/// The target has no such way in, or a header is none.
pub fn of(name: &str, cast: &Cast, ids: &Ids, profile: &Profile, mount: Option<&Mount>) -> Result<Entry, &'static str> {
    let own = || match mount {
        Some(mount) => Some(mount.path.as_str()),
        None => profile.paths.get(&cast.speaks).map(String::as_str),
    };
    let template = cast.path.as_deref().or_else(own).ok_or("the profile has no such way in")?;
    let encoded = |id: &str| utf8_percent_encode(id, PLAIN).to_string();
    let group = ids.group_of(name).unwrap_or_default();
    // Where the mount's group is the case's with something around it, the path names the case's.
    let around = mount.and_then(|mount| mount.group.split_once("{group}"));
    let inner = around.and_then(|(before, behind)| group.strip_prefix(before)?.strip_suffix(behind));
    let group = encoded(inner.unwrap_or(group));
    let path = template.replace("{group}", &group).replace("{client}", &encoded(ids.client(name)));
    let mut entry = Entry { path, headers: HeaderMap::new() };
    match mount {
        None => aether(&mut entry, cast.credential, profile, &encoded)?,
        Some(mount) => {
            for (name, secret) in &mount.headers {
                match cast.credential {
                    Credential::Good | Credential::Header => entry.header(name, secret.expose())?,
                    Credential::Wrong => entry.header(name, WRONG)?,
                    Credential::None => {}
                }
            }
        }
    }
    if let Some(query) = &cast.query {
        entry.query(&ids.fill(query));
    }
    for (name, value) in &cast.headers {
        entry.header(name, &ids.fill(value))?;
    }
    Ok(entry)
}

/// As the guide has it, credentials stand in the query; programs can also send them as headers.
///
/// # Errors
/// A credential that cannot stand in a header.
fn aether(
    entry: &mut Entry,
    credential: Credential,
    profile: &Profile,
    encoded: &impl Fn(&str) -> String,
) -> Result<(), &'static str> {
    let known = &profile.credentials;
    let (key, jwt) = (known.api_key.as_ref().map(|key| key.expose()), known.jwt.as_ref().map(|jwt| jwt.expose()));
    let given = match credential {
        Credential::Good | Credential::Header => [("api_key", key), ("jwt", jwt)],
        Credential::Wrong if key.is_none() && jwt.is_some() => [("api_key", None), ("jwt", Some(WRONG))],
        Credential::Wrong => [("api_key", Some(WRONG)), ("jwt", None)],
        Credential::None => [("api_key", None), ("jwt", None)],
    };
    let account = known.account.as_deref().filter(|_| credential != Credential::None);
    for (name, value) in given.into_iter().chain([("x_account_id", account)]) {
        let Some(value) = value else { continue };
        match (credential, name) {
            (Credential::Header, "api_key") => entry.header("x-api-key", value)?,
            (Credential::Header, "jwt") => entry.header("authorization", &format!("Bearer {value}"))?,
            (Credential::Header, _) => entry.header("x-account-id", value)?,
            _ => entry.query(&format!("{name}={}", encoded(value))),
        }
    }
    Ok(())
}

/// A dialect beside Aether's own, whose ways in are mounts.
pub fn is_mounted(speaks: Speaks) -> bool {
    matches!(speaks, Speaks::Valtronics | Speaks::ServerMonitor | Speaks::Vectra)
}

impl Entry {
    fn query(&mut self, more: &str) {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(more);
    }

    fn header(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let name: HeaderName = name.parse().map_err(|_| "the name of a header is none")?;
        let mut value = HeaderValue::from_str(value).map_err(|_| "the value of a header is none")?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use std::collections::BTreeMap;

    fn path(cast: &str, profile: &Profile) -> Result<String, &'static str> {
        let casts: BTreeMap<_, Cast> = BTreeMap::from([("a".to_owned(), serde_json::from_str(cast).unwrap())]);
        let ids = Ids::new("t7", &casts, &BTreeMap::new(), true);
        of("a", &casts["a"], &ids, profile, None).map(|entry| entry.path)
    }

    #[test]
    fn ids_and_credentials_stand_in_the_path_whatever_is_in_them() {
        let mut profile = Profile::default();
        assert_eq!(path(r#"{"speaks":"v2"}"#, &profile).unwrap(), "/ws/group/g1-t7/client/a-t7");
        let odd = r#"{"speaks":"v2-bare","id":"a/b ä?","query":"recv=v3"}"#;
        assert_eq!(path(odd, &profile).unwrap(), "/ws/a%2Fb%20%C3%A4%3F?recv=v3");
        profile.credentials.api_key = Some(Secret::new("k&1"));
        profile.credentials.account = Some("acc".to_owned());
        assert!(path(r#"{"speaks":"v3"}"#, &profile).unwrap().ends_with("?api_key=k%261&x_account_id=acc"));
        let wrong = path(r#"{"speaks":"v3","credential":"wrong"}"#, &profile).unwrap();
        assert!(wrong.ends_with("?api_key=nobody-issued-this&x_account_id=acc"), "{wrong}");
        assert!(!path(r#"{"speaks":"v3","credential":"none"}"#, &profile).unwrap().contains('?'));
        let header = r#"{"speaks":"v3","credential":"header","path":"/other/{client}"}"#;
        let casts: BTreeMap<_, Cast> = BTreeMap::from([("a".to_owned(), serde_json::from_str(header).unwrap())]);
        let ids = Ids::new("t7", &casts, &BTreeMap::new(), true);
        let entry = of("a", &casts["a"], &ids, &profile, None).ok().unwrap();
        assert_eq!(entry.path, "/other/a-t7");
        assert_eq!(entry.headers["x-api-key"], "k&1");
        assert_eq!(entry.headers["x-account-id"], "acc");
        profile.credentials.api_key = None;
        profile.credentials.jwt = Some(Secret::new("j"));
        assert!(path(r#"{"speaks":"v3","credential":"wrong"}"#, &profile).unwrap().contains("?jwt=nobody"));
        profile.paths.clear();
        assert!(path(r#"{"speaks":"v3"}"#, &profile).is_err());
    }

    #[test]
    fn a_mount_has_its_own_path_and_headers() {
        let mount: Mount =
            serde_json::from_value(serde_json::json!({"dialect": "vectra", "path": "/ws/{group}?client_type=worker",
            "group": "v-{group}", "headers": {"x-worker-secret": "hunter2"}}))
            .unwrap();
        for (credential, header) in [("good", Some("hunter2")), ("wrong", Some(WRONG)), ("none", None)] {
            let cast = format!(r#"{{"speaks":"vectra","query":"x=1","credential":"{credential}"}}"#);
            let casts = BTreeMap::from([("a".to_owned(), serde_json::from_str(&cast).unwrap())]);
            let ids = Ids::new("t7", &casts, &BTreeMap::from([("a".to_owned(), &mount)]), true);
            let entry = of("a", &casts["a"], &ids, &Profile::default(), Some(&mount)).ok().unwrap();
            assert_eq!(entry.path, "/ws/g1-t7?client_type=worker&x=1");
            assert_eq!(entry.headers.get("x-worker-secret").map(|value| value.to_str().unwrap()), header);
            assert!(!format!("{:?}", entry.headers).contains("hunter2"));
        }
    }
}
