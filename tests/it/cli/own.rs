//! Dialects made by settings, on the command line: held to their examples, and explained frame by frame.

use super::{Ended, end, proxy, run};
use serde_json::{Value, json, value::RawValue};
use std::collections::HashMap;
use std::io::Write;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/own-dialect.toml");

fn translate(dialect: &str, from: &str, more: &[&str], input: &str) -> Ended {
    let to = if from == "v2" { "v3" } else { "v2" };
    let arguments = ["--config", EXAMPLE, "translate", "--dialect", dialect, "--from", from, "--to", to];
    end(proxy(&[&arguments, more].concat()), input.as_bytes())
}

fn explained(dialect: &str, from: &str, input: &str) -> Value {
    let ended = translate(dialect, from, &["--explain", "--content"][..if from == "v2" { 2 } else { 1 }], input);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    serde_json::from_str(&ended.out).expect("one record")
}

/// The example, changed.
fn changed(from: &str, to: &str) -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    assert!(text.contains(from), "{from}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.replacen(from, to, 1).as_bytes()).unwrap();
    file
}

#[test]
fn check_runs_every_example_and_names_what_differs() {
    let good = run(&["--config", EXAMPLE, "check", "--quiet"]);
    assert_eq!((good.code, good.out.as_str(), good.err.as_str()), (0, "", ""));
    for (from, to, told) in [
        ("legacy = \"SAY hello\"", "legacy = \"SAY hallo\"", "`dialects[1].fixtures[0]` (kiosk): to_v3 gives"),
        (
            "\"TELL \\(.to_id) \\(.msg)\"",
            "\"TELL\"",
            "`dialects[1].fixtures[1]` (kiosk): to_v2 gives\n  TELL\nand not\n  TELL ann",
        ),
        ("else error(\"no line\") end", "else now end", "`dialects[1].jq` (kiosk): to_v3, line 7, column 6"),
        (
            "startswith(\"SAY \")",
            "(last(repeat(1)) == 1)",
            "`dialects[1].fixtures[0]` (kiosk): to_v3 of\n  SAY hello\ntimed_out",
        ),
        ("then .lines[] |", "then .lines |", "`dialects[1].fixtures[2]` (kiosk): to_v3 gives"),
        ("rename = \"to\"", "renam = \"to\"", "`dialects[0].map.steps[1]`: unknown operation or key `renam`"),
    ] {
        let file = changed(from, to);
        let path = file.path().to_str().unwrap();
        for command in ["check", "serve"] {
            let bad = run(&[
                "--config",
                path,
                command,
                "--set",
                "listen.clients=127.0.0.1:0",
                "--set",
                "listen.admin=127.0.0.1:0",
            ]);
            assert_eq!((bad.code, bad.out.as_str()), (78, ""), "{}", bad.err);
            assert!(bad.err.contains(told), "{told} is not in {}", bad.err);
        }
    }
    let gone = changed("to_v3 = '''", "to_v3_file = \"/nonexistent.jq\"\n# '''");
    assert_eq!(run(&["--config", gone.path().to_str().unwrap(), "check"]).code, 78);
}

#[test]
fn a_map_tells_which_step_did_what() {
    let told = explained("acme", "v2", r#"{"type":"say","body":{"text":"hi"},"room":7}"#);
    assert_eq!(told["v3"][0]["msg"], "hi");
    assert_eq!(
        (&told["rule"], &told["raw"], &told["hub"][0]["_hub"]["d"]),
        (&json!("map"), &json!(false), &json!("acme"))
    );
    let step =
        json!({"step": 2, "what": "rename body.text to msg", "before": "body.text: \"hi\"", "after": "msg: \"hi\""});
    assert!(told["steps"].as_array().unwrap().contains(&step), "{told:#}");
    let told = explained("acme", "v3", r#"{"msg_type":"msg","target":"group","msg":"hi"}"#);
    assert_eq!((&told["rule"], &told["v2"]), (&json!("map"), &json!([{"text": r#"{"body":{"text":"hi"}}"#}])));
    let refused = translate("acme", "v2", &[], "text\n");
    assert_eq!((refused.code, refused.out.as_str()), (0, ""));
    assert!(refused.err.contains("it is refused"), "{}", refused.err);
}

#[test]
fn filters_tell_what_they_gave_or_why_not() {
    let told = explained("kiosk", "v2", r#"{"op":"log","lines":["a","b"]}"#);
    assert_eq!((&told["rule"], told["outputs"].as_array().map(Vec::len)), (&json!("to_v3"), Some(2)));
    assert_eq!(
        (&told["v3"][1]["msg"], &told["hub"][0]["_hub"]["raw"]),
        (&json!("b"), &json!(r#"{"op":"log","lines":["a","b"]}"#))
    );
    assert_eq!(told["hub"][1]["_hub"], json!({"k": "json", "d": "kiosk"}));
    // What stands on the hub comes back as it was: token by token, since its last member is what counts.
    let texts = translate("kiosk", "v2", &["--explain"], r#"{"op":"log","lines":["a","b"]}"#).out;
    let tokens: HashMap<String, Box<RawValue>> = serde_json::from_str(&texts).unwrap();
    let hub: Vec<Box<RawValue>> = serde_json::from_str(tokens["hub"].get()).unwrap();
    assert_eq!(explained("kiosk", "v3", hub[0].get())["rule"], "original");
    assert_eq!(explained("kiosk", "v3", hub[1].get())["rule"], "hidden");
    let forged = hub[0].get().replace(r#"\"a\""#, r#"\"z\""#);
    assert_eq!(explained("kiosk", "v3", &forged)["rule"], "to_v2");
    let down = translate(
        "kiosk",
        "v3",
        &[],
        "{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"hi\"}\n{\"msg_type\":\"msg\",\"target\":\"group\"}\n",
    );
    assert_eq!((down.code, down.out.as_str()), (0, "SAY hi\n"));
    let bad = translate("kiosk", "v2", &[], "SAY a\nwhat\nSAY b\n");
    assert_eq!((bad.code, bad.lines().len()), (65, 2));
    assert!(bad.err.contains("line 2: to_v3: failed: no line"), "{}", bad.err);
}

#[test]
fn only_dialects_of_single_frames_are_translated() {
    for (name, told) in [("vectra", "what was said before"), ("chat", "there is no such dialect (acme, kiosk)")] {
        let refused = translate(name, "v2", &[], "x\n");
        assert_eq!(refused.code, 64);
        assert!(refused.err.contains(told), "{}", refused.err);
    }
}
