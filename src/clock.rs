//! Owns the question "what time is it": the system's answer, or a fixed one in tests.
//! Deadlines and intervals are tokio's, whose time tests can pause; this is the calendar.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Appends `2026-03-11T12:34:56.789Z`, the form of `sent_at`.
    pub fn write(self, out: &mut String) {
        use jiff::fmt::{StdFmtWrite, temporal::DateTimePrinter};
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        // Writing to a String cannot fail.
        let _ = PRINTER.print_timestamp(&at, StdFmtWrite(out));
    }

    /// Seconds since 1970, as metrics want them.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Whole seconds since 1970.
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// A source of time. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until `set`.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.0))))
    }

    /// Moves a fixed clock; the system's stays as it is.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.0 {
            fixed.store(at.0, Ordering::Relaxed);
        }
    }

    /// Now.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(fixed) => Timestamp(fixed.load(Ordering::Relaxed)),
            None => Timestamp(
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_form_of_sent_at() {
        let mut out = String::new();
        Timestamp(1_773_232_496_789).write(&mut out);
        assert_eq!(out, "2026-03-11T12:34:56.789Z");
        out.clear();
        Timestamp(1_773_232_496_000).write(&mut out);
        assert_eq!(out, "2026-03-11T12:34:56.000Z");
    }
}
