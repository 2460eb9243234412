//! As `parsers`, for what reaches the house beside frames: bytes from Redis, forwarded addresses, operators' requests,
//! the session as a whole, and what is written down of a frame.

use crate::lens::How;
use crate::parsers::{JSON, MEMBERS, MIB, Shape, is_linear, object};
use crate::vectra;
use aether_proxy::admin::{Access, Query};
use aether_proxy::clock::Timestamp;
use aether_proxy::config::Config;
use aether_proxy::dialect::{Dialect, Frame, Protocol, Shaped, Speech, Wire, aether_v2, aether_v3};
use aether_proxy::edge::client_address;
use aether_proxy::envelope::{ClientId, Nulls, Origin};
use aether_proxy::hub::Pushes;
use aether_proxy::migration::capture::{Line, Pointers};
use aether_proxy::session::{Client, Machine, Moment, Settings};
use aether_proxy::telemetry::Metrics;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Uri};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::Instant;

const ANSWERS: [Shape; 7] = [
    ("one long message", 4 * MIB, |n| format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${n}\r\n{}\r\n", "x".repeat(n))),
    ("one that is not whole", 4 * MIB, |n| {
        format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n{}", n * 2, "x".repeat(n))
    }),
    ("messages", MIB, |n| "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n".repeat(n / 36)),
    ("words", MIB, |n| "+\r\n".repeat(n / 3)),
    ("a line without an end", MIB, |n| format!("+{}", "x".repeat(n))),
    ("lists in lists", MIB, |n| "*1\r\n".repeat(n / 4)),
    ("one long list", MIB, |n| format!("*{n}\r\n{}", ":1\r\n".repeat(n / 4))),
];
const HOPS: [Shape; 4] = [
    ("trusted hops", MIB, |n| "10.0.0.2,".repeat(n / 9)),
    ("commas", MIB, |n| ",".repeat(n)),
    ("blanks", MIB, |n| " ".repeat(n)),
    ("digits", MIB, |n| "1".repeat(n)),
];
const ASKED: [Shape; 4] = [
    ("parameters", MEMBERS, |n| (0..n).map(|i| format!("p{i}=1&")).collect()),
    ("ampersands", MIB, |n| "&".repeat(n)),
    ("one long value", MIB, |n| format!("q={}", "%41".repeat(n / 3))),
    ("one long name", MIB, |n| format!("{}=1", "+".repeat(n))),
];
const LINES: [Shape; 3] = [
    ("a long frame", MIB, |n| line(&format!("\"data\":\"{}\"", "\\n\\\"é".repeat(n / 6)))),
    ("members", MEMBERS, |n| {
        line(&(0..n).map(|i| format!("\"k{i}\":[],")).chain(["\"data\":\"\"".into()]).collect::<String>())
    }),
    ("one key again and again", MEMBERS, |n| object(n, |_| "\"data\":\"\"".to_owned())),
];

fn line(rest: &str) -> String {
    let at = "2026-03-11T12:34:56.789Z";
    format!(
        "{{\"v\":1,\"at\":\"{at}\",\"dir\":\"in\",\"dialect\":\"d\",\"tenant\":\"t\",\"client\":\"c\",\"conn\":1,\"kind\":\"text\",{rest}}}"
    )
}

#[test]
fn reading_what_redis_says_is_linear_in_whatever_pieces_it_comes() {
    for size in [1460, 64 * 1024] {
        let read = |text: &str| {
            let mut pushes = Pushes::default();
            for piece in text.as_bytes().chunks(size) {
                pushes.buffer().extend_from_slice(piece);
                while let Ok(Some(_)) = pushes.take() {}
                if pushes.take().is_err() {
                    return;
                }
            }
        };
        is_linear(&format!("RESP, pieces of {size}"), &read, &ANSWERS);
    }
}

#[test]
fn what_stands_in_requests_is_read_in_linear_time() {
    let (peer, trusted) = (SocketAddr::from(([10, 0, 0, 1], 1)), ["10.0.0.0/8".parse().expect("a network")]);
    let headers = |name: HeaderName, value: &str| -> HeaderMap {
        [(name, HeaderValue::from_str(value).expect("a value"))].into_iter().collect()
    };
    let forwarded = |hops: &str| {
        client_address(peer, &headers(HeaderName::from_static("x-forwarded-for"), hops), &trusted);
    };
    is_linear("x-forwarded-for", &forwarded, &HOPS);
    let access = Access::new(None, IpAddr::from([127, 0, 0, 1])).expect("no token");
    let guarded = |host: &str| assert!(access.check(&Uri::from_static("/"), &headers(HOST, host)).is_err());
    is_linear("host of an operator", &guarded, &HOPS);
    is_linear("parameters", &|asked| drop(Query::parse(asked)), &ASKED);
}

#[test]
fn what_is_written_down_of_a_frame_is_read_and_blacked_out_in_linear_time() {
    let pointers = ["/payload/a", "/*/*/a", "/msg", "/k1"].map(str::to_owned);
    let pointers = Pointers::parse(&pointers).expect("pointers");
    is_linear("black-out", &|text| drop(pointers.redact(text)), &JSON);
    is_linear("a captured line", &|line| drop(Line::read(line.as_bytes()).map(|line| line.content())), &LINES);
}

#[test]
fn a_session_takes_linear_time_whatever_a_client_says() {
    let metrics = Arc::new(Metrics::new(1).expect("metrics"));
    let settings = Arc::new(Settings::new(&Config::default()));
    for dialect in [
        Dialect::AetherV3(aether_v3::Speaks { reject_unknown: true }),
        Dialect::AetherV2(aether_v2::Speaks { shaped: Shaped::Routing, keepalive: true }),
    ] {
        let said = |text: &str| {
            let now = Moment { instant: Instant::now(), at: Timestamp(0) };
            let origin = Origin { client: ClientId::new("c", 9).expect("an id"), group: None, account: None };
            let client = Client { origin, speech: Speech::Plain(dialect), hears: Protocol::V3, may_broadcast: true };
            let mut machine = Machine::new(client, settings.clone(), metrics.clone(), now.instant);
            assert!(machine.on_frame(Frame::Text(text), now).len() <= 3);
        };
        is_linear(&format!("session, {:?}", dialect.protocol()), &said, &JSON);
    }
}

#[test]
fn vectra_takes_linear_time_whatever_a_worker_says_and_whatever_it_is_told() {
    let how = How {
        shaped: Shaped::Opaque,
        denied: false,
        wire: Wire::Extended,
        nulls: Nulls::Omit,
        account: None,
        stamped: false,
        client: vectra::WORKER.to_owned(),
        group: "vectra".to_owned(),
    };
    is_linear("vectra, worker", &|text| vectra::said(&how, Frame::Text(text)).expect("its laws"), &JSON);
    is_linear("vectra, hub", &|text| vectra::shown(text).expect("its laws"), &JSON);
}
