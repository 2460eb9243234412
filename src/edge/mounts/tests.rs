//! The table of mounts: what is found, and what is said about it.

use super::*;
use crate::config::{Audience, Role, ServerMonitor, V2};

fn table(change: impl FnOnce(&mut Config)) -> Mounts {
    let mut config = Config::default();
    change(&mut config);
    Mounts::new(&config).expect("mounts")
}

fn ids(mounts: &Mounts, path: &str) -> Option<Result<(String, String), BadId>> {
    let place = mounts.find(path, None, "")?;
    Some(place.ids.map(|(g, c)| (g.as_str().to_owned(), c.as_str().to_owned())))
}

#[test]
fn ids_are_decoded_once_and_a_coded_slash_stays_inside() {
    let mounts = table(|_| {});
    let found = |g: &str, c: &str| Some(Ok((g.to_owned(), c.to_owned())));
    assert_eq!(ids(&mounts, "/v3/ws/group/a%2Fb/client/%2525"), found("a/b", "%25"));
    assert_eq!(ids(&mounts, "/ws/group/a+b/client/%C3%A4%20b"), found("a+b", "ä b"));
    assert_eq!(ids(&mounts, "/ws_redis/group/g/client/{client_id}"), found("g", "{client_id}"));
}

#[test]
fn a_known_shape_without_an_id_is_told_from_an_unknown_path() {
    let mounts = table(|c| c.limits.id = 3);
    let bad = |name, why| Some(Err(BadId { name, why }));
    assert_eq!(ids(&mounts, "/ws/group//client/c"), bad("group_id", Some(IdError::Empty)));
    assert_eq!(ids(&mounts, "/ws/group/g/client/"), bad("client_id", Some(IdError::Empty)));
    assert_eq!(ids(&mounts, "/ws/group/g/client/1234"), bad("client_id", Some(IdError::TooLong)));
    assert_eq!(ids(&mounts, "/ws/group/%ff/client/c"), bad("group_id", None));
    assert_eq!(ids(&table(|_| {}), "/ws/group/g/client/server"), bad("client_id", Some(IdError::Reserved)));
    for unknown in ["", "/", "/ws", "/ws/group/g/client", "/ws/group/g/client/c/", "/WS/group/g/client/c", "*"] {
        assert_eq!(ids(&mounts, unknown), None, "{unknown}");
    }
}

#[test]
fn the_first_mount_whose_path_host_and_query_match_wins() {
    let mounts = table(|c| {
        let mount = |host: Option<&str>, query: &[(&str, &str)], group: &str| Mount {
            host: host.map(str::to_owned),
            query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            group: Some(group.to_owned()),
            ..Mount::new("/ws/{client_id}", DialectName::AetherV2)
        };
        c.mounts = vec![
            mount(Some("A.example"), &[("client_type", "tv")], "tv"),
            mount(None, &[("client_type", "*")], "typed"),
            mount(Some("[::1]"), &[], "six"),
            mount(None, &[], "rest"),
        ];
    });
    let group = |host, query| {
        let (group, _) = mounts.find("/ws/c", host, query).and_then(|p| p.ids.ok()).expect("found");
        group.as_str().to_owned()
    };
    assert_eq!(group(Some("a.EXAMPLE:8080"), "x=1&client_type=tv"), "tv");
    assert_eq!(group(Some("b.example"), "client_type=tv"), "typed");
    assert_eq!(group(None, "client_type"), "typed");
    assert_eq!(group(Some("[::1]:80"), ""), "six");
    assert_eq!(group(Some("[::1]"), ""), "six");
    assert_eq!(group(None, "client_types=1"), "rest");
}

