//! Holds the mounts that are shipped against the checks: each file starts a proxy as it is, and with all it suggests.

use super::tests::load_all;
use super::*;
use crate::config::{Channel, DialectName, Mount, Role};

const FILES: [&str; 4] =
    ["dialects/valtronics.toml", "dialects/server-monitor.toml", "dialects/vectra.toml", "examples/all-dialects.toml"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

fn shipped(name: &str) -> Config {
    let options = LoadOptions { file: Some(path(name)), ..LoadOptions::default() };
    load(&options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn each_file_is_complete_and_leaves_the_door_on_this_machine() {
    for name in FILES {
        let config = shipped(name);
        assert!(config.listen.clients.ip().is_loopback(), "{name}");
        // No secret that the whole world knows.
        assert!(!config.auth.has_credentials(), "{name}");
        assert!(config.mounts.iter().all(|m| m.vectra.as_ref().is_none_or(|v| !v.takes_workers())), "{name}");
        // The other side of the bridge.
        assert!(config.mounts.iter().any(|m| m.dialect == DialectName::AetherV3), "{name}");
        let again: Config = toml::from_str(&effective(&config)).unwrap();
        assert_eq!(again, config, "{name} as `check` shows it");
    }
}

#[test]
fn what_a_file_suggests_may_be_taken_in() {
    let of_key = |b: u8| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_key = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(of_key));
    for name in FILES.iter().filter(|name| name.starts_with("dialects/")) {
        let text = std::fs::read_to_string(path(name)).unwrap();
        let taken = |line: &str| match line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || is_key(rest)) {
            Some(rest) => rest.to_owned(),
            None => line.to_owned(),
        };
        let whole: Vec<String> = text.lines().map(taken).collect();
        let config = load_all(&whole.join("\n"), &[], &[]).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        assert!(!config.listen.clients.ip().is_loopback() && config.auth.has_credentials(), "{name}");
        assert!(config.mounts.iter().all(|m| m.vectra.as_ref().is_none_or(|v| v.takes_workers())), "{name}");
    }
}

#[test]
fn together_they_claim_every_path_of_the_guides() {
    let config = shipped("examples/all-dialects.toml");
    let with = |path: &str| -> Vec<&Mount> { config.mounts.iter().filter(|m| m.path == path).collect() };
    let dialects = |path: &str| with(path).into_iter().map(|m| m.dialect.label()).collect::<Vec<_>>();
    assert_eq!(dialects("/ws"), ["vectra", "vectra", "valtronics"]);
    assert_eq!(dialects("/api/v1/ws"), ["vectra"]);
    for (name, channel) in [
        ("telemetry", Channel::Telemetry),
        ("alerts", Channel::Alerts),
        ("system", Channel::System),
        ("devices", Channel::Devices),
    ] {
        for path in [format!("/ws/{name}"), format!("/valtronics/ws/{name}")] {
            let of = |mount: &&Mount| mount.valtronics.as_ref().and_then(|valtronics| valtronics.channel);
            assert_eq!(with(&path).iter().map(of).collect::<Vec<_>>(), [Some(channel)], "{path}");
        }
    }
    for (path, role) in [
        ("/api/v1/agents/ws", Role::Agent),
        ("/api/v1/ws/metrics/{server_id}", Role::Metrics),
        ("/api/v1/ws/logs/{server_id}", Role::Logs),
    ] {
        let roles: Vec<_> = with(path).iter().map(|m| m.server_monitor.as_ref().map(|monitor| monitor.role)).collect();
        assert_eq!(roles, [Some(role)], "{path}");
    }
    for mount in Mount::defaults() {
        assert_eq!(with(&mount.path), [&mount]);
    }
}
