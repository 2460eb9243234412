//! Holds the field map against examples of each kind of step, and against maps and fixtures that are wrong.

use super::*;
use crate::dialect::{Receipt, Wire, wire};
use crate::envelope::{GroupId, Nulls, Origin, seal};

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn rename(from: &str, to: &str) -> Step {
    Step::Rename { from: from.into(), to: to.into() }
}

fn hoist(from: &str, members: &[&str], keep: &[&str]) -> Step {
    Step::Hoist { from: from.into(), members: strings(members), keep: strings(keep) }
}

fn wrap(members: &[&str], into: &str) -> Step {
    Step::Wrap { members: strings(members), into: into.into() }
}

fn default(of: &str, token: &str) -> Step {
    Step::Default { of: of.into(), token: token.into() }
}

fn map(steps: Vec<Step>) -> Map {
    Map { steps, others: Others::Take, unmapped: Unmapped::Note }
}

fn lens(steps: Vec<Step>) -> Lens {
    Lens::new(map(steps)).expect("a lens")
}

fn taken<'a>(lens: &'a Lens, text: &'a str) -> (Draft<'a>, Receipt<'a>) {
    match lens.upgrade(Frame::Text(text)) {
        Taken::Message(translated) => (translated.draft, translated.receipt),
        Taken::Refused(answer) => panic!("{text} is refused: {answer:?}"),
    }
}

fn up(lens: &Lens, text: &str) -> String {
    taken(lens, text).0.content().replacen("\"version\":\"3\",", "", 1)
}

fn hub(draft: &Draft<'_>, receipt: Option<&Receipt<'_>>) -> String {
    let origin =
        Origin { client: ClientId::new("c1", 9).expect("an id"), group: GroupId::new("g1", 9).ok(), account: None };
    wire::write(&seal(draft, &origin, "T", Nulls::Omit), receipt, Wire::Extended).unstamped()
}

fn heard(lens: &Lens, hub: &str, annotate: Annotate) -> Result<String, Hidden> {
    let message = HubMessage::read(hub).expect("a message");
    match lens.downgrade(&message, Hears { annotate, presence: false })? {
        OwnedFrame::Text(text) => Ok(text),
        OwnedFrame::Binary(bytes) => panic!("{bytes:?}"),
    }
}

/// What legacy clients get of what a V3 client says.
fn down(lens: &Lens, content: &str) -> String {
    heard(lens, &format!("{},\"_hub\":{{}}}}", &content[..content.len() - 1]), Annotate::Off).expect("a frame")
}

/// There, and exactly back; is the text itself kept for it?
fn there_and_back(lens: &Lens, text: &str) -> bool {
    let (draft, receipt) = taken(lens, text);
    assert_eq!(heard(lens, &hub(&draft, Some(&receipt)), Annotate::Full).as_deref(), Ok(text));
    receipt.raw.is_some()
}

fn refused(steps: Vec<Step>) -> Vec<String> {
    Lens::new(map(steps)).expect_err("no lens").iter().map(ToString::to_string).collect()
}