#[test]
fn a_mount_says_what_the_general_settings_do_not() {
    let mounts = table(|c| {
        c.v2 = V2 { audience: Audience::Global, presence: true, ..V2::default() };
        c.mounts[1].audience = Some(Audience::Group);
        c.mounts[1].presence = Some(false);
        c.mounts[1].guests = Some(true);
    });
    let rules = |path: &str| mounts.find(path, None, "").map(|p| p.rules.clone()).expect("found");
    let (v3, v2, redis) =
        (rules("/v3/ws/group/g/client/c"), rules("/ws/group/g/client/c"), rules("/ws_redis/group/g/client/c"));
    assert_eq!((v3.global, v2.global, redis.global), (false, false, true));
    assert_eq!((v2.guests, redis.guests), (Some(true), None));
    let presence = |rules: &Rules| matches!(rules.manner, Manner::Plain(_, View::AetherV2(hears)) if hears.presence);
    assert!(presence(&redis) && !presence(&v2));
}

#[test]
fn recv_v3_is_asked_in_the_query() {
    let mounts = table(|_| {});
    let asked = |query| mounts.find("/ws/group/g/client/c", None, query).expect("found").recv_v3;
    assert!(asked("recv=v3") && asked("a=b&re%63v=v3") && !asked("recv=v2") && !asked("xrecv=v3") && !asked(""));
}

