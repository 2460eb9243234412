//! Owns finding out what the target can do: by what was said, by what the profile has, and by probes, each after those
//! of what it needs itself. How a probe is played is told by whoever asks. Pure.

use super::Options;
use crate::compat::suite::Speaks;
use crate::compat::{Capability, Check, Has, Profile};
use std::collections::{BTreeMap, BTreeSet};

/// What is known so far.
#[derive(Debug, Default)]
pub struct Able {
    known: BTreeMap<Capability, Has>,
    /// Not yet played.
    probes: BTreeMap<Capability, Check>,
}

impl Able {
    /// What is known of these before anything is played, and which of them have to be probed.
    pub fn new(
        asked: &BTreeSet<Capability>,
        probes: Vec<(Capability, Check)>,
        profile: &Profile,
        options: &Options,
    ) -> Self {
        let mut probes: BTreeMap<_, _> = probes.into_iter().collect();
        let mut able = Self::default();
        let mut asked: Vec<_> = asked.iter().copied().collect();
        while let Some(one) = asked.pop() {
            if able.known.contains_key(&one) || able.probes.contains_key(&one) {
                continue;
            }
            let probe = probes.remove(&one);
            if options.without.contains(&one) {
                able.is(one, false, "said so");
            } else if let Some(why) = no_way_in(one, profile) {
                able.is(one, false, why);
            } else if let Some(probe) = probe {
                asked.extend(probe.needs.iter().filter(|need| **need != one));
                able.probes.insert(one, probe);
            } else {
                able.is(one, true, "taken for granted: there is no probe");
            }
        }
        able
    }

    /// The next probe to be played: one of which everything it needs is known, if there is one.
    pub fn next(&mut self) -> Option<(Capability, Check)> {
        loop {
            let ready = |(one, probe): (&Capability, &Check)| {
                let is_known = probe.needs.iter().all(|need| need == one || self.known.contains_key(need));
                is_known.then_some(*one)
            };
            // Probes that wait for one another are played as if they did not.
            let one = self.probes.iter().find_map(ready).or_else(|| self.probes.keys().next().copied())?;
            let probe = self.probes.remove(&one)?;
            let lacks = probe.needs.iter().find(|need| self.known.get(need).is_some_and(|has| !has.has));
            match lacks.copied() {
                None => return Some((one, probe)),
                Some(lacks) => self.is(one, false, &format!("needs {lacks}, which the server lacks")),
            }
        }
    }

    /// What a probe, or whatever else, has shown.
    pub fn is(&mut self, one: Capability, has: bool, why: &str) {
        self.known.insert(one, Has { has, why: why.to_owned() });
    }

    /// All that is known.
    pub fn known(&self) -> &BTreeMap<Capability, Has> {
        &self.known
    }

    /// The server can do this, as far as is known.
    pub fn has(&self, one: Capability) -> bool {
        self.known.get(&one).is_none_or(|has| has.has)
    }
}

/// Why it is sure without a probe that the target cannot do this.
fn no_way_in(one: Capability, profile: &Profile) -> Option<&'static str> {
    let path = |speaks| profile.paths.contains_key(&speaks);
    let mount = |speaks| profile.mounts.iter().any(|mount| mount.dialect == speaks);
    let has = match one {
        Capability::V2 => path(Speaks::V2),
        Capability::V2Redis => path(Speaks::V2Redis),
        Capability::V2Bare => path(Speaks::V2Bare),
        Capability::V3 => path(Speaks::V3),
        Capability::Valtronics => mount(Speaks::Valtronics),
        Capability::ServerMonitor => mount(Speaks::ServerMonitor),
        Capability::Vectra => mount(Speaks::Vectra),
        Capability::Hub if profile.redis.is_none() => return Some("its Redis was not told"),
        _ => true,
    };
    (!has).then_some("the profile has no such way in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::suite::Source;
    use crate::compat::{Lane, Script};
    use std::time::Duration;

    fn probe(one: Capability, needs: &[Capability]) -> (Capability, Check) {
        let script = Script { clients: BTreeMap::new(), acts: Vec::new(), placeholders: true };
        let check = Check {
            id: format!("probe.{one}"),
            version: 1,
            hash: String::new(),
            title: String::new(),
            dialect: "aether".to_owned(),
            source: Source::Guide { section: "1".to_owned() },
            needs: needs.iter().copied().collect(),
            settings: serde_json::Map::new(),
            lane: Lane::Free,
            lasts: Duration::ZERO,
            verbatim: true,
            unplayable: None,
            script,
        };
        (one, check)
    }

    fn of(asked: &[Capability], probes: Vec<(Capability, Check)>, options: &Options) -> Able {
        Able::new(&asked.iter().copied().collect(), probes, &Profile::default(), options)
    }

    #[test]
    fn a_probe_comes_after_those_of_what_it_needs() {
        use Capability::{Bridge, RecvV3, V2, V3};
        let probes = || vec![probe(V2, &[]), probe(V3, &[]), probe(Bridge, &[V2, V3]), probe(RecvV3, &[Bridge])];
        let mut able = of(&[RecvV3], probes(), &Options::default());
        let mut order = Vec::new();
        while let Some((one, _)) = able.next() {
            order.push(one);
            able.is(one, true, "a probe");
        }
        assert_eq!(order, [V2, V3, Bridge, RecvV3]);

        let mut able = of(&[RecvV3, V2], probes(), &Options { without: BTreeSet::from([V3]), ..Options::default() });
        assert_eq!(able.next().unwrap().0, V2);
        able.is(V2, true, "a probe");
        assert!(able.next().is_none());
        let why = |one| able.known()[&one].why.as_str();
        assert_eq!((why(V3), why(Bridge)), ("said so", "needs v3, which the server lacks"));
        assert!(able.has(V2) && !able.has(RecvV3));
    }

    #[test]
    fn without_a_probe_the_profile_says_it() {
        use Capability::{Hub, PresenceQuery, V2, Vectra};
        let mut able = of(&[Hub, PresenceQuery, V2, Vectra], Vec::new(), &Options::default());
        assert!(able.next().is_none());
        let has: Vec<_> = able.known().iter().filter(|(_, has)| has.has).map(|(one, _)| *one).collect();
        assert_eq!(has, [V2, PresenceQuery]);
    }

    #[test]
    fn probes_that_wait_for_one_another_are_played_all_the_same() {
        use Capability::{V2, V3};
        let mut able = of(&[V2], vec![probe(V2, &[V3]), probe(V3, &[V2])], &Options::default());
        assert_eq!(able.next().map(|(one, _)| one), Some(V2));
    }
}