#[test]
fn a_member_is_renamed_and_others_stay() {
    let lens = lens(vec![rename("text", "msg")]);
    let (legacy, v3) = (
        r#"{"text":"hi","room":7,"n":1.10}"#,
        r#"{"msg_type":"msg","target":"group","msg":"hi","payload":{"room":7,"n":1.10}}"#,
    );
    assert_eq!(up(&lens, legacy), v3);
    assert_eq!(down(&lens, v3), legacy);
    assert!(!there_and_back(&lens, legacy));
    assert!(there_and_back(&lens, r#"{"room":7,"text":"hi"}"#), "another order is kept");
    // What does not fit stays where it was.
    assert_eq!(up(&lens, r#"{"text":5}"#), r#"{"msg_type":"msg","target":"group","payload":{"text":5}}"#);
    assert!(!there_and_back(&lens, r#"{"text":5}"#));
    assert!(there_and_back(&lens, r#"{"text":1,"text":"x","te\u0078t":"y" }"#));
}

#[test]
fn routing_is_mapped_where_it_is_valid() {
    let lens = lens(vec![rename("type", "cmd"), rename("to", "to_id"), rename("scope", "target")]);
    let v3 = r#"{"msg_type":"cmd","target":"direct","to_id":"bob","cmd":"RUN"}"#;
    assert_eq!(up(&lens, r#"{"type":"RUN","to":"bob"}"#), v3);
    assert_eq!(down(&lens, v3), r#"{"type":"RUN","to":"bob","scope":"direct"}"#);
    assert_eq!(
        up(&lens, r#"{"scope":"direct","to":""}"#),
        r#"{"msg_type":"msg","target":"group","payload":{"to":"","scope":"direct"}}"#
    );
    assert_eq!(up(&lens, r#"{"scope":"echo","to":"ann"}"#), r#"{"msg_type":"msg","target":"echo","to_id":"ann"}"#);
    for text in [r#"{"type":"RUN","to":"bob"}"#, r#"{"scope":"direct","to":7}"#, r#"{"scope":"broadcast"}"#] {
        there_and_back(&lens, text);
    }
    // A broadcast by one who may not is one to the group, and comes back as it was said.
    let (draft, receipt) = taken(&lens, r#"{"scope":"broadcast"}"#);
    let heard = heard(&lens, &hub(&draft.clone().for_group(), Some(&receipt)), Annotate::Full);
    assert_eq!(heard.as_deref(), Ok(r#"{"scope":"broadcast"}"#));
}

#[test]
fn an_object_comes_up_and_goes_back() {
    let lens = lens(vec![rename("type", "cmd"), hoist("body", &[], &["room"]), rename("body.text", "msg")]);
    let legacy = r#"{"type":"say","body":{"text":"hi","a":1,"b":{}},"room":7}"#;
    let v3 = r#"{"msg_type":"cmd","target":"group","cmd":"say","msg":"hi","payload":{"a":1,"b":{},"room":7}}"#;
    assert_eq!(up(&lens, legacy), v3);
    assert_eq!(down(&lens, v3), legacy);
    assert!(!there_and_back(&lens, legacy));
    // What is no object, and an empty one, stays what it is.
    for text in [r#"{"body":5}"#, r#"{"body":{}}"#, r#"{"body":{"x":1},"y":2}"#] {
        assert!(there_and_back(&lens, text), "{text}");
    }
    // In one place twice: taken as it is.
    assert_eq!(
        up(&lens, r#"{"type":"t","body":{"x":1},"x":2}"#),
        r#"{"msg_type":"msg","target":"group","payload":{"type":"t","body":{"x":1},"x":2}}"#
    );
    assert!(there_and_back(&lens, r#"{"body":{"x":1},"x":2}"#));
}

#[test]
fn some_members_come_up_and_the_others_stay() {
    let lens = lens(vec![hoist("body", &["a", "b"], &[])]);
    let legacy = r#"{"body":{"a":1,"b":2,"c":3},"x":4}"#;
    let v3 = r#"{"msg_type":"msg","target":"group","payload":{"a":1,"b":2,"x":4,"body":{"c":3}}}"#;
    assert_eq!((up(&lens, legacy).as_str(), down(&lens, v3).as_str()), (v3, legacy));
    assert!(!there_and_back(&lens, legacy));
}

#[test]
fn members_are_wrapped_beside_what_is_there() {
    let lens = lens(vec![wrap(&["ts", "head.seq"], "payload.meta")]);
    let legacy = r#"{"ts":1,"head":{"seq":2},"x":0,"meta":{"z":3}}"#;
    let v3 = r#"{"msg_type":"msg","target":"group","payload":{"x":0,"meta":{"ts":1,"seq":2,"z":3}}}"#;
    assert_eq!(up(&lens, legacy), v3);
    assert!(there_and_back(&lens, legacy), "unnamed members stand behind named objects");
    let canonical = down(&lens, v3);
    assert_eq!(canonical, r#"{"ts":1,"head":{"seq":2},"meta":{"z":3},"x":0}"#);
    assert!(!there_and_back(&lens, &canonical));
    for text in [r#"{"ts":1,"meta":5}"#, r#"{"meta":{}}"#, r#"{"ts":1,"meta":{"ts":2}}"#, r#"{"head":{"seq":1,"y":2}}"#]
    {
        there_and_back(&lens, text);
    }
}

#[test]
fn a_default_is_filled_in_and_left_out() {
    let lens = lens(vec![rename("l", "payload.lang"), default("l", "\"en\""), default("v", "1.0")]);
    let v3 = r#"{"msg_type":"msg","target":"group","payload":{"lang":"en","v":1.0}}"#;
    assert_eq!(up(&lens, "{}"), v3);
    assert_eq!(down(&lens, v3), "{}");
    assert_eq!(down(&lens, &v3.replace("1.0", "1.00")), r#"{"v":1.00}"#);
    assert!(!there_and_back(&lens, "{}"));
    assert!(there_and_back(&lens, r#"{"l":"en"}"#), "said though it need not be");
}

#[test]
fn what_has_no_legacy_member_is_noted_dropped_or_hidden() {
    let with = |unmapped| Lens::new(Map { unmapped, ..map(vec![rename("text", "msg")]) }).expect("a lens");
    let v3 = r#"{"msg_type":"cmd","target":"group","from_id":"c9","cmd":"GO","msg":"m","payload":{"text":"t","a":1,"_v3":0},"_hub":{}}"#;
    assert_eq!(
        heard(&with(Unmapped::Note), v3, Annotate::Off).as_deref(),
        Ok(r#"{"text":"m","a":1,"_v3":{"msg_type":"cmd","cmd":"GO","payload":{"text":"t","_v3":0}}}"#)
    );
    assert_eq!(heard(&with(Unmapped::Drop), v3, Annotate::Off).as_deref(), Ok(r#"{"text":"m","a":1,"_v3":0}"#));
    assert_eq!(heard(&with(Unmapped::Hide), v3, Annotate::Off), Err(Hidden::DialectRule));
    assert_eq!(
        heard(
            &with(Unmapped::Hide),
            &v3.replace("\"cmd\"", "\"msg\"").replace(r#""msg":"GO","#, "").replace(r#""text":"t","#, ""),
            Annotate::Min
        )
        .as_deref(),
        Ok(r#"{"text":"m","a":1,"_v3":{"from_id":"c9"}}"#)
    );
    let presence = r#"{"msg_type":"presence","target":"group"}"#;
    assert_eq!(heard(&with(Unmapped::Note), presence, Annotate::Off), Err(Hidden::PresenceToV2));
}

#[test]
fn what_is_no_object_is_taken_or_refused() {
    let (text, bytes) = (Frame::Text("hello"), Frame::Binary(&[0, 255]));
    let take = lens(vec![rename("text", "msg")]);
    assert_eq!(up(&take, "hello"), r#"{"msg_type":"msg","target":"group","msg":"hello"}"#);
    for text in ["hello", " [1] ", "", "{", "null"] {
        there_and_back(&take, text);
    }
    assert!(matches!(take.upgrade(bytes), Taken::Message(_)));
    let refuse =
        |answer: &str| Lens::new(Map { others: Others::Refuse(answer.into()), ..map(vec![]) }).expect("a lens");
    assert_eq!(refuse("{}").upgrade(text), Taken::Refused(Some(OwnedFrame::Text("{}".into()))));
    assert_eq!(refuse("").upgrade(bytes), Taken::Refused(None));
}

#[test]
fn a_forged_receipt_never_shows() {
    let lens = lens(vec![rename("text", "msg")]);
    let (draft, _) = taken(&lens, r#"{"text":"hi"}"#);
    let forged = Receipt::new(Kind::Json, Some(r#"{"text":"forged"}"#.into()));
    assert_eq!(heard(&lens, &hub(&draft, Some(&forged)), Annotate::Off).as_deref(), Ok(r#"{"text":"hi"}"#));
}

#[test]
fn what_cannot_be_understood_is_told_with_its_step() {
    let told = |steps: Vec<Step>, words: &str| {
        let problems = refused(steps);
        assert!(problems.len() == 1 && problems[0].contains(words), "{words}: {problems:#?}");
    };
    told(vec![rename("a", "msg"), rename("a", "cmd")], "steps[1]: `a` is named by steps[0] already");
    told(vec![rename("a", "msg"), rename("b", "msg")], "steps[1]: `msg` is where steps[0] leads already");
    told(vec![rename("a", "payload.x"), rename("b", "payload.x")], "steps[1]: `payload.x` is where steps[0]");
    told(vec![rename("a", "payload.x"), rename("b", "payload.x.y")], "`payload.x.y` is where steps[0] leads");
    told(vec![rename("a", "msg"), rename("a.b", "cmd")], "steps[1]: `a.b` is within `a`, which steps[0] moves");
    told(vec![rename("a.b", "msg"), rename("a", "cmd")], "steps[1]: `a` is an object that steps[0] takes apart");
    told(vec![rename("a.b", "msg"), rename("c", "payload.a")], "what stays in `a` would stand in `payload.a`");
    told(vec![hoist("a", &[], &[]), hoist("b", &[], &[])], "steps[1]: steps[0] hoists all members already");
    told(vec![hoist("a", &["x"], &["y"])], "`keep` is for a `hoist` of all");
    told(vec![wrap(&["a"], "msg")], "`into` must be an object below `payload`");
    told(vec![wrap(&[], "payload.a")], "names no members");
    told(vec![wrap(&["a.x", "b.x"], "payload.a")], "`payload.a.x` is where steps[0] leads already");
    told(vec![rename("a", "from_id")], "the server's to say");
    told(vec![rename("a", "paylod.a")], "`paylod.a` is no place in a V3 message");
    told(vec![rename("a", "payload")], "is the whole payload");
    told(vec![rename("a..b", "msg")], "`a..b` has an empty name");
    told(vec![rename("_v3", "msg")], "no step can name it");
    told(vec![default("a", "tru")], "tru cannot be the default of `a`");
    told(vec![rename("a", "target"), default("a", "\"direct\"")], "does not fit `target`");
    told(vec![default("a", "1"), default("a", "2")], "`a` has a default by steps[0] already");
}

fn problems(steps: Vec<Step>, legacy: &str, v3: &str, lossy: bool) -> Vec<String> {
    let fixture = Fixture { legacy: legacy.into(), v3: v3.into(), lossy };
    check(&lens(steps), &[fixture]).iter().map(ToString::to_string).collect()
}

#[test]
fn fixtures_that_do_not_hold_are_told() {
    let steps = || vec![rename("text", "msg"), default("lang", "\"en\"")];
    let v3 = r#"{ "target":"group","msg_type":"msg", "payload":{"lang":"en"}, "msg":"hi" }"#;
    assert_eq!(problems(steps(), r#"{"text":"hi"}"#, v3, false), Vec::<String>::new());
    let told = |legacy: &str, v3: &str, words: &[&str]| {
        let problems = problems(steps(), legacy, v3, false);
        assert!(problems.len() == 1 && words.iter().all(|word| problems[0].contains(word)), "{problems:#?}");
    };
    told(r#"{"text":"ho"}"#, v3, &["fixtures[0]: `legacy` translates to", r#""msg":"ho""#, r#""msg":"hi""#]);
    told(r#"{"text":"hi"}"#, "{}", &["fixtures[0]: `v3` is no V3 message", "msg_type"]);
    told(r#"{"text":"hi","lang":"en"}"#, v3, &["said by a V3 client", "lossy = true"]);
    assert_eq!(problems(steps(), r#"{"text":"hi","lang":"en"}"#, v3, true), Vec::<String>::new());
}

#[test]
fn every_step_of_a_frame_is_explained() {
    let steps = vec![
        rename("text", "msg"),
        rename("to", "to_id"),
        wrap(&["ts"], "payload.meta"),
        hoist("body", &[], &[]),
        default("body.lang", "\"en\""),
    ];
    let lens = lens(steps);
    let told = lens.explain(Frame::Text(r#"{"text":"hi","to":7,"ts":1.10,"body":{"x":1}}"#));
    let told: Vec<_> = told.iter().map(|t| (t.step, t.words.as_str(), t.before.as_str(), t.after.as_str())).collect();
    assert_eq!(
        told,
        [
            (Some(0), "rename text to msg", "text: \"hi\"", "msg: \"hi\""),
            (Some(1), "rename to to to_id: does not fit, stays under its own name", "to: 7", "payload.to: 7"),
            (None, "no step names it", "to: 7", "payload.to: 7"),
            (Some(2), "wrap ts into payload.meta", "ts: 1.10", "payload.meta.ts: 1.10"),
            (None, "no step names it", "body.x: 1", "payload.x: 1"),
            (Some(4), "default body.lang = \"en\"", "", "payload.lang: \"en\""),
        ]
    );
    let v3 = r#"{"msg_type":"msg","target":"group","msg":"hi","payload":{"x":1,"meta":5}}"#;
    let message = HubMessage::read(v3).expect("a message");
    let told: Vec<_> = lens.explain_down(message.draft()).into_iter().map(|t| (t.before, t.after)).collect();
    let pair = |before: &str, after: &str| (before.to_owned(), after.to_owned());
    assert_eq!(
        told,
        [pair("payload.x: 1", "body.x: 1"), pair("payload.meta: 5", ""), pair("msg: \"hi\"", "text: \"hi\"")]
    );
}
