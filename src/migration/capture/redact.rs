//! Owns what is blacked out of a text before it is written down: values that JSON pointers (RFC 6901) lead to. Every
//! other byte of the text stays as it was. It follows the pointers and looks nowhere else; depth costs no stack.

use crate::envelope::json::{self, Member};
use crate::migration::pointer::{self, Step};
use std::borrow::Cow;
use std::ops::Range;

/// What stands in the place of a value.
const BLACK: &str = "\"[redacted]\"";

/// Why a text is no pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no JSON pointer: it begins with `/`, and `~` is followed by 0 or 1")]
pub struct PointerError(String);

/// All that is blacked out. A pointer holds for the content, wherever a message carries that: at the top of a loose
/// object, in the `payload` of a wrapped one, in the `_v3` of one that V3 sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers(Vec<Vec<Step>>);

impl Pointers {
    /// From the settings.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse(pointers: &[String]) -> Result<Self, PointerError> {
        let mut all = Vec::new();
        for text in pointers {
            let steps = pointer::parse(text).ok_or_else(|| PointerError(text.clone()))?;
            let payload = Step::Key("payload".into());
            // Said of an envelope, it holds for what becomes of it on the way to V2, too.
            let content = match steps.split_first() {
                Some((first, rest)) if !rest.is_empty() && (*first == payload || *first == Step::Any) => rest.to_vec(),
                _ => steps.clone(),
            };
            all.push([&[Step::Key("_v3".into()), payload.clone()], &content[..]].concat());
            all.push([&[payload], &content[..]].concat());
            all.extend([content, steps]);
        }
        Ok(Self(all))
    }

    /// The text as it may be written down, and how many values were blacked out; None: it is no object and no list, so
    /// that no pointer can reach into it.
    pub fn redact<'t>(&self, text: &'t str) -> Option<(Cow<'t, str>, u32)> {
        let mut found = Vec::new();
        let root = text.trim_matches([' ', '\t', '\n', '\r']);
        let children = Children::of(root)?;
        let here: Vec<&[Step]> = self.0.iter().map(Vec::as_slice).collect();
        if here.iter().any(|steps| steps.is_empty()) {
            found.push(place(text, root));
        } else {
            walk(text, children, &here, &mut found);
        }
        if found.is_empty() {
            return Some((text.into(), 0));
        }
        // In the order of the text, and none in another: the walk does not go into what is blacked out.
        let mut written = String::with_capacity(text.len());
        let mut from = 0;
        for place in &found {
            written.push_str(text.get(from..place.start)?);
            written.push_str(BLACK);
            from = place.end;
        }
        written.push_str(text.get(from..)?);
        Some((written.into(), u32::try_from(found.len()).unwrap_or(u32::MAX)))
    }
}

