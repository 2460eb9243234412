//! What a byte costs, in short texts and in long ones, whatever is in them: nanoseconds for a byte of each part of the
//! house that reads JSON, at a kibibyte, 64 of them, and a mebibyte. `cargo bench --bench linear`, about half a minute;
//! ends with 1 where a byte of the longest costs more than twice what it costs in the middle.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and may say that it cannot start")]

use aether_proxy::dialect::aether_v2::Hears;
use aether_proxy::dialect::lens::{self, Annotate};
use aether_proxy::dialect::{Dialect, Frame, HubMessage, Intent, Shaped, View, Wire, aether_v3, wire};
use aether_proxy::envelope::json::{self, Document};
use aether_proxy::envelope::{ClientId, GroupId, Nulls, Origin, seal};
use aether_proxy::migration::lint;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SIZES: [(&str, usize); 3] = [("1 KiB", 1 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];
/// Brackets in brackets, whatever the size.
const NESTED: usize = 200_000;
/// How much more a byte may cost in a text of sixteen times the length. Tables of 70,000 keys do not fit into the caches,
/// which makes it twice as much; what is quadratic would make it sixteen times.
const DEARER: f64 = 4.0;
/// For each figure.
const TIME: Duration = Duration::from_millis(80);
const SENT_AT: &str = "2026-03-11T12:34:56.789Z";
const TO_V2: View = View::AetherV2(Hears { annotate: Annotate::Full, as_envelope: false, presence: false });
const V3: Dialect = Dialect::AetherV3(aether_v3::Speaks { reject_unknown: false });
/// What members of envelopes, receipts and renderings are called.
const NAMES: [&str; 12] = [
    "msg", "cmd", "payload", "to_id", "target", "msg_type", "version", "from_id", "group_id", "sent_at", "_hub", "_v3",
];

type Shape = (&'static str, fn(usize) -> String);

/// Objects of about so many bytes.
const SHAPES: [Shape; 8] = [
    ("many members", |n| object(n, |i| format!("\"k{i}\":{i}"))),
    ("one long string", |n| format!("{{\"msg\":\"{}\"}}", "x".repeat(n))),
    ("deep brackets", |n| format!("{{\"a\":{}{}}}", "[".repeat(n / 2), "]".repeat(n / 2))),
    ("one key again and again", |n| object(n, |i| format!("\"a\":{i}"))),
    ("a thousand keys again and again", |n| object(n, |i| format!("\"k{}\":{i}", i % 1000))),
    ("escapes", |n| format!("{{\"msg\":\"{}\"}}", "\\n\\u00e9\\\\\\\"".repeat(n / 12))),
    ("escaped keys", |n| object(n, |i| format!("\"\\u006b\\n{i}\":1"))),
    ("names of envelopes", |n| object(n, |i| format!("\"{}\":{i}", NAMES[i % NAMES.len()]))),
];

fn object(bytes: usize, member: impl Fn(usize) -> String) -> String {
    let mut text = "{".to_owned();
    for i in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&member(i));
        text.push(',');
    }
    text + "\"z\":0}"
}

fn origin() -> Origin {
    let group = Some(GroupId::new("g1", 9).expect("an id"));
    Origin { client: ClientId::new("c1", 9).expect("an id"), group, account: None }
}

/// From a V2 frame to the text on the hub.
fn up(text: &str) -> String {
    let up = lens::to_v3(Frame::Text(text), Shaped::Routing);
    wire::write(&seal(&up.draft, &origin(), SENT_AT, Nulls::Omit), Some(&up.receipt), Wire::Extended).unstamped()
}

/// From a V3 frame to the text on the hub.
fn native(text: &str) -> String {
    match V3.upgrade(Frame::Text(text)).0 {
        Intent::Publish { draft, .. } => {
            wire::write(&seal(&draft, &origin(), SENT_AT, Nulls::Omit), None, Wire::Extended).unstamped()
        }
        other => unreachable!("{other:?}"),
    }
}

fn down(hub: &str) -> usize {
    let message = HubMessage::read(hub).expect("a message");
    TO_V2.downgrade(&message).map_or(0, |frame| frame.borrow().len())
}

/// What is measured: a name, what it is given of an object, and what it does.
type Part = (&'static str, fn(&str) -> String, fn(&str) -> usize);

fn wrapped(text: &str) -> String {
    format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"m\",\"payload\":{text}}}")
}

const PARTS: [Part; 7] = [
    ("scanner", str::to_owned, |text| match Document::parse(text) {
        Document::Object(members) => json::last_wins(members).len(),
        _ => 0,
    }),
    ("lint", str::to_owned, |text| usize::from(lint::frame(Frame::Text(text), usize::MAX).wrapped)),
    ("V2 to hub", str::to_owned, |text| up(text).len()),
    ("hub, read", |text| up(text), |hub| HubMessage::read(hub).map_or(0, |message| message.visible().len())),
    ("hub to V2, exact", |text| up(text), down),
    ("V3 to hub", wrapped, |text| native(text).len()),
    ("hub to V2, flat", |text| native(&wrapped(text)), down),
];

/// Nanoseconds for a byte: the best of many runs, since what else the machine does only ever adds.
fn measure(text: &str, run: fn(&str) -> usize) -> f64 {
    let began = Instant::now();
    let mut best = Duration::MAX;
    while began.elapsed() < TIME {
        // Short ones many times in one go: a look at the clock costs as much as some hundred bytes.
        let times = (32 * 1024 / text.len()).max(1);
        let from = Instant::now();
        for _ in 0..times {
            black_box(run(black_box(text)));
        }
        best = best.min(from.elapsed() / u32::try_from(times).unwrap_or(1));
    }
    best.as_nanos() as f64 / text.len() as f64
}

fn main() -> ExitCode {
    let mut worse = Vec::new();
    println!("| nanoseconds a byte | {} |", PARTS.map(|(name, ..)| name).join(" | "));
    println!("| --- |{}", " --- |".repeat(PARTS.len()));
    for (shape, make) in SHAPES {
        let row = PARTS.map(|(part, given, run)| {
            let costs = SIZES.map(|(_, size)| measure(&given(&make(size)), run));
            if costs[2] > DEARER * costs[1] {
                worse.push(format!("{part}, {shape}: {costs:.2?}"));
            }
            costs.map(|cost| format!("{cost:.2}")).join(" / ")
        });
        println!("| {shape} | {} |", row.join(" | "));
    }
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(NESTED), "]".repeat(NESTED));
    let row = PARTS.map(|(_, given, run)| format!("{:.2}", measure(&given(&nested), run)));
    println!("| {NESTED} brackets in brackets | {} |", row.join(" | "));
    println!("\nEach: {}.", SIZES.map(|(name, _)| name).join(" / "));
    for line in &worse {
        println!("grows: {line}");
    }
    if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
