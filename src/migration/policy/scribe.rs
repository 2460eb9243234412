//! Owns the policy's part of the journal: when the settings changed, and when a rule began or ended to say something.
//! Every node notes it; the store keeps the first. What cannot be noted now is noted later.

use super::Policies;
use super::rule::OFF;
use crate::clock::Clock;
use crate::migration::record::{Event, EventKind};
use crate::migration::store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long the store may take for one note.
const PATIENCE: Duration = Duration::from_secs(5);
/// The subject of a change of the settings.
const SETTINGS: &str = "policy";

/// See the module.
#[derive(Debug)]
pub struct Scribe {
    policies: Arc<Policies>,
    store: Arc<Store>,
    clock: Clock,
    /// What was noted last: of the settings, and of each rule.
    settings: Option<String>,
    rules: HashMap<Arc<str>, &'static str>,
}

impl Scribe {
    /// One that has noted nothing.
    pub fn new(policies: Arc<Policies>, store: Arc<Store>, clock: Clock) -> Self {
        Self { policies, store, clock, settings: None, rules: HashMap::new() }
    }

    /// Works until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            let mut ticks = interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = self.look().await {
                    // The keeper of the same store tells it aloud, once.
                    tracing::debug!(reason = error.label(), "the policy's journal waits");
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Notes what is new.
    async fn look(&mut self) -> Result<(), StoreError> {
        let (policy, now) = (self.policies.current.load_full(), self.clock.now().as_secs());
        let fingerprint = policy.fingerprint();
        // A proxy that starts without any policy has not changed one.
        let untouched = self.settings.is_none() && policy.is_default();
        if !untouched && self.settings.as_deref() != Some(fingerprint) {
            let was = self.settings.clone().unwrap_or_default();
            self.note(EventKind::PolicyChanged, SETTINGS, was, fingerprint, now).await?;
        }
        self.settings = Some(fingerprint.to_owned());
        let mut states: HashMap<Arc<str>, &'static str> = self.rules.keys().map(|name| (name.clone(), OFF)).collect();
        states.extend(policy.states(now).map(|(name, state)| (name.clone(), state)));
        for (name, state) in states {
            let was = self.rules.get(&name).copied();
            if was != Some(state) {
                self.note(EventKind::Policy, &name, was.unwrap_or_default().into(), state, now).await?;
                self.rules.insert(name, state);
            }
        }
        self.rules.retain(|name, _| policy.states(now).any(|(kept, _)| kept == name));
        Ok(())
    }

    async fn note(&self, kind: EventKind, subject: &str, from: String, to: &str, at: i64) -> Result<(), StoreError> {
        let event = Event { at, kind: kind.label().into(), subject: subject.into(), from, to: to.into() };
        let noted = timeout(PATIENCE, self.store.note(&event)).await.map_err(|_| StoreError::Unavailable)??;
        if noted {
            tracing::info!(subject, from = event.from, to, "the policy says something else");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{policy, rule};
    use super::*;
    use crate::clock::Timestamp;
    use crate::config::{self, Date, PolicyAction, Window};
    use crate::migration::store::{Bounds, Memory};

    #[tokio::test]
    async fn the_journal_tells_when_the_settings_changed_and_what_each_rule_says() {
        let clock = Clock::fixed(Timestamp(0));
        let store = Arc::new(Store::Memory(Memory::new(Bounds::from(&config::Migration::default()))));
        let policies = Arc::new(Policies::new(&config::Policy::default(), clock.clone()));
        let mut scribe = Scribe::new(policies.clone(), store.clone(), clock.clone());
        scribe.look().await.expect("noted");
        assert_eq!(store.events(9).await.expect("events"), []);

        let mut tuesdays = rule("tuesdays", PolicyAction::Brownout);
        let window = Window::Once { from: Date::from_secs(100), until: Date::from_secs(200) };
        tuesdays.windows = vec![window];
        let config = policy(|p| p.rules = vec![tuesdays, rule("old", PolicyAction::Warn)]);
        policies.reload(&config);
        for secs in [50, 60, 100, 150, 200] {
            clock.set(Timestamp(secs * 1000));
            scribe.look().await.expect("noted");
        }
        policies.reload(&config::Policy { rules: vec![config.rules[0].clone()], ..config.clone() });
        scribe.look().await.expect("noted");
        policies.reload(&config::Policy { pause: true, rules: vec![config.rules[0].clone()], ..config });
        scribe.look().await.expect("noted");

        let events = store.events(99).await.expect("events");
        let of = |subject: &str| -> Vec<(i64, String, String)> {
            let of = events.iter().rev().filter(|event| event.subject == subject);
            of.map(|event| (event.at, event.from.clone(), event.to.clone())).collect()
        };
        let row = |at: i64, from: &str, to: &str| (at, from.to_owned(), to.to_owned());
        let story =
            [row(50, "", "warn"), row(100, "warn", "brownout"), row(200, "brownout", "warn"), row(200, "warn", "off")];
        assert_eq!(of("tuesdays"), story);
        assert_eq!(of("old"), [row(50, "", "warn"), row(200, "warn", "off")]);
        assert_eq!(of(SETTINGS).len(), 3);
        assert!(of(SETTINGS).iter().all(|(_, from, to)| from != to && to.len() == 8));
    }
}
