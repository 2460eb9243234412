//! Owns the deliveries between the queue and the socket: delivered only when a flush has succeeded, lost
//! when the connection ends before.

use crate::hub::Delivery;
use crate::label::Label;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Lost, Outcome, Path};
use tokio::time::Instant;

/// Entries whose memory is kept while nothing is under way.
const KEEP: usize = 16;

/// The deliveries under way.
#[derive(Debug, Default)]
pub struct Books {
    underway: Vec<(Path, Instant)>,
    delivered: u64,
}

impl Books {
    /// A delivery was handed to the socket.
    pub fn handed(&mut self, delivery: &Delivery) {
        self.underway.push((delivery.path, delivery.arrived));
    }

    /// How many are under way.
    pub fn underway(&self) -> usize {
        self.underway.len()
    }

    /// How many were delivered in all.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The socket has taken everything.
    pub fn flushed(&mut self, metrics: &Metrics) {
        if self.underway.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut by_path = [0_u64; Path::ALL.len()];
        for (path, arrived) in self.underway.drain(..) {
            by_path[path as usize] += 1;
            let took = now.saturating_duration_since(arrived).as_secs_f64();
            metrics.delivery_duration.with((path,)).observe(took);
        }
        for (path, n) in Path::ALL.iter().zip(by_path) {
            if n > 0 {
                self.delivered += n;
                metrics.deliveries.with((*path, Outcome::Delivered)).inc_by(n);
            }
        }
    }

    /// Gives back what a burst has left.
    pub fn rest(&mut self) {
        if self.underway.is_empty() && self.underway.capacity() > KEEP {
            self.underway = Vec::new();
        }
    }

    /// What is under way will not arrive.
    pub fn lost(&mut self, why: Lost, metrics: &Metrics) {
        for (path, _) in self.underway.drain(..) {
            metrics.book_lost(path, why, 1);
        }
    }
}
