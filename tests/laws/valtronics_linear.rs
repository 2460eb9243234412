//! As `parsers`, for the frames of Valtronics: what a client sends, and what it hears.

use crate::parsers::{JSON, MEMBERS, MIB, Shape, is_linear, object};
use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::valtronics::{Rules, Valtronics};
use aether_proxy::dialect::{Adapter, Frame, Halves, HubMessage, Now, Reading};
use aether_proxy::envelope::Origin;
use std::time::Instant;

const FRAMES: [Shape; 6] = [
    ("a batch of nothing", MIB, |n| format!("{{\"type\":\"batch\",\"messages\":[{}0]}}", "0,".repeat(n / 2))),
    ("a batch of messages", MIB, |n| {
        format!("{{\"type\":\"batch\",\"messages\":[{}{{}}]}}", "{\"type\":\"x\"},".repeat(n / 13))
    }),
    ("filters", MEMBERS, |n| {
        format!(
            "{{\"type\":\"subscribe\",\"channel\":\"alerts\",\"filters\":{}}}",
            object(n, |i| format!("\"k{i}\":1"))
        )
    }),
    ("one filter again and again", MEMBERS, |n| {
        let filters = object(n, |_| "\"metrics\":[\"a\",\"b\"]".to_owned());
        format!("{{\"type\":\"subscribe\",\"channel\":\"telemetry\",\"filters\":{filters}}}")
    }),
    ("a long list", MIB, |n| {
        format!("{{\"type\":\"subscribe\",\"channel\":\"telemetry\",\"device_id\":[{}0]}}", "1,".repeat(n / 2))
    }),
    ("a long frequency", MIB, |n| {
        format!("{{\"type\":\"subscribe\",\"channel\":\"telemetry\",\"frequency\":\"{}s\"}}", "1".repeat(n))
    }),
];
const TELEMETRY: [Shape; 3] = [
    ("metrics", MEMBERS, |n| metrics(&object(n, |i| format!("\"m{i}\":1")))),
    ("one metric again and again", MEMBERS, |n| metrics(&object(n, |_| "\"m1\":1".to_owned()))),
    ("one large metric", MIB, |n| metrics(&format!("{{\"m1\":\"{}\",\"x\":1}}", "\\n".repeat(n / 2)))),
];

fn metrics(inside: &str) -> String {
    format!("{{\"type\":\"telemetry_update\",\"telemetry\":{inside}}}")
}

fn open() -> Halves {
    let rules = Rules { batch: 0, message: 0, messages_per_second: 0, ..Rules::default() };
    Valtronics::new(rules).open(&Origin::server())
}

fn says(halves: &mut Halves, text: &str) {
    let (intents, _) = halves.inbound.on_frame(Frame::Text(text), Now { instant: Instant::now(), at: Timestamp(0) });
    assert!(!intents.is_empty());
}

#[test]
fn what_a_valtronics_client_says_is_read_in_linear_time() {
    is_linear("valtronics", &|text| says(&mut open(), text), &FRAMES);
    is_linear("valtronics", &|text| says(&mut open(), text), &JSON);
}

#[test]
fn what_a_valtronics_client_hears_is_found_in_linear_time() {
    let hears = |text: &str| {
        let mut halves = open();
        // As many wishes as one connection may have of a frame.
        let wished: Vec<_> = (0..100).map(|i| format!("\"m{i}\"")).collect();
        for device in ["", ",\"device_id\":1"] {
            let wished = wished.join(",");
            says(
                &mut halves,
                &format!("{{\"type\":\"subscribe\",\"channel\":\"telemetry\",\"metrics\":[{wished}]{device}}}"),
            );
        }
        let text = format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{text}}}");
        let Ok(message) = HubMessage::read(&text) else { return };
        let reading = Reading::new(&message);
        if let Ok(choice) = halves.outbound.choose(&reading, Instant::now()) {
            assert!(halves.outbound.render(&reading, &choice.shape).is_ok());
        }
    };
    is_linear("valtronics hears", &hears, &TELEMETRY);
    is_linear("valtronics hears", &hears, &JSON);
}
