//! Contradictions of `[mounts.vectra]`. The file with the secret is read at start.

use super::Findings;
use crate::config::{Config, DialectName, Vectra};
use std::collections::HashMap;

/// One secret, and a worker with an id.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let auth = &config.auth;
    if auth.worker_secret.as_ref().is_some_and(|secret| secret.expose().trim().is_empty()) {
        findings.add("auth.worker_secret", "`auth.worker_secret` is empty; leave it out to let no worker in");
    }
    if auth.worker_secret.is_some() && auth.worker_secret_file.is_some() {
        let text = "`auth.worker_secret_file` and `auth.worker_secret` are both set: which one is it?";
        findings.add("auth.worker_secret_file", text);
    }
    rooms(config, findings);
    let mounts = config.mounts.iter().enumerate();
    for (at, vectra) in mounts.filter_map(|(at, mount)| Some((at, mount.vectra.as_ref()?))) {
        let mut add = |name: &str, text: &str| {
            let key = format!("mounts[{at}].vectra.{name}");
            findings.add(&key, format!("`{key}` {text}"));
        };
        if vectra.worker_secret.as_ref().is_some_and(|secret| secret.expose().trim().is_empty()) {
            add("worker_secret", "is empty; leave it out to let no worker in");
        }
        if vectra.worker_secret.is_some() && vectra.worker_secret_file.is_some() {
            add("worker_secret_file", "and `worker_secret` are both set: which one is it?");
        }
        let worker = &vectra.worker;
        if worker.is_empty()
            || worker == "server"
            || worker.len() > config.limits.id
            || worker.contains(char::is_control)
        {
            add("worker", "must be a client id, not longer than `limits.id` and not `server`");
        }
    }
}

/// A worker takes over from the one before it by its id, whatever the group: two groups need two ids.
fn rooms(config: &Config, findings: &mut Findings) {
    let mut groups = HashMap::new();
    let mounts = config.mounts.iter().enumerate().filter(|(_, mount)| mount.dialect == DialectName::Vectra);
    for (at, mount) in mounts {
        let worker = mount.vectra.as_ref().map_or_else(|| Vectra::default().worker, |vectra| vectra.worker.clone());
        let (first, group) = groups.entry(worker.clone()).or_insert_with(|| (at, mount.group()));
        if *group != mount.group() {
            let key = format!("mounts[{at}].vectra.worker");
            let text = format!(
                "`mounts[{at}]` and `mounts[{first}]` have different groups, and the worker of both is `{worker}`: each \
                 would take the other's place; give one another `worker`"
            );
            findings.add(key, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;
    use crate::config::{Mount, Secret};

    fn with(change: impl FnOnce(&mut Vectra)) -> impl FnOnce(&mut Config) {
        let mut vectra = Vectra::default();
        change(&mut vectra);
        |c| c.mounts = vec![Mount { vectra: Some(vectra), ..Mount::new("/ws", DialectName::Vectra) }]
    }

    #[test]
    fn a_secret_stands_in_one_place_and_says_something() {
        assert_accepted(with(|v| v.worker_secret = Some(Secret::new("x"))));
        assert_accepted(with(|v| v.worker_secret_file = Some("x".into())));
        assert_refused("is empty", with(|v| v.worker_secret = Some(Secret::new(" "))));
        assert_refused(
            "both set",
            with(|v| (v.worker_secret, v.worker_secret_file) = (Some(Secret::new("x")), Some("x".into()))),
        );
        assert_accepted(|c| c.auth.worker_secret = Some(Secret::new("x")));
        assert_refused("auth.worker_secret` is empty", |c| c.auth.worker_secret = Some(Secret::new("")));
        assert_refused("both set", |c| {
            (c.auth.worker_secret, c.auth.worker_secret_file) = (Some(Secret::new("x")), Some("x".into()));
        });
    }

    #[test]
    fn two_groups_have_two_workers() {
        let room = |path: &str, group: Option<&str>, worker: Option<&str>| Mount {
            group: group.map(str::to_owned),
            vectra: worker.map(|worker| Vectra { worker: worker.into(), ..Vectra::default() }),
            ..Mount::new(path, DialectName::Vectra)
        };
        assert_accepted(|c| c.mounts = vec![room("/a", None, None), room("/b", Some("vectra"), Some("worker"))]);
        assert_accepted(|c| c.mounts = vec![room("/a", None, None), room("/b", Some("other"), Some("indexer"))]);
        assert_refused("each would take the other's place", |c| {
            c.mounts = vec![room("/a", None, None), room("/b", Some("other"), None)];
        });
    }

    #[test]
    fn the_worker_has_an_id() {
        assert_accepted(with(|v| v.worker = "indexer".into()));
        for bad in ["", "server", "a\nb", &"x".repeat(257)] {
            assert_refused("`mounts[0].vectra.worker` must be a client id", with(|v| v.worker = bad.into()));
        }
    }
}
