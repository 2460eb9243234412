//! Holds a frame that came against what a case says must come. Owns the verdict and its words; who must get what, and
//! when, is `play`'s. Pure, and never put off by whatever a server sends.

mod clock;
pub(super) mod diff;
mod envelope;
mod errors;
mod subset;
mod tokens;
pub(super) mod values;

pub(super) use envelope::alike;

use super::Grade;
use super::ids::Ids;
use super::suite::Pattern;
use crate::dialect::OwnedFrame;
use values::Values;

/// Reasons that are told; more are counted.
const MOST_REASONS: usize = 4;

/// What is wrong with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In one line.
    pub why: String,
    /// What was wanted and what came: bounded, in lines that begin with `-`, `+` or a blank.
    pub diff: String,
}

/// Is this the frame? `n`: the how manieth of several it is, from 0.
///
/// # Errors
/// All that is wrong with it, at once.
pub fn frame(pattern: &Pattern, n: usize, frame: &OwnedFrame, ids: &Ids) -> Result<Grade, Mismatch> {
    let filled = |written: &super::suite::Written| match written.frame() {
        OwnedFrame::Text(text) => OwnedFrame::Text(ids.fill_nth(text, n)),
        binary @ OwnedFrame::Binary(_) => binary.clone(),
    };
    match pattern {
        Pattern::Frame(written) => same(&filled(written), frame),
        Pattern::Now(written) => same(&clock::settled(&filled(written), frame), frame),
        Pattern::Envelope { content, from } => envelope::sealed(&filled(content), &Sender::of(from, ids), frame),
        Pattern::Flat { content, from } => envelope::flat(&filled(content), &Sender::of(from, ids), frame),
        Pattern::Errors(wanted) => errors::named(wanted, frame),
        Pattern::Presence { event, of } => subset::matches(&presence(event, of, ids), frame),
        Pattern::Json(members) => {
            let text = serde_json::Value::Object(members.clone()).to_string();
            let filled = serde_json::from_str(&ids.fill_nth(&text, n)).unwrap_or_else(|_| members.clone());
            subset::matches(&filled, frame)
        }
    }
}

/// Tells that somebody came or went, as V3 clients are told or, where a server is set so, legacy ones: what a client that
/// does not care for presence passes over.
pub fn is_presence_noise(frame: &OwnedFrame) -> bool {
    let any = presence(subset::STRING, subset::STRING, &Ids::default());
    let OwnedFrame::Text(text) = frame else { return false };
    // Most frames are none, and looking closely costs something.
    if !text.contains("\"presence\"") {
        return false;
    }
    let mut values = Values::default();
    let Some(object) = values.read(text) else { return false };
    let told_in = match values.member(object, "_v3") {
        Some(v3) => values.member(v3, "msg_type").filter(|sort| values.text(*sort) == Some("presence")).map(|_| object),
        None => values.member(object, "payload").filter(|_| subset::matches(&any, frame).is_ok()),
    };
    let event = told_in.and_then(|told| values.member(told, "event")).and_then(|event| values.text(event));
    matches!(event, Some("join" | "leave"))
}

