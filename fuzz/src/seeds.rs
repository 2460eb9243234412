//! Owns where fuzzing starts: the cases of `compat/cases`, the settings that ship, and a few of each part's own words.

use super::input::BETWEEN;
use serde_json::Value;
use std::path::Path;

/// What the cases say that goes to this target, with dice in front.
pub fn of(target: &str, root: &Path) -> Vec<Vec<u8>> {
    let cases = |folder: &str| inputs(&root.join("compat/cases/aether").join(folder));
    let (v2, v3, hub) = (|| cases("v2-to-hub"), || cases("v3-to-hub"), || cases("hub-to-clients"));
    let diced = |inputs: Vec<Input>, dice: usize| inputs.into_iter().map(|input| input.behind(dice)).collect();
    match target {
        "lens" => diced([v2(), v3()].concat(), 6),
        "envelope_v3" | "round_trip" => diced([v3(), v2()].concat(), 3),
        "hub_wire" => diced([hub(), v3()].concat(), 4),
        "scanner" => diced([v2(), hub(), v3()].concat(), 0),
        "mounts" => lines(MOUNTS),
        "credentials" => lines(CREDENTIALS),
        "config" => settings(root),
        other => panic!("no target is called {other}"),
    }
}

/// Path, host, query; a bar stands between them.
const MOUNTS: &str = "/ws/group/g/client/c||
/v3/ws/group/a%2Fb/client/%2525|a.example:8080|recv=v3
/ws_redis/group/%C3%A4/client/%20|h|re%63v=v3&recv=v2
/ws/c|A.example|client_type=tv
/ws/c||client_type=x&v=2
/ws/c|[::1]:80|
/a%20b/%c3%a4/g/server||
/ws/group/%ff/client/%00|[|%
//||&&==&";

/// Query, key, bearer, account, origin, offers, secret; a bar stands between them.
const CREDENTIALS: &str =
    "api_key=a%2520b&jwt=x.y.z&x_account_id=acme|k|Bearer t|acme|https://app.example.com|aether.v3, aether.jwt.x|s
|key|bearer  token|acme|null|aether.api_key.a%2Bb|%
api%5Fkey=%E4%BD%A0%zz&api_key=|||||Aether.API_key.x,,AETHER.JWT.y|ä
jwt=%ff||Basic abc||http://[::1]:8080||
|||||aether.jwt.%ff|";

fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| line.bytes().map(|byte| if byte == b'|' { BETWEEN } else { byte }).collect()).collect()
}

/// The shipped settings, whole and section by section, and variables for some of them.
fn settings(root: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let examples = std::fs::read_dir(root.join("config/examples")).expect("a folder of examples");
    let examples = examples.map(|entry| entry.expect("an entry").path());
    for path in examples.chain([root.join("config/default.toml")]) {
        let text = std::fs::read_to_string(path).expect("a text");
        let bare: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
        let bare = bare.join("\n");
        files.extend(bare.split("\n[").skip(1).map(|section| format!("[{section}\n")));
        files.push(bare);
    }
    files.sort();
    let variables = "HUB__URL=redis://127.0.0.1\nLIMITS__MESAGE=1\nMOUNTS=[{path=\"/{client_id}\",dialect=\"aether-v2\"}]
AUTH__API_KEYS=[{name=\"a\"}]\n--limits.ping_interval=1d\n--auth.origins=a,b\nPORT_80_TCP=tcp://x\nLISTEN__ADMIN_TOKEN=1";
    let variables: Vec<&str> = variables.lines().collect();
    let numbered = files.iter().enumerate();
    numbered
        .map(|(i, file)| {
            let line = variables[i % variables.len()];
            [&[i as u8, (i * 7) as u8][..], file.as_bytes(), &[BETWEEN], line.as_bytes()].concat()
        })
        .collect()
}

/// The content of a frame, and a number to make dice of.
#[derive(Clone)]
struct Input {
    bytes: Vec<u8>,
    is_binary: bool,
    number: usize,
}

impl Input {
    fn behind(self, dice: usize) -> Vec<u8> {
        let mut all: Vec<u8> = (0..dice).map(|die| (self.number * (2 * die + 1)) as u8 & 0x7f).collect();
        if let (true, Some(flags)) = (self.is_binary, all.first_mut()) {
            *flags |= 0x80;
        }
        all.extend(self.bytes);
        all
    }
}

/// What every case of a folder puts in. Long ones say nothing to a fuzzer that short ones do not.
fn inputs(folder: &Path) -> Vec<Input> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a text");
        let file: Value = serde_json::from_str(&text).expect("a file of cases");
        for case in file["cases"].as_array().expect("cases") {
            let input = &case["input"];
            let (bytes, is_binary) = match (input["text"].as_str(), input["hex"].as_str()) {
                (Some(text), _) => (text.as_bytes().to_vec(), false),
                (None, Some(hex)) => (unhex(hex), true),
                (None, None) => continue,
            };
            if bytes.len() <= 1024 {
                all.push(Input { bytes, is_binary, number: all.len() });
            }
        }
    }
    assert!(!all.is_empty(), "{} holds no case", folder.display());
    all
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect()
}
