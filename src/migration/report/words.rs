//! Owns how moments, durations and numbers are written in reports.

use crate::config::Date;
use crate::migration::record::{DAY, HOUR};

/// A moment in RFC 3339, UTC.
pub fn at(secs: i64) -> String {
    Date::from_secs(secs).to_string()
}

/// The same; 0 = never.
pub fn seen(secs: i64) -> Option<String> {
    (secs > 0).then(|| at(secs))
}

/// The day of a moment.
pub fn day(secs: i64) -> String {
    at(secs).chars().take(10).collect()
}

/// Seconds, as people say them: in the largest unit of which there are two or more.
pub fn long(secs: i64) -> String {
    let (n, unit) = match secs {
        s if s >= 2 * DAY => (s as f64 / DAY as f64, "days"),
        s if s >= 2 * HOUR => (s as f64 / HOUR as f64, "hours"),
        s if s >= 120 => (s as f64 / 60.0, "minutes"),
        s => (s as f64, "seconds"),
    };
    format!("{} {unit}", number(n))
}

/// With one digit behind the point, where it is not 0. Rounded down: what was nearly reached was not reached.
pub fn number(n: f64) -> String {
    let tenths = (n * 10.0 + 1e-9).floor() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0}") } else { format!("{tenths:.1}") }
}

/// "1 client", "2 clients".
pub fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The first five names, and how many more there are.
pub fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> String {
    const MOST: usize = 5;
    let mut rest = all.into_iter();
    let first: Vec<&str> = rest.by_ref().take(MOST).collect();
    match rest.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A share as a percentage that says 0 % and 100 % only where it is so.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 0.1 => "under 0.1 %".to_owned(),
        p if p < 100.0 && p > 99.9 => "over 99.9 %".to_owned(),
        p => format!("{} %", number(p)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(
            (long(7 * DAY), long(36 * HOUR), long(90)),
            ("7 days".into(), "36 hours".into(), "90 seconds".into())
        );
        assert_eq!(long(7 * DAY - 1), "6.9 days", "not 7: that was not reached");
        assert_eq!((count(1, "client"), count(0, "client")), ("1 client".into(), "0 clients".into()));
        assert_eq!(names(["a", "b"]), "a, b");
        assert_eq!(names(["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
        for (share, said) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.5, "50 %"),
            (0.0001, "under 0.1 %"),
            (0.99999, "over 99.9 %"),
            (0.123, "12.3 %"),
        ] {
            assert_eq!(percent(share), said);
        }
        assert_eq!((seen(0), seen(86_400).as_deref()), (None, Some("1970-01-02T00:00:00Z")));
    }
}
