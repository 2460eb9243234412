//! Owns a run: the probes, then the checks, as many at the same time as may be, and the certificate of it all.

use super::able::Able;
use super::hub::Hub;
use super::plan::{self, Unplayed};
use super::secrets::Secrets;
use super::stage::{Found, Means, play};
use super::{Options, Progress};
use crate::clock::Clock;
use crate::compat::suite::Suite;
use crate::compat::{
    Capability, Certificate, Check, FORMAT, Grade, Ids, Outcome, Profile, Status, SuiteInfo, TargetInfo, compile,
};
use crate::dial::{Address, AddressError, DialError, Dialer, Limits};
use crate::label::Label;
use futures_util::StreamExt;
use futures_util::stream::iter;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// Bytes of the largest message a server may send.
const LARGEST: usize = 16 << 20;
/// Digits and letters of an id that tell runs apart, and checks of a run.
const TAG: (usize, usize) = (5, 3);

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address of the target is none.
    #[error("the target: {0}")]
    Address(#[from] AddressError),
    /// Nobody is there, or TLS cannot be spoken.
    #[error("{address}: {error}")]
    Unreachable {
        /// Where.
        address: Address,
        /// Why.
        error: DialError,
    },
    /// The Redis of the target.
    #[error("the hub of the target: {0}")]
    Hub(String),
    /// No check is meant by what was asked for.
    #[error("no check has this id or dialect: {0}")]
    Nothing(String),
}

/// Plays a suite against a target.
///
/// # Errors
/// Nothing could be played. A target that goes away on the way fails checks instead.
pub async fn run(
    suite: &Suite,
    profile: &Profile,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Certificate, RunError> {
    let (began, at) = (Instant::now(), Clock::system().now());
    let checks = compile::checks(suite, profile);
    let asked: Vec<_> = checks.iter().map(|check| plan::is_wanted(check, &options.only)).collect();
    let checks: Vec<_> = checks.into_iter().zip(asked).filter(|(_, asked)| *asked).map(|(check, _)| check).collect();
    if checks.is_empty() {
        return Err(RunError::Nothing(options.only.join(", ")));
    }
    let address = Address::parse(&profile.url)?;
    let unreachable = |error| RunError::Unreachable { address: address.clone(), error };
    let limits = Limits { deadline: options.patience, largest: LARGEST };
    let dialer = Dialer::new(address.clone(), limits).map_err(|error| unreachable(error.into()))?;
    dialer.reach().await.map_err(unreachable)?;
    let hub = match &profile.redis {
        Some(url) => Some(Hub::connect(url, options.patience).await.map_err(RunError::Hub)?),
        None => None,
    };
    let (secrets, tasks, server) = (Arc::new(Secrets::of(profile)), TaskTracker::new(), OnceLock::new());
    let means = Means {
        dialer: &dialer,
        profile,
        secrets: &secrets,
        hub: hub.as_ref(),
        tasks: &tasks,
        server: &server,
        quiet: options.quiet,
        patience: options.patience,
        keep_going: options.keep_going,
    };
    let run = Run { means, options, progress, tag: tag(TAG.0, fastrand::u64(..)), played: AtomicUsize::new(0) };
    let able = run.probe(suite, &checks).await;
    let results = run.play(&checks, &able).await;
    let mut counts: BTreeMap<_, _> = Status::ALL.iter().map(|status| (*status, 0)).collect();
    results.iter().for_each(|outcome| *counts.entry(outcome.status).or_insert(0) += 1);
    let mut told = String::new();
    at.write(&mut told);
    Ok(Certificate {
        format: FORMAT,
        suite: SuiteInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hash: suite.hash(),
            cases: suite.cases().count(),
            only: options.only.clone(),
        },
        target: TargetInfo {
            url: address.to_string(),
            server: server.get().cloned(),
            settings: profile.settings.clone(),
        },
        at: told,
        seconds: seconds(began.elapsed()),
        capabilities: able.known().clone(),
        counts,
        results,
    })
}

struct Run<'r> {
    means: Means<'r>,
    options: &'r Options,
    progress: &'r (dyn Fn(Progress) + Sync),
    tag: String,
    /// How many scripts were begun.
    played: AtomicUsize,
}

