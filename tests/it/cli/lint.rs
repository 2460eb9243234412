//! `aether-proxy lint`: what is found is counted, shown and turned into an exit code; lines that cannot be read stop
//! nothing.

use super::{Ended, end, proxy};
use serde_json::Value;

fn lint(arguments: &[&str], input: &str) -> Ended {
    end(proxy(&[&["lint"], arguments].concat()), input.as_bytes())
}

/// A line of a capture.
fn line(conn: u64, client: &str, rest: &str) -> String {
    format!(
        "{{\"v\":1,\"at\":\"2026-03-11T12:34:56.789Z\",\"dir\":\"in\",\"dialect\":\"aether-v2\",\"tenant\":\"acme\",\
         \"group\":\"g\",\"client\":\"{client}\",\"conn\":{conn},{rest}}}\n"
    )
}

fn rules(json: &str) -> Vec<(String, u64)> {
    let told: Value = serde_json::from_str(json).unwrap();
    let rules = told["rules"].as_array().unwrap().iter();
    rules.map(|rule| (rule["rule"].as_str().unwrap().to_owned(), rule["count"].as_u64().unwrap())).collect()
}

#[test]
fn frames_are_linted_and_the_worst_is_told_first() {
    let frames = "{\"a\":1,\"a\":2}\n{\"msg\":\"hi\"}\n{\"a\":1,\"a\":3}\n\u{1b}[2Jping\n";
    let ended = lint(&["--frames", "-"], frames);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    let lines = ended.lines();
    assert!(lines[0].starts_with("V2005 error         1  "), "{}", ended.out);
    assert_eq!(lines[2].trim(), "-:4: \\u{1b}[2Jping");
    assert!(lines[3].starts_with("V2006 error         2  "), "{}", ended.out);
    assert_eq!(lines[5].trim(), "-:1: {\"a\":1,\"a\":2}");
    assert_eq!(lines.last(), Some(&"4 frames, error: 3, warning: 0, info: 3"));
    let fine = lint(&["--frames", "-"], "{\"msg\":\"hi\"}");
    assert_eq!((fine.code, fine.lines().last().copied()), (0, Some("1 frames, error: 0, warning: 0, info: 1")));
}

#[test]
fn what_is_denied_decides_the_exit_code() {
    let frames = "{\"target\":\"x\"}\n";
    for (deny, code) in
        [("error", 0), ("warning", 1), ("info", 1), ("V2006", 0), ("V2006,V2004", 1), ("none", 0), ("V2002", 1)]
    {
        assert_eq!(lint(&["--frames", "--deny", deny, "-"], frames).code, code, "{deny}");
    }
    let long = format!("{{\"msg\":\"{}\"}}\n", "x".repeat(100));
    assert_eq!(lint(&["--frames", "-"], &long).code, 0);
    let ended = lint(&["--frames", "--max-message", "64", "-"], &long);
    assert!(ended.code == 1 && ended.out.contains("V2010") && ended.out.contains("xxx…"), "{}", ended.out);
    let by_settings = lint(&["--frames", "--set", "limits.message=64", "-"], &long);
    assert_eq!(by_settings.code, 1, "{}", by_settings.err);
}

#[test]
fn a_capture_is_linted_by_frame_and_by_connection() {
    let capture = [
        line(1, "c", "\"kind\":\"text\",\"data\":\"{\\\"a\\\":1,\\\"a\\\":2}\",\"redacted\":1"),
        line(1, "c", "\"kind\":\"text\",\"bytes\":70000"),
        line(2, "42", "\"kind\":\"binary\",\"data_b64\":\"AP8=\""),
        line(2, "42", "\"kind\":\"binary\",\"bytes\":3"),
        line(3, "d", "\"kind\":\"text\",\"data\":\"[1,1]\"").replace("\"in\"", "\"out\""),
        "\n".to_owned(),
    ];
    let ended = lint(&["--format", "json", "--max-message", "64KiB", "-"], &capture.concat());
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    let want = [("V2005", 1), ("V2006", 1), ("V2008", 2), ("V2010", 1), ("V2003", 1), ("V2001", 3), ("V2002", 1)];
    assert_eq!(rules(&ended.out), want.map(|(rule, n)| (rule.to_owned(), n)));
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&told["frames"], &told["connections"], &told["unreadable"]), (&4.into(), &3.into(), &0.into()));
    assert_eq!(told["denied"], serde_json::json!(["V2005", "V2006", "V2008", "V2010"]));
    assert_eq!(told["rules"][1]["examples"][0]["line"], 1);
    assert_eq!(told["rules"][1]["examples"][0]["data"], "{\"a\":1,\"a\":2}");
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_others_linted() {
    let good = line(1, "c", "\"kind\":\"text\",\"data\":\"{}\"");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture.ndjson");
    std::fs::write(&file, format!("{good}MARKED no line\n{}", good.replace("\"v\":1", "\"v\":2"))).unwrap();
    let name = file.to_str().unwrap();
    let ended = lint(&[name, "-"], &good);
    assert_eq!(ended.code, 65);
    let said = format!("{name}:2: not a line of a capture\n{name}:3: a form of a later version\n");
    assert_eq!(ended.err, said);
    assert!(
        ended
            .out
            .ends_with("2 frames of 1 connections, error: 0, warning: 0, info: 3, lines that could not be read: 2\n"),
        "{}",
        ended.out
    );
    let denied = lint(&["--deny", "V2001", name], "");
    assert_eq!(denied.code, 1, "what was found counts more than what could not be read");
    let missing = lint(&["/no/such/file"], "");
    assert!(missing.code == 1 && missing.err.contains("/no/such/file: "), "{}", missing.err);
    let records = lint(&["--frames=json", "-"], "{\"binary_hex\":\"00\"}\nx\n");
    assert!(records.code == 1 && records.err.starts_with("-:2: "), "{}", records.err);
}
