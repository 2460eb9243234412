//! What each rule finds and does not, and the laws of all of them.

use super::*;
use crate::label::Label;
use proptest::prelude::*;

fn rules(text: &str) -> Vec<&'static str> {
    frame(Frame::Text(text), 1000).rules.iter().map(LintRule::label).collect()
}

#[test]
fn each_rule_finds_what_it_is_for() {
    for (text, want) in [
        (r#"{"msg":"hi"}"#, &["V2002"][..]),
        ("{}", &["V2002"]),
        (r#"{"msg":1}"#, &["V2002", "V2004"]),
        (r#"{"cmd":null}"#, &["V2002", "V2004"]),
        (r#"{"target":"dock","msg":"go"}"#, &["V2002", "V2004"]),
        (r#"{"t\u0061rget":"dock"}"#, &["V2002", "V2004"]),
        (r#"{"payload":[1]}"#, &["V2002", "V2004"]),
        (r#"{"nested":{"target":1,"a":1,"a":2}}"#, &["V2002"]),
        (r#"{"a":1,"\u0061":2}"#, &["V2002", "V2006"]),
        (r#"{"from_id":"root"}"#, &["V2002", "V2009"]),
        (r#"{"from_id":null}"#, &["V2002"]),
        (r#"{"msg_type":"msg","target":"group","msg":"m"}"#, &["V2011"]),
        (r#"{"msg_type":"cmd","target":"echo","sent_at":"now","version":null}"#, &["V2009", "V2011"]),
        (r#"{"msg_type":"msg","msg_type":"cmd","target":"group"}"#, &["V2006", "V2011"]),
        // A target nobody knows, a member the schema does not know, a heartbeat: objects like any other.
        (r#"{"msg_type":"msg","target":"dock"}"#, &["V2002", "V2004"]),
        (r#"{"msg_type":"msg","target":"group","x":1}"#, &["V2002", "V2004"]),
        (r#"{"msg_type":"heartbeat","target":"echo"}"#, &["V2002", "V2004"]),
        ("[1]", &["V2005"]),
        ("ping", &["V2005"]),
        ("", &["V2005"]),
        ("\u{feff}{}", &["V2005"]),
        ("123456789012345678901234567890", &["V2005", "V2007"]),
        ("99999999999999999999 bottles", &["V2005"]),
    ] {
        assert_eq!(rules(text), want, "{text}");
    }
    assert_eq!(frame(Frame::Binary(b"{}"), 2).rules.iter().collect::<Vec<_>>(), [LintRule::Binary]);
    let large = frame(Frame::Text("{ }"), 2).rules;
    assert!(large.contains(LintRule::TooLarge) && large.contains(LintRule::NotWrapped));
}

#[test]
fn a_number_is_too_big_when_javascript_reads_another_one() {
    for (number, is) in [
        ("9007199254740991", false),
        ("-9007199254740991", false),
        ("9007199254740992", true),
        ("-9007199254740993", true),
        ("18446744073709551616", true),
        ("0", false),
        ("-0", false),
        ("1.0", false),
        ("9007199254740993.0", false),
        ("1e22", false),
        ("1E+308", false),
        ("1e400", true),
        ("-1e400", true),
        ("1e-400", false),
    ] {
        for text in [number.to_owned(), format!("[[{number}]]"), format!("{{\"a\":{{\"b\":[1,{number}]}}}}")] {
            assert_eq!(rules(&text).contains(&"V2007"), is, "{text}");
        }
        assert!(!rules(&format!("{{\"a\":\"{number}\",\"\\\"{number}\":0}}")).contains(&"V2007"), "{number}");
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{{\"a\":{}9007199254740992{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(rules(&deep).contains(&"V2007"));
    assert_eq!(rules(&"[".repeat(200_000)), ["V2005", "V2010"]);
}

#[test]
fn every_rule_says_one_sentence_what_and_one_what_to_change() {
    for rule in LintRule::ALL {
        let about = About::of(*rule);
        for text in [about.title, about.advice] {
            assert!(text.ends_with('.') && !text.contains(". ") && text.len() < 100, "{}: {text}", rule.label());
        }
    }
}

/// A member whose key is `k` and a number, or one of the envelope's.
fn member() -> impl Strategy<Value = (String, String)> {
    let key = prop_oneof![
        3 => (0..6u8).prop_map(|n| format!("k{n}")),
        4 => proptest::sample::select(&["msg_type", "target", "payload", "to_id", "msg", "cmd", "from_id", "version"][..])
            .prop_map(str::to_owned),
    ];
    let value = proptest::sample::select(
        &["\"msg\"", "\"group\"", "1", "null", "{}", "[[12345678901234567890]]", "\"12345678901234567890\"", "1e999"][..],
    );
    (key, value.prop_map(str::to_owned))
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_exactly_one_kind_of_frame(text in prop_oneof![any::<String>(), "[\\[\\]{}\":,0-9a\\\\ -]{0,40}"], bytes: Vec<u8>) {
        let kinds = [LintRule::NotWrapped, LintRule::NotAnObject, LintRule::Binary, LintRule::HalfMigrated];
        for found in [frame(Frame::Text(&text), 20), frame(Frame::Binary(&bytes), 20)] {
            prop_assert_eq!(kinds.iter().filter(|kind| found.rules.contains(**kind)).count(), 1);
            prop_assert_eq!(found.wrapped, found.rules.contains(LintRule::HalfMigrated));
        }
        prop_assert_eq!(frame(Frame::Text(&text), 20).rules.contains(LintRule::TooLarge), text.len() > 20);
    }

    #[test]
    fn duplicates_are_found_where_a_key_stands_twice(members in proptest::collection::vec(member(), 0..24)) {
        let distinct: std::collections::HashSet<_> = members.iter().map(|(key, _)| key).collect();
        let found = frame(Frame::Text(&object(&members)), usize::MAX);
        prop_assert_eq!(found.rules.contains(LintRule::DuplicateKey), distinct.len() < members.len());
    }

    #[test]
    fn the_order_of_members_does_not_matter(members in proptest::collection::btree_map("[a-d]|msg|target|msg_type|payload", member().prop_map(|m| m.1), 0..8), by in 0..8usize) {
        let mut members: Vec<_> = members.into_iter().collect();
        let before = frame(Frame::Text(&object(&members)), usize::MAX);
        let by = by.min(members.len());
        members.rotate_left(by);
        prop_assert_eq!(frame(Frame::Text(&object(&members)), usize::MAX), before);
        members.reverse();
        prop_assert_eq!(frame(Frame::Text(&object(&members)), usize::MAX), before);
    }

    #[test]
    fn what_is_wrapped_is_never_said_to_be_not(
        kind in "msg|cmd", target in "group|echo|broadcast", msg in "[a-z0-9 ]{0,9}", n: i32, stamped: bool,
    ) {
        let stamp = if stamped { ",\"from_id\":\"me\"" } else { "" };
        let text = format!(r#"{{"target":"{target}","payload":{{"n":{n}}},"msg":"{msg}","msg_type":"{kind}"{stamp}}}"#);
        let found = frame(Frame::Text(&text), usize::MAX);
        let want = if stamped { vec!["V2009", "V2011"] } else { vec!["V2011"] };
        prop_assert!(found.wrapped);
        prop_assert_eq!(found.rules.iter().map(LintRule::label).collect::<Vec<_>>(), want);
    }
}
