//! Owns what two frames are compared by: a hash of opcode and bytes, of JSON without the values that may differ.
//! White space stays: a legacy client may depend on it. The hash has a key of this process, so that it tells nobody
//! anything about what was said.

use crate::dialect::Frame;
use crate::envelope::json;
use crate::migration::pointer::{self, Step};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

/// What a frame is compared by, and what may be told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Frames with equal hashes are equal.
    pub hash: u64,
    /// How long the frame was.
    pub bytes: usize,
    /// Opcode 2.
    pub binary: bool,
}

/// Makes marks.
#[derive(Debug)]
pub struct Marks {
    key: RandomState,
    pointers: Vec<Vec<Step>>,
}

impl Marks {
    /// Without the values at these pointers (RFC 6901; `*` stands for any one key or index). A member that only one
    /// side has is such a value, too: it is cut out whole.
    pub fn new(pointers: &[String]) -> Self {
        Self {
            key: RandomState::new(),
            pointers: pointers.iter().filter_map(|pointer| pointer::parse(pointer)).collect(),
        }
    }

    /// Of a frame.
    pub fn of(&self, frame: Frame<'_>) -> Mark {
        let mut hasher = self.key.build_hasher();
        match frame {
            Frame::Text(text) => {
                hasher.write_u8(1);
                hasher.write(self.compared(text).as_bytes());
            }
            Frame::Binary(bytes) => {
                hasher.write_u8(2);
                hasher.write(bytes);
            }
        }
        Mark { hash: hasher.finish(), bytes: frame.len(), binary: matches!(frame, Frame::Binary(_)) }
    }

    /// The text without what may differ.
    fn compared<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.pointers.is_empty() {
            return text.into();
        }
        let pointers: Vec<&[Step]> = self.pointers.iter().map(Vec::as_slice).collect();
        cut(text, &pointers).map_or(Cow::Borrowed(text), Cow::Owned)
    }
}

/// A member or an element: where it stands, and its value.
struct Item<'t> {
    name: Cow<'t, str>,
    whole: Range<usize>,
    value: &'t str,
}

/// The container without the items the pointers name; None where nothing is named. It goes no deeper than pointers do.
fn cut(text: &str, pointers: &[&[Step]]) -> Option<String> {
    let items = items(text)?;
    let mut changed = false;
    let mut out = text[..items.first()?.whole.start].to_owned();
    // Where the item before ends, and whether one was kept: a separator goes with the item behind it.
    let (mut end, mut kept) = (0, false);
    for item in &items {
        let separator = end..item.whole.start;
        end = item.whole.end;
        let inner: Vec<&[Step]> = pointers.iter().filter_map(|pointer| pointer::behind(pointer, &item.name)).collect();
        if inner.iter().any(|rest| rest.is_empty()) {
            changed = true;
            continue;
        }
        if kept {
            out.push_str(&text[separator]);
        }
        kept = true;
        match if inner.is_empty() { None } else { cut(item.value, &inner) } {
            Some(value) => {
                changed = true;
                out.push_str(&text[item.whole.start..offset(text, item.value)]);
                out.push_str(&value);
            }
            None => out.push_str(&text[item.whole.clone()]),
        }
    }
    out.push_str(&text[end..]);
    changed.then_some(out)
}

/// What stands in an object or a list, in order; None for anything else.
fn items<'t>(text: &'t str) -> Option<Vec<Item<'t>>> {
    match text.trim_start_matches([' ', '\t', '\r', '\n']).bytes().next()? {
        b'{' => {
            let members = json::tokens(text).ok()?.into_iter();
            let item = |member: json::Member<'t>| {
                let whole = offset(text, member.key_token)..offset(text, member.value) + member.value.len();
                Item { name: member.key, whole, value: member.value }
            };
            Some(members.map(item).collect())
        }
        b'[' => {
            let elements: Vec<&'t RawValue> = serde_json::from_str(text).ok()?;
            let item = |(at, value): (usize, &'t RawValue)| {
                let start = offset(text, value.get());
                Item { name: at.to_string().into(), whole: start..start + value.get().len(), value: value.get() }
            };
            Some(elements.into_iter().enumerate().map(item).collect())
        }
        _ => None,
    }
}

/// Where a token stands in the text it was cut from.
fn offset(text: &str, token: &str) -> usize {
    (token.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compared(pointers: &[&str], text: &str) -> String {
        let pointers: Vec<String> = pointers.iter().map(|&p| p.to_owned()).collect();
        Marks::new(&pointers).compared(text).into_owned()
    }

    #[test]
    fn what_may_differ_is_cut_out_with_its_key_and_all_else_stays() {
        let text = r#" { "ts" : 1, "a": {"ts":2,"b":[{"id":1},{"id":2}]} , "c":3 } "#;
        assert_eq!(compared(&[], text), text);
        assert_eq!(compared(&["/nothing"], text), text);
        assert_eq!(compared(&["/ts"], text), r#" { "a": {"ts":2,"b":[{"id":1},{"id":2}]} , "c":3 } "#);
        assert_eq!(compared(&["/a"], text), r#" { "ts" : 1 , "c":3 } "#);
        assert_eq!(compared(&["/c"], text), r#" { "ts" : 1, "a": {"ts":2,"b":[{"id":1},{"id":2}]} } "#);
        assert_eq!(compared(&["/*/ts"], text), r#" { "ts" : 1, "a": {"b":[{"id":1},{"id":2}]} , "c":3 } "#);
        assert_eq!(compared(&["/a/b/1"], text), r#" { "ts" : 1, "a": {"ts":2,"b":[{"id":1}]} , "c":3 } "#);
        assert_eq!(compared(&["/a/b/*/id", "/c", "/ts"], text), r#" { "a": {"ts":2,"b":[{},{}]} } "#);
        assert_eq!(compared(&["/*"], text), " {  } ");
        assert_eq!(compared(&["/a~1b/~0"], r#"{"a/b":{"~":1,"x":2}}"#), r#"{"a/b":{"x":2}}"#);
    }

    #[test]
    fn what_is_no_container_stays() {
        for text in ["", "ts", "1", "{\"ts\":1", "{\"ts\":1}{}", "[1,]", "\"/ts\"", "{}", "[]"] {
            assert_eq!(compared(&["/ts", "/0", "/*"], text), text);
        }
    }

    #[test]
    fn a_frame_is_known_by_opcode_and_bytes() {
        let marks = Marks::new(&["/ts".to_owned()]);
        let text = |text| marks.of(Frame::Text(text)).hash;
        assert_ne!(text("a"), marks.of(Frame::Binary(b"a")).hash);
        assert_ne!(text(r#"{"a":1}"#), text(r#"{"a": 1}"#));
        assert_eq!(text(r#"{"a":1,"ts":1}"#), text(r#"{"a":1,"ts":2}"#));
        assert_eq!(text(r#"{"a":1,"ts":1}"#), text(r#"{"a":1}"#));
        assert_ne!(Marks::new(&[]).of(Frame::Text("a")).hash, text("a"), "the key is of one process");
    }

    proptest! {
        /// Wherever a member is added, it does not count.
        #[test]
        fn an_added_member_that_may_differ_makes_no_difference(n in 0..5_usize, at in 0..6_usize, value in 0..1000_u32) {
            let members: Vec<String> = (0..n).map(|i| format!("\"k{i}\":[{i}]")).collect();
            let plain = format!("{{{}}}", members.join(","));
            let mut more = members;
            more.insert(at.min(n), format!("\"ts\":{value}"));
            let more = format!("{{{}}}", more.join(","));
            prop_assert_eq!(compared(&["/ts"], &more), plain);
        }
    }
}
