//! `aether-proxy translate`: the language-neutral cases through a pipe, bad lines between good ones, and
//! readers that go away.

use super::{Ended, end, proxy};
use serde_json::{Value, json, value::RawValue};
use std::io::{BufRead, BufReader, Write};

const UP: [&str; 5] = ["translate", "--from", "v2", "--to", "v3"];
const DOWN: [&str; 5] = ["translate", "--from", "v3", "--to", "v2"];

fn translate(base: &[&str], more: &[&str], input: &[u8]) -> Ended {
    end(proxy(&[base, more].concat()), input)
}

/// Cases of one folder that can be played by the command with default settings: id, input, what is expected.
fn cases(folder: &str) -> Vec<(String, Value, Value)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/cases/aether").join(folder);
    let mut all = Vec::new();
    for file in std::fs::read_dir(&root).expect("cases") {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        for case in file["cases"].as_array_mut().unwrap() {
            let record = match &case["input"] {
                Value::Object(input) if input.contains_key("text") => json!({"text": input["text"]}),
                Value::Object(input) if input.contains_key("hex") => json!({"binary_hex": input["hex"]}),
                _ => continue,
            };
            if case.get("settings").is_none() && case["may_broadcast"] != false {
                all.push((case["id"].as_str().unwrap().to_owned(), record, case["expect"].take()));
            }
        }
    }
    assert!(!all.is_empty(), "no cases in {folder}");
    all
}

fn lines(records: impl IntoIterator<Item = Value>) -> Vec<u8> {
    records.into_iter().map(|record| format!("{record}\n")).collect::<String>().into_bytes()
}

#[test]
fn every_case_of_a_v2_frame_comes_out_as_it_should_and_goes_back_exactly() {
    let all: Vec<_> = cases("v2-to-hub").into_iter().filter(|(_, _, expect)| expect.get("v3").is_some()).collect();
    assert!(all.len() > 100, "{}", all.len());
    let input = lines(all.iter().map(|(_, record, _)| record.clone()));
    let content = translate(&UP, &["--frames", "json", "--content"], &input);
    assert_eq!((content.code, content.lines().len()), (0, all.len()), "{}", content.err);
    let explained = translate(&UP, &["--frames", "json", "--explain"], &input);
    let mut hub_texts = Vec::new();
    for (((id, record, expect), line), told) in all.iter().zip(content.lines()).zip(explained.lines()) {
        assert_eq!(Some(line), expect["v3"]["text"].as_str(), "{id}");
        let told: Told<'_> = serde_json::from_str(told).unwrap();
        assert!(told.v3.get().contains("\"sent_at\""), "{id}");
        if let Some(want) = expect["receipt"].as_object() {
            assert_eq!((&told.kind, &told.receipt["raw"]), (&want["kind"], &want["raw"]), "{id}");
            let why = told.receipt.get("why").map(Value::to_string).unwrap_or_default();
            assert_eq!(want["raw"] == true, !why.is_empty() && !why.contains("other"), "{id}: {why}");
        }
        if let Some(hub) = told.hub {
            hub_texts.push((id, record, hub.get()));
        }
    }
    assert!(hub_texts.len() > 100);
    let input: String = hub_texts.iter().map(|(_, _, text)| format!("{text}\n")).collect();
    let back = translate(&DOWN, &["--frames", "json"], input.as_bytes());
    assert_eq!(back.code, 0, "{}", back.err);
    for ((id, record, _), line) in hub_texts.iter().zip(back.lines()) {
        assert_eq!(&serde_json::from_str::<Value>(line).unwrap(), *record, "{id}");
    }
}

/// A line of `--explain`. Messages stay texts: parsed values would lose the tokens of numbers.
#[derive(serde::Deserialize)]
struct Told<'a> {
    kind: Value,
    receipt: Value,
    #[serde(borrow)]
    v3: &'a RawValue,
    hub: Option<&'a RawValue>,
}

#[test]
fn every_case_of_the_hub_comes_out_as_it_should() {
    let all: Vec<_> = cases("hub-to-clients").into_iter().filter(|(_, _, expect)| expect["v2"].is_object()).collect();
    // Only there a receipt stands among what clients may write themselves.
    let (plain, extended): (Vec<_>, Vec<_>) = all.into_iter().partition(|(id, ..)| id.contains(".plain-wire."));
    for (wire, cases) in [("plain", plain), ("extended", extended)] {
        assert!(cases.len() >= 5, "{wire}: {}", cases.len());
        let texts = cases.iter().map(|(_, record, _)| record["text"].as_str().unwrap());
        let input: String = texts.map(|text| format!("{text}\n")).collect();
        let out = translate(&DOWN, &["--frames", "json", "--set", &format!("hub.wire={wire}")], input.as_bytes());
        assert_eq!((out.code, out.lines().len()), (0, cases.len()), "{}", out.err);
        for ((id, _, expect), line) in cases.iter().zip(out.lines()) {
            let got: Value = serde_json::from_str(line).unwrap();
            let want = match expect["v2"].get("text") {
                Some(text) => json!({"text": text}),
                None => json!({"binary_hex": expect["v2"]["hex"]}),
            };
            assert_eq!(got, want, "{id}");
        }
    }
}

