//! Owns what a client hears, by the guide: frames of the channels it has subscribed to, if its filters let them
//! through. Who gets the same metrics of a frame gets the same bytes.

use super::facts::Facts;
use super::subscriptions::Subscriptions;
use crate::dialect::{Choice, Hidden, OwnedFrame, Reading, Shape};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;

/// The fan-out's half.
#[derive(Debug)]
pub struct Outbound {
    heard: Arc<Mutex<Subscriptions>>,
}

impl Outbound {
    /// Hears what is subscribed to there.
    pub fn new(heard: Arc<Mutex<Subscriptions>>) -> Self {
        Self { heard }
    }
}

impl crate::dialect::Outbound for Outbound {
    fn choose(&self, reading: &Reading<'_>, now: Instant) -> Result<Choice, Hidden> {
        let facts = reading.valtronics().ok_or(Hidden::DialectRule)?;
        self.heard.lock().choose(facts, now)
    }

    fn render(&self, reading: &Reading<'_>, shape: &Shape) -> Result<OwnedFrame, Hidden> {
        render(reading.valtronics(), shape)
    }

    fn wants(&self, slot: u64) -> bool {
        self.heard.lock().wants(slot)
    }
}

/// The frame of a shape.
pub fn render(facts: Option<&Facts<'_>>, shape: &Shape) -> Result<OwnedFrame, Hidden> {
    let facts = facts.ok_or(Hidden::DialectRule)?;
    Ok(if shape.cut.is_empty() { facts.whole() } else { facts.cut(&shape.cut) })
}
