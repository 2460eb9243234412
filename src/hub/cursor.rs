//! Owns the place a node has reached in one scope's journal, as a plain function of what comes: deliver,
//! drop, or ask for what is missing. No I/O, no clock.

/// What to do with a message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next: deliver it.
    Deliver,
    /// It was delivered already.
    Duplicate,
    /// Messages are missing in between: fetch from `from` (inclusive) and hold this one.
    Gap {
        /// The first missing sequence number.
        from: u64,
    },
    /// The scope began anew (flush, fail-over, expiry). Deliver from `from` on; the message itself
    /// is next when `from` is its own number.
    Reset {
        /// The first sequence number of the new epoch that is not known here.
        from: u64,
    },
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

    /// The journal ends here; an empty journal has no epoch and ends at 0.
    pub fn at(epoch: &str, seq: u64) -> Self {
        Self { epoch: Some(epoch.into()), seq }
    }

    /// The epoch and last sequence number delivered.
    pub fn place(&self) -> (Option<&str>, u64) {
        (self.epoch.as_deref(), self.seq)
    }

    /// Decides about a message; moves on where it says `Deliver`, or `Reset` to the message itself.
    pub fn see(&mut self, epoch: &str, seq: u64) -> Verdict {
        match self.epoch.as_deref() {
            None => {
                *self = Self::at(epoch, seq);
                Verdict::Deliver
            }
            // An empty journal that was looked at: everything since its first message is news.
            Some("") => self.begin(epoch, seq, false),
            Some(known) if known != epoch => self.begin(epoch, seq, true),
            Some(_) if seq <= self.seq => Verdict::Duplicate,
            Some(_) if seq == self.seq + 1 => {
                self.seq = seq;
                Verdict::Deliver
            }
            Some(_) => Verdict::Gap { from: self.seq + 1 },
        }
    }

    fn begin(&mut self, epoch: &str, seq: u64, reset: bool) -> Verdict {
        *self = Self::at(epoch, 0);
        if seq == 1 {
            self.seq = 1;
        }
        match (reset, seq) {
            (true, _) => Verdict::Reset { from: 1 },
            (false, 1) => Verdict::Deliver,
            (false, _) => Verdict::Gap { from: 1 },
        }
    }
}
