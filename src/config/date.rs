//! A point in time as people write it: `"2026-12-01"` (midnight UTC) or `"2026-12-01T09:30:00Z"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;

const FORM: &str = "a date such as \"2026-12-01\", or a time such as \"2026-12-01T09:30:00Z\"";

/// Whole seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(i64);

impl Date {
    /// From seconds since 1970.
    pub fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970.
    pub fn secs(self) -> i64 {
        self.0
    }

    /// Reads a date, or a time with its offset from UTC.
    ///
    /// # Errors
    /// What it should look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        // A date alone would not be read as a timestamp; a time without an offset is refused: whose noon is it?
        match text.parse::<jiff::Timestamp>() {
            Ok(at) => Ok(Self(at.as_second())),
            Err(_) if text.len() <= 10 => {
                day().map(|at| Self(at.timestamp().as_second())).ok_or_else(|| format!("`{text}` is not {FORM}"))
            }
            Err(_) => Err(format!("`{text}` is not {FORM}")),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d).map_err(|_| D::Error::custom(format!("must be {FORM}")))?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_and_written() {
        let shown = |text: &str| Date::parse(text).map(|date| date.to_string());
        assert_eq!(shown("2026-12-01").as_deref(), Ok("2026-12-01T00:00:00Z"));
        assert_eq!(shown("2026-12-01T09:30:00Z").as_deref(), Ok("2026-12-01T09:30:00Z"));
        assert_eq!(shown("2026-12-01T10:30:00+01:00").as_deref(), Ok("2026-12-01T09:30:00Z"));
        for bad in ["", "tomorrow", "2026-13-01", "2026-12-01T09:30:00", "1764547200", "01.12.2026"] {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }
}
