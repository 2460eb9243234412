//! Contradictions between a mount and its dialect: names of dialects there are not, settings of another dialect.
//! What one dialect's own settings say wrong is in `valtronics`, `server_monitor` and `vectra`.

use super::Findings;
use crate::config::{Config, CustomDialect, DialectName, Mount, SERVER_ID, problems::nearest_word};

/// The names of the dialects that settings make.
pub(super) fn made(config: &Config) -> Vec<&str> {
    CustomDialect::names(&config.dialects).collect()
}

/// Every mount speaks a dialect there is, and says nothing that means something only to another.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let made = made(config);
    for (at, mount) in config.mounts.iter().enumerate() {
        name(at, mount, &made, findings);
        tables(at, mount, findings);
        translation(at, mount, findings);
        let server = mount.group.as_deref().is_some_and(|group| group.contains(SERVER_ID));
        if server && mount.dialect != DialectName::ServerMonitor {
            let key = format!("mounts[{at}].group");
            let text = format!("`{key}`: only a mount with `dialect = \"server-monitor\"` knows `{SERVER_ID}`");
            findings.add(key, text);
        }
    }
}

fn name(at: usize, mount: &Mount, made: &[&str], findings: &mut Findings) {
    let DialectName::Custom(name) = &mount.dialect else { return };
    if made.contains(&name.as_str()) {
        return;
    }
    let built_in = DialectName::BUILT_IN;
    let all: Vec<&str> = built_in.iter().map(DialectName::label).chain(made.iter().copied()).collect();
    let near = match nearest_word(name, &all) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", all.join(", ")),
    };
    findings.add(format!("mounts[{at}].dialect"), format!("`mounts[{at}]`: there is no dialect `{name}`; {near}"));
}

/// A table is only for its dialect.
fn tables(at: usize, mount: &Mount, findings: &mut Findings) {
    let tables = [
        ("valtronics", mount.valtronics.is_some(), DialectName::Valtronics),
        ("server_monitor", mount.server_monitor.is_some(), DialectName::ServerMonitor),
        ("vectra", mount.vectra.is_some(), DialectName::Vectra),
    ];
    for (table, _, of) in tables.into_iter().filter(|(_, is_there, of)| *is_there && *of != mount.dialect) {
        let key = format!("mounts[{at}].{table}");
        let text = format!("`{key}` is only for `dialect = \"{of}\"`, and this one is `{}`", mount.dialect);
        findings.add(key, text);
    }
    if mount.dialect == DialectName::ServerMonitor && mount.server_monitor.is_none() {
        let text = format!(
            "`mounts[{at}]` needs `[mounts.server_monitor]` with `role`: is it for an \"agent\", or for pages with \
             \"metrics\" or \"logs\"?"
        );
        findings.add(format!("mounts[{at}].server_monitor"), text);
    }
}

/// What stands in for `[v2]` is about Aether V2; on a mount of another legacy dialect somebody counts on it in vain.
fn translation(at: usize, mount: &Mount, findings: &mut Findings) {
    if mount.dialect.names_clients_by_path() {
        return;
    }
    let settings = [
        ("audience", mount.audience.is_some()),
        ("v3_shaped", mount.v3_shaped.is_some()),
        ("annotate", mount.annotate.is_some()),
        ("render", mount.render.is_some()),
        ("presence", mount.presence.is_some()),
        ("keepalive", mount.keepalive.is_some()),
    ];
    for (name, _) in settings.into_iter().filter(|(_, is_said)| *is_said) {
        let key = format!("mounts[{at}].{name}");
        let text = format!("`{key}` is about aether-v2 and means nothing to `dialect = \"{}\"`", mount.dialect);
        findings.add(key, text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;
    use crate::config::{Role, ServerMonitor, Valtronics, Vectra};

    fn only(mount: Mount) -> impl FnOnce(&mut Config) {
        |c| c.mounts = vec![mount]
    }

    fn of(word: &str) -> Mount {
        Mount { group: Some("g".into()), ..Mount::new("/ws/{client_id}", DialectName::from(word.to_owned())) }
    }

    #[test]
    fn a_dialect_there_is_not_is_named_with_the_nearest() {
        assert_refused("there is no dialect `aether-v4`; did you mean `aether-v2`?", only(of("aether-v4")));
        assert_refused(
            "there is no dialect `server_monitr`; did you mean `server-monitor`?",
            only(of("server_monitr")),
        );
        assert_refused("there are: aether-v2, aether-v3, valtronics, server-monitor, vectra", only(of("chat")));
    }

    #[test]
    fn a_dialect_that_settings_make_is_one() {
        let said = |made: &[&str]| {
            let mut findings = Findings::default();
            name(3, &of("kiosk"), made, &mut findings);
            findings.0.into_iter().map(|finding| (finding.key, finding.text)).collect::<Vec<_>>()
        };
        assert_eq!(said(&["kiosk"]), []);
        let text = "`mounts[3]`: there is no dialect `kiosk`; did you mean `kiosks`?";
        assert_eq!(said(&["kiosks"]), [("mounts[3].dialect".to_owned(), text.to_owned())]);
    }

    #[test]
    fn a_table_is_for_its_own_dialect() {
        let (valtronics, vectra) = (Some(Valtronics::default()), Some(Vectra::default()));
        assert_accepted(only(Mount { valtronics: valtronics.clone(), ..of("valtronics") }));
        assert_accepted(only(Mount { vectra: vectra.clone(), ..of("vectra") }));
        assert_refused(
            "`mounts[0].valtronics` is only for `dialect = \"valtronics\"`, and this one is `vectra`",
            only(Mount { valtronics, ..of("vectra") }),
        );
        assert_refused("is only for `dialect = \"vectra\"`", only(Mount { vectra, ..of("aether-v2") }));
        let server_monitor = Some(ServerMonitor::new(Role::Agent));
        assert_refused("\"server-monitor\"`, and", only(Mount { server_monitor, ..of("aether-v3") }));
    }

    #[test]
    fn a_server_monitor_says_who_comes() {
        let mount = || Mount::new("/agents", DialectName::ServerMonitor);
        assert_refused("needs `[mounts.server_monitor]` with `role`", only(mount()));
        let server_monitor = Some(ServerMonitor::new(Role::Agent));
        assert_accepted(only(Mount { server_monitor, ..mount() }));
    }

    #[test]
    fn settings_of_aether_are_for_aether() {
        assert_accepted(only(Mount { keepalive: Some(true), ..of("aether-v2") }));
        assert_refused(
            "`mounts[0].keepalive` is about aether-v2 and means nothing to `dialect = \"vectra\"`",
            only(Mount { keepalive: Some(true), ..of("vectra") }),
        );
    }

    #[test]
    fn only_server_monitors_know_a_server_id() {
        let group = Some("g-{server_id}".into());
        assert_refused("knows `{server_id}`", only(Mount { group, ..of("vectra") }));
    }
}
