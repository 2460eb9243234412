//! Owns the answer to "does the hub work?", from memory and with hysteresis: a blip is no outage, and one
//! good moment is no recovery. Probes and load balancers ask this; nobody asks Redis.

use crate::telemetry::Metrics;
use parking_lot::Mutex;
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

/// The state of one shard.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    publisher: bool,
    subscriber: bool,
    since: Instant,
    told: bool,
}

impl Health {
    /// Nothing works yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let state = State { publisher: false, subscriber: false, since: Instant::now(), told: false };
        Self { state: Mutex::new(state), metrics }
    }

    /// One half works, or does not.
    pub fn set(&self, half: Half, up: bool) {
        let mut state = self.state.lock();
        let before = state.publisher && state.subscriber;
        match half {
            Half::Publisher => state.publisher = up,
            Half::Subscriber => state.subscriber = up,
        }
        let after = state.publisher && state.subscriber;
        if before != after {
            state.since = Instant::now();
        }
        self.metrics.hub_up.only().set(i64::from(after));
    }

    /// Does it work, as far as others should act on it?
    pub fn is_up(&self) -> bool {
        let mut state = self.state.lock();
        let up = state.publisher && state.subscriber;
        let wait = if up { RECOVERY } else { OUTAGE };
        if state.told != up && state.since.elapsed() >= wait {
            state.told = up;
        }
        state.told
    }
}

/// Waits longer after each failure, up to a second, never in step with other nodes.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    /// How long to wait now.
    pub fn next(&mut self) -> Duration {
        let ceiling = (50u64 << self.0.min(5)).min(1000);
        self.0 += 1;
        Duration::from_millis(ceiling / 2 + fastrand::u64(0..=ceiling / 2))
    }

    /// It worked.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}
