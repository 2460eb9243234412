//! A time of the week, or one time only, as people write it: `"Mon-Fri 09:00-10:00"`, `"daily 03:00-03:15"`,
//! `"2026-12-01T09:00:00Z/2026-12-01T10:00:00Z"`. UTC throughout.

use super::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;

const FORM: &str = "a window such as \"Mon-Fri 09:00-10:00\", \"daily 03:00-03:15\", \
                    \"2026-12-01T09:00:00Z/2026-12-01T10:00:00Z\" (UTC)";
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: i64 = 24 * 3600;
/// 1970-01-01 was a Thursday.
const EPOCH_WEEKDAY: i64 = 3;

/// When something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// On these days of the week, between these minutes of the day.
    Weekly {
        /// Bit 0 = Monday.
        days: u8,
        /// Minutes since midnight.
        from: u16,
        /// Exclusive; more than `from`, at most 1440.
        until: u16,
    },
    /// Once.
    Once {
        /// The first moment.
        from: Date,
        /// The first moment after it.
        until: Date,
    },
}

impl Window {
    /// Reads one.
    ///
    /// # Errors
    /// What it should look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not {FORM}");
        if let Some((from, until)) = text.split_once('/') {
            let (from, until) = (Date::parse(from)?, Date::parse(until)?);
            return if from < until {
                Ok(Self::Once { from, until })
            } else {
                Err(format!("`{text}` ends before it begins"))
            };
        }
        let (days, hours) = text.trim().split_once(' ').ok_or_else(bad)?;
        let (from, until) = hours.trim().split_once('-').ok_or_else(bad)?;
        let (from, until) = (minute(from).ok_or_else(bad)?, minute(until).ok_or_else(bad)?);
        if from >= until {
            return Err(format!("`{text}` ends before it begins; a window over midnight is two windows"));
        }
        Ok(Self::Weekly { days: weekdays(days).ok_or_else(bad)?, from, until })
    }

    /// Does it hold at this second?
    pub fn holds(&self, at: i64) -> bool {
        match *self {
            Self::Once { from, until } => (from.secs()..until.secs()).contains(&at),
            Self::Weekly { days, from, until } => {
                let weekday = (at.div_euclid(DAY) + EPOCH_WEEKDAY).rem_euclid(7);
                let second = at.rem_euclid(DAY);
                days & (1 << weekday) != 0 && (i64::from(from) * 60..i64::from(until) * 60).contains(&second)
            }
        }
    }

    /// The first second after this one at which it begins or ends; None when it never does again.
    pub fn next_change(&self, at: i64) -> Option<i64> {
        match *self {
            Self::Once { from, until } => [from.secs(), until.secs()].into_iter().find(|edge| *edge > at),
            Self::Weekly { from, until, .. } => {
                let midnight = at.div_euclid(DAY) * DAY;
                let edges = (0..9).flat_map(|day| [from, until].map(|m| midnight + day * DAY + i64::from(m) * 60));
                edges.filter(|edge| *edge > at).find(|edge| self.holds(*edge) != self.holds(*edge - 1))
            }
        }
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    // Hours first: a thousand of them do not fit.
    (hour <= 24 && minute < 60 && hour * 60 + minute <= 1440).then(|| hour * 60 + minute)
}

fn weekdays(text: &str) -> Option<u8> {
    if text.eq_ignore_ascii_case("daily") {
        return Some(0b111_1111);
    }
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name.trim()));
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // "Sat-Mon" goes over the end of the week.
        (0..=(last + 7 - first) % 7).for_each(|n| days |= 1 << ((first + n) % 7));
    }
    Some(days)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Once { from, until } => write!(f, "{from}/{until}"),
            Self::Weekly { days, from, until } => {
                let names: Vec<_> = (0..7).filter(|day| days & (1 << day) != 0).map(|day| DAYS[day]).collect();
                let days = if names.len() == 7 { "daily".to_owned() } else { names.join(",") };
                write!(f, "{days} {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
            }
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d).map_err(|_| D::Error::custom(format!("must be {FORM}")))?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Date::parse(text).expect("a time").secs()
    }

    #[test]
    fn every_form_reads_back_as_written() {
        for text in ["Mon,Tue,Wed,Thu,Fri 09:00-10:00", "daily 03:00-03:15", "Sat,Sun 00:00-24:00"] {
            assert_eq!(Window::parse(text).expect("a window").to_string(), text);
        }
        assert_eq!(Window::parse("sat-mon 08:05-08:10").expect("over the week").to_string(), "Mon,Sat,Sun 08:05-08:10");
        for bad in [
            "",
            "Mon",
            "Mon 9-10",
            "Mon 10:00-09:00",
            "Mon 09:00-24:01",
            "Mon 09:60-10:00",
            "Mon 1093:00-1093:30",
            "Mux 09:00-10:00",
            "2026-12-01T10:00:00Z/2026-12-01T09:00:00Z",
            "9/10",
        ] {
            assert!(Window::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_holds_between_its_edges_and_tells_the_next() {
        // 2026-11-23 is a Monday.
        let window = Window::parse("Mon-Fri 09:00-10:00").expect("a window");
        assert!(!window.holds(at("2026-11-23T08:59:59Z")) && window.holds(at("2026-11-23T09:00:00Z")));
        assert!(window.holds(at("2026-11-23T09:59:59Z")) && !window.holds(at("2026-11-23T10:00:00Z")));
        assert!(!window.holds(at("2026-11-22T09:30:00Z")));
        assert_eq!(window.next_change(at("2026-11-27T10:00:00Z")), Some(at("2026-11-30T09:00:00Z")));
        assert_eq!(window.next_change(at("2026-11-30T09:00:00Z")), Some(at("2026-11-30T10:00:00Z")));
        let always = Window::parse("daily 00:00-24:00").expect("a window");
        assert_eq!(always.next_change(0), None);
        let once = Window::parse("2026-12-01T09:00:00Z/2026-12-01T10:00:00Z").expect("a window");
        assert_eq!(once.next_change(at("2026-12-01")), Some(at("2026-12-01T09:00:00Z")));
        assert_eq!(once.next_change(at("2026-12-01T10:00:00Z")), None);
    }
}
