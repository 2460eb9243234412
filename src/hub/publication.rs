//! Owns a sealed message on its way to the hub, and what can go wrong with it.

use super::outbox::Notice;
use super::scope::Scope;
use super::seat::Seat;
use crate::dialect::HubText;
use crate::label::labels;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Done, Lost, LostOn, Path};
use std::sync::Arc;

labels! {
    /// Why a message did not reach the hub. The word is also the `code` of the error envelope.
    pub enum PublishError {
        /// The hub is away, or did not take the message before its deadline.
        Unavailable = "hub_unavailable",
        /// The queue of messages that wait for the hub stayed full.
        Overloaded = "hub_overloaded",
        /// Above `hub.max_message`.
        TooLarge = "too_large",
    }
}

/// A sealed message on its way to the hub.
#[derive(Debug)]
pub struct Publication {
    /// Where to.
    pub scope: Scope,
    /// The hub's text.
    pub text: HubText,
    /// For the ledger, should it be lost.
    pub path: Path,
    /// Who is told if it fails; nobody for what the server says itself.
    pub from: Option<Arc<Seat>>,
}

impl Publication {
    /// Books it as published.
    pub fn done(&self, metrics: &Metrics) {
        metrics.hub_publishes.with((self.scope.to.label(), Done::Ok)).inc();
    }

    /// Books it as lost and tells its sender.
    pub fn failed(&self, why: PublishError, metrics: &Metrics) {
        self.book_failure(why, metrics);
        if let Some(seat) = &self.from {
            seat.outbox.notify(Notice::Unpublished(why));
        }
    }

    /// Books it as lost; its sender learns of it in another way.
    pub fn book_failure(&self, why: PublishError, metrics: &Metrics) {
        let reason = if why == PublishError::TooLarge { Lost::TooLarge } else { Lost::HubUnavailable };
        metrics.messages_lost.with(LostOn(self.path, reason)).inc();
        metrics.hub_publishes.with((self.scope.to.label(), Done::Error)).inc();
    }
}
