//! Owns the only look the house takes into JSON on its way through: the top level of an object, as
//! ordered members whose tokens stay verbatim. Nothing here recurses, rewrites a number, or reorders keys.

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// One member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key as it was written, quotes and escapes included.
    pub key_token: &'a str,
    /// The key, decoded.
    pub key: Cow<'a, str>,
    /// The value as it was written.
    pub value: &'a str,
}

/// What a text is, seen from its top level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document<'a> {
    /// An object, members in order, duplicates kept.
    Object(Vec<Member<'a>>),
    /// Any other JSON value, its token without the white space around it.
    Value(&'a str),
    /// Not one JSON document: empty, two documents, NaN, a byte order mark, or a key that no text can hold.
    Invalid,
}

impl<'a> Document<'a> {
    /// Looks at a text; O(n), whatever is in it.
    pub fn parse(text: &'a str) -> Self {
        if starts_object(text) {
            return members(text).map_or(Document::Invalid, Document::Object);
        }
        serde_json::from_str::<&RawValue>(text).map_or(Document::Invalid, |raw| Document::Value(raw.get()))
    }
}

/// The members of an object, in order, duplicates kept; each key is a text.
///
/// # Errors
/// serde_json's, with line and column, when the text is not exactly one object.
pub fn members(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    object(text, Members { any_key: false })
}

/// As `members`, for an object that is only passed on: a key that no text can hold (a lone surrogate)
/// stands for itself, as the token it is.
///
/// # Errors
/// serde_json's.
pub fn tokens(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    object(text, Members { any_key: true })
}

fn object(text: &str, members: Members) -> Result<Vec<Member<'_>>, serde_json::Error> {
    let mut de = serde_json::Deserializer::from_str(text);
    let all = de.deserialize_map(members)?;
    de.end()?;
    Ok(all)
}

/// Collects the members of one object.
struct Members {
    any_key: bool,
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::with_capacity(8);
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let key_token = key.get();
            let key = match decode_str(key_token) {
                Some(key) => key,
                None if self.any_key => Cow::Borrowed(key_token),
                None => return Err(serde::de::Error::custom("a key holds a lone surrogate")),
            };
            let value = map.next_value::<&'de RawValue>()?.get();
            all.push(Member { key_token, key, value });
        }
        Ok(all)
    }
}

/// Why a text is not one JSON document, with line and column; never a piece of the text itself, which
/// can be long. Empty for one that is.
pub fn why_invalid(text: &str) -> String {
    let error = match starts_object(text) {
        true => members(text).err(),
        false => serde_json::from_str::<&RawValue>(text).err(),
    };
    error.map_or_else(String::new, |e| e.to_string())
}

fn starts_object(text: &str) -> bool {
    text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{')
}

/// Keeps one member per key: at the place of the first, with the tokens of the last, as JavaScript's
/// and Python's own parsers do. O(n).
pub fn last_wins(all: Vec<Member<'_>>) -> Vec<Member<'_>> {
    /// Below this, comparing each with each is faster than hashing.
    const FEW: usize = 12;
    let mut kept: Vec<Member<'_>> = Vec::with_capacity(all.len());
    if all.len() <= FEW {
        for member in all {
            match kept.iter_mut().find(|k| k.key == member.key) {
                Some(old) => *old = member,
                None => kept.push(member),
            }
        }
    } else {
        let mut place: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(all.len());
        for member in all {
            match place.get(&member.key) {
                Some(&at) => kept[at] = member,
                None => {
                    place.insert(member.key.clone(), kept.len());
                    kept.push(member);
                }
            }
        }
    }
    kept
}

/// Is this token (of valid JSON) a string, an object, null?
pub fn is_string(token: &str) -> bool {
    token.starts_with('"')
}

/// See `is_string`.
pub fn is_object(token: &str) -> bool {
    token.starts_with('{')
}

/// See `is_string`.
pub fn is_null(token: &str) -> bool {
    token == "null"
}

/// The text of a string token; None when it holds a lone surrogate, which no text can.
pub fn decode_str(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(token).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Appends a text as a JSON string, escaping only what must be.
pub fn write_str(out: &mut String, text: &str) {
    if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        // Serializing a string cannot fail.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String)> {
        last_wins(members(text).expect("an object"))
            .into_iter()
            .map(|m| (m.key_token.to_owned(), m.value.to_owned()))
            .collect()
    }

    #[test]
    fn tokens_stay_verbatim() {
        let text = r#" { "a" : 1.10 , "\u0062":[ 1, 2 ],"c":"\ud800" } "#;
        let want = [("\"a\"", "1.10"), ("\"\\u0062\"", "[ 1, 2 ]"), ("\"c\"", "\"\\ud800\"")];
        assert_eq!(keys(text), want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn the_last_of_equal_keys_wins_at_the_place_of_the_first() {
        assert_eq!(
            keys(r#"{"a":1,"b":0,"\u0061":2}"#),
            [("\"\\u0061\"".to_owned(), "2".to_owned()), ("\"b\"".to_owned(), "0".to_owned())]
        );
        let many: String = (0..40).map(|i| format!(r#""k{}":{i},"#, i % 20)).collect();
        let text = format!("{{{}}}", many.trim_end_matches(','));
        let got = keys(&text);
        assert_eq!(got.len(), 20);
        assert_eq!(got[3], ("\"k3\"".to_owned(), "23".to_owned()));
    }

    #[test]
    fn what_is_not_one_document_is_invalid() {
        for text in ["", " ", "\u{feff}{}", "{\"t\":NaN}", "{}{}", "[1]\n[2]", "{\"\\ud800\":1}", "{\"a\":1,}", "ping"]
        {
            assert_eq!(Document::parse(text), Document::Invalid, "{text:?}");
        }
        assert_eq!(Document::parse(" [1, 2] "), Document::Value("[1, 2]"));
        assert_eq!(Document::parse("{}"), Document::Object(vec![]));
    }

    #[test]
    fn no_key_confuses_the_parser() {
        let text = r#"{"$serde_json::private::RawValue":"x","a":1}"#;
        assert_eq!(keys(text).len(), 2);
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(members(&deep).map(|m| m.len()).ok(), Some(1));
    }
}
