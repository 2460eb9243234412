//! Owns how often: how long to wait before trying again, and how rarely to say what happens often.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Waits longer after each failure, up to a second, never in step with other nodes.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    /// How long to wait now.
    pub fn next(&mut self) -> Duration {
        let ceiling = (50u64 << self.0.min(5)).min(1000);
        self.0 = self.0.saturating_add(1);
        Duration::from_millis(ceiling / 2 + fastrand::u64(0..=ceiling / 2))
    }

    /// It worked.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

/// Says at most once a second what may happen a thousand times in it.
#[derive(Debug, Default)]
pub struct Rarely(Mutex<(Option<Instant>, u64)>);

impl Rarely {
    /// Says it, with how often it was left unsaid; or leaves it unsaid.
    pub fn say(&self, say: impl FnOnce(u64)) {
        let mut state = self.0.lock();
        if state.0.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            state.1 += 1;
            return;
        }
        let unsaid = std::mem::replace(&mut *state, (Some(Instant::now()), 0)).1;
        drop(state);
        say(unsaid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_happens_often_is_said_once_a_second() {
        let rarely = Rarely::default();
        let mut said = Vec::new();
        for _ in 0..10 {
            rarely.say(|unsaid| said.push(unsaid));
        }
        advance(Duration::from_secs(1)).await;
        rarely.say(|unsaid| said.push(unsaid));
        assert_eq!(said, [0, 9]);
    }
}
