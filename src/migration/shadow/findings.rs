//! Owns what people are told of differences: the last few for their page, and now and then one line in the log. A frame's
//! text is the client's and is never told; its length and hash are.

use super::circle::Who;
use super::compare::Verdict;
use super::target::LinkError;
use crate::clock::Clock;
use crate::migration::report::view::ShadowFinding;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Differences that are kept.
const KEPT: usize = 20;
/// One line of each kind in this time.
const SELDOM: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Mutex<VecDeque<ShadowFinding>>,
    differences: Seldom,
    failures: Seldom,
}

/// Lets one of many through, and counts the others.
#[derive(Debug, Default)]
struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// How many were kept back, if this one may pass.
    fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        let (last, held) = &mut *state;
        if last.is_some_and(|last| now.saturating_duration_since(last) < SELDOM) {
            *held += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(held))
    }
}

impl Findings {
    /// A difference was found.
    pub fn differs(&self, clock: &Clock, group: &str, verdict: &Verdict, who: Option<&Who>) {
        let mut at = String::new();
        clock.now().write(&mut at);
        let finding = ShadowFinding {
            at,
            tenant: who.map_or_else(String::new, |who| who.tenant.as_ref().into()),
            group: group.into(),
            recipient: who.map_or_else(String::new, |who| who.client.as_ref().into()),
            difference: verdict.difference.map_or("", |difference| difference.label()).into(),
            kind: if verdict.mark.binary { "binary" } else { "text" }.into(),
            bytes: verdict.mark.bytes as u64,
            hash: format!("{:016x}", verdict.mark.hash),
        };
        if let Some(more) = self.differences.pass(Instant::now()) {
            let ShadowFinding { tenant, group, difference, kind, bytes, hash, .. } = &finding;
            tracing::warn!(%tenant, %group, %difference, %kind, bytes, %hash, more, "a recipient got something else from the legacy server");
        }
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(finding);
    }

    /// A link failed.
    pub fn failed(&self, host: &str, error: &LinkError) {
        if let Some(more) = self.failures.pass(Instant::now()) {
            tracing::warn!(host, reason = error.label(), %error, more, "no shadow for a client: clients notice nothing");
        }
    }

    /// The last differences, latest first.
    pub fn latest(&self) -> Vec<ShadowFinding> {
        self.kept.lock().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::Difference;
    use super::super::ignore::Mark;
    use super::*;
    use crate::clock::Timestamp;
    use crate::telemetry::labels::Shadowed;

    #[test]
    fn the_latest_are_kept() {
        let findings = Findings::default();
        let clock = Clock::fixed(Timestamp(0));
        for hash in 0..30 {
            let mark = Mark { hash, bytes: 5, binary: hash % 2 == 0 };
            let difference = Some(Difference::Order);
            let verdict = Verdict { member: 1, mark, result: Shadowed::Mismatch, difference };
            findings.differs(&clock, "g", &verdict, None);
        }
        let latest = findings.latest();
        assert_eq!(latest.len(), KEPT);
        assert_eq!((latest[0].hash.as_str(), latest[0].kind.as_str()), ("000000000000001d", "text"));
        assert_eq!((latest[0].difference.as_str(), latest[0].at.as_str()), ("order", "1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn one_of_many_is_let_through() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.pass(now), Some(0));
        assert_eq!(seldom.pass(now + SELDOM / 2), None);
        assert_eq!(seldom.pass(now + SELDOM), Some(1));
    }
}
