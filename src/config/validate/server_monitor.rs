//! Contradictions of `[mounts.server_monitor]`: servers that hear one another, agents that test their key in vain.

use super::{Findings, channels::names_in};
use crate::config::{Config, DialectName, Me, Mount, Role, SERVER_ID, ServerMonitor, WebUrl};
use hyper::Uri;
use std::time::Duration;

/// A shorter time, and a command that is merely slow is answered to nobody.
const SHORTEST: Duration = Duration::from_secs(10);
/// A longer one, and too much would have to be remembered.
const LONGEST: Duration = Duration::from_secs(300);

/// Every mount that has the table.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    for (at, mount) in config.mounts.iter().enumerate() {
        let Some(monitor) = &mount.server_monitor else { continue };
        if mount.dialect != DialectName::ServerMonitor {
            continue;
        }
        servers(at, mount, monitor, findings);
        key_test(at, monitor, findings);
        if !(SHORTEST..=LONGEST).contains(&monitor.answers_within) {
            let key = format!("mounts[{at}].server_monitor.answers_within");
            findings.add(&key, format!("`{key}` must be between 10s and 5m"));
        }
    }
}

/// Which server is it, and is its group its own?
fn servers(at: usize, mount: &Mount, monitor: &ServerMonitor, findings: &mut Findings) {
    let (path, group) = (format!("mounts[{at}].path"), format!("mounts[{at}].group"));
    match (monitor.role, mount.path.contains(SERVER_ID)) {
        (Role::Agent, true) => {
            let text = format!("`{path}` must not hold `{SERVER_ID}`: which server an agent is on, its API key says");
            findings.add(&path, text);
        }
        (Role::Metrics | Role::Logs, false) => {
            findings.add(&path, format!("`{path}` needs `{SERVER_ID}`: which server does the page want to see?"));
        }
        _ => {}
    }
    let Some(text) = mount.group.as_deref() else { return };
    if names_in(text) != Ok(vec!["server_id"]) {
        let text = format!(
            "`{group}` = \"{text}\" must hold `{SERVER_ID}`, once, and no other: else servers hear one another"
        );
        findings.add(&group, text);
    }
}

/// The request by which agents test their key.
fn key_test(at: usize, monitor: &ServerMonitor, findings: &mut Findings) {
    let mut add = |name: &str, text: &str| {
        let key = format!("mounts[{at}].server_monitor.{name}");
        findings.add(&key, format!("`{key}` {text}"));
    };
    if monitor.me.is_some() && monitor.role != Role::Agent {
        add("me", "is only for `role = \"agent\"`: pages ask nothing of the kind");
    }
    if !monitor.me_path.starts_with('/') || monitor.me_path.contains(['?', '#', '{', '}']) {
        add("me_path", "must be a path alone that begins with `/`");
    }
    match (monitor.me, &monitor.me_upstream) {
        (Some(Me::Forward), None) => add("me", "= \"forward\" needs `me_upstream`: forward to where?"),
        (Some(Me::Forward), Some(_)) | (_, None) => {}
        (_, Some(_)) => add("me_upstream", "is only for `me = \"forward\"`"),
    }
    if let Some(why) = monitor.me_upstream.as_ref().and_then(wrong) {
        // The address itself is not repeated: it may hold a password.
        add("me_upstream", why);
    }
}

/// What is wrong with an address.
fn wrong(url: &WebUrl) -> Option<&'static str> {
    let url = url.expose();
    let Ok(uri) = url.parse::<Uri>() else { return Some("is not an address: write \"http://host:port\"") };
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Some("must begin with http:// or https:// and a host");
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Some("must not hold a user or password: agents bring their own key");
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // The parser passes over what stands behind `#`.
    (path != "/" || url.contains('#')).then_some("must be a host alone: path and query are the agent's")
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;

    fn mount(role: Role, path: &str) -> Mount {
        Mount { server_monitor: Some(ServerMonitor::new(role)), ..Mount::new(path, DialectName::ServerMonitor) }
    }

    fn only(mount: Mount) -> impl FnOnce(&mut Config) {
        |c| c.mounts = vec![mount]
    }

    fn agent(change: impl FnOnce(&mut ServerMonitor)) -> impl FnOnce(&mut Config) {
        let mut monitor = ServerMonitor::new(Role::Agent);
        change(&mut monitor);
        only(Mount { server_monitor: Some(monitor), ..mount(Role::Agent, "/agents") })
    }

    #[test]
    fn pages_name_their_server_and_agents_do_not() {
        assert_accepted(only(mount(Role::Agent, "/agents/ws")));
        assert_accepted(only(mount(Role::Metrics, "/ws/metrics/{server_id}")));
        assert_accepted(only(mount(Role::Logs, "/ws/logs/{server_id}/{client_id}")));
        assert_refused("its API key says", only(mount(Role::Agent, "/agents/{server_id}")));
        assert_refused("needs `{server_id}`", only(mount(Role::Logs, "/ws/logs")));
    }

    #[test]
    fn servers_never_share_a_group() {
        let group = |group: &str| only(Mount { group: Some(group.into()), ..mount(Role::Agent, "/agents") });
        assert_accepted(group("monitor-{server_id}"));
        for bad in ["monitor", "{server_id}{server_id}", "{server_id}-{group_id}", "{server_id"] {
            assert_refused("must hold `{server_id}`, once", group(bad));
        }
    }

    #[test]
    fn answers_are_waited_for_within_reason() {
        assert_accepted(agent(|m| m.answers_within = SHORTEST));
        assert_refused("between 10s and 5m", agent(|m| m.answers_within = Duration::from_secs(9)));
        assert_refused("between 10s and 5m", agent(|m| m.answers_within = Duration::from_secs(301)));
    }

    #[test]
    fn an_agents_key_is_tested_somewhere() {
        let url = || Some(WebUrl::new("http://10.0.0.5:8000"));
        assert_accepted(agent(|m| m.me = Some(Me::Answer)));
        assert_accepted(agent(|m| (m.me, m.me_upstream) = (Some(Me::Forward), url())));
        assert_refused("needs `me_upstream`", agent(|m| m.me = Some(Me::Forward)));
        assert_refused("is only for `me = \"forward\"`", agent(|m| m.me_upstream = url()));
        assert_refused("must be a path alone", agent(|m| m.me_path = "me".into()));
        assert_refused("must be a path alone", agent(|m| m.me_path = "/me?a=b".into()));
        let page = ServerMonitor { me: Some(Me::Answer), ..ServerMonitor::new(Role::Logs) };
        let mount = Mount { server_monitor: Some(page), ..mount(Role::Logs, "/{server_id}") };
        assert_refused("is only for `role = \"agent\"`", only(mount));
    }

    #[test]
    fn an_upstream_is_a_scheme_and_a_host() {
        let to = |url: &str| {
            let url = Some(WebUrl::new(url));
            agent(|m| (m.me, m.me_upstream) = (Some(Me::Forward), url))
        };
        assert_refused("not an address", to("http://"));
        assert_refused("http:// or https://", to("ws://monitor"));
        assert_refused("user or password", to("http://me:s3cret@monitor"));
        assert_refused("must be a host alone", to("http://monitor/api"));
        assert_refused("must be a host alone", to("http://monitor/#a"));
    }
}
