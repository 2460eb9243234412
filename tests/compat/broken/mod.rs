//! Deliberately broken servers, each of which the cases must tell from a good one: the suite's own test. A broken
//! server is a good proxy with a saboteur in front of it.

mod cases;
mod dialects;
mod faults;
mod list;
mod middle;
mod proxy;
mod room;
mod said;
mod ways;
mod what;
mod when;
mod who;
mod wire;

use crate::own::Own;
use aether_proxy::compat::play::{self, Options};
use aether_proxy::compat::suite::Suite;
use aether_proxy::compat::{Capability, Certificate, Outcome, Profile, Status};
use aether_proxy::config::Secret;
use faults::Fault;
use middle::Middle;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Broken servers at the same time: most of the time they wait.
const TOGETHER: usize = 24;
/// How long what a good server does may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long what a broken server may not do at all is waited for; longer if nothing was caught: a busy machine may
/// hide what is wrong.
const PATIENT: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(15)];

/// How often a difference must be seen.
const TRIES: usize = 3;

static SUITE: LazyLock<Suite> = LazyLock::new(|| Suite::built_in().expect("cases"));

async fn play(profile: &Profile, options: &Options) -> Certificate {
    play::run(&SUITE, profile, options, &|_| {}).await.expect("a server that can be reached")
}

fn profile(address: SocketAddr) -> Profile {
    let mut profile = Profile { url: format!("ws://{address}"), ..Profile::default() };
    profile.credentials.api_key = Some(Secret::new(proxy::KEY));
    profile
}

/// Plays these cases against a good proxy with this fault.
async fn broken(fault: Option<Fault>, options: &Options) -> Certificate {
    let proxy = proxy::start().await;
    let middle = Middle::start(proxy.clients, fault, Some(proxy::KEY)).await;
    play(&profile(middle.address), options).await
}

/// The same against one that speaks the protocols beside Aether's.
async fn broken_dialect(fault: Option<Fault>, options: &Options) -> Certificate {
    let proxy = Own::start(None).await;
    let middle = Middle::start(proxy.address(), fault, None).await;
    play(&proxy.profile_at(middle.address), options).await
}

fn statuses(certificate: &Certificate) -> BTreeMap<&str, Status> {
    certificate.results.iter().map(|outcome| (outcome.id.as_str(), outcome.status)).collect()
}

fn is_bad(outcome: &&Outcome) -> bool {
    matches!(outcome.status, Status::Failed | Status::Differs)
}

/// The saboteur alone changes nothing: all cases end as they do without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_saboteur_without_a_fault_is_not_noticed() {
    let mut options = Options { patience: PATIENCE, ..Options::default() };
    let proxy = proxy::start().await;
    let direct = profile(proxy.clients);
    for _ in 0..TRIES {
        let (direct, through) = tokio::join!(play(&direct, &options), broken(None, &options));
        assert!(!options.only.is_empty() || through.count(Status::Passed) > 500, "{:?}", through.counts);
        let both = direct.results.iter().zip(&through.results);
        let other: Vec<_> = both.filter(|(direct, through)| direct.status != through.status).collect();
        let told = |one: &Outcome| format!("{:?} {:?}", one.status, one.why);
        other.iter().for_each(|(one, two)| eprintln!("{}: {}, but {}", one.id, told(one), told(two)));
        if other.is_empty() && direct.capabilities == through.capabilities {
            return;
        }
        // What a busy machine disturbed is not disturbed again and again.
        options.only = other.iter().map(|(one, _)| one.id.clone()).collect();
    }
    panic!("with a saboteur that does nothing it is otherwise");
}

/// What a broken server showed.
struct Found {
    fault: Fault,
    /// Checks that did not pass, and why.
    caught: Vec<(String, String)>,
    /// It seemed not to be able to do this.
    lost: BTreeSet<Capability>,
}

async fn find(fault: Fault, good: &Certificate) -> Found {
    for patience in PATIENT {
        let found = find_within(fault, good, patience).await;
        if !found.caught.is_empty() {
            return found;
        }
    }
    Found { fault, caught: Vec::new(), lost: BTreeSet::new() }
}