/// What is directly in a value.
enum Children<'a> {
    Members(Vec<Member<'a>>),
    Items(Vec<&'a str>),
}

impl<'a> Children<'a> {
    fn of(token: &'a str) -> Option<Self> {
        match token.as_bytes().first()? {
            b'{' => json::tokens(token).ok().map(Children::Members),
            b'[' => json::items(token).map(Children::Items),
            _ => None,
        }
    }
}

/// Follows all pointers at once, one step: no deeper than the longest of them.
fn walk(text: &str, children: Children<'_>, here: &[&[Step]], found: &mut Vec<Range<usize>>) {
    match children {
        Children::Members(members) => {
            for member in &members {
                step(text, &member.key, member.value, here, found);
            }
        }
        Children::Items(items) => {
            for (at, item) in items.iter().enumerate() {
                step(text, &at.to_string(), item, here, found);
            }
        }
    }
}

fn step(text: &str, key: &str, value: &str, here: &[&[Step]], found: &mut Vec<Range<usize>>) {
    let next: Vec<&[Step]> = here.iter().filter_map(|steps| pointer::behind(steps, key)).collect();
    if next.iter().any(|steps| steps.is_empty()) {
        found.push(place(text, value));
    } else if !next.is_empty()
        && let Some(children) = Children::of(value)
    {
        walk(text, children, &next, found);
    }
}

/// Where a token stands in the text it is a part of.
fn place(text: &str, token: &str) -> Range<usize> {
    let start = (token.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + token.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redacted(pointers: &[&str], text: &str) -> Option<(String, u32)> {
        let pointers: Vec<_> = pointers.iter().map(|&p| p.to_owned()).collect();
        Pointers::parse(&pointers).expect("pointers").redact(text).map(|(text, n)| (text.into_owned(), n))
    }

    #[test]
    fn values_are_blacked_out_and_every_other_byte_stays() {
        for (pointers, text, want, n) in [
            (&["/p"][..], r#" { "a" : 1.10 , "p" :  "x" } "#, r#" { "a" : 1.10 , "p" :  "[redacted]" } "#, 1),
            (&["/p"], r#"{"p":{"q":[1]},"q":"p"}"#, r#"{"p":"[redacted]","q":"p"}"#, 1),
            (&["/p"], r#"{"p":1,"\u0070":2,"p":3}"#, r#"{"p":"[redacted]","\u0070":"[redacted]","p":"[redacted]"}"#, 3),
            (&["/pass\u{77}ord"], r#"{"pass\u0077ord":"x"}"#, r#"{"pass\u0077ord":"[redacted]"}"#, 1),
            (
                &["/l/*/p"],
                r#"{"l":[{"p":1},{"q":2},[{"p":3}],4]}"#,
                r#"{"l":[{"p":"[redacted]"},{"q":2},[{"p":3}],4]}"#,
                1,
            ),
            (&["/l/1"], r#"{"l":[1,2,3]}"#, r#"{"l":[1,"[redacted]",3]}"#, 1),
            (&["/a~1b/~01"], r#"{"a/b":{"~1":1}}"#, r#"{"a/b":{"~1":"[redacted]"}}"#, 1),
            (&["/"], r#"{"":1,"a":2}"#, r#"{"":"[redacted]","a":2}"#, 1),
            (&["/*"], r#"[1,{"a":2}]"#, r#"["[redacted]","[redacted]"]"#, 2),
            (&["/p/q", "/p"], r#"{"p":{"q":1}}"#, r#"{"p":"[redacted]"}"#, 1),
            (&[""], " {} ", " \"[redacted]\" ", 1),
            (&["/p"], r#"{"\ud800":1,"p":2}"#, r#"{"\ud800":1,"p":"[redacted]"}"#, 1),
            (&["/p"], r#"{"q":"\"p\":1"}"#, r#"{"q":"\"p\":1"}"#, 0),
        ] {
            assert_eq!(redacted(pointers, text), Some((want.to_owned(), n)), "{pointers:?} {text}");
        }
    }

    #[test]
    fn content_is_found_wherever_a_message_carries_it() {
        for pointer in ["/p", "/payload/p", "/*/p"] {
            for text in [
                r#"{"p":"x"}"#,
                r#"{"msg_type":"msg","target":"group","payload":{"p":"x"}}"#,
                r#"{"msg":"m","_v3":{"msg_type":"msg","payload":{"p":"x"}}}"#,
            ] {
                let want = text.replace("\"x\"", BLACK);
                assert_eq!(redacted(&[pointer], text), Some((want, 1)), "{pointer} {text}");
            }
        }
    }

    #[test]
    fn pointers_reach_into_objects_and_lists_only() {
        for text in ["", "ping", "\"p\"", "12", "null", "{\"p\":1,}", "\u{feff}{\"p\":1}", "{}{}"] {
            assert_eq!(redacted(&["/p"], text), None, "{text}");
        }
        for text in ["p", "/a~", "/~2", "#/p"] {
            let error = Pointers::parse(&[text.to_owned()]).expect_err("no pointer");
            assert!(error.to_string().contains(text));
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"p\":{}1{},\"q\":2}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(redacted(&["/p", "/*/*/*"], &deep), Some((format!("{{\"p\":{BLACK},\"q\":2}}"), 1)));
    }

    /// Values that hold no secret but where `p` is a key.
    fn value() -> impl Strategy<Value = String> {
        let leaf = proptest::sample::select(&["1", "\"MARK\"", "null", "\"p\"", "1.10"][..]).prop_map(str::to_owned);
        leaf.prop_recursive(4, 24, 4, |inner| {
            let member = ("[pqr]|\\\\u0070", inner.clone()).prop_map(|(key, value)| format!("\"{key}\" :{value}"));
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
                proptest::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    /// Is a marked value left where the key `p` leads to it?
    fn leaks(text: &str) -> bool {
        json::tokens(text).is_ok_and(|all| all.iter().any(|m| (m.key == "p" && m.value != BLACK) || leaks(m.value)))
            || json::items(text).is_some_and(|all| all.iter().any(|item| leaks(item)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_left_of_what_is_to_be_blacked_out_at_any_depth(text in value()) {
            let pointers: Vec<_> = (0..6).map(|depth| format!("{}/p", "/*".repeat(depth))).collect();
            let pointers: Vec<_> = pointers.iter().map(String::as_str).collect();
            let Some((black, n)) = redacted(&pointers, &text) else { return Ok(()) };
            prop_assert!(!leaks(&black), "{black}");
            prop_assert_eq!(n == 0, black == text);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&black).is_ok(), "{black}");
            prop_assert_eq!(redacted(&pointers, &black).map(|(again, _)| again), Some(black));
        }
    }
}
