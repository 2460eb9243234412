//! What the lens costs a message: from a client's frame to the hub text, and from the hub text to what a
//! client gets. `cargo bench --bench lens`.
#![allow(missing_docs, reason = "criterion's macros write undocumented items")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot start may say so")]

use aether_proxy::clock::{Clock, Timestamp};
use aether_proxy::dialect::aether_v2::{Hears, Speaks};
use aether_proxy::dialect::lens::Annotate;
use aether_proxy::dialect::{Dialect, Frame, HubMessage, HubText, Intent, Shaped, View, Wire, aether_v3, wire};
use aether_proxy::envelope::{ClientId, GroupId, Nulls, Origin, seal};
use aether_proxy::migration::lint;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const SENT_AT: &str = "2026-03-11T12:34:56.789Z";
const V2: Dialect = Dialect::AetherV2(Speaks { shaped: Shaped::Routing, keepalive: false });
const V3: Dialect = Dialect::AetherV3(aether_v3::Speaks { reject_unknown: false });
const TO_V2: View = View::AetherV2(Hears { annotate: Annotate::Full, as_envelope: false, presence: false });

const V2_12: &str = r#"{"msg": "hi"}"#;
const V2_12_SOLID: &str = r#"{"msg":"hi"}"#;
const V2_200: &str = r#"{"type": "telemetry_update", "device_id": "dock-7", "temperature": 21.50, "position": {"x": 1.25, "y": -3.0}, "tags": ["a", "b"], "msg": "all is well at the dock, nothing to see", "seq": 123456}"#;
const V2_200_SOLID: &str = r#"{"msg":"all is well at the dock, nothing to see here","type":"telemetry_update","device_id":"dock-7","temperature":21.50,"position":{"x":1.25,"y":-3.0},"tags":["a","b"],"seq":123456,"unit":"celsius"}"#;
const V3_200: &str = r#"{"msg_type":"msg","target":"group","msg":"all is well at the dock, nothing to see here","payload":{"type":"telemetry_update","device_id":"dock-7","temperature":21.50,"position":{"x":1.25,"y":-3.0}}}"#;

fn origin() -> Origin {
    Origin {
        client: ClientId::new("1773266158823", 256).expect("an id"),
        group: Some(GroupId::new("event_abc123", 256).expect("an id")),
        account: None,
    }
}

/// From a client's frame to the text for the hub.
fn up(dialect: &Dialect, frame: &str, origin: &Origin) -> Option<HubText> {
    let (Intent::Publish { draft, receipt }, _) = dialect.upgrade(Frame::Text(frame)) else { return None };
    let sealed = seal(&draft, origin, SENT_AT, Nulls::Omit);
    Some(wire::write(&sealed, receipt.as_ref(), Wire::Extended))
}

/// From the hub's text to a client's frame.
fn down(view: &View, hub: &str) -> usize {
    let Ok(message) = HubMessage::read(hub) else { return 0 };
    view.downgrade(&message).map_or(0, |frame| frame.borrow().len())
}

fn big(head: &str, tail: &str) -> String {
    let mut text = head.to_owned();
    for i in 0..1300 {
        text.push_str(&format!("{{\"id\":{i},\"name\":\"dock \\u00e9 {i}\",\"ok\":true}},"));
    }
    text.pop();
    text.push_str(tail);
    text
}

fn benches(c: &mut Criterion) {
    let origin = origin();
    let v2_64k = big(r#"{"msg":"hi","rows":["#, "]}");
    let v3_64k = big(r#"{"msg_type":"msg","target":"group","payload":{"rows":["#, "]}}");

    let mut group = c.benchmark_group("up");
    for (name, dialect, frame) in [
        ("v2 12 B", &V2, V2_12_SOLID),
        ("v2 12 B raw", &V2, V2_12),
        ("v2 200 B", &V2, V2_200_SOLID),
        ("v2 200 B raw", &V2, V2_200),
        ("v3 200 B", &V3, V3_200),
        ("v2 64 KiB", &V2, &v2_64k),
        ("v3 64 KiB", &V3, &v3_64k),
    ] {
        group.bench_function(name, |b| b.iter(|| up(dialect, black_box(frame), &origin)));
    }
    group.finish();

    let mut group = c.benchmark_group("down");
    for (name, view, dialect, frame) in [
        ("v2 12 B to v2", &TO_V2, &V2, V2_12_SOLID),
        ("v2 12 B raw to v2", &TO_V2, &V2, V2_12),
        ("v2 200 B to v2", &TO_V2, &V2, V2_200_SOLID),
        ("v2 200 B raw to v2", &TO_V2, &V2, V2_200),
        ("v2 200 B to v3", &View::AetherV3, &V2, V2_200_SOLID),
        ("v3 200 B to v3", &View::AetherV3, &V3, V3_200),
        ("v3 200 B to v2", &TO_V2, &V3, V3_200),
        ("v2 64 KiB to v2", &TO_V2, &V2, &v2_64k),
        ("v3 64 KiB to v2", &TO_V2, &V3, &v3_64k),
    ] {
        let hub = up(dialect, frame, &origin).expect("a message").stamped("0123456789abcdef", 42);
        group.bench_function(name, |b| b.iter(|| down(view, black_box(&hub))));
    }
    group.finish();

    // One frame in `migration.lint_sample` pays this on top.
    c.bench_function("lint 200 B", |b| b.iter(|| lint::frame(Frame::Text(black_box(V2_200)), usize::MAX)));

    let mut out = String::with_capacity(32);
    c.bench_function("timestamp", |b| {
        b.iter(|| {
            out.clear();
            black_box(Timestamp(black_box(1_773_232_496_789))).write(&mut out);
            out.len()
        });
    });
    let clock = Clock::system();
    c.bench_function("now", |b| b.iter(|| clock.now()));
}

criterion_group! {
    name = lens;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(900))
        .sample_size(30);
    targets = benches
}
criterion_main!(lens);
