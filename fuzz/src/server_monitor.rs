//! Owns the target of the server monitor's dialect: any frame of an agent under the law of what pages are shown, any
//! first frame, and any course of commands and answers under the law of who gets them.

use super::agents::{Event, WITHIN, answers_go_to_who_asked, pages_are_shown_what_was_said};
use super::input::{dice, pick, text};
use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::server_monitor::{Compat, Role, Rules, ServerMonitor};
use aether_proxy::dialect::{Adapter, Denied, Frame, Now, Presented};
use aether_proxy::label::Label;
use std::time::{Duration, Instant};

/// Ids of servers that need care.
const SERVERS: [&str; 4] = ["srv-1", "a\"b\\", "ä 😀", "7"];
/// How much later each event may be.
const LATER: [Duration; 4] = [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(10), WITHIN];

/// A die for what, then a frame, or events of four bytes each.
pub fn server_monitor(data: &[u8]) {
    let ([what], rest) = dice(data);
    let held = match what % 4 {
        3 => {
            let events: Vec<_> = rest.chunks(4).take(256).map(event).collect();
            answers_go_to_who_asked(&events).map(|_| ())
        }
        _ => {
            first(&text(rest), pick(what / 4, Role::ALL));
            pages_are_shown_what_was_said(&text(rest), pick(what / 4, &SERVERS)).map(|_| ())
        }
    };
    if let Err(why) = held {
        panic!("{why}");
    }
}

fn event(bytes: &[u8]) -> Event {
    let ([what, by, one, other], _) = dice(bytes);
    let id = |die: u8| (die % 8 < 7).then_some(die % 7);
    match what % 8 {
        0..=2 => Event::Asked(by % 5, [id(one), id(other)]),
        3..=5 => Event::Answered([id(one), id(other)]),
        6 => Event::Later(pick(by, &LATER)),
        // A thousand commands take a while, so it is seldom that many.
        _ if by < 8 => Event::Flood(1000 + u16::from(one)),
        _ => Event::Flood(u16::from(one % 16)),
    }
}

/// A first frame presents what stands in it, or nothing; it is never answered by itself.
fn first(said: &str, role: Role) {
    let rules = Rules { role, compat: Compat::Guide, answers_within: WITHIN };
    let adapter = ServerMonitor::new(rules);
    let login = adapter.login().expect("a login");
    match login.on_frame(Frame::Text(said), Now { instant: Instant::now(), at: Timestamp(0) }) {
        Presented::ApiKey(key) => assert!(role == Role::Agent && !key.is_empty() && said.contains('{'), "{said:?}"),
        Presented::Token(token) => assert!(role != Role::Agent && !token.is_empty(), "{said:?}"),
        other => assert_eq!(other, Presented::Denied(Denied::Missing), "{said:?}"),
    }
}