#[test]
fn every_v3_message_is_restored_from_its_flat_form() {
    let flat = |(_, record, expect): &(String, Value, Value)| {
        // The lines must be one line each, and stamps are in neither.
        expect["flat"]["text"].is_string() && !record["text"].as_str().is_some_and(|text| text.contains('\n'))
    };
    let all: Vec<_> = cases("v3-to-hub").into_iter().filter(flat).collect();
    assert!(all.len() > 10, "{}", all.len());
    let input: String =
        all.iter().map(|(_, _, expect)| format!("{}\n", expect["v3"]["text"].as_str().unwrap())).collect();
    let down = translate(&DOWN, &[], input.as_bytes());
    assert_eq!(down.code, 0, "{}", down.err);
    for ((id, _, expect), line) in all.iter().zip(down.lines()) {
        assert_eq!(Some(line), expect["flat"]["text"].as_str(), "{id}");
    }
    let up = translate(&UP, &["--restore", "--content"], down.out.as_bytes());
    assert_eq!((up.code, up.lines().len()), (0, all.len()), "{}", up.err);
    // White space between the payload's members says nothing, and is all that does not come back.
    let spaced = |text: &str| text.contains("\"payload\":{ ");
    assert!(input.lines().filter(|text| spaced(text)).count() < 5);
    for (was, is) in input.lines().zip(up.lines()) {
        assert!(was == is || spaced(was), "{was}\n{is}");
    }
    assert_eq!(translate(&DOWN, &[], up.out.as_bytes()).out, down.out);
}

#[test]
fn stamps_come_from_the_flags_and_the_clock() {
    let out =
        translate(&UP, &["--group", "g 1", "--client", "c\"1", "--set", "envelope.nulls=include"], b"{\"msg\":\"hi\"}");
    let line: Value = serde_json::from_str(&out.out).unwrap();
    assert_eq!((&line["from_id"], &line["group_id"], &line["to_id"]), (&"c\"1".into(), &"g 1".into(), &Value::Null));
    assert!(line["sent_at"].as_str().unwrap().ends_with('Z'));
    // Restored messages keep theirs.
    let sealed = "{\"version\":\"3\",\"msg_type\":\"msg\",\"target\":\"direct\",\"from_id\":\"a\",\"to_id\":\"b\",\"group_id\":\"g\",\"msg\":\"m\",\"sent_at\":\"T\"}\n";
    let down = translate(&DOWN, &[], sealed.as_bytes());
    assert_eq!(translate(&UP, &["--restore"], down.out.as_bytes()).out, sealed);
    // Settings are honoured.
    let off = translate(&DOWN, &["--set", "v2.annotate=off"], sealed.as_bytes());
    assert_eq!(off.out, "{\"msg\":\"m\"}\n");
    let envelope = translate(&DOWN, &["--set", "v2.render=envelope"], sealed.as_bytes());
    assert_eq!(envelope.out, sealed);
}

#[test]
fn bad_lines_are_named_and_the_others_translated() {
    let input = b"{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"one\"}\nnope\n{\"target\":\"all\",\"msg\":1}\n\xff\n\
                  {\"msg_type\":\"presence\",\"target\":\"group\"}\n{\"msg_type\":\"cmd\",\"target\":\"echo\",\"cmd\":\"last\"}";
    let out = translate(&DOWN, &[], input);
    assert_eq!((out.code, out.lines().len()), (65, 2), "{}", out.err);
    assert!(out.lines()[0].contains("\"one\"") && out.lines()[1].contains("\"last\""), "{}", out.out);
    for said in [
        "line 2: not a JSON object",
        "line 3: not a V3 message: [{\"loc\":[\"msg\"],\"msg\":\"Input should be a valid string\",\"type\":\"string_type\"}",
        "line 4: not UTF-8",
        "line 5: not shown to V2 clients",
        "3 of 6 lines could not be translated",
    ] {
        assert!(out.err.contains(said), "{said} is not in {}", out.err);
    }
    let told = translate(&DOWN, &["--explain"], input);
    let told: Vec<Value> = told.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!((&told[0]["rule"], &told[4]["hidden"]), (&"flat".into(), &"presence_to_v2".into()));
    assert_eq!(told[2]["errors"].as_array().map(Vec::len), Some(3), "{}", told[2]);
    let records =
        translate(&UP, &["--frames", "json"], b"{\"text\":\"a\"}\n{\"binary_hex\":\"0\"}\n\n{\"text\":\"b\"}\n");
    assert_eq!((records.code, records.lines().len()), (65, 2), "{}", records.err);
}

#[test]
fn a_reader_that_goes_away_ends_it_in_peace() {
    let mut child = proxy(&UP).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // As `| head -n 1` does. A line is seen before the next one is sent, so it is not kept in a buffer.
    stdin.write_all(b"{\"msg\":\"first\"}\n").unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(stdout);
    reader.read_line(&mut first).unwrap();
    assert!(first.contains("\"first\""), "{first}");
    drop(reader);
    let writer = std::thread::spawn(move || {
        // Until the pipe breaks: the command has ended.
        while stdin.write_all(&b"{\"msg\":\"more\"}\n".repeat(1000)).is_ok() {}
    });
    let ended = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}
