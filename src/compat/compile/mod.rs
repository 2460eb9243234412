//! Makes of every case what is played: checks. Pure; owns who takes part, in which order, and what each of them must get.
//! It adds nothing to what a case says is right.

mod conversation;
mod frames;
mod probe;
mod scenario;
mod settings;

pub use probe::probes;
pub use scenario::SHARED_IDS;

use super::Profile;
use super::check::{Check, Lane, Script};
use super::suite::{Body, Case, File, Suite};
use serde_json::Map;
use std::collections::BTreeMap;
use std::time::Duration;

/// The checks of all cases, in the suite's order; probes are none of them.
pub fn checks(suite: &Suite, profile: &Profile) -> Vec<Check> {
    suite.cases().flat_map(|(file, case)| of_case(file, case, profile)).collect()
}

fn of_case(file: &File, case: &Case, profile: &Profile) -> Vec<Check> {
    match &case.body {
        Body::Frame(frame) => frames::checks(file, case, frame, profile),
        Body::Scenario(_) if probe::is_probe(file) => Vec::new(),
        Body::Scenario(scenario) => vec![scenario::check(file, case, scenario, profile)],
        Body::Conversation(conversation) => vec![conversation::check(file, case, conversation, profile)],
    }
}

/// A check of this case in which nothing happens yet.
fn headed(file: &File, case: &Case) -> Check {
    Check {
        id: case.id.clone(),
        version: case.version,
        hash: case.hash.clone(),
        title: case.title.clone(),
        dialect: file.dialect.clone(),
        source: case.source.clone(),
        needs: file.needs.clone(),
        settings: Map::new(),
        lane: Lane::Free,
        lasts: Duration::ZERO,
        verbatim: true,
        unplayable: None,
        script: Script { clients: BTreeMap::new(), acts: Vec::new(), placeholders: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::Capability;
    use crate::compat::suite::{Act, Expect, Pattern};
    use std::collections::BTreeSet;

    fn all() -> Vec<Check> {
        checks(&Suite::built_in().unwrap(), &Profile::default())
    }

    #[test]
    fn every_case_is_checked_and_every_check_has_its_own_id() {
        let (suite, all) = (Suite::built_in().unwrap(), all());
        let ids: BTreeSet<_> = all.iter().map(|check| &check.id).collect();
        assert_eq!(ids.len(), all.len());
        let cases: BTreeSet<_> = all.iter().map(|check| check.id.split('#').next().unwrap_or_default()).collect();
        for (file, case) in suite.cases() {
            assert!(probe::is_probe(file) || cases.contains(case.id.as_str()), "{}", case.id);
        }
        let order: Vec<_> = suite.cases().map(|(_, case)| case.id.as_str()).collect();
        let place = |check: &Check| order.iter().position(|id| Some(*id) == check.id.split('#').next());
        assert!(all.windows(2).all(|two| place(&two[0]) <= place(&two[1])));
    }

    #[test]
    fn whoever_does_something_takes_part_and_is_connected_before() {
        for check in all().iter().filter(|check| check.unplayable.is_none()) {
            let mut open: BTreeSet<&str> = BTreeSet::new();
            for act in &check.script.acts {
                let named: Vec<&str> = match act {
                    Act::Connect(name) => {
                        assert!(check.script.clients.contains_key(name), "{}: {name}", check.id);
                        open.insert(name);
                        continue;
                    }
                    Act::Send { client, .. } | Act::Expect(Expect { client, .. }) | Act::Ping { client, .. } => {
                        vec![client]
                    }
                    Act::AnyOrder(all) => all.iter().map(|one| one.client.as_str()).collect(),
                    Act::Nothing(names) => names.iter().map(String::as_str).collect(),
                    Act::Refused { client, .. } => {
                        assert!(check.script.clients.contains_key(client), "{}: {client}", check.id);
                        continue;
                    }
                    Act::Close { client, .. } | Act::Drop(client) | Act::Ended { client, .. } => vec![client],
                    Act::Wait(_) | Act::Publish { .. } => continue,
                };
                for name in named {
                    assert!(open.contains(name), "{}: {name} is not connected", check.id);
                }
            }
            assert!(!check.script.acts.is_empty(), "{}", check.id);
        }
    }

    #[test]
    fn a_server_without_v3_still_shows_what_its_v2_does() {
        let all = all();
        let only_v2 =
            |check: &&Check| check.needs.iter().all(|need| [Capability::V2, Capability::V2AnyFrame].contains(need));
        assert!(all.iter().filter(only_v2).filter(|check| check.id.ends_with("#v2")).count() > 150);
        let only_v3 = |check: &&Check| check.needs.iter().all(|need| *need == Capability::V3);
        assert!(all.iter().filter(only_v3).count() > 40);
    }

    /// Who does what, in words.
    fn played(id: &str) -> String {
        let all = all();
        let check = all.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no {id}"));
        let what = |pattern: &Pattern| match pattern {
            Pattern::Frame(_) | Pattern::Now(_) => "frame",
            Pattern::Envelope { .. } => "envelope",
            Pattern::Flat { .. } => "flat",
            Pattern::Errors(_) => "errors",
            Pattern::Presence { .. } => "presence",
            Pattern::Json(_) => "json",
        };
        let act = |act: &Act| match act {
            Act::Connect(name) => {
                let cast = &check.script.clients[name];
                format!("{name}/{:?}/{}{}", cast.speaks, cast.group, if cast.deaf { "/deaf" } else { "" })
            }
            Act::Send { client, .. } => format!("{client} says"),
            Act::Expect(expect) => format!("{}:{}", expect.client, what(&expect.what)),
            Act::Nothing(names) => format!("{}:nothing", names.join("+")),
            Act::Publish { .. } => "publish".to_owned(),
            other => format!("{other:?}"),
        };
        let mut told: Vec<_> = check.script.acts.iter().map(act).collect();
        told.extend(check.unplayable.map(|_| "unplayable".to_owned()));
        told.extend((check.lane != Lane::Free).then(|| format!("{:?}", check.lane)));
        told.join(" ")
    }

    #[test]
    fn each_side_sees_what_its_case_says() {
        for (id, wanted) in [
            ("aether.v2.guide.wrapped#v2", "peer/V2/g1 sender/V2/g1 sender says sender:frame peer:frame"),
            ("aether.v2.guide.wrapped#v3", "peer/V3/g1 sender/V2/g1/deaf sender says peer:envelope"),
            ("aether.v2.guide.wrapped#flat", "peer/V2/g1 sender/V3/g1/deaf sender says peer:flat"),
            ("aether.v2.v3-shaped.echo#v2", "peer/V2/g1 sender/V2/g1 sender says sender:frame peer:nothing"),
            ("aether.v3.guide.group#v3", "peer/V3/g1 sender/V3/g1 sender says sender:envelope peer:envelope"),
            ("aether.v3.guide.heartbeat#v3", "peer/V3/g1 sender/V3/g1 sender says sender:envelope peer:nothing"),
            ("aether.v3.guide.presence-query#v3", "sender/V3/g1 sender says sender:json"),
            (
                "aether.v3.guide.broadcast#flat",
                "peer/V2/g1 stranger/V2/g2 sender/V3/g1/deaf sender says peer:flat stranger:flat Alone",
            ),
            (
                "aether.v2.v3-shaped.direct#v3",
                "addressee/V3/g2 peer/V3/g1 sender/V2/g1 sender says addressee:envelope peer+sender:nothing Serial(\"ids\")",
            ),
            ("aether.hub.receipts.presence#v3", "observer/V3/g1 observer:presence publish observer:frame"),
            ("aether.hub.receipts.presence#v2", "observer/V2/g1 publish observer:nothing"),
            ("aether.hub.receipts.stamped#v2", "observer/V2/g1 publish observer:frame unplayable"),
            ("aether.hub.foreign.two#v3", "observer/V3/g1 publish observer:nothing"),
        ] {
            assert_eq!(played(id), wanted, "{id}");
        }
    }
}
