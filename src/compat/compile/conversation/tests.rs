//! The conversations of the suite against the profile of the proxy itself.

use crate::compat::compile::checks;
use crate::compat::suite::{Act, Suite};
use crate::compat::{Check, Lane, Profile};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

fn profile() -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/targets/aether-proxy.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn conversations(profile: &Profile) -> Vec<Check> {
    let all = checks(&Suite::built_in().unwrap(), profile);
    let dialects = ["valtronics", "server-monitor", "vectra"];
    // A folder each; scenarios have theirs below.
    let is_one = |check: &Check| dialects.iter().any(|dialect| check.id.starts_with(&format!("{dialect}.")));
    all.into_iter().filter(is_one).collect()
}

#[test]
fn what_cannot_be_played_from_outside_is_said_and_little() {
    let all = conversations(&profile());
    let mut why: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in &all {
        if let Some(reason) = check.unplayable {
            why.entry(reason).or_default().push(&check.id);
        }
    }
    assert!(all.len() >= 333, "{}", all.len());
    let told: Vec<_> = why.iter().map(|(why, ids)| (*why, ids.as_slice())).collect();
    let expected: &[(&str, &[&str])] = &[
        (
            "a policy of the server is not made from outside",
            &["server-monitor.auth.policy", "valtronics.auth.denied-policy"],
        ),
        (
            "no limit of the server is reached by one client",
            &["server-monitor.auth.limit", "valtronics.auth.denied-limit"],
        ),
        ("no way in where everybody is turned down for this", &["valtronics.auth.denied-group"]),
        (
            "nobody knows the id of its clients, so nobody can address them",
            &["vectra.hub.message_direct", "vectra.status.forged_direct"],
        ),
        ("of each server there is one agent", &["server-monitor.agent.hears-no-answers"]),
        (
            "the server's hub is not taken away from outside",
            &["server-monitor.auth.unavailable", "valtronics.auth.denied-unavailable", "vectra.status.hub_away"],
        ),
    ];
    assert_eq!(told, expected);
}

#[test]
fn without_a_way_in_nothing_is_played() {
    assert!(conversations(&Profile::default()).iter().all(|check| check.unplayable.is_some()));
}

#[test]
fn those_that_share_a_group_are_played_one_after_another() {
    let all = conversations(&profile());
    let lane = |id: &str| all.iter().find(|check| check.id == id).map(|check| check.lane.clone()).unwrap();
    assert_eq!(lane("valtronics.ping.guide"), Lane::Free);
    assert_eq!(lane("valtronics.publish.cmd-down"), Lane::Alone, "it broadcasts");
    assert_eq!(lane("server-monitor.agent.metrics"), Lane::Serial("server-monitor srv-1".into()));
    assert_eq!(lane("server-monitor.page.metrics"), lane("server-monitor.agent.metrics"));
    assert_eq!(lane("vectra.status.join"), Lane::Serial("vectra".into()), "there is one worker");
    let mut profile = profile();
    profile.mounts.iter_mut().for_each(|mount| mount.group = "all".into());
    let shared = conversations(&profile).into_iter().find(|check| check.id == "valtronics.ping.guide").unwrap();
    assert_eq!(shared.lane, Lane::Serial("valtronics all".into()));
}

#[test]
fn it_lasts_as_long_as_the_server_is_told_to_wait() {
    let all = conversations(&profile());
    let lasts = |id: &str| all.iter().find(|check| check.id == id).map(|check| check.lasts).unwrap();
    assert_eq!(lasts("valtronics.frequency.latest"), Duration::from_secs(120));
    assert_eq!(lasts("valtronics.ping.guide"), Duration::ZERO);
    assert_eq!(lasts("valtronics.auth.denied-late"), Duration::from_secs(10));
    assert!(all.iter().filter(|check| check.lasts > Duration::from_secs(3)).count() <= 22);
}

#[test]
fn what_a_case_presents_is_what_the_target_accepts() {
    let all = conversations(&profile());
    let first = |id: &str| {
        let acts = &all.iter().find(|check| check.id == id).unwrap().script.acts;
        let frames = acts.iter().filter_map(|act| match act {
            Act::Send { client, frame, .. } if client == "me" => frame.text().map(str::to_owned),
            _ => None,
        });
        frames.into_iter().next().unwrap()
    };
    assert!(first("valtronics.auth.guide").starts_with(r#"{"type":"auth","token":"eyJ"#));
    assert!(first("valtronics.auth.escaped").starts_with(r#"{"token":"\u0065yJ"#));
    assert!(first("valtronics.auth.long-token").len() > 2000);
    assert_eq!(first("valtronics.auth.invalid"), r#"{"type":"auth","token":"expired"}"#);
    assert!(first("server-monitor.auth.bad-server-id").contains(r#""token":"eyJ"#), "it is good");
    assert!(first("server-monitor.agent.log").contains(r#""api_key":"the agent's key""#));
}
