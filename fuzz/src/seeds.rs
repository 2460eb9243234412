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
        "resp" => lines(RESP).iter().map(|seed| replaced(seed, b"\r\n")).collect(),
        "address" => lines(ADDRESSES),
        "tokens" => lines(TOKENS),
        "key_files" => lines(KEY_FILES),
        "written" => lines(WRITTEN),
        "patterns" => lines(PATTERNS).iter().map(|seed| replaced(seed, b"\n")).collect(),
        "redaction" => {
            [lines(REDACTION).iter().map(|seed| replaced(seed, b"\n")).collect(), redacted(v2()), redacted(v3())]
                .concat()
        }
        "capture_line" => [lines(CAPTURED), diced(v2(), 3)].concat(),
        "operators" => lines(OPERATORS),
        "server_monitor" => [conversed(&root.join("compat/cases/server-monitor")), lines(MONITORED)].concat(),
        "field_map" => mapped(&[v2(), v3()].concat()),
        "session" => [spoken(&v2(), 1), spoken(&v3(), 0)].concat(),
        "judge" => [lines(JUDGED), diced([v3(), hub(), v2()].concat(), 1)].concat(),
        "vectra" => [vectra(), diced(v2(), 3), diced(v3(), 3), diced(hub(), 3)].concat(),
        "valtronics" => conversations(&root.join("compat/cases/valtronics")),
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

/// Two dice, then answers; a tilde is the end of a line.
const RESP: &str = "ab*3~$9~subscribe~$14~ws:group:g:1:éé~:1~*3~$7~message~$2~ch~$15~{\"version\":\"3\"}~
zz+OK~-NOAUTH Authentication required.~*2~$4~pong~$0~~:12~$-1~*-1~*0~
()*3~$8~smessage~$1~c~$4~~~~*3~$12~sunsubscribe~$1~c~:0~*3~$11~unsubscribe~$-1~:0~
00*1~*1~*1~$1~a~
0!*17~$1~a~$9223372036854775807~*1~+x~-\u{e9}~";

/// A die for the peer, then header lines; a bar stands between them.
const ADDRESSES: &str = "a203.0.113.9, 10.0.0.2
b1.1.1.1|[2001:db8::1]:80 , 10.1.2.3:443|::ffff:10.0.0.3
cunknown, fd00::2, 203.0.113.9:99999|_hidden|
d[203.0.113.9],[fd00::3],[203.0.113.9]:1,127.0.0.1,fe80::1%eth0,,";

