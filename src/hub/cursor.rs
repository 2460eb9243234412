//! Owns the place a node has reached in one scope's journal, as a plain function of what comes: deliver,
//! drop, or find out what is missing. No I/O, no clock.

/// What to do with a message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next.
    Deliver,
    /// It was delivered already.
    Duplicate,
    /// Messages are missing before it.
    Gap,
    /// The scope began anew (flush, fail-over, expiry); the cursor stands at the beginning of the new
    /// epoch now. Ask again.
    Reset,
}

/// A place in a scope's journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    epoch: Option<Box<str>>,
    seq: u64,
}

impl Cursor {
    /// Nothing is known: the first message that comes is taken as the next.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Everything up to here is known; a journal without messages has an empty epoch and ends at 0.
    pub fn at(epoch: &str, seq: u64) -> Self {
        Self { epoch: Some(epoch.into()), seq }
    }

    /// Epoch (None: unknown) and last sequence number.
    pub fn place(&self) -> (Option<&str>, u64) {
        (self.epoch.as_deref(), self.seq)
    }

    /// Decides about a message, and moves on where it says `Deliver` or `Reset`.
    pub fn see(&mut self, epoch: &str, seq: u64) -> Verdict {
        match self.epoch.as_deref() {
            None => {
                *self = Self::at(epoch, seq);
                Verdict::Deliver
            }
            Some(known) if known != epoch => {
                let was_empty = known.is_empty();
                *self = Self::at(epoch, 0);
                // The first epoch of a journal that was empty is no reset.
                if was_empty { self.see(epoch, seq) } else { Verdict::Reset }
            }
            Some(_) if seq <= self.seq => Verdict::Duplicate,
            Some(_) if seq == self.seq + 1 => {
                self.seq = seq;
                Verdict::Deliver
            }
            Some(_) => Verdict::Gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_next_is_delivered_once() {
        let mut cursor = Cursor::unknown();
        assert_eq!(cursor.see("a", 7), Verdict::Deliver);
        assert_eq!(cursor.see("a", 7), Verdict::Duplicate);
        assert_eq!(cursor.see("a", 3), Verdict::Duplicate);
        assert_eq!(cursor.see("a", 8), Verdict::Deliver);
        assert_eq!(cursor.see("a", 10), Verdict::Gap);
        assert_eq!(cursor.place(), (Some("a"), 8));
    }

    #[test]
    fn a_new_epoch_begins_at_its_first_message() {
        let mut cursor = Cursor::at("a", 8);
        assert_eq!(cursor.see("b", 1), Verdict::Reset);
        assert_eq!(cursor.see("b", 1), Verdict::Deliver);
        assert_eq!(cursor.see("c", 2), Verdict::Reset);
        assert_eq!(cursor.see("c", 2), Verdict::Gap);
    }

    #[test]
    fn the_first_epoch_of_an_empty_journal_is_no_reset() {
        assert_eq!(Cursor::at("", 0).see("a", 1), Verdict::Deliver);
        assert_eq!(Cursor::at("", 0).see("a", 2), Verdict::Gap);
    }
}
