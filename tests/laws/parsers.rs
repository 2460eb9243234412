//! Shows for each parser by itself, at the sizes the plan names, that four times the input takes less than eight
//! times as long. What is quadratic takes sixteen; counted is the time of the thread alone, and of some runs the
//! best. `linear` does the same for the whole way of a frame through the lens.

use aether_proxy::auth::Credentials;
use aether_proxy::config::{Config, LoadOptions, load};
use aether_proxy::dialect::custom::{Lens, Map, Others, Step, Taken, Unmapped};
use aether_proxy::dialect::{Dialect, Frame, HubMessage, Shaped, aether_v3, flat, lens};
use aether_proxy::edge::Mounts;
use aether_proxy::envelope::json::{self, Document};
use hyper::HeaderMap;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use std::time::Duration;

pub const MIB: usize = 1024 * 1024;
const NESTED: usize = 200_000;
pub const MEMBERS: usize = 100_000;
/// Each setting is tried by itself and a refusal names the nearest key: milliseconds here, at start alone.
const SETTINGS: usize = 256;
/// What is wrong before a setting is tried.
const ERRORS: usize = 4_096;

/// A name, how many pieces the large input has, and the input with so many pieces.
pub type Shape = (&'static str, usize, fn(usize) -> String);

pub const JSON: [Shape; 10] = [
    ("brackets", NESTED, |n| "[".repeat(n) + &"]".repeat(n)),
    ("brackets nobody closes", NESTED, |n| "[".repeat(n)),
    ("objects in objects", NESTED, |n| "{\"a\":".repeat(n) + "1" + &"}".repeat(n)),
    ("one key again and again", MEMBERS, |n| object(n, |_| "\"a\":1".to_owned())),
    ("one key, escaped", MEMBERS, |n| object(n, |i| format!("\"\\u006{}\":1", 1 + i % 2))),
    ("members", MEMBERS, |n| object(n, |i| format!("\"k{i}\":1"))),
    ("msg and payload again and again", MEMBERS, |n| {
        object(n, |i| ["\"msg\":\"x\"", "\"payload\":{\"_v2\":{}}"][i % 2].into())
    }),
    ("escapes", MIB, |n| format!("{{\"msg\":\"{}\"}}", "\\n\\u00e9\\\\\\\"".repeat(n / 12))),
    ("plain text", MIB, |n| format!("{{\"msg\":\"{}\"}}", "x".repeat(n))),
    ("digits", MIB, |n| "9".repeat(n)),
];

pub fn object(n: usize, member: impl Fn(usize) -> String) -> String {
    let members: Vec<_> = (0..n).map(member).collect();
    format!("{{{}}}", members.join(","))
}

type Reader = fn(&str);

/// Everything that reads JSON: the text as it is, as a V3 payload, on the hub, in a receipt, in a rendering.
const READERS: [(&str, Reader); 7] = [
    ("scanner", |text| {
        let found = Document::parse(text);
        assert_eq!(json::tokens(text).is_ok(), matches!(found, Document::Object(_)));
    }),
    ("lens", |text| assert!(lens::to_v3(Frame::Text(text), Shaped::Routing).draft.to_id().is_none())),
    ("field map", |text| {
        let step = |from: &str, to: &str| Step::Rename { from: from.into(), to: to.into() };
        let mut steps = vec![step("a.a.a.msg", "payload.x.y.z"), step("msg", "msg"), step("k7", "payload.k8")];
        steps.push(Step::Hoist { from: "payload".into(), members: Vec::new(), keep: vec!["k9".into()] });
        let map = Map { steps, others: Others::Take, unmapped: Unmapped::Note };
        let lens = Lens::new(map).expect("steps that agree");
        let Taken::Message(up) = lens.upgrade(Frame::Text(text)) else { return };
        lens.explain_down(&up.draft);
    }),
    ("envelope", |text| {
        for reject_unknown in [true, false] {
            Dialect::AetherV3(aether_v3::Speaks { reject_unknown }).upgrade(Frame::Text(text));
        }
    }),
    ("envelope around it", |text| {
        let text = format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{text}}}");
        Dialect::AetherV3(aether_v3::Speaks { reject_unknown: true }).upgrade(Frame::Text(&text));
    }),
    ("hub wire", |text| {
        let mut raw = String::new();
        json::write_str(&mut raw, text);
        for text in [
            text.to_owned(),
            format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"_hub\":{{\"k\":\"json\",\"raw\":{raw}}}}}"),
            format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{text}}}"),
            format!(
                "{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{{\"x\":{text},\"_v2\":{{\"raw\":{raw}}}}}}}"
            ),
        ] {
            if let Ok(message) = HubMessage::read(&text) {
                assert!(crate::lens::FULL.downgrade(&message).is_ok());
            }
        }
    }),
    ("rendering", |text| {
        let note = "\"_v3\":{\"msg_type\":\"msg\",\"target\":\"group\",\"nested\":[\"msg\"]}";
        assert!(flat::restore(&format!("{text},{note}")).is_none());
        if let Some(open) = text.strip_suffix('}') {
            flat::restore(&format!("{open},{note}}}"));
            flat::restore(&format!("{{\"_v3\":{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{text}}}}}"));
        }
    }),
];

