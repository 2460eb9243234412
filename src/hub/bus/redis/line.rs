//! Owns one scope as heard on this node: what is delivered, held back, or fetched from the journal, so that
//! every message comes once and in order although links blip. No I/O: texts go in, messages come out.

use crate::dialect::HubMessage;
use crate::hub::cursor::{Cursor, Verdict};
use bytes::Bytes;
use std::collections::VecDeque;

/// What a line wants to know next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Where the journal ends.
    Top,
    /// What the journal holds behind this place.
    Range(Place),
}

/// A place in a journal; an empty epoch is that of a journal without messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Its epoch.
    pub epoch: String,
    /// The last sequence number.
    pub seq: u64,
}

/// An answer from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Where the journal ends.
    pub top: Place,
    /// Texts behind the place that was asked for (behind 0 when the epoch is another), in order.
    pub entries: Vec<Bytes>,
}

/// What a line noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Messages that came twice.
    pub duplicates: u32,
    /// A hole was filled.
    pub repaired: bool,
    /// Messages are lost: the journal no longer held them.
    pub lost: bool,
    /// The scope began anew.
    pub reset: bool,
    /// The line is settled now: whoever waits for it may come in.
    pub settled: bool,
}

/// Receives messages in order.
pub trait Sink {
    /// A message of the scope.
    fn deliver(&mut self, message: &HubMessage<'_>);
    /// Something that is no message.
    fn invalid(&mut self, error: &crate::dialect::WireError);
}

#[derive(Debug)]
enum Phase {
    /// Not heard: no link, or the subscription is not confirmed.
    Deaf,
    /// Heard, but the journal must be read before what comes can be delivered.
    Settling(Held),
    /// Everything that comes is delivered.
    Live,
}

#[derive(Debug, Default)]
struct Held {
    texts: VecDeque<Bytes>,
    /// Some had to go; the journal has them.
    overflowed: bool,
}

/// One scope.
#[derive(Debug)]
pub struct Line {
    cursor: Cursor,
    phase: Phase,
    /// The cursor is worth something: the line has been settled once.
    known: bool,
    /// A top that was seen ahead of the cursor at the last check.
    suspect: Option<u64>,
    /// Ranges asked for in a row.
    attempts: u32,
    journal: bool,
    most_held: usize,
}

/// A gap that so many looks at the journal do not close is no race but a loss.
const MOST_ATTEMPTS: u32 = 4;

impl Line {
    /// A scope that is not heard yet.
    pub fn new(journal: bool, most_held: usize) -> Self {
        Self {
            cursor: Cursor::unknown(),
            phase: Phase::Deaf,
            known: false,
            suspect: None,
            attempts: 0,
            journal,
            most_held,
        }
    }

    /// The link is lost.
    pub fn lost_link(&mut self) {
        self.phase = Phase::Deaf;
        self.suspect = None;
    }

    /// Is everything that comes delivered?
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// The subscription is confirmed.
    pub fn subscribed(&mut self, noticed: &mut Noticed) -> Need {
        if !self.journal {
            self.phase = Phase::Live;
            noticed.settled = true;
            return Need::Nothing;
        }
        self.phase = Phase::Settling(Held::default());
        self.attempts = 0;
        if self.known { self.range() } else { Need::Top }
    }

    fn range(&mut self) -> Need {
        let (epoch, seq) = self.cursor.place();
        Need::Range(Place { epoch: epoch.unwrap_or_default().to_owned(), seq })
    }

    /// A text came on the channel.
    pub fn text(&mut self, text: Bytes, sink: &mut impl Sink, noticed: &mut Noticed) -> Need {
        match &mut self.phase {
            Phase::Deaf => Need::Nothing,
            Phase::Settling(held) => {
                if held.texts.len() >= self.most_held {
                    held.overflowed = true;
                } else {
                    held.texts.push_back(text);
                }
                Need::Nothing
            }
            Phase::Live => match self.offer(&text, sink, noticed) {
                true => Need::Nothing,
                false => {
                    self.phase = Phase::Settling(Held { texts: VecDeque::from([text]), overflowed: false });
                    self.attempts = 0;
                    self.range()
                }
            },
        }
    }

    /// Delivers a text if it is the next; false when something is missing before it.
    fn offer(&mut self, text: &Bytes, sink: &mut impl Sink, noticed: &mut Noticed) -> bool {
        let message = match std::str::from_utf8(text)
            .map_err(|_| crate::dialect::WireError::Receipt)
            .and_then(HubMessage::read)
        {
            Ok(message) => message,
            Err(error) => {
                sink.invalid(&error);
                return true;
            }
        };
        let Some((epoch, seq)) = message.stamp() else {
            // Foreign, or of a proxy without a journal: nothing is known of its order.
            sink.deliver(&message);
            return true;
        };
        match self.cursor.see(epoch, seq) {
            Verdict::Deliver => {
                sink.deliver(&message);
                true
            }
            Verdict::Duplicate => {
                noticed.duplicates += 1;
                true
            }
            Verdict::Gap => false,
            Verdict::Reset => {
                noticed.reset = true;
                self.cursor.see(epoch, seq) == Verdict::Deliver && {
                    sink.deliver(&message);
                    true
                }
            }
        }
    }

