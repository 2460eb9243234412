//! Owns when two JSON texts say the same, however they are written: numbers by their decimal value, of any size and
//! precision; strings with escapes decoded; members in any order, the last of equal keys. Equal values are one value with
//! one number, so that nothing is compared twice, and nothing recurses.

use super::tokens;
use crate::envelope::json;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Longer texts are not compared by value: what they hold may need a hundred times their size.
pub const LONGEST: usize = 2 * 1024 * 1024;

/// A value's number; of equal values it is the same.
pub type Id = usize;

/// A value, in the one form that all that are equal to it have.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// `true`, `false`, `null`.
    Word(String),
    /// See `decimal`.
    Number(String),
    /// A text.
    Text(String),
    /// A string that no text can be, as UTF-16 with surrogates that stand alone.
    Units(Vec<u16>),
    /// A list.
    List(Vec<Id>),
    /// Keys and values.
    Object(BTreeMap<Id, Id>),
}

/// Values that were read.
#[derive(Debug, Default)]
pub struct Values {
    all: Vec<Rc<Value>>,
    ids: HashMap<Rc<Value>, Id>,
}

/// What is open while a text is read.
enum Open {
    List(Vec<Id>),
    Object(BTreeMap<Id, Id>, Option<Id>),
}

impl Values {
    /// Reads a text; none when it is no JSON, or longer than `LONGEST`.
    pub fn read(&mut self, text: &str) -> Option<Id> {
        if text.len() > LONGEST || !tokens::is_json(text) {
            return None;
        }
        let mut open = Vec::new();
        for token in tokens::each(text) {
            let value = match token {
                "{" => {
                    open.push(Open::Object(BTreeMap::new(), None));
                    continue;
                }
                "[" => {
                    open.push(Open::List(Vec::new()));
                    continue;
                }
                ":" | "," => continue,
                "}" | "]" => match open.pop()? {
                    Open::List(items) => Value::List(items),
                    Open::Object(members, _) => Value::Object(members),
                },
                token => scalar(token),
            };
            let id = self.one(value);
            match open.last_mut() {
                None => return Some(id),
                Some(Open::List(items)) => items.push(id),
                Some(Open::Object(members, key)) => match key.take() {
                    None => *key = Some(id),
                    Some(key) => {
                        members.insert(key, id);
                    }
                },
            }
        }
        None
    }

    /// The value of this number.
    pub fn get(&self, id: Id) -> Option<&Value> {
        self.all.get(id).map(Rc::as_ref)
    }

    /// The member of an object.
    pub fn member(&self, object: Id, key: &str) -> Option<Id> {
        let Value::Object(members) = self.get(object)? else { return None };
        let key = self.ids.get(&Value::Text(key.to_owned()))?;
        members.get(key).copied()
    }

    /// The text that a string is.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn one(&mut self, value: Value) -> Id {
        if let Some(id) = self.ids.get(&value) {
            return *id;
        }
        let (id, value) = (self.all.len(), Rc::new(value));
        self.all.push(value.clone());
        self.ids.insert(value, id);
        id
    }
}

/// Do two texts say the same? Not when one of them is no JSON.
pub fn equal(one: &str, other: &str) -> bool {
    let mut values = Values::default();
    values.read(one).is_some_and(|one| values.read(other) == Some(one))
}

fn scalar(token: &str) -> Value {
    match token.as_bytes().first() {
        Some(b'"') => match json::decode_str(token) {
            Some(text) => Value::Text(text.into_owned()),
            None => Value::Units(units(token)),
        },
        Some(b'-' | b'0'..=b'9') => Value::Number(decimal(token)),
        _ => Value::Word(token.to_owned()),
    }
}

