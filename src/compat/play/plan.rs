//! Owns what is played of a suite against a target, and beside what: which checks were asked for, which cannot be
//! played and why, and what may be played at the same time. Pure.

use super::Options;
use super::entry::is_mounted;
use crate::compat::compile::SHARED_IDS;
use crate::compat::suite::{Act, Cast, Name, Speaks};
use crate::compat::{Capability, Check, Has, Lane, Mount, Profile, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use wildmatch::WildMatch;

/// Why a check is not played, and what that makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplayed {
    /// Lacking, skipped, or failed if what it needs was required.
    pub status: Status,
    /// In one line.
    pub why: String,
    /// Nothing is lacking but that groups are kept apart. Who compares wants to see who gets what instead; nobody
    /// waits for anything then.
    pub leaks: bool,
}

/// Was it asked for?
pub fn is_wanted(check: &Check, only: &[String]) -> bool {
    let case = check.id.split('#').next().unwrap_or_default();
    only.is_empty()
        || only.iter().any(|one| {
            let pattern = WildMatch::new(one);
            [&check.id, case, &check.dialect].into_iter().any(|name| pattern.matches(name))
        })
}

/// What a check needs, what its clients speak and what it does included.
pub fn needs(check: &Check, profile: &Profile) -> BTreeSet<Capability> {
    let mut needs = check.needs.clone();
    if check.script.acts.iter().any(|act| matches!(act, Act::Publish { .. })) && profile.redis.is_none() {
        needs.insert(Capability::Hub);
    }
    needs
}

/// The ways in of clients of other dialects.
///
/// # Errors
/// There is none, in words.
pub fn mounts<'p>(check: &Check, profile: &'p Profile) -> Result<BTreeMap<Name, &'p Mount>, String> {
    let mounted = check.script.clients.iter().filter(|(_, cast)| is_mounted(cast.speaks));
    let each = mounted.map(|(name, cast)| {
        let mount = profile.mount(cast.speaks, &cast.settings);
        mount.map(|mount| (name.clone(), mount)).ok_or_else(|| format!("the profile has no way in for {name}"))
    });
    each.collect()
}

/// Why this check is not played, if it is not.
pub fn unplayed(
    check: &Check,
    profile: &Profile,
    options: &Options,
    has: &BTreeMap<Capability, Has>,
) -> Option<Unplayed> {
    let lacking = |need: &Capability| has.get(need).filter(|has| !has.has).map(|has| (*need, &has.why));
    let all: Vec<_> = needs(check, profile).iter().filter_map(lacking).collect();
    if let Some((need, why)) = all.iter().find(|(need, _)| options.require.contains(need)) {
        let why = format!("{need} is required, and the server lacks it: {why}");
        return Some(Unplayed { status: Status::Failed, why, leaks: false });
    }
    let names: Vec<_> = all.iter().map(|(need, _)| need.label()).collect();
    if !names.is_empty() {
        let leaks =
            all.iter().all(|(need, _)| *need == Capability::V2Groups) && skipped(check, profile, options).is_none();
        return Some(Unplayed { status: Status::Lacking, why: format!("needs {}", names.join(", ")), leaks });
    }
    skipped(check, profile, options).map(|why| Unplayed { status: Status::Skipped, why, leaks: false })
}

/// Why this check cannot be played, whatever the target can do.
fn skipped(check: &Check, profile: &Profile, options: &Options) -> Option<String> {
    if let Some((key, value)) = check.settings.iter().find(|(key, value)| profile.settings.get(*key) != Some(value)) {
        return Some(format!("needs a server with {key} = {value}"));
    }
    if let Some(why) = check.unplayable {
        return Some(why.to_owned());
    }
    if check.lasts > options.longest {
        return Some(format!("takes {:?}, longer than {:?}", check.lasts, options.longest));
    }
    mounts(check, profile).err()
}

/// Checks by their place, in units: those of a unit one after another, units beside each other; and those that are played
/// alone, at the end. The longest units come first, so that the end is not spent waiting for one. Where the target keeps no
/// `groups` of legacy clients apart, these hear each other, whatever check they are of.
pub fn units<'c>(checks: impl IntoIterator<Item = (usize, &'c Check)>, groups: bool) -> (Vec<Vec<usize>>, Vec<usize>) {
    let (mut free, mut serial, mut alone) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (at, check) in checks {
        let lane = match &check.lane {
            Lane::Alone => {
                alone.push(at);
                continue;
            }
            Lane::Free | Lane::Serial(_) if !groups && hears_legacy(check) => Some(SHARED_IDS),
            Lane::Free => None,
            Lane::Serial(name) => Some(name.as_str()),
        };
        match lane {
            None => free.push((check.lasts, vec![at])),
            Some(name) => {
                let unit: &mut (Duration, Vec<usize>) = serial.entry(name).or_default();
                unit.0 += check.lasts;
                unit.1.push(at);
            }
        }
    }
    let mut units: Vec<_> = serial.into_values().chain(free).collect();
    units.sort_by_key(|(lasts, unit)| std::cmp::Reverse((*lasts, unit.len())));
    (units.into_iter().map(|(_, unit)| unit).collect(), alone)
}

