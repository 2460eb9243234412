//! The list of broken servers that people read, held equal to what is tested.

use super::cases;
use super::faults::Fault;
use std::path::Path;

/// Where it stands.
const FILE: &str = "compat/BROKEN.md";
/// What stands before the table.
const HEAD: &str = "\
# Broken servers

The suite is tested as well: by servers that do one thing wrong. Each of these is a good proxy with a saboteur in front
of it (`tests/compat/broken`), and fails at least one of the cases named beside it, or differs there, while the good one
passes all of them. `cargo test --test compat every_broken -- --nocapture` prints which caught it, and what they say.

| what is wrong | the cases played |
|---|---|
";

#[test]
fn the_list_tells_of_every_broken_server() {
    let rows = Fault::ALL.iter().map(|fault| {
        let shown: Vec<_> = cases::of(*fault).iter().map(|pattern| format!("`{pattern}`")).collect();
        let lost = cases::lost(*fault).map(|(capability, why)| format!("; with `--require {capability}`: {why}"));
        format!("| {} | {}{} |\n", fault.told(), shown.join(", "), lost.unwrap_or_default())
    });
    let wanted = format!("{HEAD}{}", rows.collect::<String>());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    if there != wanted {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("BROKEN.md");
        std::fs::write(&new, wanted).expect("written");
        panic!("{FILE} is not what is tested; as it should be, it lies in {}", new.display());
    }
}