const PATHS: [Shape; 4] = [
    ("slashes", MIB, |n| "/".repeat(n)),
    ("an id of escapes", MIB, |n| format!("/ws/group/{}/client/c", "%41".repeat(n / 3))),
    ("percents", MIB, |n| format!("/ws/group/g/client/{}", "%".repeat(n))),
    ("dots", MIB, |n| "/..".repeat(n / 3)),
];
const QUERIES: [Shape; 5] = [
    ("pairs", MEMBERS, |n| "a=b&".repeat(n)),
    ("one name again and again", MEMBERS, |n| "api_key=%41&jwt=b&recv=v3&".repeat(n / 3)),
    ("ampersands", MIB, |n| "&".repeat(n)),
    ("escapes", MIB, |n| "%61%70%69%5f".repeat(n / 12)),
    ("offers", MIB, |n| "aether.api_ke, ,aether.jwt,".repeat(n / 27)),
];
const FILES: [Shape; 8] = [
    ("brackets", NESTED, |n| format!("a = {}{}", "[".repeat(n), "]".repeat(n))),
    ("tables in tables", NESTED, |n| format!("a{} = 1", ".a".repeat(n))),
    ("escapes", MIB, |n| format!("[hub]\nurl = \"{}\"", "\\u0041\\n".repeat(n / 8))),
    ("comments", MIB, |n| "# x\n".repeat(n / 4)),
    ("one key again and again", ERRORS, |n| "[hub]\n".to_owned() + &"url = 1\n".repeat(n)),
    ("unknown keys", SETTINGS, |n| (0..n).map(|i| format!("k{i} = 1\n")).collect()),
    ("bad values", SETTINGS, |n| (0..n).map(|_| "[[mounts]]\npath = 1\n").collect()),
    ("mounts", SETTINGS, |n| {
        (0..n)
            .map(|i| format!("[[mounts]]\npath = \"/{i}/{{client_id}}\"\ndialect = \"aether-v2\"\ngroup = \"g\"\n"))
            .collect()
    }),
];

/// What this thread has computed so far. A clock on the wall also shows what else the machine does.
pub fn busy() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// The shortest of some runs.
fn time(runs: u32, read: &dyn Fn(&str), text: &str) -> Duration {
    let one = || {
        let from = busy();
        read(text);
        busy().saturating_sub(from)
    };
    (0..runs).map(|_| one()).min().unwrap_or_default()
}

/// A kibibyte, a sixteenth, a quarter, the whole; the last two are compared.
pub fn is_linear(reader: &str, read: &dyn Fn(&str), shapes: &[Shape]) {
    for (shape, large, make) in shapes {
        let (quarter, whole) = (make(large / 4), make(*large));
        let first = [make(large / 1024), make(large / 16)].map(|text| time(1, read, &text));
        let mut last = (Duration::MAX, Duration::MAX);
        let is_linear = (0..4).any(|_| {
            last = (last.0.min(time(2, read, &quarter)), last.1.min(time(1, read, &whole)));
            // Below a millisecond there is nothing to compare.
            last.1 < 8 * last.0.max(Duration::from_millis(1))
        });
        println!("{reader:20} {shape:32} {first:>10.1?} {:>10.1?} {:>10.1?}", last.0, last.1);
        assert!(is_linear, "{reader}, {shape}: {last:?} for {} and {} bytes", quarter.len(), whole.len());
    }
}

#[test]
fn every_reader_of_json_is_linear() {
    for (name, read) in READERS {
        is_linear(name, &read, &JSON);
    }
}

#[test]
fn the_mount_table_is_linear() {
    let table = Mounts::new(&Config::default()).expect("a table");
    is_linear("path", &|path| assert!(table.find(path, None, "").is_none_or(|p| p.ids.is_err())), &PATHS);
    let place = |host: Option<&str>, query: &str| assert!(table.find("/ws/group/g/client/c", host, query).is_some());
    is_linear("query", &|query| place(None, query), &QUERIES);
    is_linear("host", &|host| place(Some(host), ""), &QUERIES);
}

#[test]
fn looking_for_credentials_is_linear() {
    is_linear("credentials", &|query| drop(Credentials::collect(query, &HeaderMap::new())), &QUERIES);
    let offered = |offers: &str| {
        let mut headers = HeaderMap::new();
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(offers).expect("a value"));
        drop(Credentials::collect("", &headers));
    };
    is_linear("subprotocols", &offered, &QUERIES);
}

#[test]
fn reading_settings_is_linear() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aether.toml");
    let read = |text: &str| {
        std::fs::write(&file, text).expect("a writable folder");
        let _ = load(&LoadOptions { file: Some(file.clone()), ..LoadOptions::default() });
    };
    is_linear("settings", &read, &FILES);
}