async fn find_within(fault: Fault, good: &Certificate, patience: Duration) -> Found {
    let only = cases::of(fault).iter().map(|&pattern| pattern.to_owned()).collect();
    // One after another: what leaks from one case into another would be no proof for either of them.
    let mut options = Options { jobs: 1, patience, only, ..Options::default() };
    if dialects::is_of(fault) {
        let certificate = broken_dialect(Some(fault), &options).await;
        return Found { fault, caught: caught(&certificate, good), lost: BTreeSet::new() };
    }
    let mut certificate = broken(Some(fault), &options).await;
    let lacks = certificate.capabilities.iter().filter(|(one, has)| !has.has && good.capabilities[one].has);
    let lost: BTreeSet<_> = lacks.map(|(one, _)| *one).collect();
    if let Some((capability, _)) = cases::lost(fault) {
        assert!(lost.contains(&capability), "{fault:?} does not lose {capability}: {lost:?}");
        options.require = BTreeSet::from([capability]);
        certificate = broken(Some(fault), &options).await;
    }
    Found { fault, caught: caught(&certificate, good), lost }
}

/// Checks that a good server passes and this one does not, and why.
fn caught(certificate: &Certificate, good: &Certificate) -> Vec<(String, String)> {
    let good = statuses(good);
    let passed = |outcome: &&Outcome| good.get(outcome.id.as_str()) == Some(&Status::Passed);
    // No fault here makes a handshake slow, but a busy machine does.
    let slow = |outcome: &&Outcome| outcome.why.as_ref().is_some_and(|why| why.contains("no answer in time"));
    let caught = certificate.results.iter().filter(is_bad).filter(passed).filter(|outcome| !slow(outcome));
    caught.map(|outcome| (outcome.id.clone(), outcome.why.clone().unwrap_or_default())).collect()
}

/// All cases that are to catch one of these, against a good server.
async fn good(dialects: bool) -> Certificate {
    let faults = Fault::ALL.iter().filter(|fault| dialects::is_of(**fault) == dialects);
    let all: BTreeSet<_> = faults.flat_map(|fault| cases::of(*fault)).collect();
    let only = all.into_iter().map(|&pattern| pattern.to_owned()).collect();
    let options = Options { patience: PATIENCE, only, ..Options::default() };
    let certificate = if dialects { broken_dialect(None, &options).await } else { broken(None, &options).await };
    let bad = certificate.results.iter().filter(|outcome| outcome.status != Status::Passed);
    let bad: Vec<_> = bad.map(|outcome| (&outcome.id, outcome.status, &outcome.why)).collect();
    assert!(bad.is_empty(), "without a fault: {bad:?}");
    certificate
}

/// Each broken server is caught by a case that a good one passes. Prints which, and what they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_broken_server_is_caught() {
    let (aether, others) = tokio::join!(good(false), good(true));
    let (aether, others) = (Arc::new(aether), Arc::new(others));
    let (room, mut runs) = (Arc::new(Semaphore::new(TOGETHER)), JoinSet::new());
    // `BROKEN=Split,Trimmed` plays these alone.
    let wanted = std::env::var("BROKEN").ok();
    let is_wanted =
        |fault: &&Fault| wanted.as_ref().is_none_or(|all| all.split(',').any(|one| one == format!("{fault:?}")));
    for fault in Fault::ALL.iter().filter(is_wanted) {
        let good = if dialects::is_of(*fault) { others.clone() } else { aether.clone() };
        let room = room.clone();
        runs.spawn(async move {
            let _place = room.acquire().await.expect("room");
            find(*fault, &good).await
        });
    }
    let mut found = runs.join_all().await;
    found.sort_by_key(|found| found.fault);
    for Found { fault, caught, lost } in &found {
        eprintln!("{fault:?}: {} caught it: {}", caught.len(), fault.told());
        lost.iter().for_each(|capability| eprintln!("    seems to lack {capability}"));
        caught.iter().for_each(|(id, why)| eprintln!("    {id}: {why}"));
    }
    let missed: Vec<_> = found.iter().filter(|found| found.caught.is_empty()).map(|found| found.fault).collect();
    assert!(missed.is_empty(), "nothing catches {missed:?}");
}
