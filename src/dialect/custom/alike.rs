//! Owns when two translations say the same: all but the order of members and white space. Numbers are the same only as
//! they are written.

use crate::envelope::Draft;
use crate::envelope::json::{self, Document};

/// Objects within objects that are looked into; below, text decides.
const DEPTH: usize = 64;

/// Do two JSON tokens say the same?
pub fn alike(one: &str, two: &str) -> bool {
    within(one, two, DEPTH)
}

fn within(one: &str, two: &str, depth: usize) -> bool {
    if one == two {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    match (Document::parse(one), Document::parse(two)) {
        (Document::Object(one), Document::Object(two)) => {
            let sorted = |members| {
                let mut members = json::last_wins(members);
                members.sort_by(|a, b| a.key.cmp(&b.key));
                members
            };
            let (one, two) = (sorted(one), sorted(two));
            one.len() == two.len()
                && one.iter().zip(&two).all(|(a, b)| a.key == b.key && within(a.value, b.value, depth))
        }
        (Document::Value(one), Document::Value(two)) => match (json::items(one), json::items(two)) {
            (Some(one), Some(two)) => one.len() == two.len() && one.iter().zip(&two).all(|(a, b)| within(a, b, depth)),
            (None, None) if json::is_string(one) && json::is_string(two) => {
                json::decode_str(one).is_some_and(|text| json::decode_str(two) == Some(text))
            }
            _ => one == two,
        },
        _ => false,
    }
}

/// Do two messages say the same? An empty payload says nothing.
pub fn same_message(one: &Draft<'_>, two: &Draft<'_>) -> bool {
    let text = |one: Option<&str>, two: Option<&str>| match (one, two) {
        (Some(one), Some(two)) => alike(one, two),
        (one, two) => one == two,
    };
    one.msg_type() == two.msg_type()
        && one.target() == two.target()
        && one.to_id() == two.to_id()
        && text(one.msg.as_deref(), two.msg.as_deref())
        && text(one.cmd.as_deref(), two.cmd.as_deref())
        && alike(one.payload.as_deref().unwrap_or("{}"), two.payload.as_deref().unwrap_or("{}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_space_say_nothing_numbers_do() {
        for (one, two) in [
            (r#"{"a":1,"b":[1,{"c":2}]}"#, r#" { "b":[ 1,{"c" :2} ],"a": 1 }"#),
            (r#"{"a":1,"a":2}"#, r#"{"\u0061":2}"#),
            (r#""é""#, r#""\u00e9""#),
        ] {
            assert!(alike(one, two), "{one} {two}");
        }
        for (one, two) in [("1.10", "1.1"), ("[1,2]", "[2,1]"), ("{}", "[]"), ("{\"a\":1}", "{}"), ("1", "\"1\"")] {
            assert!(!alike(one, two), "{one} {two}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(alike(&deep("1"), &deep("1")) && !alike(&deep("1"), &deep("2")));
    }
}
