//! Owns the only look the house takes into JSON on its way through: the top level of an object, as
//! ordered members whose tokens stay verbatim. Nothing here recurses, rewrites a number, or reorders keys.

use super::scan::{Scanner, plain_run};
use serde::de::Error as _;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

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
        let mut scanner = Scanner::new(text);
        scanner.space();
        if scanner.peek() == Some(b'{') {
            return collect(text, false).map_or(Document::Invalid, Document::Object);
        }
        match scanner.value() {
            Some(token) if scanner.end().is_some() => Document::Value(token),
            _ => Document::Invalid,
        }
    }
}

/// The members of an object, in order, duplicates kept; each key is a text.
///
/// # Errors
/// serde_json's, with line and column, when the text is not exactly one object. It never holds a piece of
/// the text, which can be long.
pub fn members(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    collect(text, false).ok_or_else(|| why_invalid(text))
}

/// As `members`, for an object that is only passed on: a key that no text can hold (a lone surrogate)
/// stands for itself, as the token it is.
///
/// # Errors
/// As `members`.
pub fn tokens(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    collect(text, true).ok_or_else(|| why_invalid(text))
}

/// As `members`, without the list: hands each on; None when the text is not exactly one object, of which
/// the first members may then have been handed on already.
#[inline]
pub fn each<'a>(text: &'a str, mut visit: impl FnMut(Member<'a>)) -> Option<()> {
    walk(text, |key_token, key, value| {
        visit(Member { key_token, key: key?, value });
        Some(())
    })
}

/// The values of a list, in order; None when the text is not exactly one list.
pub fn items(text: &str) -> Option<Vec<&str>> {
    let mut scanner = Scanner::new(text);
    let mut all = Vec::new();
    scanner.space();
    scanner.byte(b'[')?;
    scanner.space();
    if scanner.byte(b']').is_none() {
        loop {
            all.push(scanner.value()?);
            scanner.space();
            if scanner.byte(b',').is_none() {
                break;
            }
            scanner.space();
        }
        scanner.byte(b']')?;
    }
    scanner.end()?;
    Some(all)
}

