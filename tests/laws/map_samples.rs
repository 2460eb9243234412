//! Owns the samples that field maps are tried with: maps of any steps, and frames full of the names they name.

use crate::maps::{self, LAWS, Sample};
use aether_proxy::dialect::OwnedFrame;
use aether_proxy::dialect::custom::{Step, Taken, Unmapped};
use aether_proxy::envelope::{ClientId, Draft, MsgType, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;

type Text = BoxedStrategy<String>;

const NAMES: &[&str] = &["a", "b", "c", "body", "meta", "msg", "to", "_v3"];
const TOKENS: &[&str] = &[
    "1.10",
    "1E400",
    "-0",
    "null",
    "true",
    "\"\"",
    "\"x\"",
    "\"\\u00e9\"",
    "\"\\ud800\"",
    "[]",
    "[1,{\"a\":1}]",
    "{}",
    "\"group\"",
    "\"direct\"",
    "\"broadcast\"",
    "\"cmd\"",
    "\"msg\"",
    "\"ann\"",
    "\"d\"",
    "7",
];

fn path() -> Text {
    prop_oneof![4 => vec(select(&NAMES[..7]), 1..2), 3 => vec(select(&NAMES[..7]), 2..3), 1 => vec(select(NAMES), 3..4)]
        .prop_map(|names| names.join("."))
        .boxed()
}

fn place() -> Text {
    let word = select(&["msg", "cmd", "to_id", "target", "msg_type", "from_id", "payload"][..]);
    prop_oneof![3 => word.prop_map(str::to_owned), 3 => path().prop_map(|path| format!("payload.{path}"))].boxed()
}

fn step() -> BoxedStrategy<Step> {
    prop_oneof![
        4 => (path(), place()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => (path(), vec(path(), 0..2)).prop_map(|(from, keep)| Step::Hoist { from, members: vec![], keep }),
        1 => (path(), vec(path(), 1..3)).prop_map(|(from, members)| Step::Hoist { from, members, keep: vec![] }),
        2 => (vec(path(), 1..3), path())
            .prop_map(|(members, into)| Step::Wrap { members, into: format!("payload.{into}") }),
        2 => (path(), select(TOKENS)).prop_map(|(of, token)| Step::Default { of, token: token.into() }),
    ]
    .boxed()
}

/// An object of those names, some of them twice, some with an escape.
fn object() -> Text {
    let token = select(TOKENS).prop_map(str::to_owned).boxed();
    let key = (select(NAMES), 0..20u8).prop_map(|(name, dice)| match dice {
        0 => format!("\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..]),
        1 => "\"\\ud800\"".to_owned(),
        _ => format!("\"{name}\""),
    });
    token
        .prop_recursive(3, 24, 5, move |inner| {
            let member = (key.clone(), inner, select(&["", "", "", "", "", " "][..]));
            vec(member, 0..5).prop_map(|all| {
                let all: Vec<_> = all.into_iter().map(|(k, v, s)| format!("{k}:{s}{v}")).collect();
                format!("{{{}}}", all.join(","))
            })
        })
        .prop_map(|token| if token.starts_with('{') { token } else { format!("{{\"a\":{token}}}") })
        .boxed()
}

fn native() -> BoxedStrategy<Draft<'static>> {
    let token = || proptest::option::of(select(&["\"x\"", "\"\"", "\"d\""][..]));
    (select(MsgType::ALL), select(Target::ALL), token(), token(), proptest::option::of(object()), any::<bool>())
        .prop_map(|(kind, target, msg, cmd, payload, to)| {
            // Mostly of the type it would be taken for.
            let kind = if to && kind == MsgType::Heartbeat {
                kind
            } else if cmd.is_some() {
                MsgType::Cmd
            } else {
                MsgType::Msg
            };
            let id = (to || target == Target::Direct).then(|| ClientId::new("ann", 9).expect("an id"));
            let mut draft = Draft::new(kind, target, id).expect("a draft");
            (draft.msg, draft.cmd) = (msg.map(Into::into), cmd.map(Into::into));
            draft.payload = payload.map(Into::into);
            draft
        })
        .boxed()
}

fn sample() -> BoxedStrategy<Sample> {
    let frame = prop_oneof![
        20 => object().prop_map(OwnedFrame::Text),
        1 => "[\\[\\]{}\",:a1 ]{0,8}".prop_map(OwnedFrame::Text),
        1 => vec(any::<u8>(), 0..9).prop_map(OwnedFrame::Binary),
    ];
    (vec(step(), 0..6), frame, native(), object(), any::<[bool; 3]>(), any::<[u8; 6]>())
        .prop_map(|(steps, mut frame, mut native, forged, how, dice)| {
            for (step, die) in steps.iter().zip(dice) {
                let Step::Rename { from, to } = step else { continue };
                if let (OwnedFrame::Text(text), true) = (&mut frame, die % 2 == 0) {
                    *text = with(text, from, fitting(to, die));
                }
                if let (Some(names), true) = (to.strip_prefix("payload."), die % 3 == 0) {
                    native.payload = Some(with(native.payload.as_deref().unwrap_or("{}"), names, "8").into());
                }
            }
            Sample { steps, frame, native, forged, how }
        })
        .boxed()
}

/// A token that fits there, most often.
fn fitting(place: &str, die: u8) -> &'static str {
    match (place, die / 16) {
        (_, 0) => "5",
        ("to_id", _) => "\"ann\"",
        ("target", 1..8) => "\"broadcast\"",
        ("target", _) => "\"direct\"",
        ("msg_type", _) => "\"cmd\"",
        _ => "\"x\"",
    }
}

/// An object with one member more, in front.
fn with(object: &str, path: &str, token: &str) -> String {
    let member = path.rsplit('.').fold(token.to_owned(), |inner, name| format!("{{\"{name}\":{inner}}}"));
    match object.strip_prefix('{') {
        Some("}") => member,
        Some(rest) => format!("{},{rest}", &member[..member.len() - 1]),
        None => object.to_owned(),
    }
}

#[test]
fn every_law_of_field_maps_holds_for_every_sample() {
    let outcome =
        TestRunner::new(crate::config()).run(&sample(), |sample| maps::hold(&sample).map_err(TestCaseError::fail));
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

/// Half of a lens with the other half of a lens that knows one step less: each law that joins the halves notices.
#[test]
fn a_wrong_half_of_a_field_map_is_caught() {
    let mut runner = TestRunner::new_with_rng(crate::config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = sample();
    let mut caught = [0; 4];
    for _ in 0..600 {
        let sample = strategy.new_tree(&mut runner).expect("a sample").current();
        let right = maps::lens(&sample.steps, Unmapped::Note);
        let steps = &right.map().steps;
        let wrong = maps::lens(&steps[..steps.len().saturating_sub(1)], Unmapped::Note);
        for (count, (_, law)) in caught.iter_mut().zip(LAWS) {
            *count += usize::from(law(&right, &wrong, &sample).is_err());
        }
    }
    println!("M1 to M4 caught {caught:?} of 600");
    // M2 looks at the way up alone.
    assert!(caught[0] > 30 && caught[2] > 10, "{caught:?}");
}

/// A law holds vacuously for samples it says nothing about: all that matters must be among them.
#[test]
fn the_samples_hold_everything_a_field_map_can_do() {
    let mut runner = TestRunner::new_with_rng(crate::config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = sample();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..1500 {
        let sample = strategy.new_tree(&mut runner).expect("a sample").current();
        let lens = maps::lens(&sample.steps, Unmapped::Hide);
        let mut note = |what, is: bool| *seen.entry(what).or_default() += usize::from(is);
        note("three steps and more", lens.map().steps.len() > 2);
        let told = lens.explain(sample.frame.borrow());
        let any = |words: &str| told.iter().any(|t| t.words.contains(words));
        note("moved", told.iter().any(|t| t.step.is_some() && !t.before.is_empty()));
        note(
            "hoisted all",
            any("no step")
                && lens.map().steps.iter().any(|s| matches!(s, Step::Hoist { members, .. } if members.is_empty())),
        );
        note("wrapped", any("wrap"));
        note("defaulted", any("default"));
        note("does not fit", any("does not fit"));
        note("taken as it is", any("two members would stand"));
        let Taken::Message(up) = lens.upgrade(sample.frame.borrow()) else { continue };
        let moved = told.iter().any(|t| t.step.is_some());
        note("comes back by itself", moved && up.receipt.raw.is_none());
        note("kept as it was", moved && up.receipt.raw.is_some());
        note("routed", up.draft.to_id().is_some() || up.draft.target() != Target::Group);
        let down = lens.explain_down(&sample.native);
        note("V3 with something left", down.iter().any(|t| t.after.is_empty()));
        note(
            "V3 that is moved back",
            down.iter().any(|t| t.step.is_some()) && down.iter().all(|t| !t.after.is_empty()),
        );
    }
    println!("{seen:#?}");
    let rare: Vec<_> = seen.iter().filter(|(_, n)| **n < 20).collect();
    assert!(seen.len() == 12 && rare.is_empty(), "{rare:?}");
}
