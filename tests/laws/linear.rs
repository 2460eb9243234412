//! Shows that the lens takes time in proportion to the length of a text, whatever is in it: sixteen times
//! the length may not take a hundred times as long. A lens that compared each with each would take 256.

use crate::lens::{FULL, SENT_AT};
use crate::parsers::busy;
use aether_proxy::dialect::lens::to_v3;
use aether_proxy::dialect::{
    Dialect, Frame, HubMessage, Intent, OwnedFrame, Receipt, Shaped, View, Wire, aether_v3, flat, wire,
};
use aether_proxy::envelope::{ClientId, Draft, GroupId, Nulls, Origin, seal};
use std::time::Duration;

const SMALL: usize = 64 * 1024;
const LARGE: usize = 1024 * 1024;

/// A text of about this many bytes: a head, something again and again, a tail.
fn fill(bytes: usize, head: &str, piece: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    let mut i = 0;
    while text.len() < bytes {
        text.push_str(&piece(i));
        i += 1;
    }
    text.push_str(tail);
    text
}

type Maker = fn(usize) -> String;

const TEXTS: [(&str, Maker); 12] = [
    ("many keys", |n| fill(n, "{", |i| format!("\"k{i}\":1,"), "\"z\":0}")),
    ("one key again and again", |n| fill(n, "{", |_| "\"a\":1,".to_owned(), "\"a\":0}")),
    ("escaped keys", |n| fill(n, "{", |i| format!("\"\\u006b{i}\":1,"), "\"z\":0}")),
    ("msg again and again", |n| fill(n, "{", |_| "\"msg\":\"x\",".to_owned(), "\"msg\":0}")),
    ("deep brackets", |n| format!("{{\"a\":{}{}}}", "[".repeat(n / 2), "]".repeat(n / 2))),
    ("deep objects", |n| format!("{}1{}", "{\"a\":".repeat(n / 6), "}".repeat(n / 6))),
    ("brackets nobody closes", |n| "[{\"a\":".repeat(n / 6)),
    ("a string of escapes", |n| fill(n, "{\"msg\":\"", |_| "\\n\\u00e9\\\\".to_owned(), "\"}")),
    ("a text of quotes", |n| "\"\\\u{1}".repeat(n / 3)),
    ("unknown members", |n| {
        fill(n, "{\"msg_type\":\"msg\",\"target\":\"group\",", |i| format!("\"u{i}\":{{}},"), "\"z\":0}")
    }),
    ("a payload that clashes", |n| {
        let head = "{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"m\",\"payload\":{";
        fill(n, head, |i| format!("\"msg\":1,\"_v3\":2,\"k{i}\":3,"), "\"z\":0}}")
    }),
    ("white space", |n| fill(n, "{", |_| " \n\t\r".to_owned(), "\"msg\":\"x\" }")),
];

/// The whole way of a text through every part of the lens.
fn travel(text: &str) {
    let origin =
        Origin { client: ClientId::new("c1", 9).expect("an id"), group: GroupId::new("g1", 9).ok(), account: None };
    let hears = |draft: &Draft<'_>, receipt: Option<&Receipt<'_>>, wire| {
        let hub = wire::write(&seal(draft, &origin, SENT_AT, Nulls::Omit), receipt, wire).unstamped();
        let message = HubMessage::read(&hub).expect("a message");
        let v2 = FULL.downgrade(&message).expect("shown");
        assert_eq!(receipt.is_some(), v2.borrow() == Frame::Text(text));
        assert!(View::AetherV3.downgrade(&message).is_ok());
        v2
    };
    let up = to_v3(Frame::Text(text), Shaped::Routing);
    hears(&up.draft, Some(&up.receipt), Wire::Extended);
    hears(&up.draft, Some(&up.receipt), Wire::Plain);
    let v3 = |reject_unknown| Dialect::AetherV3(aether_v3::Speaks { reject_unknown }).upgrade(Frame::Text(text)).0;
    v3(true);
    if let Intent::Publish { draft, .. } = v3(false)
        && let OwnedFrame::Text(flat) = hears(&draft, None, Wire::Plain)
    {
        assert!(flat::restore(&flat).is_some());
    }
    assert!(HubMessage::read(text).is_err() || text.contains("msg_type"));
}

/// The shortest of some runs: what else the machine does only ever adds.
fn time(runs: u32, text: &str) -> Duration {
    (0..runs)
        .map(|_| {
            let from = busy();
            travel(text);
            busy().saturating_sub(from)
        })
        .min()
        .unwrap_or_default()
}

fn is_linear(texts: &[(&str, Maker)]) {
    for (name, make) in texts {
        let (small, large) = (time(2, &make(SMALL)), time(1, &make(LARGE)));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        println!("{name:26} {small:>10.1?} {large:>10.1?} {ratio:5.1}");
        assert!(ratio < 100.0, "{name}: {small:?} for 64 KiB, {large:?} for 1 MiB");
    }
}

#[test]
fn time_grows_with_the_length_whatever_is_in_a_text() {
    is_linear(&TEXTS[..6]);
}

/// The other half, so that both cores have something to do.
#[test]
fn time_grows_with_the_length_whatever_else_is_in_a_text() {
    is_linear(&TEXTS[6..]);
}
