//! Settings read from real files, variables and flags, and what is said about wrong ones.

use super::*;
use crate::config::{DialectName, Guests, Switch, Wire};
use std::{io::Write, time::Duration};
use tempfile::NamedTempFile;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

pub(super) fn load_all(toml: &str, env: &[(&str, &str)], set: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let file = file(toml);
    let options = LoadOptions { file: Some(file.path().into()), env: pairs(env), set: pairs(set) };
    // The file's name differs each time; messages are compared without it.
    let name = file.path().display().to_string();
    load(&options).map_err(|error| error.problems.iter().map(|problem| problem.replace(&name, "FILE")).collect())
}

fn from_env(name: &str, value: &str) -> Result<Config, Vec<String>> {
    load_all("", &[(name, value)], &[])
}

#[track_caller]
pub(super) fn assert_problems<const N: usize>(result: Result<Config, Vec<String>>, expected: [&str; N]) {
    assert_eq!(result.unwrap_err(), expected);
}

#[test]
fn without_any_source_the_defaults_hold() {
    assert_eq!(load(&LoadOptions::default()).unwrap(), Config::default());
    assert_eq!(load_all("", &[("PATH", "/bin"), ("AETHER_TEST_X", "1")], &[]).unwrap(), Config::default());
}

#[test]
fn a_stronger_source_wins_and_leaves_the_others_alone() {
    let toml = "[limits]\nmessage = '1KiB'\nid = 1\nheaders = '1KiB'\nurl = '9KiB'";
    let config = load_all(
        toml,
        &[("AETHER_LIMITS__ID", "2"), ("AETHER_LIMITS__HEADERS", "2KiB")],
        &[("limits.headers", "3KiB"), ("limits.headers", "4KiB")],
    )
    .unwrap();
    let limits = config.limits;
    assert_eq!((limits.message, limits.id, limits.headers, limits.url), (1024, 2, 4096, 9216));
    assert_eq!(limits.outbound_queue, Config::default().limits.outbound_queue);
}

#[test]
fn the_schema_decides_what_a_text_is() {
    let jwt = from_env("AETHER_AUTH__JWT__SECRET", "12345").unwrap().auth.jwt;
    assert_eq!(jwt.secret.unwrap().expose(), "12345");
    assert_eq!(from_env("AETHER_AUTH__JWT__ISSUER", "true").unwrap().auth.jwt.issuer, "true");
    assert_eq!(from_env("AETHER_AUTH__JWT__ISSUER", "[a, b]").unwrap().auth.jwt.issuer, "[a, b]");
    assert_eq!(from_env("AETHER_LIMITS__CONNECTIONS", "5").unwrap().limits.connections, 5);
    assert!(!from_env("AETHER_HUB__JOURNAL", "false").unwrap().hub.journal);
    assert_eq!(from_env("AETHER_LISTEN__CLIENTS", "127.0.0.1:1").unwrap().listen.clients.port(), 1);
    assert_eq!(from_env("AETHER_HUB__URL", "redis://u:p@h").unwrap().hub.url.expose(), "redis://u:p@h");
    assert_eq!(from_env("AETHER_LIMITS__IDLE_TIMEOUT", "90").unwrap().limits.idle_timeout, Duration::from_secs(90));
    assert_eq!(from_env("AETHER_LIMITS__ID", "7").unwrap().limits.id, 7);
    assert_eq!(from_env("AETHER_LIMITS__MESSAGE", "64KiB").unwrap().limits.message, 65536);
    assert_eq!(from_env("AETHER_TENANCY__ISOLATE", "true").unwrap().tenancy.isolate, Switch::Yes);
    assert_eq!(load_all("", &[], &[("hub.wire", "plain")]).unwrap().hub.wire, Wire::Plain);
    assert!(!load_all("", &[], &[("hub.journal", "false")]).unwrap().hub.journal);
}

