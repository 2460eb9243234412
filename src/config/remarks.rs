//! Settings that are right but may not be meant: nothing is refused for them, `aether-proxy check` tells.

use super::{Config, DialectName, Role, Vectra};

/// One sentence each.
pub fn remarks(config: &Config) -> Vec<String> {
    let mut remarks = Vec::new();
    let auth = &config.auth;
    // What a file says is not known here.
    let names_servers = auth.api_keys_file.is_some() || auth.api_keys.iter().any(|key| key.group.is_some());
    for (at, mount) in config.mounts.iter().enumerate() {
        if mount.dialect == DialectName::Vectra && !Vectra::of(mount, auth).takes_workers() {
            remarks.push(format!(
                "mounts[{at}] lets no worker in: neither `worker_secret` nor `worker_secret_file` is set in \
                 [mounts.vectra] or [auth]"
            ));
        }
        let for_agents = mount.server_monitor.as_ref().is_some_and(|monitor| monitor.role == Role::Agent);
        if for_agents && auth.has_credentials() && !names_servers {
            remarks.push(format!(
                "mounts[{at}] is for agents, but no `[[auth.api_keys]]` has a `group` to say on which server its agent is"
            ));
        }
    }
    if config.mounts.iter().any(|mount| mount.dialect == DialectName::ServerMonitor)
        && auth.jwt.is_configured()
        && config.tenancy.isolate.or(true)
    {
        for key in auth.api_keys.iter().filter(|key| key.group.is_some() && key.account.is_none()) {
            remarks.push(format!(
                "API key `{}` names a server and no account: a page whose token names an account would hear nothing of it",
                key.name
            ));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ApiKey, Mount, Secret, ServerMonitor, Switch};

    fn about(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config);
        remarks(&config)
    }

    #[test]
    fn the_defaults_need_none() {
        assert_eq!(about(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_worker_without_a_secret_is_remarked() {
        let mount = |vectra| Mount { vectra, ..Mount::new("/ws", DialectName::Vectra) };
        for vectra in [None, Some(Vectra::default())] {
            let said = about(|c| c.mounts = vec![mount(vectra)]);
            assert!(said.len() == 1 && said[0].starts_with("mounts[0] lets no worker in"), "{said:?}");
        }
        let vectra = Some(Vectra { worker_secret_file: Some("x".into()), ..Vectra::default() });
        assert_eq!(about(|c| c.mounts = vec![mount(vectra)]), Vec::<String>::new());
        let of_the_house = about(|c| {
            c.mounts = vec![mount(None)];
            c.auth.worker_secret = Some(Secret::new("x"));
        });
        assert_eq!(of_the_house, Vec::<String>::new());
    }

    #[test]
    fn agents_of_no_server_are_remarked() {
        let key = |group: Option<&str>| ApiKey {
            name: "a".into(),
            key: Some(Secret::new("k")),
            sha256: None,
            account: None,
            group: group.map(str::to_owned),
            broadcast: false,
        };
        let with = |keys: Vec<ApiKey>, file: Option<&str>| {
            about(|c| {
                let server_monitor = Some(ServerMonitor::new(Role::Agent));
                c.mounts = vec![Mount { server_monitor, ..Mount::new("/agents", DialectName::ServerMonitor) }];
                c.auth.api_keys = keys;
                c.auth.api_keys_file = file.map(Into::into);
            })
        };
        let said = with(vec![key(None)], None);
        assert!(said.len() == 1 && said[0].contains("on which server its agent is"), "{said:?}");
        for (keys, file) in [(vec![], None), (vec![key(Some("srv-1"))], None), (vec![key(None)], Some("keys.toml"))] {
            assert_eq!(with(keys, file), Vec::<String>::new());
        }
    }

    #[test]
    fn a_server_without_an_account_is_remarked_where_accounts_are_kept_apart() {
        let with = |account: Option<&str>, isolate| {
            about(|c| {
                let server_monitor = Some(ServerMonitor::new(Role::Metrics));
                c.mounts = vec![Mount { server_monitor, ..Mount::new("/m/{server_id}", DialectName::ServerMonitor) }];
                c.auth.jwt.secret = Some(Secret::new("x"));
                c.tenancy.isolate = isolate;
                c.auth.api_keys = vec![ApiKey {
                    name: "web-1".into(),
                    key: Some(Secret::new("k")),
                    sha256: None,
                    account: account.map(str::to_owned),
                    group: Some("srv-1".into()),
                    broadcast: false,
                }];
            })
        };
        let said = with(None, Switch::Auto);
        assert!(said.len() == 1 && said[0].contains("`web-1` names a server and no account"), "{said:?}");
        assert_eq!([with(Some("acme"), Switch::Auto), with(None, Switch::No)], [vec![], Vec::<String>::new()]);
    }
}
