//! Reads `/metrics` as Prometheus does (text exposition format 0.0.4) and answers questions about it.
//! A series that is not there is a failure, never a zero: a renamed metric must not pass a test.

use super::http;
use std::{collections::BTreeMap, net::SocketAddr};

/// One scrape.
#[derive(Debug)]
pub struct Scrape {
    series: Vec<Series>,
}

#[derive(Debug, PartialEq)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Fetches `/metrics` from an admin address; panics when that fails.
    pub async fn of(admin: SocketAddr) -> Self {
        let reply = http::get(&format!("http://{admin}/metrics")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        Self::parse(&reply.body)
    }

    /// Reads an exposition; panics on a line that is none, and on a series that is there twice.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut series: Vec<Series> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for line in lines {
            let one = parse_line(line).unwrap_or_else(|| panic!("not a sample of the text exposition: {line}"));
            assert!(seen.insert((one.name.clone(), one.labels.clone())), "the same series twice: {line}");
            series.push(one);
        }
        Self { series }
    }

    /// The value of the one series with this name and these labels. Labels that are not named may be anything;
    /// when that leaves more than one series, or none, it panics.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match self.find(name, labels)[..] {
            [one] => one.value,
            [] => self.missing(name, labels),
            ref several => panic!("{} series match {name}{labels:?}; name more labels or take sum_of", several.len()),
        }
    }

    /// The sum over all series of this name, of which there must be one.
    pub fn sum(&self, name: &str) -> f64 {
        self.sum_of(name, &[])
    }

    /// The sum over all series with this name and these labels, of which there must be one.
    pub fn sum_of(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.find(name, labels);
        if found.is_empty() {
            self.missing(name, labels);
        }
        found.iter().map(|series| series.value).sum()
    }

    /// How many series there are in all: what a scrape costs, and what must not grow with the number of clients.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Is there a series of this name? For the check of dashboards against a real scrape.
    pub fn has(&self, name: &str) -> bool {
        !self.find(name, &[]).is_empty()
    }

    /// Every value that a label has anywhere.
    pub fn label_values(&self, label: &str) -> Vec<&str> {
        let mut values: Vec<&str> =
            self.series.iter().filter_map(|series| series.labels.get(label)).map(String::as_str).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    fn find(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Series> {
        let fits = |series: &&Series| {
            series.name == name && labels.iter().all(|(key, value)| series.labels.get(*key).is_some_and(|v| v == value))
        };
        self.series.iter().filter(fits).collect()
    }

    fn missing(&self, name: &str, labels: &[(&str, &str)]) -> ! {
        let near: Vec<String> = self.find(name, &[]).iter().map(|series| format!("{:?}", series.labels)).collect();
        let names: std::collections::BTreeSet<&str> = self.series.iter().map(|series| series.name.as_str()).collect();
        panic!("no series {name}{labels:?}\nwith that name: {near:?}\nall names: {names:?}");
    }
}

/// `name{label="value",…} value [timestamp]`
fn parse_line(line: &str) -> Option<Series> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (key, quoted) = rest.split_once("=\"")?;
            let (value, after) = unquote(quoted)?;
            labels.insert(key.to_owned(), value);
            rest = after;
        }
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Series { name: name.to_owned(), labels, value })
}

/// A label's value up to its closing quote, and what follows. Escaped are backslash, quote and line feed.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            (_, other) => value.push(other),
        }
    }
}

mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"1\",y=\"p\"} 2\na_total{x=\"2\",y=\"p\"} 3\n\
        a_total{x=\"2\",y=\"q\"} 4\nb_bucket{le=\"+Inf\"} 7 1700000000000\nc 1.5e3\nd{t=\"a \\\"b\\\\ }\\n,\"} NaN\n";

    #[test]
    fn finds_series_by_name_and_some_labels() {
        let scrape = Scrape::parse(TEXT);
        assert_eq!(scrape.value("a_total", &[("x", "1")]), 2.0);
        assert_eq!(scrape.value("a_total", &[("y", "q"), ("x", "2")]), 4.0);
        assert_eq!((scrape.sum("a_total"), scrape.sum_of("a_total", &[("x", "2")])), (9.0, 7.0));
        assert_eq!((scrape.value("b_bucket", &[("le", "+Inf")]), scrape.value("c", &[])), (7.0, 1500.0));
        assert!(scrape.value("d", &[("t", "a \"b\\ }\n,")]).is_nan());
        assert_eq!((scrape.series_count(), scrape.has("c"), scrape.has("a")), (6, true, false));
        assert_eq!(scrape.label_values("x"), ["1", "2"]);
    }

    #[test]
    #[should_panic(expected = "no series a_total[(\"x\", \"3\")]")]
    fn a_missing_series_is_not_zero() {
        Scrape::parse(TEXT).value("a_total", &[("x", "3")]);
    }

    #[test]
    #[should_panic(expected = "no series nonsense")]
    fn the_sum_of_nothing_is_not_zero() {
        Scrape::parse(TEXT).sum("nonsense");
    }

    #[test]
    #[should_panic(expected = "2 series match")]
    fn an_ambiguous_question_is_refused() {
        Scrape::parse(TEXT).value("a_total", &[("x", "2")]);
    }

    #[test]
    #[should_panic(expected = "the same series twice")]
    fn a_series_that_is_there_twice_is_refused() {
        Scrape::parse("a{x=\"1\"} 1\na{x=\"1\"} 2\n");
    }
}
