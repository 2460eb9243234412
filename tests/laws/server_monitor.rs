//! Holds the laws of `agents` against the server monitor's dialect, for frames and courses of events of every kind.

use crate::agents::{Event, WITHIN, answers_go_to_who_asked, pages_are_shown_what_was_said};
use crate::config;
use crate::frames::{Text, name_token, object_of, space, value_token};
use crate::parsers::{JSON, MEMBERS, Shape, is_linear, object};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::time::Duration;

const NAMES: &[&str] = &["server_id", "data", "type", "a", "server_id", "data", "command_id", "_hub", "payload", "b"];
const KINDS: &[&str] = &["metrics", "log", "alert", "error", "m\\u0065trics", "inventory", "container_stopped", "auth"];
const SERVERS: &[&str] = &["srv-1", "a\"b\\", "ä 😀"];

/// A frame of an agent: some type among members that matter.
fn frame() -> Text {
    let name = || name_token(NAMES);
    let server = select(&["\"srv-1\"", "\"srv-\\u0031\"", "\"a\\\"b\\\\\"", "\"srv-9\"", "null", "7"][..]);
    let value = prop_oneof![
        3 => value_token(),
        2 => server.prop_map(str::to_owned),
        2 => object_of(name(), value_token(), 4),
    ];
    let member = (space(), name(), space(), value).prop_map(|(a, k, b, v)| format!("{a}{k}{b}:{a}{v}{b}"));
    (prop::collection::vec(member, 0..6), select(KINDS), any::<prop::sample::Index>(), space())
        .prop_map(|(mut members, kind, at, s)| {
            members.insert(at.index(members.len() + 1), format!("{s}\"type\":{s}\"{kind}\""));
            format!("{s}{{{}{s}}}{s}", members.join(","))
        })
        .boxed()
}

#[test]
fn pages_are_shown_what_agents_say_once_wrapped_and_of_their_own_server() {
    let shown = RefCell::new((0, 0));
    let outcome = TestRunner::new(config()).run(&(frame(), select(SERVERS)), |(frame, server)| {
        let is_shown = pages_are_shown_what_was_said(&frame, server).map_err(TestCaseError::fail)?;
        let mut shown = shown.borrow_mut();
        *shown = (shown.0 + usize::from(is_shown), shown.1 + 1);
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
    let (shown, all) = shown.into_inner();
    assert!(shown * 3 > all, "only {shown} of {all} are shown at all");
}

fn event() -> BoxedStrategy<Event> {
    let id = || proptest::option::of(0..6u8);
    let waits = [Duration::from_millis(1), WITHIN / 3, WITHIN - Duration::from_millis(1), WITHIN];
    prop_oneof![
        8 => (0..5u8, id(), id()).prop_map(|(by, a, b)| Event::Asked(by, [a, b])),
        8 => (id(), id()).prop_map(|(a, b)| Event::Answered([a, b])),
        2 => select(waits.to_vec()).prop_map(Event::Later),
        1 => prop_oneof![3 => 1..40u16, 1 => 1000..1030u16].prop_map(Event::Flood),
    ]
    .boxed()
}

#[test]
fn answers_go_to_who_asked_and_to_nobody_else() {
    // The same every time, so that what is counted is the same as well.
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig { cases: config().cases / 5, ..config() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let counts = RefCell::new((0, 0));
    let outcome = runner.run(&prop::collection::vec(event(), 1..40), |events| {
        let (direct, group) = answers_go_to_who_asked(&events).map_err(TestCaseError::fail)?;
        let mut counts = counts.borrow_mut();
        *counts = (counts.0 + direct, counts.1 + group);
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
    let (direct, group) = counts.into_inner();
    assert!(direct * 4 > group && group * 4 > direct, "{direct} answers to clients, {group} to the group");
}

const FRAMES: [Shape; 3] = [
    ("servers", MEMBERS / 4, |n| object(n + 1, |i| if i == 0 { kind() } else { "\"server_id\":0".to_owned() })),
    ("servers below data", MEMBERS / 4, |n| {
        format!("{{{},\"data\":{}}}", kind(), object(n, |_| "\"server_id\":0".to_owned()))
    }),
    ("data again and again", MEMBERS / 4, |n| {
        object(n + 1, |i| if i == 0 { kind() } else { "\"data\":{\"server_id\":0}".to_owned() })
    }),
];

fn kind() -> String {
    "\"type\":\"metrics\"".to_owned()
}

#[test]
fn an_agent_takes_linear_time_whatever_it_says() {
    let said = |text: &str| {
        pages_are_shown_what_was_said(text, "srv-1").expect("shown right");
    };
    is_linear("server monitor", &said, &JSON);
    is_linear("server monitor, its own", &said, &FRAMES);
}