#[test]
fn a_header_may_choose_the_mount() {
    let mounts = table(|c| {
        let mount = |header: &[(&str, &str)], group: &str| Mount {
            header: header.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            group: Some(group.to_owned()),
            ..Mount::new("/ws/{client_id}", DialectName::AetherV2)
        };
        c.mounts = vec![
            mount(&[("X-Client", "tv"), ("x-more", "*")], "tv"),
            mount(&[("x-client", "*")], "any"),
            mount(&[], "no"),
        ];
    });
    let group = |headers: &[(&'static str, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let (group, _) = mounts.find_with("/ws/c", None, "", &map).and_then(|p| p.ids.ok()).expect("found");
        group.as_str().to_owned()
    };
    assert_eq!(group(&[("x-client", "tv"), ("x-more", "")]), "tv");
    assert_eq!(group(&[("x-client", "web"), ("x-client", "tv"), ("x-more", "1")]), "tv");
    assert_eq!(group(&[("x-client", "TV"), ("x-more", "1")]), "any");
    assert_eq!(group(&[("x-client", "tv")]), "any");
    assert_eq!(group(&[("x-more", "1")]), "no");
}

#[test]
fn what_is_not_spoken_makes_no_table() {
    let mut config = Config::default();
    config.mounts.push(Mount::new("/ws", DialectName::Custom("kiosk".into())));
    let why = Mounts::new(&config).expect_err("nobody speaks it");
    assert_eq!((why.label(), why.to_string().as_str()), ("unknown_dialect", "the dialect `kiosk` is not spoken here"));
    config.mounts = vec![Mount { header: [("a b".into(), "*".into())].into(), ..Mount::defaults().remove(0) }];
    assert_eq!(Mounts::new(&config).expect_err("no header").label(), "bad_header");
}

fn named(mount: &Mount, path: &str) -> Result<Named, BadId> {
    let mut config = Config::default();
    config.limits.id = 9;
    let mount = Compiled::speaking(mount, &config, Manner::Plain(Dialect::Echo, View::AetherV3)).expect("a mount");
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    assert!(mount.has_path(&segments), "{path}");
    mount.named(&segments, config.limits.id)
}

#[test]
fn a_path_need_not_say_who_comes() {
    let group = |group: &str| Some(GroupId::new(group, 99).expect("an id"));
    let valtronics = Mount::new("/ws", DialectName::Valtronics);
    let named_so = |group| Ok(Named { group, client: None, server: None });
    // The name of the dialect is longer than an id may be here.
    assert_eq!(named(&valtronics, "/ws").expect_err("too long").name, "group_id");
    assert_eq!(named(&Mount::new("/ws", DialectName::Vectra), "/ws"), named_so(group("vectra")));
    assert_eq!(named(&Mount { group: Some("plant".into()), ..valtronics.clone() }, "/ws"), named_so(group("plant")));
    let whole = named(&Mount { path: "/{group_id}/{client_id}".into(), ..valtronics }, "/g/c").expect("ids");
    assert_eq!((whole.group, whole.client), (group("g"), ClientId::claimed("c", 9).ok()));
}

#[test]
fn a_server_has_a_group_of_its_own() {
    let group = |group: &str| Some(GroupId::new(group, 99).expect("an id"));
    let mount = |path: &str, role| Mount {
        server_monitor: Some(ServerMonitor::new(role)),
        ..Mount::new(path, DialectName::ServerMonitor)
    };
    let page = mount("/logs/{server_id}", Role::Logs);
    let seen = named(&page, "/logs/s%2F1").expect("a server");
    assert_eq!((seen.group, seen.server.as_deref()), (group("s/1"), Some("s/1")));
    let page = Mount { group: Some("m-{server_id}".into()), ..page };
    assert_eq!(named(&page, "/logs/s1").expect("a server").group, group("m-s1"));
    for (path, why) in
        [("/logs/", Some(IdError::Empty)), ("/logs/%ff", None), ("/logs/12345678", Some(IdError::TooLong))]
    {
        assert_eq!(named(&page, path), Err(BadId { name: "server_id", why }), "{path}");
    }
    let agent = mount("/agents", Role::Agent);
    assert_eq!(named(&agent, "/agents"), Ok(Named { group: None, client: None, server: None }));
    let rules = |mount: &Mount| {
        let mount = Compiled::speaking(mount, &Config::default(), Manner::Plain(Dialect::Echo, View::AetherV3));
        mount.expect("a mount").rules
    };
    assert_eq!(rules(&agent).group_of("s1", 9).ok(), group("s1"));
    assert_eq!(rules(&page).group_of("s1", 9).ok(), group("m-s1"));
    assert!(rules(&page).group_of("", 9).is_err() && rules(&page).group_of("12345678", 9).is_err());
}

#[test]
fn one_proxy_tells_all_protocols_apart() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/all-dialects.toml");
    let options = config::LoadOptions { file: Some(file.into()), ..config::LoadOptions::default() };
    let config = config::load(&options).expect("settings");
    // The echo stands for whatever is spoken: only who matches counts here.
    let speaking =
        |mount| Compiled::speaking(mount, &config, Manner::Plain(Dialect::Echo, View::AetherV3)).expect("a mount");
    let table: Vec<Compiled> = config.mounts.iter().map(speaking).collect();
    let found = |path: &str, host: &str, query: &str| {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let at = table.iter().position(|m| m.has_path(&segments) && m.has_host(Some(host)) && m.has_query(query));
        at.map_or("none", |at| config.mounts[at].dialect.label())
    };
    for (path, host, query, dialect) in [
        ("/ws", "h:8080", "", "valtronics"),
        ("/ws", "h", "token=x", "valtronics"),
        ("/ws", "h", "client_type=worker&token=x", "vectra"),
        ("/ws", "h", "client_type=client", "vectra"),
        ("/ws", "vectra.localhost:8080", "", "vectra"),
        ("/vectra/ws", "h", "", "vectra"),
        ("/api/v1/ws", "h", "", "vectra"),
        ("/ws/telemetry", "vectra.localhost", "", "valtronics"),
        ("/valtronics/ws/alerts", "h", "client_type=x", "valtronics"),
        ("/api/v1/agents/ws", "h", "", "server-monitor"),
        ("/api/v1/ws/metrics/srv-1", "h", "", "server-monitor"),
        ("/api/v1/ws/logs/srv-1", "h", "", "server-monitor"),
        ("/ws/group/telemetry/client/c", "h", "client_type=x", "aether-v2"),
        ("/ws_redis/group/g/client/c", "h", "", "aether-v2"),
        ("/v3/ws/group/g/client/c", "vectra.localhost", "", "aether-v3"),
        ("/ws/other", "h", "", "none"),
    ] {
        assert_eq!(found(path, host, query), dialect, "{path} {host} {query}");
    }
}
