//! Owns what one connection was told of the worker's status, and the worker's last word on it. Who asks for the status
//! is answered by what the hub has kept, and that may be older than what was announced meanwhile: the worker hears it
//! too, and then says again how it is.

use std::time::{Duration, Instant};

/// So long the worker waits: what is behind a wrong word may be the right one.
pub(super) const PAUSE: Duration = Duration::from_millis(250);
/// So often it says it without being heard: then somebody speaks for it who cannot be helped.
const MOST: u8 = 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Is the worker online? None: nothing was told.
    online: Option<bool>,
    /// The worker's connection alone: the frame that is right.
    own: Option<String>,
    /// Since when the others have been told something else.
    wrong: Option<Instant>,
    /// How often it was said again since it was last heard.
    again: u8,
}

impl Told {
    /// The status that was told last.
    pub fn online(&self) -> Option<bool> {
        self.online
    }

    /// It is told this; returns what it was told before.
    pub fn tell(&mut self, online: bool) -> Option<bool> {
        self.online.replace(online)
    }

    /// From now on the worker stands by this frame.
    pub fn stand_by(&mut self, frame: String) {
        (self.own, self.again) = (Some(frame), 0);
    }

    /// Everybody is told this frame, or, without one, that the worker is gone.
    pub fn heard(&mut self, frame: Option<&str>, now: Instant) {
        let Some(own) = &self.own else { return };
        if frame == Some(own) {
            (self.wrong, self.again) = (None, 0);
        } else if self.again < MOST {
            self.wrong = self.wrong.or(Some(now));
        }
    }

    /// When the worker is to say it again.
    pub fn deadline(&self) -> Option<Instant> {
        self.wrong.map(|since| since + PAUSE)
    }

    /// What it says then.
    pub fn again(&mut self, now: Instant) -> Option<String> {
        self.deadline().filter(|due| *due <= now)?;
        (self.wrong, self.again) = (None, self.again + 1);
        self.own.clone()
    }
}