/// Three dice, then what is put in, a header, a payload, a signature.
const TOKENS: &str = "abc.|{\"alg\":\"HS256\"}|{\"exp\":1773232556,\"account_id\":\"acme\",\"sub\":\"s\"}|sig
\0\0a|{\"alg\":\"none\"}|{\"exp\":1773232556.5,\"iss\":\"i\",\"aud\":[\"a\",\"x\"],\"nbf\":1}|
zza=|{\"alg\":\"HS384\",\"kid\":\"k\",\"crit\":[]}|{\"aud\":\"b\",\"iss\":\"i\",\"account\":42,\"broadcast\":true}|a
 a|{\"alg\":\"ES256\",\"alg\":\"HS256\"}|{\"exp\":1E400,\"nbf\":-1,\"account_id\":null,\"exp\":0}|
bbb|{\"alg\":\"EdDSA\",\"crit\":null}|{\"aud\":\"a\",\"iss\":\"\\u0069\",\"nbf\":1773232497,\"sub\":1}|b";

/// A die, then a file.
const KEY_FILES: &str = "\0{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"HS256\"}]}
\u{1}[[api_keys]]{name=\"a\",key=\"k\",account=\"acme\",broadcast=true}
\u{1}api_keys=[{name=\"a\",sha256=\"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"}]
\u{4}\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}
\u{6}{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"key_ops\":[\"verify\"]}]}
\u{0}{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"6kUrrzoFsDBG7hMqk7aT2UcEkIujkUhLcs3ksWsTVwc\",\"y\":\"t4Tw-OpAzrxfm8wuIwOJR3d0-_xIg2713I-pc-H_ZEI\"}]}
\u{3}account = \"x\"\nbroadcast = 1
\u{9}\nname = \"b\"\u{7f}";

/// A window, a date, a duration, a size.
const WRITTEN: &str = "Mon-Fri 09:00-10:00|2026-12-01|250ms|512KiB
daily 03:00-24:00|2026-12-01T09:30:00Z|1h 30m|2 MB
sat-mon,Wed 08:05-08:10|2024-02-29|90|1.5GiB
2026-12-01T09:00:00Z/2026-12-01T10:00:00+01:00|-009999-01-01|1e3|+7
2024-02-29/2024-03-01|20261201|PT1M2.5S|18014398509481984KiB
Mon 2000:00-2001:00|2026-12-01T24:00:00Z|0.001|9GB";

/// Patterns for tenant, client and user agent, a tilde between lines; then those three.
const PATTERNS: &str = "ac*~x|c-?|*Chrome/1*|acme|c-7|Mozilla chrome/120
*|*a*b*|K|t|xaybz|\u{212a}
a*a*a*b~??||ß*|aaaaaaaaab|é|SS";

/// Pointers, a tilde between lines; then a text.
const REDACTION: &str =
    "/payload/p~/*/*/q|{\"payload\":{\"p\":\"x\"},\"_v3\":{\"payload\":{\"p\":1,\"q\":[1]}},\"p\":2}
/l/1~/l/0/p~/0|{\"l\":[{\"p\":1},2,3]}
/1~/*/p| [1,{\"p\":1}] 
/a~1b/~01~/~|{\"a/b\":{\"~1\":1.10},\"l\":[1,{\"p\":[]},{}]}
|{\"a\":1}";

/// Lines as they stand in a file.
const CAPTURED: &str = "{\"v\":1,\"at\":\"2026-03-11T12:34:56.789Z\",\"dir\":\"in\",\"dialect\":\"aether-v2\",\"tenant\":\"a\",\"group\":\"g\",\"client\":\"c\",\"conn\":7,\"kind\":\"text\",\"data\":\"{}\",\"redacted\":2}
{\"v\":1,\"at\":\"x\",\"dir\":\"out\",\"dialect\":\"\\u0061\",\"tenant\":\"\",\"group\":null,\"client\":\"\",\"conn\":0,\"path\":\"v3_v2\",\"kind\":\"binary\",\"data_b64\":\"AP8=\"}
abctenant|group|client|frame";

/// Two dice, then parameters, a host, an authority, what is presented, two clients.
const OPERATORS: &str =
    "abq=a+b%26%C3%A4&limit=10&since=2026-12-01|localhost:9090|127.0.0.1|Bearer t0ken:with colon|a/c|b/c
zqformat=csv&format=json|[::1]:80|user@localhost:1|Basic b3BzOnQwa2VuOndpdGggY29sb24=|c|c
\0%=&&=%41&a|LOCALHOST|[::ffff:127.0.0.1]|bearer  t0ken:with colon |ä/x|_none/x
cd%ff=1|localhost:80@evil.example|localhost:x|basic e|a b/c|a/b/c";

/// A die that says so, then events of four bytes.
const MONITORED: &str = "\u{3}\0a\u{1}\u{2}\u{3}b\u{1}\u{2}\u{6}c\0\0\u{3}a\u{1}\u{2}
\u{3}\0a\u{1}\u{7}\u{7}\0\u{9}\0\u{4}b\u{1}\u{7}
\u{3}\u{1}a\u{7}\u{4}\u{2}b\u{7}\u{4}\u{5}b\u{7}\u{4}\u{6}\u{3}\0\0\u{5}b\u{7}\u{4}";

/// A die, then what is wanted and what came.
const JUDGED: &str = "a{\"a\":1.10,\"b\":[\"\\u00e9\"]}|{\"b\": [\"é\"], \"a\": 11e-1}
b{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"x\"}|{\"msg_type\":\"cmd\",\"target\":\"direct\",\"to_id\":\"c\",\"payload\":{}}
b{\"msg\":\"hi\",\"_v3\":{\"msg_type\":\"msg\",\"to_id\":null}}|{\"_v3\":{\"from_id\":\"server\",\"sent_at\":\"2026-03-11T12:34:56.789Z\"}}
d{\"a\":\"<time>\",\"b\":\"<absent>\"}|{\"a\":\"2026-03-11T12:34:56+00:00\",\"a\":1e400}
f\"\\ud800\\n\"|\"\\uD800\\u000a\"";

/// Maps, a step a line; a bar stands between them.
const MAPS: &str = "r text msg\nr to to_id\nr scope target\nr type msg_type
|h body room\nr body.text msg\nd body.lang \"en\"\nw payload.meta ts seq
|m a b c\nr a.d cmd\nd a.e 1.10\nw payload.a.x msg
|r a payload.b\nr b payload.a\nr /c.d/e payload.f.g\nd msg \"\"
|r msg msg\nr cmd cmd\nh payload value _v3\nd n null";

/// A die, a map, a frame, a V3 message, what a forger writes.
fn mapped(inputs: &[Input]) -> Vec<Vec<u8>> {
    let maps: Vec<&str> = MAPS.split("\n|").collect();
    let numbered = inputs.iter().enumerate();
    numbered
        .map(|(i, input)| {
            let (map, other) = (maps[i % maps.len()].as_bytes(), &inputs[(i * 7 + 3) % inputs.len()]);
            let parts = [map, &input.bytes, &other.bytes, &inputs[(i * 5 + 1) % inputs.len()].bytes];
            [&[i as u8 & 7 | u8::from(input.is_binary) << 3][..], &parts.join(&[BETWEEN][..])].concat()
        })
        .collect()
}

/// With something else for each tilde; two of them are one.
fn replaced(seed: &[u8], by: &[u8]) -> Vec<u8> {
    seed.split(|byte| *byte == b'~').collect::<Vec<_>>().join(by)
}

/// Frames behind pointers that lead into most of them.
fn redacted(inputs: Vec<Input>) -> Vec<Vec<u8>> {
    let before: &[u8] = b"/msg\n/payload/a\n/*/*\n/_v3";
    inputs.into_iter().map(|input| [before, &[BETWEEN], &input.bytes].concat()).collect()
}

/// Frames of a connection, some at a time, with ticks, answers and notices among them.
fn spoken(inputs: &[Input], who: u8) -> Vec<Vec<u8>> {
    let dice = |n: usize| [who | (n * 2) as u8, (n * 3) as u8];
    let conversation = |(n, some): (usize, &[Input])| {
        let frames = some.iter().enumerate().map(|(i, input)| {
            let what = if input.is_binary { 3 } else { 0 };
            [&[BETWEEN, what + 8 * (i % 8) as u8][..], &input.bytes].concat()
        });
        let events: [&[u8]; 4] =
            [&[BETWEEN, 61], &[BETWEEN, 6, n as u8], &[BETWEEN, 7, b'a', b',', b'b'], &[BETWEEN, 4]];
        [dice(n).to_vec(), frames.collect::<Vec<_>>().concat(), events.concat()].concat()
    };
    inputs.chunks(3).enumerate().map(conversation).collect()
}

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

/// What a worker says, and what the server and V3 clients say of it.
fn vectra() -> Vec<Vec<u8>> {
    let frames = [
        "ping",
        "get_worker_status",
        r#"{"type":"REGISTER_WORKER","metadata":{"version":"1.10"}}"#,
        r#" {"type":"SYNC_PROGRESS","done":1.10,"done":2} "#,
        r#"{"msg_type":"msg","target":"group","payload":{"type":"WORKER_STATUS","status":"online"}}"#,
        r#"{"msg_type":"presence","target":"group","from_id":"c1","payload":{"event":"leave"}}"#,
        r#"{"msg_type":"cmd","target":"group","cmd":"WORKER_STATUS","from_id":"server","payload":{"type":"WORKER_STATUS"}}"#,
        r#"{"msg_type":"msg","target":"group","payload":{"a":1},"_hub":{"k":"json","d":"vectra","raw":" {\"a\":1}"}}"#,
    ];
    frames.iter().map(|frame| [b"\0\0\0", frame.as_bytes()].concat()).collect()
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

/// All cases of a folder.
fn cases(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a text");
        let file: Value = serde_json::from_str(&text).expect("a file of cases");
        all.extend(file["cases"].as_array().expect("cases").iter().cloned());
    }
    all
}

/// What every case of a folder puts in. Long ones say nothing to a fuzzer that short ones do not.
fn inputs(folder: &Path) -> Vec<Input> {
    let mut all = Vec::new();
    for case in cases(folder) {
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
    assert!(!all.is_empty(), "{} holds no case", folder.display());
    all
}

/// What clients of a dialect say in its conversations, behind a die.
fn conversed(folder: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
    files.sort();
    let mut said = Vec::new();
    for path in files {
        let file: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("a text")).expect("a file of cases");
        let steps =
            file["cases"].as_array().into_iter().flatten().filter_map(|case| case["steps"].as_array()).flatten();
        let frames = steps.flat_map(|step| [&step["client"]["text"], &step["legacy"]["text"], &step["heard"]["text"]]);
        said.extend(frames.filter_map(Value::as_str).map(str::to_owned));
    }
    said.dedup();
    let numbered = said.iter().enumerate();
    numbered.map(|(n, text)| [&[(n % 63 * 4) as u8], text.as_bytes()].concat()).collect()
}

/// The conversations of a dialect: behind a die, each step that somebody else takes as an event, its kind in front.
fn conversations(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (number, case) in cases(folder).iter().enumerate() {
        let mut seed = vec![number as u8 & 62 | u8::from(case["settings"]["compat"] == "server")];
        for step in case["steps"].as_array().expect("steps") {
            let event = |name: &str| step[name]["text"].as_str();
            let said = [("client", 0), ("hub", 1), ("legacy", 2)].iter().find_map(|(n, what)| Some((event(n)?, *what)));
            if step["wait"].is_string() {
                seed.extend([BETWEEN, 3 + 8 * 6]);
            } else if let Some((text, what)) = said {
                // Before its login a client speaks to somebody else.
                let what = if what == 0 && case["steps"][0]["login"] == true { 7 } else { what };
                seed.extend([BETWEEN, what]);
                seed.extend(text.bytes());
            }
        }
        all.push(seed);
    }
    all
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect()
}
