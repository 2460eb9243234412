//! Contradictions of `[[mounts]]`: paths that do not say who comes, and mounts that can never be reached.
//! What a dialect wants beyond that is in `dialects`.

use super::{Findings, channels::names_in};
use crate::config::{Config, DialectName, Mount, problems::nearest_word};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Stands for a segment that may be anything.
const ANY: &str = "{}";

/// Every mount by itself, then against those before it.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    if config.mounts.is_empty() {
        findings.add("mounts", "there are no `[[mounts]]`, so no client could connect");
    }
    let mut above = Above::default();
    for (at, mount) in config.mounts.iter().enumerate() {
        path(at, mount, findings);
        if let Some(host) = &mount.host {
            // `[::1]` is a host without a port, `[::1]:80` and `h:80` are not.
            let name = host.strip_suffix(']').unwrap_or(host);
            if host.is_empty() || host.contains('/') || (name.contains(':') && name.len() == host.len()) {
                let key = format!("mounts[{at}].host");
                findings.add(&key, format!("`{key}` = \"{host}\" must be a host name alone, without port or path"));
            }
        }
        for name in mount.header.keys().filter(|name| name.parse::<hyper::header::HeaderName>().is_err()) {
            let key = format!("mounts[{at}].header");
            findings.add(&key, format!("`{key}`: \"{name}\" is no name of a header"));
        }
        if let Some((first, same)) = above.covers(mount) {
            let text = if same {
                format!("`mounts[{at}]` matches exactly what `mounts[{first}]` matches and is never reached")
            } else {
                format!("`mounts[{at}]` is never reached: `mounts[{first}]` above it matches all that it matches")
            };
            findings.add(format!("mounts[{at}].path"), text);
        }
        above.add(at, mount);
    }
}

/// The mounts so far, found by their shapes: a mount that is covered is found without a look at each above it.
#[derive(Default)]
struct Above<'m> {
    shapes: HashMap<Vec<&'m str>, Vec<(usize, &'m Mount)>>,
    /// Which segments may be anything, for each of those shapes; there are few such patterns.
    masks: BTreeSet<Vec<bool>>,
}

impl<'m> Above<'m> {
    fn add(&mut self, at: usize, mount: &'m Mount) {
        let shape = shape(&mount.path);
        self.masks.insert(shape.iter().map(|segment| *segment == ANY).collect());
        self.shapes.entry(shape).or_default().push((at, mount));
    }

    /// The first that matches all this one matches, and whether it matches nothing else.
    fn covers(&self, mount: &'m Mount) -> Option<(usize, bool)> {
        let own = shape(&mount.path);
        let wider = self.masks.iter().filter(|mask| mask.len() == own.len()).filter_map(|mask| {
            let wide = own.iter().zip(mask).map(|(segment, any)| if *any { ANY } else { *segment });
            self.shapes.get(&wide.collect::<Vec<_>>())
        });
        let covering = wider.flatten().filter(|(_, first)| takes_all(first, mount)).min_by_key(|(at, _)| *at);
        let (at, first) = covering.copied()?;
        Some((at, shape(&first.path) == own && takes_all(mount, first)))
    }
}

/// Does `first` ask for nothing of host, query and headers but what `second` asks for too?
fn takes_all(first: &Mount, second: &Mount) -> bool {
    let lower = |host: &Option<String>| host.as_deref().map(str::to_lowercase);
    let within = |first: &BTreeMap<String, String>, second: &BTreeMap<String, String>| {
        first.iter().all(|(name, want)| second.get(name).is_some_and(|got| want == "*" || want == got))
    };
    let headers = |mount: &Mount| -> BTreeMap<String, String> {
        mount.header.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
    };
    (first.host.is_none() || lower(&first.host) == lower(&second.host))
        && within(&first.query, &second.query)
        && within(&headers(first), &headers(second))
}

/// What may stand for a segment in paths of a dialect.
fn placeholders(dialect: &DialectName) -> [&'static str; 2] {
    match dialect {
        DialectName::ServerMonitor => ["server_id", "client_id"],
        _ => ["group_id", "client_id"],
    }
}