#[test]
fn lists_are_comma_separated_or_toml() {
    let audience = |text: &str| from_env("AETHER_AUTH__JWT__AUDIENCE", text).unwrap().auth.jwt.audience;
    assert_eq!(audience("a, b,1"), ["a", "b", "1"]);
    assert_eq!(audience(r#"["a,b", "c"]"#), ["a,b", "c"]);
    assert_eq!(audience(""), Vec::<String>::new());
    let config = from_env("AETHER_AUTH__API_KEYS", r#"[{name="a", key="12345"}, {name="b", key="b", broadcast=true}]"#);
    let keys = config.unwrap().auth.api_keys;
    assert_eq!(keys[0].key.as_ref().unwrap().expose(), "12345");
    assert!(keys[1].name == "b" && keys[1].broadcast);
    let mount = r#"[{path="/{group_id}/{client_id}", dialect="aether-v3", query={client_type="*", "a.b"="c"}}]"#;
    let mounts = from_env("AETHER_MOUNTS", mount).unwrap().mounts;
    assert_eq!((mounts.len(), &mounts[0].dialect, mounts[0].query["a.b"].as_str()), (1, &DialectName::AetherV3, "c"));
}

#[test]
fn a_variable_may_name_the_file_but_the_flag_is_stronger() {
    let (one, two) = (file("[limits]\nid = 1"), file("[limits]\nid = 2"));
    let env = pairs(&[("AETHER_CONFIG", one.path().to_str().unwrap())]);
    let mut options = LoadOptions { env, ..LoadOptions::default() };
    assert_eq!(load(&options).unwrap().limits.id, 1);
    options.file = Some(two.path().into());
    assert_eq!(load(&options).unwrap().limits.id, 2);
}

#[test]
fn a_missing_file_is_an_error() {
    let missing = LoadOptions { file: Some("/nowhere/aether.toml".into()), ..LoadOptions::default() };
    let error = load(&missing).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/aether.toml: cannot be read: "), "{error}");
    let env = pairs(&[("AETHER_CONFIG", "/nowhere/aether.toml")]);
    assert!(load(&LoadOptions { env, ..LoadOptions::default() }).is_err());
}

#[test]
fn all_problems_come_at_once_each_with_its_place() {
    let toml = "\
[limits]
mesage = 5
id = 'many'

[hub]
wire = 'exotic'
channels = 'ws'
[limmits]
x = 1
[listen]
clients = 'localhost:8080'
backlog = -1";
    let env = [("AETHER_LIMITS__ID", "12x"), ("AETHER_HUB_URL", "redis://x"), ("AETHER_HUB__JOURNAL", "yes")];
    let set = [("hub.message", "1"), ("limits", "2"), ("telemetry.log_format", "jsn")];
    assert_problems(
        load_all(toml, &env, &set),
        [
            "FILE:2: unknown key `limits.mesage`; did you mean `limits.message`?",
            "FILE:3: `limits.id` must be a whole number, found the text \"many\"",
            "FILE:6: `hub.wire` cannot be `exotic`, only `extended`, `plain`",
            "FILE:7: `hub.channels` must be a section, `[hub.channels]`",
            "FILE:8: unknown key `limmits`; did you mean `limits`?",
            "FILE:11: `listen.clients` must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"",
            "FILE:12: `listen.backlog` cannot be -1: out of range",
            "AETHER_LIMITS__ID: `limits.id` must be a whole number, found the text \"12x\"",
            "AETHER_HUB_URL: unknown key `hub_url`; did you mean `hub.url`?",
            "AETHER_HUB__JOURNAL: `hub.journal` must be true or false, found the text \"yes\"",
            "--set hub.message: unknown key `hub.message`; did you mean `limits.message`?",
            "--set limits: `limits` is a section; set one of its keys, such as `limits.connections`",
            "--set telemetry.log_format: `telemetry.log_format` cannot be `jsn`, only `text`, `json`; did you mean `json`?",
        ],
    );
}

#[test]
fn where_no_name_is_near_the_valid_ones_are_listed() {
    assert_problems(
        load_all("colour = 1\n[hub.presence]\nwhiskers = 2", &[], &[]),
        [
            "FILE:1: unknown key `colour`; valid here: `listen`, `hub`, `auth`, `tenancy`, `envelope`, `v2`, `mounts`, \
             `dialects`, `limits`, `policy`, `migration`, `capture`, `shadow`, `telemetry`",
            "FILE:3: unknown key `hub.presence.whiskers`; valid here: `ttl`, `grace`, `lease`",
        ],
    );
}

#[test]
fn lists_of_tables_are_read_to_the_bottom() {
    let toml = "\
[[mounts]]
path = '/{group_id}/{client_id}'
dialekt = 'aether-v2'
[[mounts]]
path = 5
dialect = 4
query = { a = 1 }
[[auth.api_keys]]
nam = 'x'
key = 'y'";
    assert_problems(
        load_all(toml, &[], &[]),
        [
            "FILE:1: `mounts[0].dialect` is missing",
            "FILE:3: unknown key `mounts[0].dialekt`; did you mean `mounts[0].dialect`?",
            "FILE:5: `mounts[1].path` must be a text, found 5",
            "FILE:6: `mounts[1].dialect` must be a text, found 4",
            "FILE:7: `mounts[1].query.a` must be a text, found 1",
            "FILE:8: `auth.api_keys[0].name` is missing",
            "FILE:9: unknown key `auth.api_keys[0].nam`; did you mean `auth.api_keys[0].name`?",
        ],
    );
    assert_problems(
        load_all("[mounts]\npath = '/'", &[], &[]),
        ["FILE:1: `mounts` must be a list of tables, `[[mounts]]`"],
    );
    assert_problems(load_all("mounts = [1]", &[], &[]), ["FILE:1: `mounts[0]` must be a table"]);
    let hint = "is a list: write all of it as TOML, such as `[{…}, {…}]` or `[\"…\", \"…\"]`";
    assert_problems(from_env("AETHER_MOUNTS__0__PATH", "/"), [&format!("AETHER_MOUNTS__0__PATH: `mounts` {hint}")]);
}

#[test]
fn a_contradiction_names_who_set_the_value() {
    let toml = "mounts = [\n{ path = '/{client_id}', dialect = 'aether-v2' } ]\n[hub]\nmax_message = '1MiB'\n";
    let problems = load_all(toml, &[("AETHER_LIMITS__MESSAGE", "1MiB")], &[("listen.clients", "[::]:80")]).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("--set listen.clients: `listen.clients` = [::]:80 is open"), "{problems:#?}");
    assert!(
        problems[1].starts_with("FILE:2: `mounts[0].path` = \"/{client_id}\" has no `{group_id}`"),
        "{problems:#?}"
    );
    assert!(
        problems[2].starts_with("AETHER_LIMITS__MESSAGE: `limits.message` = 1048576 bytes is too"),
        "{problems:#?}"
    );
}

#[test]
fn a_list_replaced_by_a_stronger_source_is_no_longer_the_files() {
    let toml = "[[mounts]]\npath='/a/{group_id}/{client_id}'\ndialect='aether-v2'";
    let problems = load_all(toml, &[("AETHER_MOUNTS", "[]")], &[]).unwrap_err();
    assert_eq!(problems, ["AETHER_MOUNTS: there are no `[[mounts]]`, so no client could connect"]);
    let problems =
        load_all(toml, &[("AETHER_MOUNTS", "[{path='/', dialect='aether-v2', group='g'}]")], &[]).unwrap_err();
    assert_eq!(problems, ["AETHER_MOUNTS: `mounts[0].path` = \"/\" needs `{client_id}`: every client has an id"]);
}

#[test]
fn nothing_is_concluded_from_a_section_with_a_typing_error() {
    // The misspelt key would have closed the door: to call it open would send the reader astray.
    let toml = "[listen]\nclients = '0.0.0.0:80'\n[[auth.api_keys]]\nname = 'a'\nkye = 'b'";
    assert_problems(
        load_all(toml, &[], &[]),
        ["FILE:5: unknown key `auth.api_keys[0].kye`; did you mean `auth.api_keys[0].key`?"],
    );
    assert_problems(
        load_all("[listen]\nclients = '0.0.0.0:80'\n[jwt]\nsecret = 's'", &[], &[]),
        ["FILE:3: unknown key `jwt`; did you mean `auth.jwt`?"],
    );
}

#[test]
fn broken_toml_is_told_with_every_line() {
    let problems =
        load_all("[limits\nid = 1\n[hub]\njournal = ture\n", &[("AETHER_LIMITS__ID", "x")], &[]).unwrap_err();
    assert!(problems.iter().any(|p| p.starts_with("FILE:1: not valid TOML: ")), "{problems:#?}");
    assert!(problems.iter().any(|p| p.starts_with("FILE:4: not valid TOML: ")), "{problems:#?}");
    assert!(problems.last().unwrap().starts_with("AETHER_LIMITS__ID: "), "{problems:#?}");
    let twice = load_all("[limits]\nid = 1\nid = 2", &[], &[]).unwrap_err();
    assert!(twice.len() == 1 && twice[0].starts_with("FILE:3: not valid TOML: duplicate key"), "{twice:#?}");
}

#[test]
fn durations_and_sizes_say_how_they_are_written() {
    let duration = |text: &str| from_env("AETHER_HUB__TOP_CHECK", text).unwrap_err().remove(0);
    assert!(duration("soon").ends_with("`soon` is not a duration such as \"250ms\", \"10s\", \"1h\""));
    assert!(duration("-5s").contains("`-5s` is not a duration"));
    assert!(duration("10000000000").contains("longer than 365 days"));
    assert!(duration("5us").contains("finer than a millisecond"));
    let problems = load_all("[limits]\nmessage = true\nurl = -1\nping_interval = []\n", &[], &[]).unwrap_err();
    assert_eq!(problems[0], "FILE:2: `limits.message`: must be a size such as 65536, \"512KiB\", \"1MiB\"");
    assert_eq!(problems[1], "FILE:3: `limits.url`: must be a size such as 65536, \"512KiB\", \"1MiB\"");
    assert_eq!(problems[2], "FILE:4: `limits.ping_interval`: must be a duration such as \"250ms\", \"10s\", \"1h\"");
    let isolate = load_all("[tenancy]\nisolate = 3", &[], &[]).unwrap_err();
    assert_eq!(isolate, ["FILE:2: `tenancy.isolate`: must be `auto`, true or false"]);
}

#[test]
fn no_error_repeats_a_secret() {
    const SECRET: &str = "hunter2";
    let tomls = [
        "[auth.jwt]\nsecret = hunter2",
        "[auth.jwt]\nsecret = 'hunter2",
        "[auth.jwt]\nsecret = ['hunter2']",
        "[auth.jwt]\nsecret = { hunter2 = 1 }\n",
        "[auth.jwt]\nsecrt = 'hunter2'",
        "[auth]\njwt = 'hunter2'",
        "[auth]\napi_keys = 'hunter2'",
        "[auth]\napi_keys = ['hunter2']",
        "[auth]\napi_keys = [{ name = 'a', key = ['hunter2'] }]",
        "[auth]\napi_keys = [{ name = 'a', kye = 'hunter2' }]",
        "[auth]\napi_keys = [{ name = 'a', sha256 = 'hunter2' }]",
        "[auth]\napi_keys = [{ name = ['hunter2'] }]",
        "[auth]\napi_keys = [{ name = 'a', key = 'hunter2' }, { name = 'b', key = 'hunter2', sha256 = '' }]",
        "[hub]\nurl = ['hunter2']",
        "[hub]\nurl = 'hunter2'",
        "[hub]\nurl = 'radis://u:hunter2@h'",
        "[hub]\nurl = redis://u:hunter2@h",
    ];
    let env = [
        ("AETHER_AUTH__JWT", SECRET),
        ("AETHER_AUTH__JWT__SECRETT", SECRET),
        ("AETHER_AUTH__API_KEYS", SECRET),
        ("AETHER_AUTH__API_KEYS", "[{name='a', key=hunter2}]"),
        ("AETHER_AUTH__API_KEYS", "[{name='a', key='hunter2'"),
        ("AETHER_AUTH__API_KEYS", "[{name='a', key='hunter2', key='hunter2'}]"),
        ("AETHER_AUTH__API_KEYS__0__KEY", SECRET),
        ("AETHER_HUB__URL", SECRET),
        ("AETHER_HUB_URL", SECRET),
        ("AETHER_HUB", SECRET),
    ];
    let all = tomls.iter().map(|toml| load_all(toml, &[], &[]));
    let all = all.chain(env.iter().map(|(name, value)| from_env(name, value)));
    let all = all.chain([load_all("", &[], &[("auth.jwt", SECRET)]), load_all("", &[], &[("hub.uri", SECRET)])]);
    for (at, result) in all.enumerate() {
        let problems = result.expect_err(&format!("case {at} is refused"));
        let shown = problems.join("\n");
        assert!(!shown.contains(SECRET) && !shown.is_empty(), "case {at}: {shown}");
    }
}

#[test]
fn a_public_key_drops_hmac_from_the_default_algorithms() {
    let algorithms = |toml: &str| load_all(toml, &[], &[]).map(|config| config.auth.jwt.algorithms);
    assert_eq!(algorithms("[auth.jwt]\njwks_url = 'https://x'").unwrap(), ["RS256", "ES256", "EdDSA"]);
    assert_eq!(algorithms("[auth.jwt]\nsecret = 's'").unwrap(), ["HS256"]);
    // A list that was narrowed reads back as it is.
    assert_eq!(algorithms("[auth.jwt]\nsecret = 's'\nalgorithms = ['HS256']").unwrap(), ["HS256"]);
    assert!(algorithms("[auth.jwt]\njwks_url = 'https://x'\nalgorithms = ['HS256', 'RS256']").is_err());
}

#[test]
fn the_effective_settings_show_everything_but_secrets_and_read_back() {
    let toml = "\
[hub]
url = 'redis://u:hunter2@h'
[auth]
guests = 'deny'
[auth.jwt]
secret = 'hunter2'
[[auth.api_keys]]
name = 'web'
key = 'hunter2'";
    let config = load_all(toml, &[], &[("limits.message", "64KiB")]).unwrap();
    let shown = effective(&config);
    assert!(!shown.contains("hunter2"), "{shown}");
    for line in ["url = \"redis://[redacted]@h\"", "guests = \"deny\"", "message = \"64KiB\"", "name = \"web\""] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    let again: Config = toml::from_str(&shown).unwrap();
    assert_eq!((again.auth.guests, &again.limits), (Guests::Deny, &config.limits));
    assert_eq!(toml::from_str::<Config>(&effective(&Config::default())).unwrap(), Config::default());
}
