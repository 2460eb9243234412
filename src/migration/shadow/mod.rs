//! The shadow: a share of V2 traffic also goes to a real legacy server, and what recipients get from both is compared.
//! Clients notice nothing of it: what they say is copied into a bounded queue, or not; what the legacy server says
//! reaches nobody.

mod circle;
pub mod compare;
mod findings;
mod ignore;
mod link;
mod tap;
mod target;

pub use tap::Tap;
pub use target::Handshake;

use super::Newcomer;
use super::record::Numbers;
use super::report::view::ShadowView;
use crate::clock::Clock;
use crate::config;
use crate::dialect::{Frame, Protocol};
use crate::envelope::{AccountId, GroupId};
use crate::label::Label;
use crate::migration::patterns::Patterns;
use crate::telemetry::Metrics;
use crate::telemetry::labels::Shadowed;
use circle::{Circle, Membership, Who};
use compare::{Legacy, Rules, Verdict};
use findings::Findings;
use ignore::{Mark, Marks};
use link::Link;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tap::Line;
use target::{LinkError, Target};
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Frames that may wait for their like, in all groups together.
const MOST_WAITING: usize = 100_000;

/// A group of one account: those who hear one another on the hub.
type Key = (Option<AccountId>, GroupId);

/// A client that is to have a shadow.
#[derive(Debug)]
pub struct Mirror {
    key: Key,
    handshake: Handshake,
    /// It hears frames, not envelopes, which a legacy server never says.
    hears: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Shadow {
    shared: Arc<Shared>,
    settings: config::Shadow,
    tenants: Patterns,
    circles: Arc<Mutex<HashMap<Key, Arc<Circle>>>>,
    /// The legacy servers, each with room for so many connections.
    legacy: Vec<(Legacy, Arc<Target>, Arc<Semaphore>)>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What sessions and links have in common.
#[derive(Debug)]
struct Shared {
    rules: Rules,
    marks: Marks,
    metrics: Arc<Metrics>,
    clock: Clock,
    findings: Findings,
}

impl Shadow {
    /// Starts it; None where no legacy server is set, or none can be used on this machine.
    pub fn start(
        settings: &config::Shadow,
        clock: Clock,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Option<Self> {
        let (first, second) = match Target::both(settings) {
            Ok(targets) => targets?,
            Err(error) => {
                tracing::error!(%error, "there is no shadow");
                return None;
            }
        };
        let rules = Rules { window: settings.window, order: settings.order, noise: second.is_some() };
        let marks = Marks::new(&settings.ignore);
        let shared = Arc::new(Shared { rules, marks, metrics, clock, findings: Findings::default() });
        let targets = [(Legacy::First, Some(first)), (Legacy::Second, second)].into_iter();
        let place = || Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS)));
        let legacy = targets.filter_map(|(legacy, target)| Some((legacy, Arc::new(target?), place()))).collect();
        let circles = Arc::default();
        tasks.spawn(sweep(shared.clone(), Arc::clone(&circles), stop.clone()));
        tracing::info!(percent = settings.percent, "a share of V2 traffic also goes to the legacy server");
        let tenants = Patterns::new(&settings.tenants);
        Some(Self { shared, settings: settings.clone(), tenants, circles, legacy, tasks, stop })
    }

    /// Is this one to have a shadow? Whole groups are, the same ones on every node.
    pub fn mirror<B>(
        &self,
        newcomer: &Newcomer,
        account: Option<&AccountId>,
        hears: Protocol,
        request: &Request<B>,
    ) -> Option<Mirror> {
        let group = newcomer.group.as_ref()?;
        let tenant = self.tenants.means(&newcomer.tenant);
        let chosen = newcomer.protocol() == Protocol::V2 && tenant && share(account, group) < self.settings.percent;
        chosen.then(|| Mirror {
            key: (account.cloned(), group.clone()),
            handshake: Handshake::of(request.uri(), request.headers()),
            hears: hears == Protocol::V2 && !newcomer.hears_v3,
        })
    }

