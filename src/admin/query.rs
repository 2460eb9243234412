//! Owns the parameters of a request: each is read once, by its name; what is left over, doubled or no good is named.

use crate::config::Date;
use percent_encoding::percent_decode_str;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Bytes of one value.
const MOST: usize = 2048;
/// Parameters. Each is compared with those before it.
const MOST_PARAMETERS: usize = 32;

/// A parameter that is no good.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    /// Its name.
    pub parameter: String,
    /// What it should be. The value is not repeated.
    pub problem: String,
}

impl Bad {
    /// Of this parameter, whose name is shortened.
    pub fn new(parameter: &str, problem: impl Display) -> Self {
        Self { parameter: parameter.chars().take(64).collect(), problem: problem.to_string() }
    }
}

/// What stands behind the `?`.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads it; an empty value is as good as none.
    pub fn parse(text: &str) -> Result<Self, Bad> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |text: &str| {
                let spaced = text.replace('+', " ");
                percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).ok()
            };
            let (Some(name), value) = (text(name), text(value)) else { return Err(Bad::new("", "is not UTF-8")) };
            let Some(value) = value else { return Err(Bad::new(&name, "is not UTF-8")) };
            if value.len() > MOST {
                return Err(Bad::new(&name, "is too long"));
            }
            if pairs.iter().any(|(seen, _)| *seen == name) {
                return Err(Bad::new(&name, "stands there twice"));
            }
            if pairs.len() == MOST_PARAMETERS {
                return Err(Bad::new(&name, "is one too many"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(seen, _)| seen == name)?;
        Some(self.0.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    /// A number in a range.
    pub fn number(&mut self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, Bad> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|n| range.contains(n));
        let bad = || Bad::new(name, format!("must be a number from {} to {}", range.start(), range.end()));
        number.ok_or_else(bad).map(Some)
    }

    /// A date or time, in seconds.
    pub fn moment(&mut self, name: &str) -> Result<Option<i64>, Bad> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let form = "must be a date such as 2026-12-01, or a time such as 2026-12-01T09:30:00Z";
        Date::parse(&text).map(|date| Some(date.secs())).map_err(|_| Bad::new(name, form))
    }

    /// One of some words; the first where nothing is said.
    pub fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<T, Bad> {
        let text = self.text(name);
        let found = words.iter().find(|(word, _)| text.as_deref().is_none_or(|text| text == *word));
        let names = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(|(_, value)| *value).ok_or_else(|| Bad::new(name, format!("must be one of: {}", names())))
    }

    /// Whatever nobody asked for is a mistake of the asker.
    pub fn end(self) -> Result<(), Bad> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(Bad::new(name, "is not known here")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str, read: impl FnOnce(&mut Query) -> Result<(), Bad>) -> String {
        let mut query = match Query::parse(text) {
            Ok(query) => query,
            Err(bad) => return bad.parameter,
        };
        read(&mut query).and_then(|()| query.end()).err().map_or_else(String::new, |bad| bad.parameter)
    }

    #[test]
    fn values_are_decoded_and_mistakes_are_named() {
        let mut query = Query::parse("q=a+b%26%C3%A4&limit=10&since=2026-12-01&empty=").expect("a query");
        assert_eq!(query.text("q").as_deref(), Some("a b&ä"));
        assert_eq!(query.number("limit", 1..=10), Ok(Some(10)));
        assert_eq!(query.moment("since"), Ok(Some(1_796_083_200)));
        assert_eq!((query.text("empty"), query.number("none", 1..=2)), (None, Ok(None)));
        assert_eq!(query.end(), Ok(()));
        let limit = |query: &mut Query| query.number("limit", 1..=10).map(drop);
        for wrong in ["limit=0", "limit=11", "limit=x", "limit=-1", "limit=1&limit=1", "limit=%ff"] {
            assert_eq!(bad(wrong, limit), "limit", "{wrong}");
        }
        assert_eq!(bad("since=soon", |query| query.moment("since").map(drop)), "since");
        assert_eq!(bad("nope=1", |_| Ok(())), "nope");
        assert_eq!(bad(&format!("q={}", "x".repeat(3000)), |_| Ok(())), "q");
        let all = |n: usize| (0..n).map(|i| format!("p{i}=1&")).collect::<String>();
        assert_eq!(bad(&all(MOST_PARAMETERS + 1), |_| Ok(())), format!("p{MOST_PARAMETERS}"));
        assert_eq!(bad(&all(MOST_PARAMETERS), |_| Ok(())), "p0");
        let words = [("json", 1), ("csv", 2)];
        assert_eq!(Query::parse("f=csv").expect("a query").word("f", &words), Ok(2));
        assert_eq!(Query::default().word("f", &words), Ok(1));
        assert_eq!(bad("f=xml", |query| query.word("f", &words).map(drop)), "f");
    }
}