/// The UTF-16 of a string token.
fn units(token: &str) -> Vec<u16> {
    let mut all = Vec::with_capacity(token.len());
    let mut rest = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        let escape = if c == '\\' { rest.get(..2) } else { None };
        let taken = match escape {
            Some("\\u") => {
                let unit = rest.get(2..6).and_then(|digits| u16::from_str_radix(digits, 16).ok());
                all.extend(unit);
                6
            }
            Some(escape) => {
                let text = json::decode_str(&format!("\"{escape}\"")).unwrap_or_default().into_owned();
                all.extend(text.encode_utf16());
                2
            }
            None => {
                all.extend(c.encode_utf16(&mut [0; 2]).iter());
                c.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    all
}

/// A number token as digits without noughts around and a power of ten: `1.10`, `1.1` and `11e-1` are `11e-1`. An exponent
/// of more digits than anybody can count with stays as it is written.
pub fn decimal(token: &str) -> String {
    let (sign, rest) = token.strip_prefix('-').map_or(("", token), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{part}");
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let behind = all.len() - all.trim_end_matches('0').len();
    match exponent.parse::<i64>() {
        Ok(power) => {
            let shift = i128::try_from(behind).unwrap_or(0) - i128::try_from(part.len()).unwrap_or(0);
            format!("{sign}{digits}e{}", i128::from(power) + shift)
        }
        Err(_) => format!("{sign}{mantissa}e{}", exponent.trim_start_matches('+')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_however_they_are_written() {
        for (one, other) in [
            ("1.10", "1.1"),
            ("1.1", "11e-1"),
            ("-0", "0.0e9"),
            ("1e400", "10E+399"),
            ("1200", "1.2e3"),
            ("0.00012", "12e-5"),
            (r#""\u00e9\/""#, r#""é/""#),
            (r#""\ud83d\ude00""#, r#""😀""#),
            (r#""\ud800\n\"é😀\u0041""#, r#""\uD800\u000a\u0022\u00e9\ud83d\ude00A""#),
            (r#"{"a":1,"b":[true,null]}"#, "{ \"b\" : [ true , null ] , \"\\u0061\" : 1.0 }"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":{"x":1},"a":{"y":2}}"#, r#"{"a":{"y":2}}"#),
        ] {
            assert!(equal(one, other) && equal(other, one) && equal(one, one), "{one} {other}");
        }
    }

    #[test]
    fn different_values_are_different() {
        let all = [
            "0",
            "1",
            "-1",
            "10",
            "0.1",
            "1e400",
            "1e401",
            "123456789012345678901234567890",
            "true",
            "false",
            "null",
            "123456789012345680000000000000",
            "\"1\"",
            "\"\"",
            "\"\\ud800\"",
            "\"\\ud801\"",
            "\"ud800\"",
            "[]",
            "{}",
            "[[]]",
            "[1,2]",
            "[2,1]",
            "[1]",
            "{\"a\":1}",
            "{\"a\":2}",
            "{\"b\":1}",
            "{\"a\":null}",
            "{\"\\ud800\":1}",
            "1e99999999999999999999",
            "1e99999999999999999998",
            "0.30000000000000004",
            "0.3",
        ];
        for (i, one) in all.iter().enumerate() {
            for (j, other) in all.iter().enumerate() {
                assert_eq!(equal(one, other), i == j, "{one} {other}");
            }
        }
        assert!(!equal("ping", "ping") && !equal("", "") && !equal("{}", "{} {}"));
    }

    #[test]
    fn neither_depth_nor_length_is_anything_to_fear() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(equal(&deep("1.0"), &deep("1")) && !equal(&deep("1"), &deep("2")));
        let long = "1".repeat(LONGEST + 1);
        assert!(!equal(&long, &long));
        let digits = format!("1.{}", "0".repeat(100_000));
        assert!(equal(&digits, "1"));
    }

    #[test]
    fn members_are_found_by_their_text() {
        let mut values = Values::default();
        let object = values.read(r#"{"a":{"b":"x"}}"#).unwrap();
        let inner = values.member(object, "a").unwrap();
        let text = values.member(inner, "b").unwrap();
        assert_eq!((values.text(text), values.member(object, "b"), values.member(text, "a")), (Some("x"), None, None));
    }
}
