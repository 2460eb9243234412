//! What is fuzzed, each target a plain function over bytes that panics where a promise is broken. libFuzzer calls
//! them from `fuzz_targets/` (see `fuzz/run`); `tests/fuzz` calls the same ones, bounded, in every test run.
//! The laws are those of `tests/laws`: a frame that breaks one is a finding even where nothing panics by itself.
#![allow(clippy::expect_used, clippy::panic, reason = "a target says what is wrong by ending")]

mod address;
#[path = "../../tests/laws/agents.rs"]
mod agents;
mod capture_line;
mod config;
mod credentials;
mod envelope;
mod field_map;
mod input;
mod judge;
mod key_files;
#[path = "../../tests/laws/laws.rs"]
mod laws;
#[path = "../../tests/laws/judge.rs"]
mod laws_of_judge;
#[path = "../../tests/laws/vectra.rs"]
mod laws_of_vectra;
#[path = "../../tests/laws/lens.rs"]
mod lens;
#[path = "../../tests/laws/maps.rs"]
mod maps;
mod mounts;
mod operators;
mod patterns;
mod redaction;
mod resp;
mod scanner;
mod seeds;
mod server_monitor;
mod session;
mod tokens;
mod valtronics;
mod vectra;
mod wire;
mod written;

pub use address::address;
pub use capture_line::capture_line;
pub use config::config;
pub use credentials::credentials;
pub use envelope::{envelope_v3, round_trip};
pub use field_map::field_map;
pub use judge::judge;
pub use key_files::key_files;
pub use mounts::mounts;
pub use operators::operators;
pub use patterns::patterns;
pub use redaction::redaction;
pub use resp::resp;
pub use scanner::scanner;
pub use server_monitor::server_monitor;
pub use session::session;
pub use tokens::tokens;
pub use valtronics::valtronics;
pub use vectra::vectra;
pub use wire::{hub_wire, lens};
pub use written::written;

use std::path::Path;

/// A target: ends where a promise is broken.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: [(&str, Target); 23] = [
    ("lens", lens),
    ("envelope_v3", envelope_v3),
    ("round_trip", round_trip),
    ("hub_wire", hub_wire),
    ("scanner", scanner),
    ("mounts", mounts),
    ("credentials", credentials),
    ("config", config),
    ("resp", resp),
    ("address", address),
    ("tokens", tokens),
    ("key_files", key_files),
    ("written", written),
    ("patterns", patterns),
    ("redaction", redaction),
    ("capture_line", capture_line),
    ("operators", operators),
    ("session", session),
    ("vectra", vectra),
    ("server_monitor", server_monitor),
    ("valtronics", valtronics),
    ("field_map", field_map),
    ("judge", judge),
];

/// The inputs a target starts from, made of the cases below `compat/cases`.
pub fn seeds(target: &str, root: &Path) -> Vec<Vec<u8>> {
    seeds::of(target, root)
}

/// Writes them into the folder `AETHER_FUZZ_SEEDS` names, if it names one, and ends the process.
#[cfg(not(test))]
pub fn write_seeds(target: &str) {
    let Some(folder) = std::env::var_os("AETHER_FUZZ_SEEDS") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("fuzz/ stands in the repository");
    for (number, seed) in seeds(target, root).iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{number:04}")), seed).expect("a writable folder");
    }
    std::process::exit(0);
}