    /// It was let in. Without room for its connections it is only noted what it says.
    pub fn tap(&self, member: u64, newcomer: &Newcomer, mirror: Mirror) -> Tap {
        let who = Who { tenant: newcomer.tenant.clone(), client: newcomer.client.as_str().into() };
        let circle = {
            let mut circles = self.circles.lock();
            let name = mirror.key.1.clone();
            let circle = circles.entry(mirror.key);
            let circle = circle.or_insert_with(|| Arc::new(Circle::new(name.as_str(), self.shared.rules))).clone();
            circle.join(member, who, mirror.hears);
            circle
        };
        let member = Arc::new(Membership { id: member, circle, shared: self.shared.clone() });
        let (left, handshake) = (self.stop.child_token(), Arc::new(mirror.handshake));
        let mut lines = Vec::new();
        for (legacy, target, places) in &self.legacy {
            let Ok(permit) = places.clone().try_acquire_owned() else { continue };
            let line = Arc::new(Line::new(*legacy));
            lines.push(line.clone());
            let link = Link {
                target: target.clone(),
                handshake: handshake.clone(),
                line,
                member: member.clone(),
                left: left.clone(),
                stop: self.stop.clone(),
                _permit: permit,
            };
            self.tasks.spawn(link.run());
        }
        Tap::new(member, lines, left)
    }

    /// For operators.
    pub fn view(&self) -> ShadowView {
        let shared = &self.shared;
        let mut comparisons = Numbers::default();
        for result in Shadowed::ALL {
            comparisons.set(*result, shared.metrics.shadow_comparisons.with((*result,)).get());
        }
        ShadowView {
            on: true,
            percent: self.settings.percent,
            connections: u64::try_from(shared.metrics.shadow_connections.only().get()).unwrap_or(0),
            comparisons,
            findings: shared.findings.latest(),
        }
    }
}

impl Shared {
    /// What a message is compared by; None for what is no data.
    fn mark(&self, message: &Message) -> Option<Mark> {
        match message {
            Message::Text(text) => Some(self.marks.of(Frame::Text(text.as_str()))),
            Message::Binary(bytes) => Some(self.marks.of(Frame::Binary(bytes))),
            _ => None,
        }
    }

    fn count(&self, result: Shadowed, n: u64) {
        self.metrics.shadow_comparisons.with((result,)).inc_by(n);
    }

    fn book(&self, circle: &Circle, verdicts: &[Verdict], ignored: u64, differences: &[(Verdict, Option<Who>)]) {
        for verdict in verdicts {
            self.count(verdict.result, 1);
        }
        self.count(Shadowed::Ignored, ignored);
        for (verdict, who) in differences {
            self.findings.differs(&self.clock, &circle.group, verdict, who.as_ref());
        }
    }

    fn failed(&self, host: &str, error: &LinkError) {
        self.findings.failed(host, error);
    }

    /// How often what has waited long enough is judged.
    fn interval(&self) -> Duration {
        (self.rules.window / 4).clamp(Duration::from_millis(10), Duration::from_millis(250))
    }

    /// How long links stay after their client: until all it has heard is judged.
    fn linger(&self) -> Duration {
        self.rules.patience() + self.interval() * 2
    }
}

/// Judges what has waited long enough, and forgets groups in which nobody is left.
async fn sweep(shared: Arc<Shared>, circles: Arc<Mutex<HashMap<Key, Arc<Circle>>>>, stop: CancellationToken) {
    let mut ticks = interval(shared.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let mut all: Vec<Arc<Circle>> = circles.lock().values().cloned().collect();
        for circle in &all {
            circle.with(&shared, |group| group.tick(Instant::now()));
        }
        all.sort_by_cached_key(|circle| circle.waiting());
        let mut waiting: usize = all.iter().map(|circle| circle.waiting()).sum();
        while waiting > MOST_WAITING
            && let Some(largest) = all.pop()
        {
            waiting = waiting.saturating_sub(largest.waiting());
            largest.with(&shared, |group| group.shed(Instant::now()));
        }
        drop(all);
        circles.lock().retain(|_, circle| Arc::strong_count(circle) > 1 || !circle.is_empty());
    }
}

/// A number below 100 for each group, the same on every node and in every version.
fn share(account: Option<&AccountId>, group: &GroupId) -> u8 {
    let mut hash = Sha256::new();
    hash.update(account.map_or("", |account| account.as_str()));
    hash.update([0]);
    hash.update(group.as_str());
    let first: [u8; 8] = hash.finalize().first_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(first) % 100) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_chosen_evenly_and_always_the_same() {
        let group = |n: u32| GroupId::new(&format!("g{n}"), 100).expect("an id");
        let below = |percent: u8| (0..10_000).filter(|n| share(None, &group(*n)) < percent).count();
        assert_eq!((below(0), below(100)), (0, 10_000));
        for percent in [1, 5, 50] {
            let (got, want) = (below(percent), usize::from(percent) * 100);
            assert!(got.abs_diff(want) < 150, "{percent}: {got}");
        }
        let account = AccountId::new("acme", 100).expect("an id");
        let shares = [share(None, &group(1)), share(None, &group(2)), share(Some(&account), &group(1))];
        assert_eq!(shares, [96, 55, 99], "nodes of several versions must agree");
    }
}
