//! Owns what the migration sees of one connection: it counts, on V2 connections lints, and hands on to the capture.
//! Dropping it ends it. It is part of every connection, so it holds little.

use super::capture::{self, Body, Capture, Direction, Tap};
use super::lint::{self, Rules};
use super::roster::{Guest, Roster};
use super::shadow;
use crate::clock::Timestamp;
use crate::close::CloseReason;
use crate::dialect::{Frame, Protocol, Spoken};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{LintRule, Path};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;

/// Frames of each V2 connection that are linted before only samples are.
const FIRST: u64 = 32;

/// What all stays look with.
#[derive(Debug)]
pub(super) struct Watch {
    /// Who is here.
    pub roster: Arc<Roster>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// `migration.lint_sample`
    pub lint_sample: u32,
    /// The capture.
    pub capture: Arc<Capture>,
}

/// See the module.
#[derive(Debug)]
pub struct Stay {
    seat: u64,
    guest: Arc<Guest>,
    watch: Arc<Watch>,
    captured: Tap,
    /// Of a V2 client in a mirrored group. In a box: hardly anybody has one.
    shadowed: Option<Box<shadow::Tap>>,
}

impl Stay {
    /// Of a guest that has entered on this seat.
    pub(super) fn new(seat: u64, guest: Arc<Guest>, watch: Arc<Watch>, shadowed: Option<shadow::Tap>) -> Self {
        let stay = Self { seat, guest, watch, captured: Tap::default(), shadowed: shadowed.map(Box::new) };
        if stay.is_legacy() {
            stay.found([LintRule::V2Url].into_iter().collect());
            if stay.guest.newcomer.has_integer_id() {
                stay.found([LintRule::IntegerId].into_iter().collect());
            }
        }
        stay
    }

    /// A data frame came from the client.
    pub fn frame(&mut self, frame: Frame<'_>, now: Timestamp) {
        let before = self.guest.frame();
        if let Some(tap) = &self.shadowed {
            tap.sent(frame);
        }
        if !self.is_legacy() {
            return;
        }
        // Its rules are those of Aether's guide: frames of another dialect would break them all, and mean nothing by it.
        if self.guest.newcomer.spoken == Spoken::AetherV2 && is_sample(before, self.watch.lint_sample) {
            // What is larger than allowed never comes so far; see `ended`.
            let found = lint::frame(frame, usize::MAX);
            self.watch.metrics.v2_lint_frames.only().inc();
            self.guest.wrapped(found.wrapped, now);
            self.found(found.rules);
        }
        if self.is_captured() {
            let body = || match frame {
                Frame::Text(text) => Some(Body::Text(text.into())),
                Frame::Binary(bytes) => Some(Body::Binary(bytes.to_vec().into())),
            };
            capture::take(&self.watch.capture, (&self.guest, self.seat), Direction::In, None, now, body);
        }
    }

    /// Does anybody want to know what is handed to the client? Asked for each frame, so it costs next to nothing.
    pub fn is_tapped(&mut self) -> bool {
        self.shadowed.is_some() || self.is_captured()
    }

    fn is_captured(&mut self) -> bool {
        self.captured.is_in(&self.watch.capture, &self.guest.newcomer)
    }

    /// A delivery was handed to the client's socket.
    pub fn delivered(&mut self, message: &Message, path: Path, now: Timestamp) {
        if let Some(tap) = &self.shadowed {
            tap.heard(message, path);
        }
        self.handed(message, Some(path), now);
    }

    /// The same with an answer that is for this client alone.
    pub fn answered(&mut self, message: &Message, now: Timestamp) {
        if let Some(tap) = &self.shadowed {
            tap.answered(message);
        }
        self.handed(message, None, now);
    }

    fn handed(&mut self, message: &Message, path: Option<Path>, now: Timestamp) {
        if self.is_captured() {
            let body = || Body::of(message);
            capture::take(&self.watch.capture, (&self.guest, self.seat), Direction::Out, path, now, body);
        }
    }

    /// The client's socket takes nothing for the moment, or takes something again.
    pub fn stalled(&self, is: bool) {
        if let Some(tap) = &self.shadowed {
            tap.stalled(is);
        }
    }

    /// The connection ends.
    pub fn ended(&self, reason: CloseReason) {
        if self.is_legacy() && reason == CloseReason::TooBig {
            self.found([LintRule::TooLarge].into_iter().collect());
        }
    }

    fn is_legacy(&self) -> bool {
        self.guest.newcomer.protocol() == Protocol::V2
    }

    fn found(&self, rules: Rules) {
        for rule in rules.iter() {
            self.guest.found(rule);
            self.watch.metrics.v2_lint_findings.with((rule,)).inc();
        }
    }
}

/// Is this frame linted, with so many before it?
fn is_sample(before: u64, one_in: u32) -> bool {
    one_in > 0 && (before < FIRST || before.is_multiple_of(one_in.into()))
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.watch.roster.leave(self.seat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frames_are_linted_and_then_samples() {
        let linted = |one_in| (0..1032).filter(|before| is_sample(*before, one_in)).count();
        assert_eq!((linted(0), linted(1)), (0, 1032));
        assert_eq!(linted(100), 32 + 10);
    }

    #[test]
    fn it_holds_little() {
        assert!(size_of::<Stay>() <= 40, "{}", size_of::<Stay>());
    }
}