impl Run<'_> {
    /// What the target can do, of what matters to these checks.
    async fn probe(&self, suite: &Suite, checks: &[Check]) -> Able {
        let profile = self.means.profile;
        let probes = compile::probes(suite);
        let mut asked: BTreeSet<_> = checks.iter().flat_map(|check| plan::needs(check, profile)).collect();
        asked.insert(Capability::V2Groups);
        asked.extend(&self.options.require);
        if self.options.only.is_empty() {
            asked.extend(Capability::ALL);
        }
        let mut able = Able::new(&asked, probes, profile, self.options);
        while let Some((one, probe)) = able.next() {
            let nothing = BTreeMap::new();
            let (has, why) = match plan::unplayed(&probe, profile, self.options, &nothing) {
                Some(Unplayed { why, .. }) => (true, format!("taken for granted: its probe {why}")),
                None => match self.found(&probe).await.fault {
                    None => (true, format!("{}: {}", probe.id, probe.title)),
                    Some(fault) => (false, format!("{}: {}", probe.id, fault.why)),
                },
            };
            able.is(one, has, &why);
            (self.progress)(Progress { done: 0, total: checks.len(), failed: 0, playing: probe.id });
        }
        able
    }

    async fn play(&self, checks: &[Check], able: &Able) -> Vec<Outcome> {
        let all = Results { places: Mutex::new((vec![None; checks.len()], 0, 0)), progress: self.progress };
        let (mut played, mut lacking) = (Vec::new(), BTreeMap::new());
        for (at, check) in checks.iter().enumerate() {
            match plan::unplayed(check, self.means.profile, self.options, able.known()) {
                Some(Unplayed { status, why, leaks }) if !(leaks && self.options.keep_going) => {
                    all.put(at, Outcome { why: Some(why), ..headed(check, status) });
                }
                unplayed => {
                    lacking.extend(unplayed.map(|unplayed| (at, unplayed)));
                    played.push((at, check));
                }
            }
        }
        let outcome = async |at: usize| {
            let outcome = self.outcome(&checks[at]).await;
            match lacking.get(&at) {
                Some(Unplayed { status, why, .. }) => {
                    let Outcome { seen, seconds, .. } = outcome;
                    Outcome { why: Some(why.clone()), seen, seconds, ..headed(&checks[at], *status) }
                }
                None => outcome,
            }
        };
        let (units, alone) = plan::units(played, able.has(Capability::V2Groups));
        iter(units)
            .for_each_concurrent(self.options.jobs.max(1), |unit| async {
                for at in unit {
                    all.put(at, outcome(at).await);
                }
            })
            .await;
        for at in alone {
            all.put(at, outcome(at).await);
        }
        all.places.into_inner().0.into_iter().flatten().collect()
    }

    async fn found(&self, check: &Check) -> Found {
        let number = self.played.fetch_add(1, Ordering::Relaxed) as u64;
        let tag = format!("{}{}", self.tag, tag(TAG.1, number));
        let mounts = plan::mounts(check, self.means.profile).unwrap_or_default();
        let ids = Ids::new(&tag, &check.script.clients, &mounts, check.script.placeholders);
        Box::pin(play(&check.script, &ids, &mounts, &self.means)).await
    }

    async fn outcome(&self, check: &Check) -> Outcome {
        let began = Instant::now();
        let Found { fault, grade, seen } = self.found(check).await;
        let promise = check.source.is_promise();
        let outcome = match fault {
            Some(fault) => {
                let status = if promise { Status::Failed } else { Status::Differs };
                Outcome { why: Some(fault.why), diff: fault.diff, ..headed(check, status) }
            }
            // What a promise says is said by the values; what the proxy chose may be about bytes alone.
            None if grade == Grade::Equal && check.verbatim && !promise => {
                Outcome { why: Some("same values, other bytes".to_owned()), ..headed(check, Status::Differs) }
            }
            None => Outcome { grade: Some(grade), ..headed(check, Status::Passed) },
        };
        Outcome { seen, seconds: seconds(began.elapsed()), ..outcome }
    }
}

/// Outcomes by place, how many there are, and how many of them failed.
struct Results<'r> {
    places: Mutex<(Vec<Option<Outcome>>, usize, usize)>,
    progress: &'r (dyn Fn(Progress) + Sync),
}

impl Results<'_> {
    fn put(&self, at: usize, outcome: Outcome) {
        let playing = outcome.id.clone();
        let mut places = self.places.lock();
        places.1 += 1;
        places.2 += usize::from(outcome.status == Status::Failed);
        if let Some(place) = places.0.get_mut(at) {
            *place = Some(outcome);
        }
        let (done, total, failed) = (places.1, places.0.len(), places.2);
        drop(places);
        (self.progress)(Progress { done, total, failed, playing });
    }
}

/// What stands on a certificate of a check that ended so, beside what was found.
fn headed(check: &Check, status: Status) -> Outcome {
    Outcome {
        id: check.id.clone(),
        version: check.version,
        hash: check.hash.clone(),
        title: check.title.clone(),
        dialect: check.dialect.clone(),
        source: check.source.clone(),
        status,
        grade: None,
        why: None,
        diff: None,
        seen: Vec::new(),
        seconds: 0.0,
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// So many small letters and digits, always as many.
fn tag(digits: usize, number: u64) -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = number;
    let mut digit = || {
        let at = (rest % 36) as usize;
        rest /= 36;
        char::from(LETTERS[at])
    };
    let reversed: Vec<char> = (0..digits).map(|_| digit()).collect();
    reversed.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_of_one_length_and_differ() {
        assert_eq!([tag(3, 0), tag(3, 35), tag(3, 36), tag(3, 36 * 36 * 36 - 1)], ["000", "00z", "010", "zzz"]);
    }

    #[test]
    fn a_time_on_a_certificate_is_short() {
        assert_eq!(seconds(Duration::from_micros(1_234_567)), 1.235);
    }
}