/// Is there a number like this in a JSON text, at any depth? Looks at each as the token it is; what stands in strings
/// is none. O(n); of a text that is not JSON it says something, but nothing of use.
pub fn any_number(text: &str, mut is: impl FnMut(&str) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'"' => loop {
                at += bytes.get(at..).map_or(0, plain_run);
                match bytes.get(at) {
                    None => return false,
                    Some(b'"') => break at += 1,
                    Some(b'\\') => at += 2,
                    Some(_) => at += 1,
                }
            },
            b'-' | b'0'..=b'9' => {
                while matches!(bytes.get(at), Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
                    at += 1;
                }
                if text.get(from..at).is_some_and(&mut is) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

fn collect(text: &str, any_key: bool) -> Option<Vec<Member<'_>>> {
    let mut all = Vec::with_capacity(12);
    walk(text, |key_token, key, value| {
        let key = match key {
            Some(key) => key,
            None if any_key => Cow::Borrowed(key_token),
            None => return None,
        };
        all.push(Member { key_token, key, value });
        Some(())
    })?;
    Some(all)
}

/// Scans exactly one object; the visitor gets the key's token, the key (None when no text can hold it) and
/// the value, and may stop it.
#[inline]
fn walk<'a>(text: &'a str, mut visit: impl FnMut(&'a str, Option<Cow<'a, str>>, &'a str) -> Option<()>) -> Option<()> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    scanner.byte(b'{')?;
    scanner.space();
    if scanner.byte(b'}').is_none() {
        loop {
            let (key_token, escaped) = scanner.string()?;
            let key = if escaped { decode_str(key_token) } else { unquoted(key_token).map(Cow::Borrowed) };
            scanner.colon()?;
            let value = scanner.value()?;
            visit(key_token, key, value)?;
            scanner.space();
            if scanner.byte(b',').is_none() {
                break;
            }
            scanner.space();
        }
        scanner.byte(b'}')?;
    }
    scanner.end()
}

/// Why a text is not one object whose keys are texts, in serde_json's words.
pub fn why_invalid(text: &str) -> serde_json::Error {
    match serde_json::from_str::<&RawValue>(text) {
        Err(error) => error,
        Ok(raw) if is_object(raw.get()) => serde_json::Error::custom("a key holds a lone surrogate"),
        Ok(_) => serde_json::Error::custom("not an object"),
    }
}

/// Keeps one member per key: at the place of the first, with the tokens of the last, as JavaScript's
/// and Python's own parsers do. O(n).
pub fn last_wins(mut all: Vec<Member<'_>>) -> Vec<Member<'_>> {
    /// Below this, comparing each with each is faster than hashing.
    const FEW: usize = 16;
    if all.len() <= FEW {
        // Most objects have no key twice: look before anything is moved.
        let again = (1..all.len()).find(|&i| all[..i].iter().any(|m| m.key == all[i].key));
        let Some(from) = again else { return all };
        for member in all.split_off(from) {
            match all.iter_mut().find(|k| k.key == member.key) {
                Some(old) => *old = member,
                None => all.push(member),
            }
        }
        return all;
    }
    let mut kept: Vec<Member<'_>> = Vec::with_capacity(all.len());
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
#[inline]
pub fn decode_str(token: &str) -> Option<Cow<'_, str>> {
    let inner = unquoted(token)?;
    let run = plain_run(inner.as_bytes());
    if run == inner.len() { Some(Cow::Borrowed(inner)) } else { unescaped(token, inner, run).map(Cow::Owned) }
}

/// The text of a string with escapes, the first of which stands at `run`.
fn unescaped(token: &str, inner: &str, run: usize) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let (mut plain, mut rest) = inner.split_at(run);
    loop {
        text.push_str(plain);
        let Some(escape) = rest.as_bytes().get(..2) else { return rest.is_empty().then_some(text) };
        if escape[0] != b'\\' {
            return None;
        }
        text.push(match escape[1] {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            same @ (b'"' | b'\\' | b'/') => char::from(same),
            // Surrogates and whatever is wrong.
            _ => return serde_json::from_str(token).ok(),
        });
        rest = &rest[2..];
        (plain, rest) = rest.split_at(plain_run(rest.as_bytes()));
    }
}

fn unquoted(token: &str) -> Option<&str> {
    token.strip_prefix('"')?.strip_suffix('"')
}

/// Appends a text as a JSON string, escaping only what must be.
pub fn write_str(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, from) = rest.split_at(plain_run(rest.as_bytes()));
        out.push_str(plain);
        let Some(&byte) = from.as_bytes().first() else { break };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            other => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(other >> 4)]));
                out.push(char::from(HEX[usize::from(other & 15)]));
            }
        }
        rest = &from[1..];
    }
    out.push('"');
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
    fn texts_are_written_as_serde_json_writes_them() {
        let text: String = (0..0x180u32).filter_map(char::from_u32).chain("\u{2028}😀\"".chars()).collect();
        let mut out = String::new();
        write_str(&mut out, &text);
        assert_eq!(Some(&out), serde_json::to_string(&text).ok().as_ref());
        assert_eq!(decode_str(&out).as_deref(), Some(text.as_str()));
    }

    #[test]
    fn what_is_no_token_is_not_decoded() {
        for token in ["", "\"", "a", "\"a\"b\"", "\"\\\"", "\"\\é\"", "\"\u{1}é\"", "\"\\ud800\"", "\"\\u00\""] {
            assert_eq!(decode_str(token), None, "{token:?}");
        }
        assert_eq!(
            decode_str(r#""\n\r\t\b\f\"\\\/é\u00e9\ud83d\ude00""#).as_deref(),
            Some("\n\r\t\u{8}\u{c}\"\\/éé😀")
        );
    }

    #[test]
    fn an_error_never_holds_the_text() {
        for text in ["\"secret\" x", "[\"secret\"]", "{\"\\ud800secret\":1}", "secret", "\"secret\""] {
            assert!(!members(text).expect_err("no object").to_string().contains("secret"));
        }
    }

    #[test]
    fn a_list_is_its_values() {
        assert_eq!(items(" [ 1.10 , [2],{\"a\":[]} ] "), Some(vec!["1.10", "[2]", "{\"a\":[]}"]));
        assert_eq!(items("[]"), Some(vec![]));
        for text in ["", "{}", "[1,]", "[1 2]", "[1]]", "[", "[1"] {
            assert_eq!(items(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_found_at_any_depth_and_not_in_strings() {
        let all = |text: &str| {
            let mut all = Vec::new();
            any_number(text, |token| {
                all.push(token.to_owned());
                false
            });
            all
        };
        assert_eq!(all(r#"{"1":[-0,{"a\"2":1.5e+3}],"3\\":"4","é5":6}"#), ["-0", "1.5e+3", "6"]);
        assert!(any_number("[7,8]", |token| token == "7"));
        for broken in ["\"", "\"\\", "\"\u{1}", "-", "1é"] {
            all(broken);
        }
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
