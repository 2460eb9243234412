//! `aether-proxy check`: good settings are shown without their secrets, bad ones are all named at once.

use super::{end, proxy, run};

#[test]
fn settings_in_effect_are_shown_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("proxy.toml");
    let text = "[hub]\nurl = \"redis://u:hush-redis@h:6379\"\n[limits]\nmessage = \"1KiB\"\nid = 99\n\
                [[auth.api_keys]]\nname = \"web\"\nkey = \"hush-key\"\n";
    std::fs::write(&file, text).unwrap();
    let mut command = proxy(&["check", "--set", "limits.message=3KiB"]);
    command
        .env("AETHER_CONFIG", &file)
        .env("AETHER_AUTH__JWT__SECRET", "hush-jwt")
        .env("AETHER_LIMITS__MESSAGE", "2KiB");
    let good = end(command, b"");
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    let shown: toml::Table = good.out.parse().expect("TOML");
    // Flags over variables over file over defaults.
    assert_eq!(shown["limits"]["message"].as_str(), Some("3KiB"));
    assert_eq!(shown["limits"]["id"].as_integer(), Some(99));
    assert_eq!(shown["hub"]["wire"].as_str(), Some("extended"));
    assert!(!good.out.contains("hush") && good.out.matches("[redacted]").count() == 3, "{}", good.out);
    let quiet = run(&["--config", file.to_str().unwrap(), "check", "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
}

#[test]
fn what_may_not_be_meant_is_remarked_above_the_settings() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/dialects/vectra.toml");
    let good = run(&["--config", file, "check"]);
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    assert!(good.out.starts_with("# mounts[1] lets no worker in"), "{}", good.out);
    let shown: toml::Table = good.out.parse().expect("TOML");
    assert_eq!(shown["mounts"][1]["dialect"].as_str(), Some("vectra"));
    assert_eq!(run(&["--config", file, "check", "--quiet"]).out, "");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("proxy.toml");
    std::fs::write(&file, "[limits]\nmesage = 1\nid = 0\n[auth.jwt]\nsecret = [\"hush\"]\n[hub]\nwire = \"extnded\"\n")
        .unwrap();
    let path = file.to_str().unwrap();
    for quiet in [&[][..], &["--quiet"]] {
        let bad = run(&[&["check", "--config", path, "--set", "listen.backlog=x"][..], quiet].concat());
        assert_eq!((bad.code, bad.out.as_str()), (78, ""), "{}", bad.err);
        for problem in [
            &format!("{path}:2: unknown key `limits.mesage`; did you mean `limits.message`?"),
            &format!("{path}:7: `hub.wire` cannot be `extnded`"),
            &format!("{path}:5: `auth.jwt.secret` must be a text"),
            "--set listen.backlog: `listen.backlog` must be a whole number",
        ] {
            assert!(bad.err.contains(problem), "{problem} is not in {}", bad.err);
        }
        assert!(!bad.err.contains("hush"), "{}", bad.err);
    }
    let missing = run(&["check", "--config", "/nonexistent/proxy.toml"]);
    assert_eq!(missing.code, 78);
    assert!(missing.err.contains("/nonexistent/proxy.toml"), "{}", missing.err);
    // The same settings keep a proxy from starting, with the same code.
    assert_eq!(run(&["serve", "--config", path]).code, 78);
    assert_eq!(run(&["--config", path]).code, 78);
}
