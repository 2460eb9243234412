//! Owns what is looked at before jaq reads a text. jaq recurses into brackets, reads more than JSON (comments, `NaN`,
//! bytes), and turns a long integer into a binary one in quadratic time; none of that may depend on a client.

use super::JqError;
use crate::envelope::json::{self, Document};
use jaq_json::{Val, read};

/// The longest number, in characters. No protocol has a use for one, and reading one of 500 kB takes a second.
const NUMBER: usize = 1000;

/// What came of a look.
#[derive(Debug)]
pub enum Read {
    /// A value for a filter.
    Value(Val),
    /// Not one JSON document.
    NotJson,
    /// JSON, but more than a filter should be given.
    Refused(JqError),
    /// JSON that jaq cannot hold, such as half a surrogate pair; with its reason.
    Unreadable(String),
}

/// Reads a text that should be JSON.
pub fn read(text: &str, depth: usize) -> Read {
    if Document::parse(text) == Document::Invalid {
        return Read::NotJson;
    }
    if deeper(text, depth) {
        return Read::Refused(JqError::TooDeep);
    }
    if json::any_number(text, |token| token.len() > NUMBER) {
        return Read::Refused(JqError::TooLong);
    }
    match read::parse_single(text.as_bytes()) {
        Ok(value) => Read::Value(value),
        Err(error) => Read::Unreadable(error.to_string()),
    }
}

/// Are there more brackets in each other than this? The text is JSON.
pub fn deeper(text: &str, depth: usize) -> bool {
    let (mut open, mut quoted, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                open += 1;
                if open > depth {
                    return true;
                }
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Do two JSON texts say the same? Order of keys, white space and escapes aside; numbers by their text. Recurses:
/// neither may be deep.
pub fn same(left: &str, right: &str) -> bool {
    match (Document::parse(left), Document::parse(right)) {
        (Document::Object(left), Document::Object(right)) => {
            let (left, right) = (json::last_wins(left), json::last_wins(right));
            left.len() == right.len()
                && left.iter().all(|l| right.iter().any(|r| l.key == r.key && same(l.value, r.value)))
        }
        (Document::Value(left), Document::Value(right)) => match (json::items(left), json::items(right)) {
            (Some(left), Some(right)) => left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r)),
            (None, None) => left == right || json::decode_str(left).is_some_and(|l| Some(l) == json::decode_str(right)),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_are_not_counted() {
        assert!(!deeper(r#"{"a":["[[[\"[[["]}"#, 2));
        assert!(deeper(r#"{"a":["[[[\"[[["]}"#, 1));
        assert!(!deeper("[[],[],{}]", 2));
        assert!(deeper(&"[".repeat(100_000), 64));
    }

    #[test]
    fn only_json_is_read_as_json() {
        for text in ["NaN", "# a\n1", "b\"x\"", "+1", "ping", "", "{} {}", "{1:2}"] {
            assert!(matches!(read(text, 64), Read::NotJson), "{text}");
        }
        assert!(matches!(read("\"\\ud800\"", 64), Read::Unreadable(_)));
        assert!(matches!(read(&"9".repeat(500_000), 64), Read::Refused(JqError::TooLong)));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(matches!(read(&deep, 64), Read::Refused(JqError::TooDeep)));
    }

    #[test]
    fn same_looks_past_how_it_is_written() {
        assert!(same(r#"{"a":[1.10,"é"],"b":{}}"#, r#" { "b" : {}, "\u0061" : [ 1.10, "\u00e9" ] } "#));
        for (left, right) in
            [("1.10", "1.1"), ("[1,2]", "[2,1]"), ("{}", r#"{"a":null}"#), ("[]", "{}"), ("1", "\"1\"")]
        {
            assert!(!same(left, right), "{left} {right}");
        }
    }
}
