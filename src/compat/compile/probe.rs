//! Owns what becomes of probes: each says whether a server can do something at all.

use super::scenario;
use crate::compat::suite::{Body, Direction, File, Suite};
use crate::compat::{Capability, Check, Profile};

/// What the id of a probe begins with; its capability follows.
const PREFIX: &str = "probe.";

/// The probes, each with what it tells, in the suite's order.
pub fn probes(suite: &Suite) -> Vec<(Capability, Check)> {
    let profile = Profile::default();
    let probes = suite.cases().filter(|(file, _)| is_probe(file));
    let probes = probes.filter_map(|(file, case)| match (&case.body, case.id.strip_prefix(PREFIX)) {
        (Body::Scenario(scenario), Some(name)) => {
            Some((Capability::named(name)?, scenario::check(file, case, scenario, &profile)))
        }
        _ => None,
    });
    probes.collect()
}

/// Its cases are no checks.
pub fn is_probe(file: &File) -> bool {
    file.direction == Direction::Probe
}
