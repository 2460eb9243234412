//! Contradictions of `[[mounts]]`: paths that name no client, and mounts that can never be reached.

use super::{Findings, channels::names_in};
use crate::config::{Config, Mount, problems::nearest_word};
use std::collections::HashMap;

const PLACEHOLDERS: [&str; 2] = ["group_id", "client_id"];

/// Every mount by itself, then against those before it.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    if config.mounts.is_empty() {
        findings.add("mounts", "there are no `[[mounts]]`, so no client could connect");
    }
    let mut seen = HashMap::new();
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
        let shape = (shape(&mount.path), mount.host.as_deref().map(str::to_lowercase), &mount.query);
        if let Some(first) = seen.insert(shape, at) {
            let text = format!("`mounts[{at}]` matches exactly what `mounts[{first}]` matches and is never reached");
            findings.add(format!("mounts[{at}].path"), text);
        }
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
    for name in &names {
        if !PLACEHOLDERS.contains(name) {
            let near = nearest_word(name, &["group-id", "client-id"]).map(|word| word.replace('-', "_"));
            let near = near.map(|word| format!("; did you mean `{{{word}}}`?")).unwrap_or_default();
            add(&format!("has the unknown placeholder `{{{name}}}`{near}"));
        }
    }
    for name in PLACEHOLDERS {
        if names.iter().filter(|n| **n == name).count() > 1 {
            add(&format!("has `{{{name}}}` twice"));
        }
    }
    if !names.contains(&"client_id") {
        add("needs `{client_id}`: every client has an id");
    }
    match (&mount.group, names.contains(&"group_id")) {
        (None, false) => add("has no `{group_id}`, so `group` must say which group its clients join"),
        (Some(_), true) => add("has `{group_id}`, so `group` would never be used; take one of them out"),
        (Some(group), false) if group.is_empty() => add("has no `{group_id}`, and `group` is empty"),
        _ => {}
    }
}

/// What a path matches, whatever its placeholders are called.
fn shape(path: &str) -> String {
    path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::super::{after, assert_accepted, assert_refused};
    use super::*;
    use crate::config::DialectName::{AetherV2, AetherV3};

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
