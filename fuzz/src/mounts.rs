//! Owns the target of the mount table: any path, host and query, held against a second, slower reading of the rules.

use super::input::{parts, text};
use aether_proxy::config::{Config, DialectName, Mount};
use aether_proxy::dialect::Spoken;
use aether_proxy::edge::Mounts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::OnceLock;

/// Bytes an id may have in this table.
const MOST: usize = 64;

fn mount(path: &str, host: Option<&str>, query: &[(&str, &str)], group: Option<&str>) -> Mount {
    Mount {
        host: host.map(str::to_owned),
        query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        group: group.map(str::to_owned),
        account: None,
        ..Mount::new(path, DialectName::AetherV2)
    }
}

/// One of each kind, told apart by what nobody can ask for: the group where the path has none.
fn table() -> &'static (Vec<Mount>, Mounts) {
    static TABLE: OnceLock<(Vec<Mount>, Mounts)> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut config = Config::default();
        config.limits.id = MOST;
        config.mounts.extend([
            mount("/ws/{client_id}", Some("a.example"), &[("client_type", "tv")], Some("tv")),
            mount("/ws/{client_id}", None, &[("client_type", "*"), ("v", "2")], Some("typed")),
            mount("/ws/{client_id}", Some("[::1]"), &[], Some("six")),
            mount("/ws/{client_id}", None, &[], Some("rest")),
            mount("/a b/ä/{group_id}/{client_id}", None, &[], None),
        ]);
        let mounts = Mounts::new(&config).expect("a table");
        (config.mounts, mounts)
    })
}

/// Path, host and query of a request.
pub fn mounts(data: &[u8]) {
    let [path, host, query] = parts(data).map(text);
    let (list, table) = table();
    let host = (!host.is_empty()).then_some(host.as_ref());
    let got = table.find(&path, host, &query);
    let want = slow(list, &path, host, &query);
    assert_eq!(got.is_some(), want.is_some(), "{path:?} {host:?} {query:?}");
    if let (Some(got), Some((mount, ids))) = (got, want) {
        assert_eq!(got.recv_v3, last(&query, "recv").as_deref() == Some(b"v3"), "{query:?}");
        let native = got.rules.manner.spoken() == Spoken::AetherV3;
        assert_eq!(native, mount.dialect == DialectName::AetherV3, "{path:?}");
        let ids = ids.and_then(|(group, client)| valid(&group, true).zip(valid(&client, false)));
        let found = got.ids.ok().map(|(group, client)| (group.as_str().to_owned(), client.as_str().to_owned()));
        assert_eq!(found, ids, "{path:?} {host:?} {query:?}");
    }
    // What is encoded once is found as it was, whatever it is; what was encoded twice is decoded once.
    if let (Some(group), Some(client)) = (valid(path.as_bytes(), true), valid(query.as_bytes(), false)) {
        let once = |id: &str| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
        for (group, client) in [(group.clone(), client.clone()), (once(&group), once(&client))] {
            let place = table.find(&format!("/ws/group/{}/client/{}", once(&group), once(&client)), None, "");
            let ids = place.expect("a path of this table").ids;
            if let (Some(group), Some(client)) = (valid(group.as_bytes(), true), valid(client.as_bytes(), false)) {
                let (got_group, got_client) = ids.expect("ids");
                assert_eq!((got_group.as_str(), got_client.as_str()), (group.as_str(), client.as_str()));
            } else {
                assert!(ids.is_err(), "{group:?} {client:?}");
            }
        }
    }
}

/// Is it an id of this table?
fn valid(bytes: &[u8], is_group: bool) -> Option<String> {
    let id = std::str::from_utf8(bytes).ok()?;
    let fits = !id.is_empty() && id.len() <= MOST && !id.chars().any(char::is_control);
    (fits && (is_group || id != "server")).then(|| id.to_owned())
}

type Ids = Option<(Vec<u8>, Vec<u8>)>;

/// The rules once more, without a table made beforehand.
fn slow<'m>(list: &'m [Mount], path: &str, host: Option<&str>, query: &str) -> Option<(&'m Mount, Ids)> {
    let segments: Vec<Vec<u8>> = path.strip_prefix('/')?.split('/').map(|s| decoded(s.as_bytes())).collect();
    'mounts: for mount in list {
        let (mut group, mut client) = (mount.group.clone().map(String::into_bytes), None);
        let wanted: Vec<&str> = mount.path[1..].split('/').collect();
        if wanted.len() != segments.len() {
            continue;
        }
        for (want, got) in wanted.iter().zip(&segments) {
            match *want {
                "{group_id}" => group = Some(got.clone()),
                "{client_id}" => client = Some(got.clone()),
                literal if literal.as_bytes() == got => {}
                _ => continue 'mounts,
            }
        }
        if let Some(want) = &mount.host {
            let Some(host) = host else { continue };
            let port = host.bytes().rev().take_while(u8::is_ascii_digit).count();
            let bare = host[..host.len() - port].strip_suffix(':').unwrap_or(host);
            if bare.to_ascii_lowercase() != *want {
                continue;
            }
        }
        for (name, want) in &mount.query {
            match last(query, name) {
                Some(value) if want == "*" || value == want.as_bytes() => {}
                _ => continue 'mounts,
            }
        }
        return Some((mount, group.zip(client)));
    }
    None
}

/// The value of the last parameter of this name, decoded.
fn last(query: &str, name: &str) -> Option<Vec<u8>> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(key.as_bytes()) == name.as_bytes() {
            found = Some(decoded(value.as_bytes()));
        }
    }
    found
}

/// Percent-decodes once; what is no escape stays.
fn decoded(text: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
