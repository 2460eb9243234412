//! Holds the judge of the compatibility suite to its laws, for the samples of all other laws, and for JSON that is written
//! in two ways.

use crate::parsers::{JSON, is_linear};
use crate::{config, frames, judge};
use aether_proxy::compat::judge::frame;
use aether_proxy::compat::suite::{Pattern, Written};
use aether_proxy::compat::{Grade, Ids};
use aether_proxy::dialect::OwnedFrame;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

#[test]
fn the_judge_keeps_its_laws_for_every_sample() {
    let two = (frames::sample(), frames::sample());
    // Each sample is judged thirty times.
    let config = Config { cases: config().cases.div_ceil(4), ..config() };
    let outcome = TestRunner::new(config).run(&two, |(one, other)| {
        let wanted = match &one.frame {
            OwnedFrame::Text(text) => text.clone(),
            OwnedFrame::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        judge::strict(&wanted, &other.frame)
            .and_then(|()| judge::strict(&one.forgery.text, &OwnedFrame::Text(wanted)))
            .and_then(|()| judge::knows(&one.native, &other.native))
            .map_err(TestCaseError::fail)
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

#[test]
fn judging_takes_linear_time_whatever_a_server_sends() {
    let envelope = r#"{"envelope":{"content":{"text":"{\"msg\":\"x\",\"payload\":{\"a\":1}}"},"from":"al"}}"#;
    let envelope: Pattern = serde_json::from_str(envelope).expect("a pattern");
    let ids = Ids::default();
    let judged = |text: &str| {
        let came = OwnedFrame::Text(text.to_owned());
        // Not the same bytes, so the values are looked at.
        let spaced = Pattern::Frame(Written::text_of(format!(" {text}")));
        for pattern in [&spaced, &envelope] {
            drop(frame(pattern, 0, &came, &ids));
        }
    };
    let few = ["brackets", "members", "digits"];
    let shapes: Vec<_> = JSON.into_iter().filter(|(name, ..)| few.contains(name)).collect();
    assert_eq!(shapes.len(), few.len());
    is_linear("judge", &judged, &shapes);
}

/// Values whose numbers a double holds.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9999..9999i64).prop_map(Value::from),
        (-9999..9999i64).prop_map(|n| Value::from(n as f64 / 100.0)),
        "[a-c\"\\\\/é😀\u{1}\n]{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-d]{1,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same value, written as the dice fall.
fn written(value: &Value, dice: &mut impl Iterator<Item = u8>, out: &mut String) {
    let mut die = || dice.next().unwrap_or(0);
    let space = |die: u8, out: &mut String| out.push_str(["", " ", "\n", "\t "][usize::from(die % 4)]);
    match value {
        Value::String(text) => string(text, &mut die, out),
        Value::Number(number) => out.push_str(&other_number(&number.to_string(), die())),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                space(dice.next().unwrap_or(0), out);
                written(item, dice, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            let mut all: Vec<_> = members.iter().collect();
            if !die().is_multiple_of(2) {
                all.reverse();
            }
            // What stands before an equal key does not count.
            if let (true, Some((key, _))) = (die().is_multiple_of(4), all.first()) {
                out.push_str(&format!("{}:[7],", Value::from(key.as_str())));
            }
            for (at, (key, value)) in all.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                string(key, &mut || dice.next().unwrap_or(0), out);
                space(dice.next().unwrap_or(0), out);
                out.push(':');
                written(value, dice, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn string(text: &str, die: &mut impl FnMut() -> u8, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if !die().is_multiple_of(2) || c < ' ' || c == '"' || c == '\\' {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out.push('"');
}

fn other_number(number: &str, die: u8) -> String {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    match die % 4 {
        0 => number.to_owned(),
        1 => format!("{whole}.{part}00"),
        2 if part.is_empty() => format!("{whole}0E-1"),
        2 => format!("{whole}.{part}0e+0"),
        _ if number.contains('.') => format!("{number}e0"),
        _ => format!("{number}.0"),
    }
}

fn judged(wanted: &str, came: &str) -> Option<Grade> {
    frame(&Pattern::Frame(Written::text_of(wanted)), 0, &OwnedFrame::Text(came.to_owned()), &Ids::default()).ok()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_value_is_itself_however_it_is_written(value in value(), dice in proptest::collection::vec(any::<u8>(), 40)) {
        let (plain, mut other) = (value.to_string(), String::new());
        written(&value, &mut dice.into_iter().cycle(), &mut other);
        prop_assert!(judged(&plain, &other).is_some(), "{plain} {other}");
        prop_assert_eq!(judged(&plain, &other), judged(&other, &plain));
    }

    #[test]
    fn two_values_are_two_however_they_are_written(
        one in value(), other in value(), dice in proptest::collection::vec(any::<u8>(), 40),
    ) {
        let mut text = String::new();
        written(&other, &mut dice.into_iter().cycle(), &mut text);
        let same = serde_json::from_str::<Value>(&text).ok().as_ref() == Some(&one) || one == other;
        prop_assert_eq!(judged(&one.to_string(), &text).is_some(), same, "{} {}", one, text);
    }

    #[test]
    fn a_changed_byte_is_never_exact(value in value(), at in any::<prop::sample::Index>(), by in "[0-9a-z\",:{}\\[\\] ]") {
        let text = value.to_string();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
        let changed = format!("{}{by}{}", &text[..at], &text[end..]);
        prop_assert_eq!(judged(&text, &changed) == Some(Grade::Exact), text == changed);
    }
}