fn path(at: usize, mount: &Mount, findings: &mut Findings) {
    let path = &mount.path;
    let key = format!("mounts[{at}].path");
    let mut add = |text: &str| findings.add(&key, format!("`{key}` = \"{path}\" {text}"));
    if !path.starts_with('/') {
        add("must begin with `/`");
    }
    if path.contains(['?', '#']) {
        return add("must be a path alone; query parameters stand in `query`");
    }
    let Ok(names) = names_in(path) else {
        return add("has a brace that is not closed or opened");
    };
    for segment in path.split('/').filter(|segment| segment.contains('{')) {
        if !segment.starts_with('{') || segment.find('}') != Some(segment.len() - 1) {
            add("must have a whole segment for each `{…}`");
        }
    }
    let known = placeholders(&mount.dialect);
    for name in names.iter().filter(|name| !known.contains(*name)) {
        let words = known.map(|known| known.replace('_', "-"));
        let near = nearest_word(name, &words.each_ref().map(String::as_str)).map(|word| word.replace('-', "_"));
        let near = near.map(|word| format!("; did you mean `{{{word}}}`?")).unwrap_or_default();
        add(&format!("has the unknown placeholder `{{{name}}}`{near}"));
    }
    for name in known {
        if names.iter().filter(|n| **n == name).count() > 1 {
            add(&format!("has `{{{name}}}` twice"));
        }
    }
    if mount.dialect.names_clients_by_path() && !names.contains(&"client_id") {
        add("needs `{client_id}`: every client has an id");
    }
    match (&mount.group, names.contains(&"group_id")) {
        (None, false) if mount.group().is_none() => {
            add("has no `{group_id}`, so `group` must say which group its clients join");
        }
        (Some(_), true) => add("has `{group_id}`, so `group` would never be used; take one of them out"),
        (Some(group), false) if group.is_empty() => add("has no `{group_id}`, and `group` is empty"),
        _ => {}
    }
}

