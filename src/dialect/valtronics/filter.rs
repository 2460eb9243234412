//! Owns what a subscriber wants of a channel: which devices, metrics, severities, types and states, and how often.
//! Each is one value or a list of them, a number and a text of the same digits are equal, and an empty list asks for
//! nothing in particular, like one that is not there.

use super::Channel;
use super::facts::Facts;
use super::words::Wrong;
use crate::envelope::json;
use std::borrow::Cow;
use std::time::Duration;

/// Values of one list.
pub const LIST: usize = 100;
/// Bytes of one value.
pub const LONGEST: usize = 128;
/// The longest period (`frequency`).
const SLOWEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A set of values: sorted, none twice, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(Box<[Box<str>]>);

impl Values {
    /// From a member's token; None: it asks for nothing in particular.
    ///
    /// # Errors
    /// It can mean nothing, or is too long.
    pub fn read(name: &'static str, token: &str) -> Result<Option<Self>, Wrong> {
        let one = |token| match scalar(token) {
            None => Err(Wrong::Invalid(name)),
            Some(value) if value.len() > LONGEST => Err(Wrong::TooLong(name)),
            Some(value) => Ok(Box::from(value)),
        };
        if json::is_null(token) {
            return Ok(None);
        }
        let mut all: Vec<Box<str>> = match json::items(token) {
            Some(items) if items.len() > LIST => return Err(Wrong::TooLong(name)),
            Some(items) => items.into_iter().map(one).collect::<Result<_, _>>()?,
            None => vec![one(token)?],
        };
        all.sort_unstable();
        all.dedup();
        Ok((!all.is_empty()).then(|| Self(all.into())))
    }

    /// Is it one of them?
    pub fn has(&self, value: &str) -> bool {
        self.0.binary_search_by(|own| (**own).cmp(value)).is_ok()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|value| &**value)
    }
}

/// The text of a value: a string's, or a number as it is written.
pub fn scalar(token: &str) -> Option<Cow<'_, str>> {
    match token.as_bytes().first()? {
        b'"' => json::decode_str(token),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(token)),
        _ => None,
    }
}

/// What one subscription wants (guide: Subscription Options). What a channel has no option for is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `metrics`: telemetry and system.
    pub metrics: Option<Values>,
    /// `severity`: alerts.
    severity: Option<Values>,
    /// `alert_type`: alerts.
    alert_type: Option<Values>,
    /// `status_types`: devices; the status a device has now.
    status_types: Option<Values>,
    /// `frequency`: telemetry and system; None: all, at once.
    pub period: Option<Duration>,
}

impl Filter {
    /// Takes one member of a subscription; None: it is no filter.
    ///
    /// # Errors
    /// It can mean nothing.
    pub fn take(&mut self, name: &str, token: &str) -> Option<Result<(), Wrong>> {
        let (slot, name) = match name {
            "metrics" => (&mut self.metrics, "metrics"),
            "severity" => (&mut self.severity, "severity"),
            "alert_type" => (&mut self.alert_type, "alert_type"),
            "status_types" => (&mut self.status_types, "status_types"),
            "frequency" => {
                let read = period(token).ok_or(Wrong::Invalid("frequency"));
                return Some(read.map(|period| self.period = period));
            }
            _ => return None,
        };
        Some(Values::read(name, token).map(|values| *slot = values))
    }

    /// Only what the channel has an option for. An alert in particular is never held back by a `frequency`.
    pub fn of(self, channel: Channel) -> Self {
        let Self { metrics, severity, alert_type, status_types, period } = self;
        match channel {
            Channel::Telemetry | Channel::System => Self { metrics, period, ..Self::default() },
            Channel::Alerts => Self { severity, alert_type, ..Self::default() },
            Channel::Devices => Self { status_types, ..Self::default() },
        }
    }

    /// Does it let a frame of its channel and device through? A frame that does not say what is asked for is not let
    /// through, and neither is one with none of the wanted metrics.
    pub fn lets(&self, facts: &Facts<'_>) -> bool {
        let passes = |wanted: &Option<Values>, said: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| said.is_some_and(|said| wanted.has(said)))
        };
        passes(&self.severity, facts.severity())
            && passes(&self.alert_type, facts.alert_type())
            && passes(&self.status_types, facts.new_status())
            && match (&self.metrics, facts.metrics()) {
                (Some(wanted), Some(all)) => all.iter().any(|metric| wanted.has(&metric.key)),
                _ => true,
            }
    }
}

/// A `frequency`: Some(None) is real time.
fn period(token: &str) -> Option<Option<Duration>> {
    if json::is_null(token) {
        return Some(None);
    }
    let value = scalar(token)?;
    if matches!(&*value, "real-time" | "realtime") {
        return Some(None);
    }
    let (number, factor) = match value.as_bytes().last()? {
        b's' => (&value[..value.len() - 1], 1.0),
        b'm' => (&value[..value.len() - 1], 60.0),
        b'h' => (&value[..value.len() - 1], 3600.0),
        _ => (&*value, 1.0),
    };
    // A number's own token may have an exponent; a text may not look like anything else than digits.
    if json::is_string(token) && !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let period = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()?;
    (period <= SLOWEST).then(|| (!period.is_zero()).then_some(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_a_word_a_duration_or_seconds() {
        let seconds = |n| Some(Some(Duration::from_secs_f64(n)));
        for (token, want) in [
            ("\"real-time\"", Some(None)),
            ("null", Some(None)),
            ("0", Some(None)),
            ("\"0s\"", Some(None)),
            ("\"30s\"", seconds(30.0)),
            ("\"5m\"", seconds(300.0)),
            ("\"1h\"", seconds(3600.0)),
            ("\"0.5s\"", seconds(0.5)),
            ("30", seconds(30.0)),
            ("\"30\"", seconds(30.0)),
            ("1e1", seconds(10.0)),
            ("\"24h\"", seconds(86400.0)),
            ("\"25h\"", None),
            ("-1", None),
            ("1e400", None),
            ("\"\"", None),
            ("\"s\"", None),
            ("\".\"", None),
            ("\"inf\"", None),
            ("\"nans\"", None),
            ("\"1e1s\"", None),
            ("\"+1s\"", None),
            ("\"30 s\"", None),
            ("\"often\"", None),
            ("\"é\"", None),
            ("true", None),
            ("[30]", None),
            ("{}", None),
        ] {
            assert_eq!(period(token), want, "{token}");
        }
    }

    #[test]
    fn values_are_one_or_many_and_bounded() {
        let has = |token: &str, value: &str| Values::read("x", token).map(|all| all.is_some_and(|all| all.has(value)));
        for token in ["1", "\"1\"", "[3,1,\"2\",1]", "[\"\\u0031\"]"] {
            assert_eq!(has(token, "1"), Ok(true), "{token}");
            assert_eq!(has(token, "4"), Ok(false), "{token}");
        }
        for token in ["null", "[]", "[ ]"] {
            assert_eq!(Values::read("x", token), Ok(None), "{token}");
        }
        for token in ["true", "{}", "[[1]]", "[null]", "\"\\ud800\""] {
            assert_eq!(Values::read("x", token), Err(Wrong::Invalid("x")), "{token}");
        }
        let many = |n: usize| format!("[{}]", (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
        assert_eq!(has(&many(LIST), "99"), Ok(true));
        assert_eq!(has(&many(LIST + 1), "99"), Err(Wrong::TooLong("x")));
        assert_eq!(has(&format!("\"{}\"", "a".repeat(LONGEST + 1)), "a"), Err(Wrong::TooLong("x")));
    }
}
