//! Owns one scope as heard on this node: what is delivered, held back, or fetched from the journal, so that
//! every message comes once and in order although links blip. No I/O: texts go in, messages come out.

mod history;

use crate::dialect::{HubMessage, WireError};
use crate::hub::cursor::{Cursor, Verdict};
use bytes::Bytes;
use history::History;
pub use history::MOST as REMEMBERED;
use std::collections::VecDeque;

/// What a line wants to know next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Where the journal ends.
    Top,
    /// What the journal holds behind this place, and so many before it, to see whether they are the same.
    Range(Place, u64),
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
    /// The place that was asked for.
    pub from: Place,
    /// How many before it.
    pub before: u64,
    /// Where the journal ends.
    pub top: Place,
    /// Numbers and texts from there on (behind 0 when the epoch is another), in order.
    pub entries: Vec<(u64, Bytes)>,
    /// There are more.
    pub more: bool,
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
    /// It did so while nobody listened: what the old journal still held for us, nobody knows.
    pub unsure: bool,
    /// The line is settled now: whoever waits for it may come in.
    pub settled: bool,
}

/// Receives messages in order.
pub trait Sink {
    /// A message of the scope.
    fn deliver(&mut self, message: &HubMessage<'_>);
    /// Something that is no message.
    fn invalid(&mut self, error: &WireError);
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
    history: History,
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

/// To find where a journal parts from what was heard, so many times more of it is read each time.
const STEP: u64 = 16;
/// A gap that so many looks at the journal do not close is no race but a loss.
const MOST_ATTEMPTS: u32 = 4;

impl Line {
    /// A scope that is not heard yet.
    pub fn new(journal: bool, most_held: usize) -> Self {
        Self {
            cursor: Cursor::unknown(),
            history: History::default(),
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

    fn range(&self) -> Need {
        Need::Range(self.place(), self.history.len().min(1) as u64)
    }

    fn place(&self) -> Place {
        let (epoch, seq) = self.cursor.place();
        Place { epoch: epoch.unwrap_or_default().to_owned(), seq }
    }

    /// The question that was asked last was not answered.
    pub fn ask_again(&self) -> Need {
        match &self.phase {
            Phase::Settling(_) if self.known => self.range(),
            Phase::Settling(_) => Need::Top,
            _ => Need::Nothing,
        }
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
        let message = match read(text) {
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
        let mut verdict = self.cursor.see(epoch, seq);
        if verdict == Verdict::Reset {
            noticed.reset = true;
            self.history.disown(u64::MAX);
            verdict = self.cursor.see(epoch, seq);
        }
        match verdict {
            Verdict::Deliver => {
                match self.history.was_disowned(&message) {
                    true => noticed.duplicates += 1,
                    false => sink.deliver(&message),
                }
                self.history.push(history::print(&message));
                true
            }
            Verdict::Duplicate => {
                noticed.duplicates += 1;
                true
            }
            Verdict::Gap | Verdict::Reset => false,
        }
    }

    /// The journal's end and its last text, asked for by `Need::Top`.
    pub fn top(&mut self, top: &Place, last: Option<&Bytes>, sink: &mut impl Sink, noticed: &mut Noticed) -> Need {
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
        self.cursor = match held.texts.iter().find_map(stamp) {
            Some((epoch, seq)) if epoch != top.epoch || seq <= top.seq => Cursor::at(&epoch, seq.saturating_sub(1)),
            _ => {
                last.and_then(|text| read(text).ok()).iter().for_each(|text| self.history.push(history::print(text)));
                Cursor::at(&top.epoch, top.seq)
            }
        };
        self.known = true;
        self.settle(sink, noticed)
    }

    /// What the journal holds, asked for by `Need::Range`.
    pub fn fill(&mut self, range: &Range, sink: &mut impl Sink, noticed: &mut Noticed) -> Need {
        // An answer to an earlier question says nothing about now.
        if !matches!(self.phase, Phase::Settling(_)) || range.from != self.place() {
            return Need::Nothing;
        }
        self.attempts += 1;
        if let Some(need) = self.compare(range, noticed) {
            self.attempts = 0;
            return need;
        }
        let known = self.cursor.place().1;
        for (seq, text) in &range.entries {
            if *seq > known && !self.offer(text, sink, noticed) {
                // The journal has a hole itself: it was trimmed. Go on behind it.
                noticed.lost = true;
                self.skip_to(text);
                self.offer(text, sink, noticed);
            }
        }
        let reached = self.cursor.place().1;
        noticed.repaired |= reached > known;
        if range.more && reached > known {
            self.attempts = 0;
            return self.range();
        }
        if reached < range.top.seq && self.attempts >= MOST_ATTEMPTS {
            noticed.lost = true;
            self.history.forget();
            self.cursor = Cursor::at(&range.top.epoch, range.top.seq);
        }
        self.settle(sink, noticed)
    }

    /// Is the journal the one that was heard? Puts the cursor where both part; asks for more to find it.
    fn compare(&mut self, range: &Range, noticed: &mut Noticed) -> Option<Need> {
        let (epoch, seq) = self.cursor.place();
        let epoch = epoch.unwrap_or_default();
        if epoch != range.top.epoch {
            // Flushed, or expired.
            noticed.reset |= !epoch.is_empty();
            noticed.unsure |= !epoch.is_empty();
            self.history.disown(u64::MAX);
            self.cursor = Cursor::at(&range.top.epoch, 0);
            return None;
        }
        let heard = range.entries.iter().take_while(|(number, _)| *number <= seq);
        let other = heard.map(|(number, text)| (*number, text)).find(|(number, text)| {
            let print = self.history.back(seq - number);
            print.is_some_and(|print| read(text).is_ok_and(|message| history::print(&message) != print))
        });
        if other.is_none() && range.top.seq >= seq {
            return None;
        }
        // A replica took over that had not heard everything.
        let remembered = self.history.len() as u64;
        let first = (seq + 1).saturating_sub(range.before);
        let parted = other.map_or(range.top.seq.saturating_add(1), |(number, _)| number);
        if range.before < remembered && parted <= first {
            // In steps: they may be long, and most part late.
            return Some(Need::Range(range.from.clone(), (range.before.max(1) * STEP).min(remembered)));
        }
        let shared = other.map_or(range.top.seq, |(number, _)| number.saturating_sub(1));
        noticed.reset = true;
        // Nothing of what is remembered is in the journal: there may be more before it.
        noticed.lost |= other.is_some() && shared + remembered <= seq;
        self.cursor = Cursor::at(&range.top.epoch, shared);
        self.history.disown(seq - shared);
        None
    }

    /// Puts the cursor right before a text.
    fn skip_to(&mut self, text: &Bytes) {
        if let Some((epoch, seq)) = stamp(text) {
            self.history.forget();
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
                    let text = text.clone();
                    self.skip_to(&text);
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

fn read(text: &Bytes) -> Result<HubMessage<'_>, WireError> {
    std::str::from_utf8(text).map_err(|_| WireError::Receipt).and_then(HubMessage::read)
}

fn stamp(text: &Bytes) -> Option<(String, u64)> {
    read(text).ok()?.stamp().map(|(epoch, seq)| (epoch.to_owned(), seq))
}

#[cfg(test)]
mod tests;
