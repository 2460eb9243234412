//! Owns what becomes of a scenario: it is played as it is written.

use super::headed;
use crate::compat::check::{Check, Lane, Script};
use crate::compat::suite::{Act, Case, Cast, File, Scenario, Speaks};
use crate::compat::{Capability, Profile};
use std::collections::BTreeMap;
use std::time::Duration;

/// The lane of those who share ids that a case says literally.
pub const SHARED_IDS: &str = "ids";

/// A scenario as a check.
pub fn check(file: &File, case: &Case, scenario: &Scenario, profile: &Profile) -> Check {
    let mut check = headed(file, case);
    check.needs.extend(&scenario.needs);
    check.needs.extend(scenario.clients.values().filter_map(|cast| needed_by(cast.speaks)));
    check.settings = scenario.settings.clone();
    check.lane = if scenario.alone { Lane::Alone } else { lane(&scenario.clients, profile) };
    let waits = scenario.steps.iter().map(|act| match act {
        Act::Wait(time) => *time,
        _ => Duration::ZERO,
    });
    check.lasts = waits.sum();
    // It tells who gets what, and when; how frames are written, cases of one frame tell.
    check.verbatim = false;
    check.script = Script { clients: scenario.clients.clone(), acts: scenario.steps.clone(), placeholders: true };
    check
}

/// What a server must be able to do that lets such a client in.
fn needed_by(speaks: Speaks) -> Option<Capability> {
    Some(match speaks {
        Speaks::V2 => Capability::V2,
        Speaks::V2Redis => Capability::V2Redis,
        Speaks::V2Bare => Capability::V2Bare,
        Speaks::V3 => Capability::V3,
        Speaks::Valtronics => Capability::Valtronics,
        Speaks::ServerMonitor => Capability::ServerMonitor,
        Speaks::Vectra => Capability::Vectra,
    })
}

/// Whoever has an id, or a group of a mount, that others have too, may not be played at the same time as they.
fn lane(clients: &BTreeMap<String, Cast>, profile: &Profile) -> Lane {
    let of_mount = |cast: &Cast| {
        let mut mounts = profile.mounts.iter().filter(|mount| mount.dialect == cast.speaks);
        let shared = mounts.any(|mount| !mount.group.contains("{group}"));
        let own = matches!(cast.speaks, Speaks::Valtronics | Speaks::ServerMonitor | Speaks::Vectra);
        (own && shared).then(|| needed_by(cast.speaks)).flatten()
    };
    if let Some(dialect) = clients.values().find_map(of_mount) {
        return Lane::Serial(dialect.to_string());
    }
    let literal = |cast: &Cast| cast.id.as_ref().is_some_and(|id| !says_a_made_one(id, clients));
    if clients.values().any(literal) { Lane::Serial(SHARED_IDS.to_owned()) } else { Lane::Free }
}

/// An id that holds a `{name}` is as much its own as that one.
fn says_a_made_one(id: &str, clients: &BTreeMap<String, Cast>) -> bool {
    let made = |(name, cast): (&String, &Cast)| cast.id.is_none() && id.contains(&format!("{{{name}}}"));
    clients.iter().any(made)
}
