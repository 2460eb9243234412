//! Owns what is counted about a client's frames before they reach the hub: received, sizes, kinds,
//! translations, tampering, and the online check of law L1.

use crate::dialect::{Frame, HubMessage, Intent, Kind, Notes, Protocol, Receipt, Spoken, Wire, lens, wire};
use crate::envelope::{Envelope, Origin};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{
    ByDialect, Check, Direction, Limit, Lost, LostOn, Path, Suppressed, Tampered, Translation,
};
use std::sync::Arc;
use std::time::Duration;

/// Counts for one connection.
#[derive(Debug)]
pub struct Meter {
    metrics: Arc<Metrics>,
    spoken: Spoken,
    /// The log has a line about frames that were none of the dialect.
    told: bool,
}

impl Meter {
    /// Counts under this dialect.
    pub fn new(metrics: Arc<Metrics>, spoken: Spoken) -> Self {
        Self { metrics, spoken, told: false }
    }

    /// A data frame came.
    pub fn received(&self, bytes: usize) {
        self.metrics.messages_received.with(ByDialect(self.spoken)).inc();
        self.metrics.message_size.with((self.spoken.protocol(),)).observe(bytes as f64);
    }

    /// It was translated: into one intent, mostly.
    pub fn upgraded(&self, intents: &[Intent<'_>], notes: Notes, took: Duration) {
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
        let outcome = match intents {
            [Intent::Publish { receipt: Some(Receipt { raw: Some(_), .. }), .. }] => Translation::Receipt,
            [Intent::Invalid(_) | Intent::Refused(_)] => Translation::Refused,
            // The filter has yet to say.
            [Intent::Filter(_)] => return,
            // What the dialect answers by itself was not translated.
            all if all
                .iter()
                .all(|intent| matches!(intent, Intent::Answer(_) | Intent::PresenceQuery | Intent::WhoIs(_))) =>
            {
                return;
            }
            _ => Translation::Exact,
        };
        self.metrics.translations.with((Direction::V2ToV3, self.spoken, outcome)).inc();
        self.metrics.translation_duration.with((Direction::V2ToV3,)).observe(took.as_secs_f64());
    }

    /// A filter was asked about it.
    pub fn filtered(&self, outcome: Translation, took: Duration) {
        self.metrics.translations.with((Direction::V2ToV3, self.spoken, outcome)).inc();
        self.metrics.translation_duration.with((Direction::V2ToV3,)).observe(took.as_secs_f64());
    }

    /// It reaches nobody, since it could not be translated.
    pub fn untranslated(&self) {
        let path = Path::between(self.spoken.protocol(), Protocol::V3);
        self.metrics.messages_lost.with(LostOn(path, Lost::TranslateError)).inc();
    }

    /// The dialect's filter has dropped it on purpose.
    pub fn dropped(&self) {
        self.metrics.messages_suppressed.with((Suppressed::DialectRule,)).inc();
    }

    /// It was above a rate.
    pub fn limited(&self, limit: Limit) {
        self.metrics.limit_hits.with((limit,)).inc();
    }

    /// It was answered with an error envelope.
    pub fn invalid(&self) {
        self.metrics.invalid_messages.with(ByDialect(self.spoken)).inc();
    }

    /// It is no message of its dialect. The log says so once a connection, and never what it was.
    pub fn refused(&mut self, origin: &Origin) {
        self.invalid();
        if !std::mem::replace(&mut self.told, true) {
            let (dialect, client) = (self.spoken.label(), origin.client.as_str());
            let group = origin.group.as_ref().map(|group| group.as_str());
            tracing::info!(
                dialect,
                group,
                client,
                "a frame is no message of its dialect; further ones are only counted"
            );
        }
    }

    /// Law L1, online: writes the hub's text, reads it back and compares the legacy frame.
    pub fn check(&self, frame: Frame<'_>, envelope: &Envelope, receipt: &Receipt<'_>, wire: Wire) {
        if receipt.dialect.is_some() {
            // Another dialect's own law, and its own tests: what is shown there is no V2 frame of Aether's.
            return;
        }
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
