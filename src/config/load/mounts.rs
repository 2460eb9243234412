//! Settings of mounts as they are written: tables in a table of a list, and words that are dialects.

use super::tests::{assert_problems, load_all};
use super::*;
use crate::config::{Channel, Compat, DialectName, Me, Role};
use std::time::Duration;

fn mounts(toml: &str) -> Vec<crate::config::Mount> {
    load_all(toml, &[], &[]).unwrap().mounts
}

#[test]
fn each_dialect_has_a_table_of_its_own() {
    let mounts = mounts(
        "\
[[mounts]]
path = '/ws'
dialect = 'valtronics'
[mounts.valtronics]
channel = 'alerts'
message = 0
[[mounts]]
path = '/agents'
dialect = 'server-monitor'
header = { X-Region = 'eu' }
server_monitor = { role = 'agent', compat = 'server', answers_within = '10s', me = 'forward', me_upstream = 'http://h' }
[[mounts]]
path = '/vectra'
dialect = 'vectra'
[mounts.vectra]
worker_secret = '12345'",
    );
    let valtronics = mounts[0].valtronics.as_ref().unwrap();
    assert_eq!((valtronics.channel, valtronics.message, valtronics.batch), (Some(Channel::Alerts), 0, 50));
    let monitor = mounts[1].server_monitor.as_ref().unwrap();
    assert_eq!((monitor.role, monitor.compat, monitor.me), (Role::Agent, Compat::Server, Some(Me::Forward)));
    assert_eq!((monitor.answers_within, monitor.me_path.as_str()), (Duration::from_secs(10), "/api/v1/api-keys/me"));
    assert_eq!(mounts[1].header["X-Region"], "eu");
    let vectra = mounts[2].vectra.as_ref().unwrap();
    assert!(vectra.takes_workers() && vectra.worker == "worker");
    assert_eq!(vectra.worker_secret.as_ref().unwrap().expose(), "12345");
    let groups: Vec<_> = mounts.iter().map(|mount| mount.group().unwrap().into_owned()).collect();
    assert_eq!(groups, ["valtronics", "{server_id}", "vectra"]);
}

#[test]
fn what_is_wrong_in_such_a_table_is_named_with_its_line() {
    let toml = "\
[[mounts]]
path = '/ws'
dialect = 'valtronics'
[mounts.valtronics]
chanel = 'alerts'
batch = 'many'
compat = 'gide'
[[mounts]]
path = '/agents'
dialect = 'server-monitor'
server_monitor = { me = 'answer' }
vectra = 'hunter2'
valtronics = { message = '1 stone' }";
    assert_problems(
        load_all(toml, &[], &[]),
        [
            "FILE:5: unknown key `mounts[0].valtronics.chanel`; did you mean `mounts[0].valtronics.channel`?",
            "FILE:6: `mounts[0].valtronics.batch` must be a whole number, found the text \"many\"",
            "FILE:7: `mounts[0].valtronics.compat` cannot be `gide`, only `guide`, `server`; did you mean `guide`?",
            "FILE:11: `mounts[1].server_monitor.role` is missing",
            "FILE:12: `mounts[1].vectra` must be a section, `[mounts.vectra]`",
            "FILE:13: `mounts[1].valtronics.message`: `1 stone` is not a size such as 65536, \"512KiB\", \"1MiB\"",
        ],
    );
}

#[test]
fn a_word_that_is_no_dialect_is_a_contradiction() {
    let toml = "[[mounts]]\npath = '/{group_id}/{client_id}'\ndialect = 'aether-v4'";
    let text = "FILE:3: `mounts[0]`: there is no dialect `aether-v4`; did you mean `aether-v2`?";
    assert_problems(load_all(toml, &[], &[]), [text]);
    assert_eq!(mounts(&toml.replace("v4", "v2"))[0].dialect, DialectName::AetherV2);
}

#[test]
fn no_error_repeats_a_mounts_secret() {
    const SECRET: &str = "hunter2";
    let mount = "[[mounts]]\npath = '/ws'\ndialect = 'vectra'\n";
    let tables = [
        "vectra = 'hunter2'",
        "vectra = { worker_secret = ['hunter2'] }",
        "vectra = { worker_secrt = 'hunter2' }",
        "vectra = { worker_secret = 'hunter2', worker_secret_file = 'x' }",
        "vectra = { worker_secret = { hunter2 = 1 }, worker = '' }",
        "[mounts.vectra]\nworker_secret = hunter2",
        "[mounts.vectra]\nworker_secret = 'hunter2",
        "dialect = 'hunter2'",
    ];
    let forward = "[[mounts]]\npath = '/a'\ndialect = 'server-monitor'\nserver_monitor = ";
    let upstreams = [
        "{ role = 'agent', me = 'forward', me_upstream = 'http://u:hunter2@h' }",
        "{ role = 'agent', me = 'forward', me_upstream = ['hunter2'] }",
        "{ role = 'agent', me_upstream = 'http://h/hunter2' }",
    ];
    let all = tables.iter().map(|table| load_all(&format!("{mount}{table}"), &[], &[]));
    let all = all.chain(upstreams.iter().map(|table| load_all(&format!("{forward}{table}"), &[], &[])));
    let env = ["[{path='/ws', dialect='vectra', vectra={worker_secret=hunter2}}]", "[{vectra={worker_secret='hunter2'"];
    let all = all.chain(env.iter().map(|value| load_all("", &[("AETHER_MOUNTS", value)], &[])));
    for (at, result) in all.enumerate() {
        let shown = result.expect_err(&format!("case {at} is refused")).join("\n");
        assert!(!shown.contains(SECRET) && !shown.is_empty(), "case {at}: {shown}");
    }
    let toml = format!("{mount}vectra = {{ worker_secret = 'hunter2' }}");
    let shown = effective(&load_all(&toml, &[], &[]).unwrap());
    assert!(shown.contains("worker_secret = \"[redacted]\"") && !shown.contains(SECRET), "{shown}");
}