    /// The journal's end, asked for by `Need::Top`.
    pub fn top(&mut self, top: Place, sink: &mut impl Sink, noticed: &mut Noticed) -> Need {
        let Phase::Settling(held) = &mut self.phase else { return Need::Nothing };
        if self.known {
            // An answer to a question of an earlier subscription.
            return Need::Nothing;
        }
        if held.overflowed {
            // Whatever came is in the journal too; take its end as the place to begin.
            held.texts.clear();
        }
        // What came since the subscription is news, and the first of it is where we begin; the journal's
        // end may already lie behind it.
        self.cursor = if held.texts.is_empty() { Cursor::at(&top.epoch, top.seq) } else { Cursor::unknown() };
        self.known = true;
        self.settle(sink, noticed)
    }

    /// What the journal holds, asked for by `Need::Range`.
    pub fn fill(&mut self, range: Range, sink: &mut impl Sink, noticed: &mut Noticed) -> Need {
        if !matches!(self.phase, Phase::Settling(_)) {
            return Need::Nothing;
        }
        self.attempts += 1;
        let (epoch, seq) = self.cursor.place();
        let same = epoch.unwrap_or_default() == range.top.epoch;
        if !same || range.top.seq < seq {
            // Flushed, expired, or a replica took over that had not heard everything.
            noticed.reset |= epoch.is_some_and(|e| !e.is_empty());
            let seq = if same { range.top.seq } else { 0 };
            self.cursor = Cursor::at(&range.top.epoch, seq);
        }
        let before = self.cursor.place().1;
        for text in &range.entries {
            if !self.offer(text, sink, noticed) {
                // The journal has a hole itself: it was trimmed. Go on behind it.
                noticed.lost = true;
                self.skip_to(text);
                self.offer(text, sink, noticed);
            }
        }
        let reached = self.cursor.place().1;
        if reached < range.top.seq && self.attempts >= MOST_ATTEMPTS {
            noticed.lost = true;
            self.cursor = Cursor::at(&range.top.epoch, range.top.seq);
        }
        noticed.repaired |= reached > before;
        self.settle(sink, noticed)
    }

    /// Puts the cursor right before a text.
    fn skip_to(&mut self, text: &[u8]) {
        let stamp = std::str::from_utf8(text).ok().and_then(|text| {
            let message = HubMessage::read(text).ok()?;
            message.stamp().map(|(epoch, seq)| (epoch.to_owned(), seq))
        });
        if let Some((epoch, seq)) = stamp {
            self.cursor = Cursor::at(&epoch, seq.saturating_sub(1));
        }
    }

    /// Delivers what was held back, until something is missing again.
    fn settle(&mut self, sink: &mut impl Sink, noticed: &mut Noticed) -> Need {
        let Phase::Settling(held) = std::mem::replace(&mut self.phase, Phase::Live) else { return Need::Nothing };
        let Held { mut texts, overflowed } = held;
        while let Some(text) = texts.front() {
            if !self.offer(text, sink, noticed) {
                if self.attempts >= MOST_ATTEMPTS {
                    noticed.lost = true;
                    self.skip_to(&text.clone());
                    continue;
                }
                self.phase = Phase::Settling(Held { texts, overflowed });
                return self.range();
            }
            texts.pop_front();
        }
        if overflowed {
            self.phase = Phase::Settling(Held::default());
            return self.range();
        }
        self.attempts = 0;
        noticed.settled = true;
        Need::Nothing
    }

    /// A periodic look at the journal's end: a lost last message shows in no gap.
    pub fn check(&mut self, top: &Place) -> Need {
        if !self.is_live() || !self.journal || !self.known {
            return Need::Nothing;
        }
        let (epoch, seq) = self.cursor.place();
        let same = epoch.unwrap_or_default() == top.epoch;
        let missing = (!same && top.seq > 0) || (same && top.seq != seq);
        if !missing {
            self.suspect = None;
            return Need::Nothing;
        }
        // It may still be on its way: only what is missing twice is missing.
        if self.suspect.replace(seq) != Some(seq) {
            return Need::Nothing;
        }
        self.suspect = None;
        self.phase = Phase::Settling(Held::default());
        self.attempts = 0;
        self.range()
    }
}

#[cfg(test)]
mod tests;