/// One of Aether's legacy clients takes part.
fn hears_legacy(check: &Check) -> bool {
    let legacy = |cast: &Cast| matches!(cast.speaks, Speaks::V2 | Speaks::V2Redis | Speaks::V2Bare);
    check.script.clients.values().any(legacy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::Script;
    use crate::compat::suite::Source;
    use serde_json::{Map, json};

    fn check(id: &str) -> Check {
        Check {
            id: id.to_owned(),
            version: 1,
            hash: "h".to_owned(),
            title: "t".to_owned(),
            dialect: "aether-v2".to_owned(),
            source: Source::Guide { section: "1".to_owned() },
            needs: BTreeSet::new(),
            settings: Map::new(),
            lane: Lane::Free,
            lasts: Duration::ZERO,
            verbatim: true,
            unplayable: None,
            script: Script { clients: BTreeMap::new(), acts: Vec::new(), placeholders: false },
        }
    }

    #[test]
    fn a_check_is_asked_for_by_id_case_or_dialect() {
        let one = check("aether.direct.x#v2");
        for (only, wanted) in [
            (vec![], true),
            (vec!["aether.direct.x"], true),
            (vec!["aether.direct.x#v2"], true),
            (vec!["aether.direct.x#v3"], false),
            (vec!["aether.direct.*"], true),
            (vec!["aether-v2"], true),
            (vec!["vectra", "aether"], false),
        ] {
            let only: Vec<String> = only.into_iter().map(str::to_owned).collect();
            assert_eq!(is_wanted(&one, &only), wanted, "{only:?}");
        }
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        let (mut profile, mut options) = (Profile::default(), Options::default());
        let has = |has: bool| Has { has, why: "so".to_owned() };
        let able =
            BTreeMap::from([(Capability::V2, has(true)), (Capability::V3, has(false)), (Capability::Hub, has(false))]);
        let mut one = check("a");
        one.needs = BTreeSet::from([Capability::V2]);
        let of = |one: &Check, profile: &Profile, options: &Options| {
            unplayed(one, profile, options, &able).map(|Unplayed { status, why, .. }| (status, why))
        };
        assert_eq!(of(&one, &profile, &options), None);
        one.lasts = Duration::from_secs(60);
        assert_eq!(of(&one, &profile, &options), Some((Status::Skipped, "takes 60s, longer than 10s".to_owned())));
        one.unplayable = Some("from inside only");
        assert_eq!(of(&one, &profile, &options), Some((Status::Skipped, "from inside only".to_owned())));
        one.settings.insert("v2.annotate".to_owned(), json!("min"));
        let why = r#"needs a server with v2.annotate = "min""#;
        assert_eq!(of(&one, &profile, &options), Some((Status::Skipped, why.to_owned())));
        profile.settings.insert("v2.annotate".to_owned(), json!("min"));
        assert_eq!(of(&one, &profile, &options).unwrap().1, "from inside only");
        one.needs.insert(Capability::V3);
        assert_eq!(of(&one, &profile, &options), Some((Status::Lacking, "needs v3".to_owned())));
        options.require.insert(Capability::V3);
        let why = "v3 is required, and the server lacks it: so";
        assert_eq!(of(&one, &profile, &options), Some((Status::Failed, why.to_owned())));

        let mut leaky = check("d");
        leaky.needs = BTreeSet::from([Capability::V2Groups]);
        let leaks = BTreeMap::from([(Capability::V2Groups, has(false)), (Capability::Bridge, has(false))]);
        assert!(unplayed(&leaky, &profile, &options, &leaks).is_some_and(|one| one.leaks));
        leaky.lasts = Duration::from_secs(60);
        assert!(unplayed(&leaky, &profile, &options, &leaks).is_some_and(|one| !one.leaks));
        leaky.lasts = Duration::ZERO;
        leaky.needs.insert(Capability::Bridge);
        assert!(unplayed(&leaky, &profile, &options, &leaks).is_some_and(|one| !one.leaks));

        let mut publishes = check("b");
        publishes.script.acts =
            serde_json::from_str(r#"[{"publish":{"on":"broadcast","frame":{"text":"x"}}}]"#).unwrap();
        assert_eq!(of(&publishes, &profile, &options), Some((Status::Lacking, "needs hub".to_owned())));
        let mut vectra = check("c");
        vectra.script.clients = serde_json::from_str(r#"{"a":{"speaks":"vectra"}}"#).unwrap();
        let why = "the profile has no way in for a";
        assert_eq!(of(&vectra, &profile, &options), Some((Status::Skipped, why.to_owned())));
        profile.mounts.push(serde_json::from_value(json!({"dialect": "vectra", "path": "/ws"})).unwrap());
        assert_eq!(of(&vectra, &profile, &options), None);
    }

    #[test]
    fn what_disturbs_each_other_is_played_one_after_another() {
        let lanes = [Lane::Alone, Lane::Free, Lane::Serial("x".into()), Lane::Free, Lane::Serial("x".into())];
        let mut checks: Vec<_> = lanes.into_iter().map(|lane| Check { lane, ..check("a") }).collect();
        checks[3].lasts = Duration::from_secs(1);
        let (units, alone) = units(checks.iter().enumerate(), true);
        assert_eq!((units, alone), (vec![vec![3], vec![2, 4], vec![1]], vec![0]));

        // Legacy clients that hear everybody: one at a time, also of those that share ids.
        let mut checks: Vec<_> =
            ["ids", "x"].map(|name| Check { lane: Lane::Serial(name.into()), ..check("a") }).into();
        checks.extend([check("b"), check("c")]);
        let legacy = serde_json::from_str(r#"{"a":{"speaks":"v2-redis"}}"#).unwrap();
        checks[1].script.clients = legacy;
        checks[2].script.clients = checks[1].script.clients.clone();
        assert_eq!(super::units(checks.iter().enumerate(), false).0, [vec![0, 1, 2], vec![3]]);
    }
}
