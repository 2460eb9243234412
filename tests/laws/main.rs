//! Holds the laws of the lens against the lens, for hostile frames of every kind, and against wrong lenses,
//! to show that the laws have teeth. `AETHER_LAWS_CASES` sets how many samples (nightly: a million).
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test says what is wrong by ending")]

mod agents;
mod frames;
mod judge;
mod judged;
mod laws;
mod lens;
mod linear;
mod map_samples;
mod maps;
mod mutants;
mod parsers;
mod server_monitor;
mod strangers;
mod valtronics;
mod valtronics_linear;
mod vectra;

use aether_proxy::dialect::flat::flat;
use aether_proxy::dialect::lens::{Annotate, Kind, original};
use aether_proxy::dialect::{HubMessage, Shaped};
use aether_proxy::envelope::Target;
use laws::{LAWS, Law};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::collections::BTreeMap;

/// Samples of a normal run.
const FEW: u32 = 1500;

fn config() -> Config {
    let cases = std::env::var("AETHER_LAWS_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(FEW);
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

#[test]
fn every_law_holds_for_every_sample() {
    let outcome = TestRunner::new(config()).run(&frames::sample(), |sample| {
        for (name, law) in LAWS {
            law(&lens::Real, &sample).map_err(|why| TestCaseError::fail(format!("{name}: {why}")))?;
        }
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

#[test]
fn vectra_keeps_its_own_laws() {
    let outcome = TestRunner::new(config()).run(&frames::sample(), |sample| {
        let named = lens::How { client: vectra::WORKER.to_owned(), ..sample.how.clone() };
        let found = vectra::said(&sample.how, sample.frame.borrow())
            .and_then(|()| vectra::told(&sample.how, &sample.native, None))
            .and_then(|()| vectra::told(&named, &sample.native, Some(&vectra::foreign())))
            .and_then(|()| vectra::shown(&sample.forgery.text));
        found.map_err(TestCaseError::fail)
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

/// The same samples every time, so that a wrong lens is caught every time.
fn samples() -> Vec<lens::Sample> {
    let mut runner = TestRunner::new_with_rng(config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = frames::sample();
    (0..FEW).map(|_| strategy.new_tree(&mut runner).expect("a sample").current()).collect()
}

#[test]
fn every_wrong_lens_is_caught_by_the_law_it_breaks() {
    let samples = samples();
    let breaks = |lens: &mutants::Mutant, law: Law| samples.iter().find_map(|sample| law(lens, sample).err());
    for mutant in mutants::all() {
        for (name, law) in LAWS.into_iter().filter(|(name, _)| mutant.caught_by.contains(name)) {
            let why = breaks(&mutant, law).unwrap_or_else(|| panic!("{name} lets pass: {}", mutant.name));
            println!("{:34} {name}: {}", mutant.name, why.chars().take(160).collect::<String>());
        }
    }
    let right = mutants::Mutant::right();
    for (name, law) in LAWS {
        assert_eq!(breaks(&right, law), None, "{name} blames the right lens");
    }
}

/// A law holds vacuously for samples it says nothing about: all that matters must be among them.
#[test]
fn the_samples_hold_everything_the_laws_speak_of() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let samples = samples();
    for sample in &samples {
        let sent = lens::send(&lens::Real, sample);
        let mut note = |what, is: bool| *seen.entry(what).or_default() += usize::from(is);
        note("V2 as text", sent.receipt.kind == Kind::Text);
        note("V2 as value", sent.receipt.kind == Kind::Value);
        note("V2 as binary", sent.receipt.kind == Kind::Binary);
        note("V2 as object", sent.receipt.kind == Kind::Json);
        note("V2 kept as it was", sent.receipt.raw.is_some());
        note("V2 that comes back by itself", sent.receipt.raw.is_none());
        note("V2 private message", sent.draft.target() == Target::Direct);
        note(
            "V2 broadcast denied",
            sample.how.denied && sample.how.shaped == Shaped::Routing && sent.hub.contains("broadcast"),
        );
        let flat = HubMessage::read(&lens::send_native(&lens::Real, sample).1)
            .map(|message| flat(&message, Annotate::Full))
            .expect("a message");
        note("V3 with order", flat.contains(",\"order\":["));
        note("V3 with nested", flat.contains(",\"nested\":["));
        note("V3 with a payload that clashes", flat.contains(",\"payload\":{\""));
        note("V3 with a _v3 of its own", flat.contains("\"__v3\":"));
        if let Ok(forged) = HubMessage::read(&sample.forgery.text) {
            note("forged text that can be read", true);
            note("forged text with a receipt", forged.receipt().is_some());
            note("forged text that is foreign", forged.is_foreign());
            note("forged receipt that does not", forged.receipt().is_some() && original(&forged).is_none());
        }
        let edited = sample.forgery.edit.apply(&sent.hub);
        if let (Ok(edited), true) = (HubMessage::read(&edited), edited != sent.hub) {
            note("edited text whose receipt holds", original(&edited).is_some());
            note("edited text whose receipt does not", edited.receipt().is_some() && original(&edited).is_none());
        }
    }
    println!("{seen:#?}");
    let rare: Vec<_> = seen.iter().filter(|(_, n)| **n < samples.len() / 150).collect();
    assert!(seen.len() == 18 && rare.is_empty(), "{rare:?}");
}
