//! Owns the guide's limits on what one connection says (guide: Message Limits). Who is above one is told so, and the
//! frame is not looked at; the connection stays.

use super::Rules;
use super::words::Wrong;
use crate::dialect::Frame;
use std::time::{Duration, Instant};

/// What a rate is counted over.
const SECOND: Duration = Duration::from_secs(1);

/// The limits of one connection, and how near to them it is.
#[derive(Debug, Clone)]
pub struct Gate {
    message: usize,
    messages_per_second: u32,
    /// A second, and the frames in it.
    second: Option<(Instant, u32)>,
}

impl Gate {
    /// Nothing has been said yet.
    pub fn new(rules: &Rules) -> Self {
        Self { message: rules.message, messages_per_second: rules.messages_per_second, second: None }
    }

    /// A frame's text.
    ///
    /// # Errors
    /// It is one too many, too large, or none.
    pub fn admit<'a>(&mut self, frame: Frame<'a>, now: Instant) -> Result<&'a str, Wrong> {
        if self.messages_per_second > 0 {
            let (since, count) = match self.second {
                Some((since, count)) if now.saturating_duration_since(since) < SECOND => (since, count),
                _ => (now, 0),
            };
            self.second = Some((since, count.saturating_add(1)));
            if count >= self.messages_per_second {
                return Err(Wrong::TooFast(self.messages_per_second));
            }
        }
        if self.message > 0 && frame.len() > self.message {
            return Err(Wrong::TooBig(self.message));
        }
        match frame {
            Frame::Text(text) => Ok(text),
            Frame::Binary(_) => Err(Wrong::Binary),
        }
    }
}