fn presence(event: &str, of: &str, ids: &Ids) -> serde_json::Map<String, serde_json::Value> {
    let group = ids.group_of(of).unwrap_or(subset::STRING);
    let wanted = serde_json::json!({
        "version": "3", "msg_type": "presence", "target": "group", "from_id": ids.client(of), "group_id": group,
        "payload": {"event": event}, "sent_at": subset::TIME,
    });
    match wanted {
        serde_json::Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

/// Who must have sent a message.
struct Sender<'a> {
    /// None: anybody but the server.
    id: Option<&'a str>,
    /// None: not known, so any, and none at all, is right.
    group: Option<&'a str>,
}

impl<'a> Sender<'a> {
    fn of(name: &'a str, ids: &'a Ids) -> Self {
        match name {
            subset::ANY => Self { id: None, group: None },
            _ => Self { id: Some(ids.client(name)), group: ids.group_of(name) },
        }
    }
}

/// This very frame, or the same said otherwise.
fn same(wanted: &OwnedFrame, came: &OwnedFrame) -> Result<Grade, Mismatch> {
    let why = match (wanted, came) {
        _ if wanted == came => return Ok(Grade::Exact),
        (OwnedFrame::Text(wanted), OwnedFrame::Text(came)) => match values::equal(wanted, came) {
            true => return Ok(Grade::Equal),
            false => "another text",
        },
        (OwnedFrame::Binary(_), OwnedFrame::Binary(_)) => "other bytes",
        (OwnedFrame::Text(_), OwnedFrame::Binary(_)) => "a binary frame, not a text",
        (OwnedFrame::Binary(_), OwnedFrame::Text(_)) => "a text, not a binary frame",
    };
    Err(Mismatch { why: why.to_owned(), diff: diff::diff(wanted, came) })
}

/// Reasons as one line.
fn told(reasons: &[String]) -> String {
    let mut line = reasons.iter().take(MOST_REASONS).map(String::as_str).collect::<Vec<_>>().join("; ");
    if let Some(more) = reasons.len().checked_sub(MOST_REASONS).filter(|more| *more > 0) {
        line.push_str(&format!("; and {more} more"));
    }
    line
}

/// A text as it may stand in a reason: in quotes, without control characters, and not long.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut quoted = format!("{:?}", text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const AT: &str = "2026-03-11T12:34:56.789Z";

    fn ids(placeholders: bool) -> Ids {
        let clients = r#"{"al":{"speaks":"v3"},"bo":{"speaks":"v2","group":"g2"},"old":{"speaks":"v2-bare"}}"#;
        Ids::new("t", &serde_json::from_str(clients).unwrap(), &BTreeMap::new(), placeholders)
    }

    fn judged(pattern: &str, came: &str) -> Result<Grade, Mismatch> {
        let pattern = serde_json::from_str(pattern).unwrap();
        frame(&pattern, 3, &OwnedFrame::Text(came.to_owned()), &ids(true))
    }

    fn why(pattern: &str, came: &str) -> String {
        judged(pattern, came).expect_err(came).why
    }

    const HI: &str = r#"{"envelope":{"content":{"text":"{\"version\":\"3\",\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"{n}\",\"payload\":{\"a\":1.10}}"},"from":"al"}}"#;

    #[test]
    fn an_envelope_is_exact_where_the_stamps_stand_as_the_proxy_puts_them() {
        let exact = format!(
            r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"al-t","group_id":"g1-t","msg":"3","payload":{{"a":1.10}},"sent_at":"{AT}"}}"#
        );
        assert_eq!(judged(HI, &exact), Ok(Grade::Exact));
        for equal in [
            exact.replace("1.10", "11e-1"),
            exact.replace("\":", "\" : "),
            exact.replace("\"group_id\"", "\"to_id\":null,\"cmd\":null,\"group_id\""),
            exact.replace("\"version\":\"3\",", "").replacen('{', "{\"version\":\"3\",\"x\":null,", 1),
            exact.replace("Z\"", "+00:00\""),
            exact.replace("\"3\",\"payload\"", "\"\\u0033\",\"payload\""),
        ] {
            let grade = judged(HI, &equal);
            let same = if equal.contains("+00:00") { Grade::Exact } else { Grade::Equal };
            assert_eq!(grade, Ok(same), "{equal}");
        }
        for (wrong, told) in [
            (exact.replace("al-t", "bo-t"), "from_id is \"bo-t\", not its sender \"al-t\""),
            (exact.replace("g1-t", "g2-t"), "group_id is \"g2-t\", not its sender's \"g1-t\""),
            (exact.replace("\"group_id\":\"g1-t\",", ""), "group_id is missing, not its sender's \"g1-t\""),
            (
                exact.replace(AT, "2026-03-11T12:34:56"),
                "sent_at is \"2026-03-11T12:34:56\", not a time in UTC (RFC 3339)",
            ),
            (exact.replace("\"version\":\"3\"", "\"version\":3"), "version is not \"3\""),
            (exact.replace("1.10", "1.11"), "\"payload\" is another"),
            (exact.replace("\"msg\":\"3\"", "\"cmd\":\"3\""), "\"cmd\" is too much; \"msg\" is missing"),
            (exact.replace("\"msg\":\"3\"", "\"msg\":\"3\",\"msg\":\"4\""), "\"msg\" is another"),
            ("ping".to_owned(), "no JSON object"),
        ] {
            assert_eq!(why(HI, &wrong), told);
        }
    }

    #[test]
    fn an_empty_payload_and_null_are_as_nothing_in_an_envelope_and_nowhere_else() {
        let pattern = |content: &str| {
            let content = serde_json::json!({"text": content});
            serde_json::json!({"envelope": {"content": content, "from": "server"}}).to_string()
        };
        let head = r#"{"version":"3","msg_type":"cmd","target":"echo","#;
        let came = |more: &str| format!(r#"{head}"from_id":"server"{more},"sent_at":"{AT}"}}"#);
        let bare = pattern(&format!("{}}}", head.trim_end_matches(',')));
        assert_eq!(judged(&bare, &came("")), Ok(Grade::Exact));
        assert_eq!(judged(&bare, &came(r#","payload":{ },"msg":null"#)), Ok(Grade::Equal));
        assert_eq!(judged(&bare, &came(r#","group_id":"any"#).replace("any", "any\"")), Ok(Grade::Exact));
        assert!(judged(&bare, &came(r#","payload":[]"#)).is_err());
        assert_eq!(judged(&pattern(&format!(r#"{head}"payload":{{}}}}"#)), &came("")), Ok(Grade::Equal));
        assert!(judged(r#"{"frame":{"text":"{\"a\":null}"}}"#, "{}").is_err());
        let deep = pattern(&format!(r#"{head}"payload":{{"a":null}}}}"#));
        assert!(judged(&deep, &came(r#","payload":{}"#)).is_err());
    }

    #[test]
    fn anybody_but_the_server_may_be_any() {
        let any = HI.replace("\"al\"", "\"<any>\"");
        let came = |from: &str| {
            format!(
                r#"{{"version":"3","msg_type":"msg","target":"group","from_id":{from},"msg":"3","payload":{{"a":1.10}},"sent_at":"{AT}"}}"#
            )
        };
        assert_eq!(judged(&any, &came("\"x\"")), Ok(Grade::Exact));
        for wrong in ["\"server\"", "\"\"", "null", "7"] {
            assert!(why(&any, &came(wrong)).starts_with("from_id is "));
        }
        let bare = HI.replace("\"al\"", "\"old\"");
        assert_eq!(judged(&bare, &came("\"old-t\"")), Ok(Grade::Exact));
    }

    #[test]
    fn a_flat_frame_has_its_stamps_in_the_note() {
        let flat = r#"{"flat":{"content":{"text":"{\"msg\":\"hi\",\"a\":null,\"_v3\":{\"msg_type\":\"msg\",\"target\":\"direct\",\"to_id\":\"{bo}\",\"order\":[\"a\"]}}"},"from":"al"}}"#;
        let exact = format!(
            r#"{{"msg":"hi","a":null,"_v3":{{"msg_type":"msg","target":"direct","from_id":"al-t","to_id":"bo-t","group_id":"g1-t","sent_at":"{AT}","order":["a"]}}}}"#
        );
        assert_eq!(judged(flat, &exact), Ok(Grade::Exact));
        assert_eq!(
            judged(
                flat,
                &exact.replace(",\"order\":[\"a\"]}", "}").replace("\"msg_type\"", "\"order\":[\"a\"],\"msg_type\"")
            ),
            Ok(Grade::Equal)
        );
        assert_eq!(why(flat, &exact.replace("\"a\":null,", "")), "\"a\" is missing");
        assert_eq!(why(flat, &exact.replace("al-t", "eve")), "from_id is \"eve\", not its sender \"al-t\"");
        assert_eq!(why(flat, r#"{"msg":"hi","a":null}"#), "_v3 is missing");
        let plain = r#"{"flat":{"content":{"text":"{\"msg\":\"hi\"}"},"from":"al"}}"#;
        assert_eq!(judged(plain, r#"{"msg":"hi"}"#), Ok(Grade::Exact));
        assert_eq!(judged(plain, r#"{"msg": "hi"}"#), Ok(Grade::Equal));
    }

    #[test]
    fn errors_are_a_set_and_come_from_the_server() {
        let wanted = r#"{"errors":[{"loc":["a"],"type":"missing"},{"loc":["b"],"type":"x","msg":"Bad"}]}"#;
        let came = |from: &str, list: &str| {
            format!(
                r#"{{"version":"3","msg_type":"cmd","target":"direct","from_id":"{from}","to_id":"al-t","cmd":"ERROR","payload":{{"code":"invalid_message","errors":[{list}]}},"sent_at":"{AT}"}}"#
            )
        };
        let (a, b) =
            (r#"{"type":"missing","loc":["a"],"msg":"any"}"#, r#"{"type":"x","loc":["b"],"msg":"Bad","url":1}"#);
        assert_eq!(judged(wanted, &came("server", &format!("{b},{a}"))), Ok(Grade::Exact));
        assert!(why(wanted, &came("eve", &format!("{a},{b}"))).contains("from_id"));
        assert_eq!(why(wanted, &came("server", a)), "not told: \"b: Bad\"");
        assert_eq!(why(wanted, &came("server", &format!("{a},{a},{b}"))), "told, but not wrong: \"a: any\"");
        assert_eq!(why(wanted, &came("server", "7")), "payload.errors is no list of problems");
        assert_eq!(why(wanted, "[]"), "no JSON object");
    }

    #[test]
    fn presence_is_of_this_client_in_its_group() {
        let came = format!(
            r#"{{"version":"3","msg_type":"presence","target":"group","from_id":"bo-t","group_id":"g2-t","payload":{{"event":"join","protocol":"v2"}},"sent_at":"{AT}"}}"#
        );
        assert_eq!(judged(r#"{"presence":{"event":"join","of":"bo"}}"#, &came), Ok(Grade::Exact));
        assert!(judged(r#"{"presence":{"event":"leave","of":"bo"}}"#, &came).is_err());
        assert!(judged(r#"{"presence":{"event":"join","of":"al"}}"#, &came).is_err());
        let noise = |text: String| is_presence_noise(&OwnedFrame::Text(text));
        assert!(noise(came.clone()) && noise(came.replace("join", "leave")));
        for said in
            [came.replace("join", "x"), came.replace(AT, "now"), came.replace("\"3\"", "\"2\""), "presence".into()]
        {
            assert!(!noise(said));
        }
        let flat = r#"{"event":"join","protocol":"v3","_v3":{"msg_type":"presence","target":"group"}}"#;
        assert!(noise(flat.to_owned()));
        assert!(
            !noise(flat.replace("join", "x")) && !noise(flat.replace("\"presence\"", "\"msg\",\"x\":\"presence\""))
        );
    }

    #[test]
    fn a_pattern_asks_for_no_more_than_it_says() {
        let pattern = r#"{"json":{"a":"<any>","b":["<string>",1.5],"c":{"d":"<time>"},"e":"<absent>","f":"{al}","n":"<number>","z":null}}"#;
        let came = format!(r#"{{"more":1,"a":null,"b":["x",15e-1],"c":{{"d":"{AT}"}},"f":"al-t","n":1,"z":null}}"#);
        assert_eq!(judged(pattern, &came), Ok(Grade::Exact));
        for (from, to, told) in [
            ("15e-1", "1.51", "\"b.1\" is not \"1.5\""),
            (",15e-1", "", "\"b\" has 1 items, not 2"),
            (AT, "2026", "\"c.d\" is not \"\\\"<time>\\\"\""),
            ("\"more\"", "\"e\"", "\"e\" is too much"),
            ("\"a\"", "\"A\"", "\"a\" is missing"),
            ("\"z\":null", "\"z\":false", "\"z\" is not \"null\""),
            ("\"n\":1", "\"n\":\"1\"", "\"n\" is not \"\\\"<number>\\\"\""),
        ] {
            assert_eq!(why(pattern, &came.replace(from, to)), told);
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_once_and_bounded() {
        let all = why(HI, &format!("{{\"{}\":1,\"b\":2,\"c\":3}}", "k\\u001b".repeat(100)));
        assert!(all.contains("version is not") && all.ends_with("and 7 more") && all.len() < 400, "{all}");
        assert!(!all.contains('\u{1b}'));
        let binary = frame(&serde_json::from_str(HI).unwrap(), 0, &OwnedFrame::Binary(vec![1]), &ids(false));
        assert_eq!(binary.unwrap_err().why, "a binary frame, not an envelope");
    }
}
