//! Owns the answer to "does the hub work?", from memory and with hysteresis: a blip is no outage, and one
//! good moment is no recovery. Probes and load balancers ask this; nobody asks Redis.

use crate::redis_client::Node;
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Down this long is an outage.
const OUTAGE: Duration = Duration::from_millis(1500);
/// Up this long is a recovery.
const RECOVERY: Duration = Duration::from_millis(500);

/// Which half of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Takes messages.
    Publisher,
    /// Delivers them.
    Subscriber,
}

/// The state of all masters: the hub works when each of them does, both ways.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    masters: HashMap<Node, Master>,
    up: bool,
    since: Instant,
    told: bool,
}

/// What is known of a master.
#[derive(Debug, Default)]
struct Master {
    publishes: bool,
    hears: bool,
    /// When it took the first probe that was not heard since. A probe that it did not take proves nothing.
    unheard: Option<Instant>,
}

impl Health {
    /// Nothing works yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let state = State { masters: HashMap::new(), up: false, since: Instant::now(), told: false };
        Self { state: Mutex::new(state), metrics }
    }

    /// These are the masters now. What is new does not work yet.
    pub fn masters(&self, masters: &[Node]) {
        let mut state = self.state.lock();
        state.masters.retain(|node, _| masters.contains(node));
        for node in masters {
            if !state.masters.contains_key(node) {
                state.masters.insert(node.clone(), Master::default());
            }
        }
        self.judge(&mut state);
    }

    /// One half works at a master, or does not.
    pub fn set(&self, node: &Node, half: Half, up: bool) {
        let mut state = self.state.lock();
        let Some(master) = state.masters.get_mut(node) else { return };
        match half {
            Half::Publisher => master.publishes = up,
            Half::Subscriber => master.hears = up,
        }
        self.judge(&mut state);
    }

    /// A master took a probe, so it should soon be heard.
    pub fn probed(&self, node: &Node) {
        if let Some(master) = self.state.lock().masters.get_mut(node) {
            master.unheard.get_or_insert_with(Instant::now);
        }
    }

    /// A probe was heard, or nobody could hear any before.
    pub fn heard(&self, node: &Node) {
        if let Some(master) = self.state.lock().masters.get_mut(node) {
            master.unheard = None;
        }
    }

    /// How long ago a master took a probe that was not heard.
    pub fn unheard(&self, node: &Node) -> Option<Duration> {
        Some(self.state.lock().masters.get(node)?.unheard?.elapsed())
    }

    fn judge(&self, state: &mut State) {
        let up = !state.masters.is_empty() && state.masters.values().all(|master| master.publishes && master.hears);
        if state.up != up {
            state.settle();
            state.up = up;
            state.since = Instant::now();
        }
        self.metrics.hub_up.only().set(i64::from(up));
    }

    /// Does it work, as far as others should act on it?
    pub fn is_up(&self) -> bool {
        let mut state = self.state.lock();
        state.settle();
        state.told
    }
}

impl State {
    /// What has been so for long enough is told.
    fn settle(&mut self) {
        let wait = if self.up { RECOVERY } else { OUTAGE };
        if self.since.elapsed() >= wait {
            self.told = self.up;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_blip_is_no_outage_and_one_good_moment_is_no_recovery() {
        let health = Health::new(Arc::new(Metrics::new(1).expect("metrics")));
        let nodes = [1, 2].map(|port| Node { host: "h".into(), port });
        let set = |node: &Node, up| [Half::Publisher, Half::Subscriber].map(|half| health.set(node, half, up));
        health.masters(&nodes);
        set(&nodes[0], true);
        advance(Duration::from_secs(9)).await;
        assert!(!health.is_up(), "one of two masters is not all");
        set(&nodes[1], true);
        assert!(!health.is_up());
        advance(RECOVERY).await;
        // An outage nobody asked about in between does not hide that it was up.
        set(&nodes[1], false);
        assert!(health.is_up(), "a blip");
        advance(OUTAGE).await;
        assert!(!health.is_up());
        health.masters(&nodes[..1]);
        advance(RECOVERY).await;
        assert!(health.is_up(), "the dead one is no master any more");
    }
}
