//! Holds the cases to their versions: `compat/cases.lock` has one line for each, so that nobody changes what is expected
//! without a new version and a line in `compat/CHANGELOG.md`. `AETHER_BLESS=1 cargo test --test cases` writes it anew,
//! when nothing is against that.

use super::suite::{root, suite};
use std::collections::{BTreeMap, BTreeSet};

/// How the lock is written anew.
const BLESS: &str = "AETHER_BLESS=1 cargo test --test cases";

/// What is known of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Locked {
    version: u32,
    hash: String,
}

type Cases = BTreeMap<String, Locked>;

fn write(cases: &Cases) -> String {
    cases.iter().map(|(id, Locked { version, hash })| format!("{id} {version} {hash}\n")).collect()
}

fn read(lock: &str) -> Result<Cases, String> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let mut next =
            || words.next().filter(|word| !word.is_empty()).ok_or_else(|| format!("no line of a lock: {line:?}"));
        let (id, version, hash) = (next()?, next()?, next()?);
        let version = version.parse().map_err(|_| format!("{id}: no version: {version:?}"))?;
        Ok((id.to_owned(), Locked { version, hash: hash.to_owned() }))
    };
    lock.lines().map(line).collect()
}

/// What the change log tells: of an id, that this version came (`- id 2: why`), or that it is gone (`- id gone: why`);
/// several in one line with commas.
fn told(changelog: &str) -> BTreeSet<(&str, &str)> {
    let lines = changelog.lines().filter_map(|line| line.strip_prefix("- ")?.split_once(": "));
    let told = lines.filter(|(_, why)| !why.trim().is_empty()).flat_map(|(what, _)| what.split(", "));
    told.filter_map(|one| one.trim().rsplit_once(' ')).map(|(id, what)| (id.trim_matches('`'), what)).collect()
}

/// What must not be, even if the lock is written anew.
fn broken(lock: &Cases, now: &Cases, changelog: &str) -> Vec<String> {
    let told = told(changelog);
    let mut all = Vec::new();
    for (id, case) in now {
        let version = case.version;
        match lock.get(id) {
            Some(old) if old.version > version => {
                all.push(format!("{id}: version {version} is older than {} in the lock", old.version));
            }
            Some(old) if old.hash != case.hash && old.version == version => {
                let next = version + 1;
                all.push(format!(
                    "{id}: it does or expects something else: make it version {next} and tell it in CHANGELOG"
                ));
            }
            _ => {}
        }
        if version > 1 && !told.contains(&(id.as_str(), version.to_string().as_str())) {
            all.push(format!(
                "{id}: version {version} has no line in CHANGELOG: `- {id} {version}: what changed, and why`"
            ));
        }
    }
    for id in lock.keys().filter(|id| !now.contains_key(*id)) {
        if !told.contains(&(id.as_str(), "gone")) {
            all.push(format!("{id}: it is gone: `- {id} gone: why` is missing in CHANGELOG"));
        }
    }
    all
}

/// What is only not locked yet.
fn stale(lock: &Cases, now: &Cases) -> Vec<String> {
    let unlocked = now.iter().filter(|(id, case)| lock.get(*id) != Some(case));
    let gone =
        lock.keys().filter(|id| !now.contains_key(*id)).map(|id| format!("{id}: it is still in the lock: {BLESS}"));
    unlocked.map(|(id, _)| format!("{id}: it is not in the lock as it is: {BLESS}")).chain(gone).collect()
}

#[test]
fn no_expectation_changes_without_a_new_version() {
    let path = root().join("cases.lock");
    let lock = read(&std::fs::read_to_string(&path).unwrap_or_default()).unwrap_or_else(|why| panic!("{why}"));
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).expect("the change log");
    let now: Cases = suite()
        .cases()
        .map(|(_, case)| (case.id.clone(), Locked { version: case.version, hash: case.hash.clone() }))
        .collect();
    let wrong = broken(&lock, &now, &changelog);
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    if std::env::var_os("AETHER_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, write(&now)).expect("the lock is written");
        return;
    }
    let wrong = stale(&lock, &now);
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

fn cases(text: &str) -> Cases {
    read(text).expect("a lock")
}

#[test]
fn each_way_to_change_an_expectation_in_silence_is_caught() {
    let old = cases("a 1 x\nb 2 y\n");
    let log = "# Changes\n\n- `b` 2: it was wrong\n";
    assert_eq!((broken(&old, &old, log), stale(&old, &old)), (vec![], vec![]));
    for (now, log, told) in [
        ("a 1 z\nb 2 y\n", log, "a: it does or expects something else: make it version 2"),
        ("a 2 z\nb 2 y\n", log, "a: version 2 has no line in CHANGELOG"),
        ("a 2 z\nb 2 y\n", "- a 2:\n- b 2: so\n", "a: version 2 has no line in CHANGELOG"),
        ("a 1 x\nb 2 y\n", "", "b: version 2 has no line in CHANGELOG"),
        ("a 1 x\nb 1 y\n", log, "b: version 1 is older than 2 in the lock"),
        ("b 2 y\n", log, "a: it is gone"),
        ("a 1 x\nb 2 y\nc 3 w\n", log, "c: version 3 has no line in CHANGELOG"),
    ] {
        let found = broken(&old, &cases(now), log);
        assert!(found.len() == 1 && found[0].starts_with(told), "{now}: {found:?}");
    }
    let good = "- b 2, `a` 2: they were wrong\n- a gone: nobody needs it\n";
    for now in ["a 2 z\nb 2 y\n", "b 2 y\n", "a 1 x\nb 2 y\nc 1 w\n"] {
        assert_eq!(broken(&old, &cases(now), good), Vec::<String>::new());
        let found = stale(&old, &cases(now));
        assert!(found.len() == 1 && found[0].ends_with(BLESS), "{now}: {found:?}");
    }
}

#[test]
fn a_lock_is_read_as_it_is_written() {
    let all = cases("a.b 1 x\nc 12 y\n");
    assert_eq!((read(&write(&all)), all.len()), (Ok(all.clone()), 2));
    for bad in ["a", "a 1", "a one x", "a  x", ""] {
        assert!(read(&format!("{bad}\n")).is_err(), "{bad:?}");
    }
}
