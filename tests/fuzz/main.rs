//! Runs the targets of `fuzz/` for a moment each, from the cases and from what was once found, so that every test run
//! does it on the stable toolchain. The long form, which is guided by coverage, is `fuzz/run`.
//!
//! `AETHER_FUZZ_SECONDS` sets the time for each target, `AETHER_FUZZ_SEED` where chance begins.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test says what is wrong by ending")]

mod havoc;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use fastrand::Rng;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Milliseconds for each target: all of them together are half a minute of one core.
const SLICE: u64 = 1_400;
/// One input takes microseconds. What takes this long does not end, or grows faster than its length.
const TOO_LONG: Duration = Duration::from_secs(5);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a whole number"))
}

/// What was once found, kept as `fuzz/regressions/<target>/<name>`.
fn regressions(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(root().join("fuzz/regressions").join(target)) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a readable file"))).collect()
}

/// Runs one input; where a promise is broken the input is kept and named.
fn run(name: &str, target: targets::Target, input: &[u8], whence: &str) {
    let from = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    let took = from.elapsed();
    if ended.is_err() || took > TOO_LONG {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
        std::fs::write(&file, input).expect("a writable folder");
        panic!(
            "{name}: {whence}, {took:?}: {:?}\nkept as {}; move it to fuzz/regressions/{name}/ to run it again",
            String::from_utf8_lossy(input),
            file.display()
        );
    }
}

/// One slice: regressions, seeds, then changes of them until the time is over.
fn slice(name: &str) {
    let (_, target) = targets::TARGETS.into_iter().find(|(n, _)| *n == name).expect("a target");
    let kept = regressions(name);
    for (path, input) in &kept {
        run(name, target, input, &path.display().to_string());
    }
    let mut pool = targets::seeds(name, root());
    assert!(!pool.is_empty(), "{name} has no seeds");
    for input in &pool {
        run(name, target, input, "a seed");
    }
    let seeds = pool.len();
    pool.extend(kept.into_iter().map(|(_, input)| input));
    let seed = setting("AETHER_FUZZ_SEED", 1);
    let length = setting("AETHER_FUZZ_SECONDS", 0).checked_mul(1000).filter(|ms| *ms > 0).unwrap_or(SLICE);
    let until = Instant::now() + Duration::from_millis(length);
    let (mut rng, mut runs) = (Rng::with_seed(seed), 0u64);
    while Instant::now() < until {
        let from = rng.usize(0..pool.len());
        let input = havoc::changed(&mut rng, &pool[from], &pool);
        runs += 1;
        run(name, target, &input, &format!("AETHER_FUZZ_SEED={seed}, input {runs}"));
    }
    println!("{name:12} {runs:>8} inputs from {seeds} seeds, AETHER_FUZZ_SEED={seed}");
    assert!(runs > 0, "{name}: nothing was run");
}

#[test]
fn any_frame_of_a_v2_client_keeps_the_laws() {
    slice("lens");
}

#[test]
fn any_text_of_a_v3_client_is_a_message_or_told_why_not() {
    slice("envelope_v3");
}

#[test]
fn any_v3_message_comes_back_out_of_its_rendering_for_v2() {
    slice("round_trip");
}

#[test]
fn no_text_on_the_hub_shows_v2_what_v3_does_not_see() {
    slice("hub_wire");
}

#[test]
fn the_scanner_and_serde_json_agree_on_any_text() {
    slice("scanner");
}

#[test]
fn any_request_finds_the_mount_that_the_rules_name() {
    slice("mounts");
}

#[test]
fn no_credential_is_shown_wherever_it_stands() {
    slice("credentials");
}

#[test]
fn any_settings_are_taken_or_refused_by_name_without_a_secret() {
    slice("config");
}

#[test]
fn what_redis_says_is_read_the_same_however_it_is_cut() {
    slice("resp");
}

#[test]
fn no_hop_is_believed_that_is_not_trusted() {
    slice("address");
}

#[test]
fn no_forged_token_is_accepted() {
    slice("tokens");
}

#[test]
fn no_file_of_keys_shows_one() {
    slice("key_files");
}

#[test]
fn times_and_sizes_read_back_as_they_were_written() {
    slice("written");
}

#[test]
fn a_rule_means_whom_its_patterns_match() {
    slice("patterns");
}

#[test]
fn nothing_is_left_of_what_is_to_be_blacked_out() {
    slice("redaction");
}

#[test]
fn a_captured_line_reads_back_as_it_was_written() {
    slice("capture_line");
}

#[test]
fn no_stranger_is_answered_as_an_operator() {
    slice("operators");
}

#[test]
fn whatever_a_client_does_its_session_stays_within_bounds() {
    slice("session");
}

#[test]
fn a_worker_is_heard_as_it_spoke_and_by_nobody_as_somebody_else() {
    slice("vectra");
}

#[test]
fn whatever_an_agent_says_reaches_only_whom_it_may_and_as_it_was_said() {
    slice("server_monitor");
}

#[test]
fn any_frames_of_a_valtronics_client_are_answered_published_or_refused() {
    slice("valtronics");
}

#[test]
fn any_field_map_that_can_be_understood_keeps_the_laws() {
    slice("field_map");
}

#[test]
fn whatever_a_server_sends_is_judged_by_laws() {
    slice("judge");
}

/// Each target stands in the list, has a slice above, and a way in for libFuzzer.
#[test]
fn every_target_is_run_by_both() {
    let named = |text: &str, before: &str| -> BTreeSet<String> {
        let ends = text.split(before).skip(1).filter_map(|rest| rest.split('"').next());
        ends.map(str::to_owned).collect()
    };
    let read = |name: &str| std::fs::read_to_string(root().join(name)).expect("a text");
    let listed: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let bins = named(&read("fuzz/Cargo.toml"), "[[bin]]\nname = \"");
    let slices = named(&read("tests/fuzz/main.rs"), "    slice(\"");
    assert_eq!((&bins, &slices), (&listed, &listed));
    for name in &listed {
        let way_in = read(&format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(way_in.contains(&format!("aether_proxy_fuzz::{name}(data)")), "{name}");
    }
}