/// What a path matches, whatever its placeholders are called.
fn shape(path: &str) -> Vec<&str> {
    path.split('/').map(|segment| if segment.starts_with('{') { ANY } else { segment }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{after, assert_accepted, assert_refused};
    use super::*;
    use crate::config::DialectName::{AetherV2, AetherV3, Valtronics, Vectra};

    fn only(mount: Mount) -> impl FnOnce(&mut Config) {
        |c| c.mounts = vec![mount]
    }

    fn in_group(path: &str, group: &str) -> Mount {
        Mount { group: Some(group.into()), ..Mount::new(path, AetherV2) }
    }

    #[test]
    fn there_is_a_mount() {
        assert_refused("no client could connect", |c| c.mounts.clear());
    }

    #[test]
    fn a_path_names_client_and_group_once() {
        let refused = |text: &str, path: &str| assert_refused(text, only(Mount::new(path, AetherV2)));
        refused("needs `{client_id}`", "/ws/{group_id}");
        refused("`group` must say which", "/ws/{client_id}");
        refused("has `{client_id}` twice", "/ws/{group_id}/{client_id}/{client_id}");
        refused("must begin with `/`", "ws/{group_id}/{client_id}");
        refused("did you mean `{client_id}`?", "/ws/{group_id}/{client_id}/{clientid}");
        refused("unknown placeholder `{tenant}`", "/{tenant}/{group_id}/{client_id}");
        refused("whole segment", "/ws/g-{group_id}/{client_id}");
        refused("brace", "/ws/{group_id/{client_id}");
        refused("query parameters stand in `query`", "/ws/{group_id}/{client_id}?a=b");
    }

    #[test]
    fn the_other_dialects_need_no_ids_in_their_paths() {
        for dialect in [Valtronics, Vectra] {
            assert_accepted(only(Mount::new("/ws", dialect.clone())));
            assert_accepted(only(Mount::new("/ws/{group_id}/{client_id}", dialect.clone())));
            assert_refused("did you mean `{client_id}`?", only(Mount::new("/ws/{clientid}", dialect.clone())));
            assert_refused("unknown placeholder `{server_id}`", only(Mount::new("/ws/{server_id}", dialect)));
        }
        let monitor = |path: &str| Mount {
            server_monitor: Some(crate::config::ServerMonitor::new(crate::config::Role::Metrics)),
            ..Mount::new(path, DialectName::ServerMonitor)
        };
        assert_accepted(only(monitor("/ws/{server_id}/{client_id}")));
        assert_refused("unknown placeholder `{group_id}`", only(monitor("/ws/{server_id}/{group_id}")));
        assert_refused("did you mean `{server_id}`?", only(monitor("/ws/{server_id}/{serverid}")));
    }

    #[test]
    fn a_header_has_a_name() {
        let mount = |name: &str| Mount {
            header: [(name.to_owned(), "*".to_owned())].into(),
            ..Mount::new("/{group_id}/{client_id}", AetherV3)
        };
        assert_accepted(only(mount("X-Client")));
        assert_refused("\"x client\" is no name of a header", only(mount("x client")));
    }

    #[test]
    fn no_mount_stands_in_the_shadow_of_another() {
        let text = "`mounts[1]` is never reached: `mounts[0]` above it matches all that it matches";
        let shadowed = |first: Mount, second: Mount| assert_refused(text, |c| c.mounts = vec![first, second]);
        let clear = |first: Mount, second: Mount| assert_accepted(|c| c.mounts = vec![first, second]);
        let with = |mount: &Mount, query: &[(&str, &str)], header: &[(&str, &str)]| Mount {
            query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            header: header.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..mount.clone()
        };
        let (any, word) = (in_group("/ws/{client_id}", "g"), Mount::new("/ws/telemetry", Valtronics));
        shadowed(any.clone(), word.clone());
        clear(word.clone(), any.clone());
        clear(Mount { host: Some("a".into()), ..any.clone() }, word.clone());
        shadowed(any, Mount { host: Some("a".into()), ..word.clone() });
        let (all, one) = (with(&word, &[("t", "*")], &[]), with(&word, &[("t", "1"), ("u", "2")], &[]));
        shadowed(all.clone(), one.clone());
        clear(one, all.clone());
        clear(all, with(&word, &[], &[("t", "1")]));
        shadowed(with(&word, &[], &[("X-T", "*")]), with(&word, &[], &[("x-t", "1")]));
        clear(with(&word, &[], &[("x-t", "1")]), with(&word, &[], &[("x-t", "2")]));
    }

    #[test]
    fn a_group_is_said_exactly_once() {
        assert_accepted(only(in_group("/ws/{client_id}", "lobby")));
        assert_refused("`group` is empty", only(in_group("/ws/{client_id}", "")));
        assert_refused("never be used", only(in_group("/ws/{group_id}/{client_id}", "lobby")));
    }

    #[test]
    fn a_host_has_no_port() {
        let host = |host: &str| Mount { host: Some(host.into()), ..Mount::new("/{group_id}/{client_id}", AetherV3) };
        assert_accepted(only(host("ws.example.com")));
        assert_accepted(only(host("[::1]")));
        assert_refused("without port", only(host("ws.example.com:443")));
        assert_refused("without port", only(host("[::1]:443")));
        assert_refused("without port", only(host("")));
    }

    #[test]
    fn two_mounts_never_match_the_same() {
        let path = "/ws/{group_id}/{client_id}";
        let with = |host: Option<&str>, query: &[(&str, &str)]| Mount {
            host: host.map(str::to_owned),
            query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Mount::new(path, AetherV2)
        };
        assert_refused("`mounts[1]` matches exactly what `mounts[0]` matches", |c| {
            c.mounts = vec![Mount::new(path, AetherV2), Mount::new("/ws/{client_id}/{group_id}", AetherV3)];
        });
        assert_eq!(after(|c| c.mounts = vec![with(Some("A.b"), &[]), with(Some("a.B"), &[])]).len(), 1);
        assert_accepted(|c| {
            c.mounts = vec![with(Some("a"), &[]), with(Some("b"), &[]), with(None, &[("x", "1")]), with(None, &[])];
        });
    }
}
