//! Owns what is counted about a client's frames before they reach the hub: received, sizes, kinds,
//! translations, tampering, and the online check of law L1.

use crate::dialect::{Frame, HubMessage, Intent, Kind, Notes, Protocol, Receipt, Spoken, Wire, lens, wire};
use crate::envelope::Envelope;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{ByDialect, Check, Direction, Limit, Tampered, Translation};
use std::sync::Arc;
use std::time::Duration;

/// Counts for one connection.
#[derive(Debug)]
pub struct Meter {
    metrics: Arc<Metrics>,
    spoken: Spoken,
}

impl Meter {
    /// Counts under this dialect.
    pub fn new(metrics: Arc<Metrics>, spoken: Spoken) -> Self {
        Self { metrics, spoken }
    }

    /// A data frame came.
    pub fn received(&self, bytes: usize) {
        self.metrics.messages_received.with(ByDialect(self.spoken)).inc();
        self.metrics.message_size.with((self.spoken.protocol(),)).observe(bytes as f64);
    }

    /// It was translated.
    pub fn upgraded(&self, intent: &Intent<'_>, notes: Notes, took: Duration) {
        for (kind, n) in [(Tampered::Overridden, notes.overridden), (Tampered::Unknown, notes.unknown)] {
            if n > 0 {
                self.metrics.tampered_members.with((kind,)).inc_by(u64::from(n));
            }
        }
        if self.spoken.protocol() == Protocol::V3 {
            return;
        }
        if let Some(kind) = notes.kind {
            self.metrics.v2_frames.with((kind,)).inc();
        }
        let outcome = match intent {
            Intent::Publish { receipt: Some(Receipt { raw: Some(_), .. }), .. } => Translation::Receipt,
            Intent::Invalid(_) => Translation::Refused,
            // What the dialect answers by itself was not translated.
            Intent::Answer(_) => return,
            _ => Translation::Exact,
        };
        self.metrics.translations.with((Direction::V2ToV3, self.spoken, outcome)).inc();
        self.metrics.translation_duration.with((Direction::V2ToV3,)).observe(took.as_secs_f64());
    }

    /// It was above a rate.
    pub fn limited(&self, limit: Limit) {
        self.metrics.limit_hits.with((limit,)).inc();
    }

    /// It was answered with an error envelope.
    pub fn invalid(&self) {
        self.metrics.invalid_messages.with(ByDialect(self.spoken)).inc();
    }

    /// Law L1, online: writes the hub's text, reads it back and compares the legacy frame.
    pub fn check(&self, frame: Frame<'_>, envelope: &Envelope, receipt: &Receipt<'_>, wire: Wire) {
        let text = wire::write(envelope, Some(receipt), wire).unstamped();
        let back = HubMessage::read(&text).ok().and_then(|message| lens::original(&message));
        let found = if back.as_ref().is_some_and(|back| back.borrow() == frame) {
            Check::Match
        } else {
            // The frame itself is the client's business and stays out of the log.
            let (bytes, kind) = (frame.len(), Kind::label(receipt.kind));
            tracing::error!(bytes, kind, "a V2 frame does not come back from the hub as it was");
            Check::Mismatch
        };
        self.metrics.roundtrip_checks.with((Direction::V2ToV3, found)).inc();
    }
}
