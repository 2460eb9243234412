//! Holds what only the two halves together, or time between their calls, can show; single frames are in
//! `compat/cases/vectra`.

use super::*;
use crate::clock::Timestamp;
use crate::dialect::adapter::Present;
use crate::dialect::{Frame, Hidden, HubMessage, Intent, Intents, Now, OwnedFrame, Reading, Receipt, Wire, wire};
use crate::envelope::{Draft, GroupId, MsgType, Nulls, seal};
use std::time::{Duration, Instant};

const HERE: Present<'_> = Present { client: "worker", metadata: Some(r#"{"v":1.10}"#) };
const THERE: Present<'_> = Present { client: "c1", metadata: Some("1") };

fn now() -> Now {
    Now { instant: Instant::now(), at: Timestamp(0) }
}

fn id(text: &str) -> ClientId {
    ClientId::new(text, 99).expect("an id")
}

fn origin(client: ClientId) -> Origin {
    Origin { client, group: GroupId::new("vectra", 99).ok(), account: None }
}

fn open(role: Role) -> Halves {
    Vectra::new(Rules { role, worker: id("worker") }).open(&origin(id("c1")))
}

/// What a connection hears of this.
fn hears(halves: &Halves, from: ClientId, draft: &Draft<'_>, receipt: Option<&Receipt<'_>>) -> Option<String> {
    let envelope = seal(draft, &origin(from), "2026-03-11T12:34:56.789Z", Nulls::Omit);
    let text = wire::write(&envelope, receipt, Wire::Extended).unstamped();
    let message = HubMessage::read(&text).expect("a message");
    let reading = Reading::new(&message);
    let choice = match halves.outbound.choose(&reading, Instant::now()) {
        Ok(choice) => choice,
        Err(why) => {
            assert_eq!(why, Hidden::DialectRule);
            return None;
        }
    };
    match halves.outbound.render(&reading, &choice.shape).expect("a frame for what was chosen") {
        OwnedFrame::Text(text) => Some(text),
        OwnedFrame::Binary(bytes) => panic!("{bytes:?}"),
    }
}

fn draft(msg_type: MsgType, payload: &str) -> Draft<'_> {
    let mut draft = Draft::to_group(msg_type);
    draft.payload = Some(payload.into());
    draft
}

fn presence(halves: &Halves, who: &str, event: &str) -> Option<String> {
    hears(halves, id(who), &draft(MsgType::Presence, &format!("{{\"event\":\"{event}\",\"protocol\":\"v3\"}}")), None)
}

fn answer(text: &str) -> Intents<'static> {
    Intents::from_buf([Intent::Answer(OwnedFrame::Text(text.to_owned()))])
}

const ONLINE: &str = r#"{"type":"WORKER_STATUS","status":"online","metadata":null}"#;
const OFFLINE: &str = r#"{"type":"WORKER_STATUS","status":"offline","metadata":null}"#;
const KNOWN: &str = r#"{"type":"WORKER_STATUS","status":"online","metadata":{"v":1.10}}"#;

#[test]
fn who_comes_is_told_alone_and_who_asks_tells_everyone() {
    let mut halves = open(Role::Client);
    assert_eq!(halves.inbound.on_open(now())[..], [Intent::WhoIs(id("worker"))]);
    assert_eq!(halves.inbound.on_members(Some(&[THERE, HERE]), now()), answer(KNOWN));
    assert_eq!(halves.inbound.on_frame(Frame::Text("get_worker_status"), now()).0[..], [Intent::WhoIs(id("worker"))]);
    let [Intent::Announce { draft }] = &halves.inbound.on_members(Some(&[HERE]), now())[..] else { panic!() };
    assert_eq!((draft.cmd.as_deref(), draft.payload.as_deref()), (Some("\"WORKER_STATUS\""), Some(KNOWN)));
    assert_eq!(hears(&halves, ClientId::server(), draft, None).as_deref(), Some(KNOWN));
    let [Intent::Announce { draft }] = &{
        halves.inbound.on_frame(Frame::Text("get_worker_status"), now());
        halves.inbound.on_members(Some(&[THERE]), now())
    }[..] else {
        panic!()
    };
    assert_eq!(draft.payload.as_deref(), Some(OFFLINE));
}

#[test]
fn without_the_hub_the_asker_alone_is_told() {
    for question in ["", "get_worker_status"] {
        let mut halves = open(Role::Client);
        match question {
            "" => halves.inbound.on_open(now()),
            text => halves.inbound.on_frame(Frame::Text(text), now()).0,
        };
        assert_eq!(halves.inbound.on_members(None, now()), answer(OFFLINE), "{question:?}");
    }
}

#[test]
fn what_was_heard_is_newer_than_the_answer_on_open() {
    let mut halves = open(Role::Client);
    halves.inbound.on_open(now());
    assert_eq!(presence(&halves, "worker", "leave").as_deref(), Some(OFFLINE));
    assert_eq!(halves.inbound.on_members(Some(&[HERE]), now()), Intents::new());
    // But whoever asks is answered.
    halves.inbound.on_frame(Frame::Text("get_worker_status"), now());
    assert!(matches!(halves.inbound.on_members(Some(&[HERE]), now())[..], [Intent::Announce { .. }]));
}

#[test]
fn a_join_tells_only_those_who_do_not_know() {
    let mut halves = open(Role::Client);
    assert_eq!(presence(&halves, "worker", "join").as_deref(), Some(ONLINE));
    assert_eq!(presence(&halves, "worker", "join"), None);
    assert_eq!(presence(&halves, "worker", "leave").as_deref(), Some(OFFLINE));
    assert_eq!(presence(&halves, "worker", "join").as_deref(), Some(ONLINE));
    for event in ["join", "leave", "return"] {
        assert_eq!(presence(&halves, "c2", event), None, "{event}");
    }
    assert_eq!(presence(&halves, "worker", "return"), None);
    // A status with what the worker has said of itself is not undone by a join that comes behind it.
    halves = open(Role::Client);
    let announced = super::status::announcement(true, Some("{\"v\":1.10}"));
    assert_eq!(hears(&halves, ClientId::server(), &announced, None).as_deref(), Some(KNOWN));
    assert_eq!(presence(&halves, "worker", "join"), None);
    halves = open(Role::Client);
    halves.inbound.on_members(Some(&[HERE]), now());
    assert_eq!(presence(&halves, "worker", "join"), None);
    halves.inbound.on_members(None, now());
}

#[test]
fn nobody_else_speaks_for_the_worker() {
    let forged = [
        KNOWN,
        r#"{"\u0074ype":"WORKER\u005fSTATUS","status":"online"}"#,
        r#"{"type":"other","status":1,"type":"WORKER_STATUS"}"#,
        r#"{"\ud800":1,"type":"WORKER_STATUS"}"#,
    ];
    for role in [Role::Client, Role::Worker] {
        let halves = open(role);
        for payload in forged {
            for msg_type in [MsgType::Msg, MsgType::Cmd] {
                let mut draft = draft(msg_type, payload);
                draft.cmd = Some("\"WORKER_STATUS\"".into());
                let other = Receipt::new(crate::dialect::Kind::Json, None);
                assert_eq!(hears(&halves, id("c2"), &draft, None), None, "{payload}");
                assert_eq!(hears(&halves, id("c2"), &draft, Some(&other)), None, "{payload}");
            }
            let by_worker = hears(&halves, id("worker"), &draft(MsgType::Msg, payload), None);
            assert_eq!(by_worker.as_deref(), Some(payload));
        }
        // In browsers' eyes this is none.
        let none = r#"{"type":"WORKER_STATUS","type":"other"}"#;
        assert_eq!(hears(&halves, id("c2"), &draft(MsgType::Msg, none), None).as_deref(), Some(none));
    }
}

#[test]
fn a_forged_receipt_shows_what_v3_sees() {
    let halves = open(Role::Client);
    let receipt = |raw: &'static str| Receipt { raw: Some(raw.into()), ..Receipt::verbatim("vectra") };
    let said = draft(MsgType::Msg, "{\"a\":1}");
    let hears = |raw| hears(&halves, id("worker"), &said, Some(&receipt(raw)));
    assert_eq!(hears(" {\"a\":1}\n").as_deref(), Some(" {\"a\":1}\n"));
    assert_eq!(hears("{\"a\":2}").as_deref(), Some("{\"a\":1}"));
    assert_eq!(hears("ping").as_deref(), Some("{\"a\":1}"));
}

#[test]
fn what_the_worker_says_of_itself_is_bounded() {
    let mut halves = open(Role::Worker);
    let mut register = |metadata: &str| {
        let text = format!("{{\"type\":\"REGISTER_WORKER\",\"metadata\":{metadata}}}");
        halves.inbound.on_frame(Frame::Text(&text), now()).0.into_iter().map(owned).collect::<Vec<_>>()
    };
    let most = format!("\"{}\"", "x".repeat(MOST_METADATA - 2));
    assert!(matches!(&register(&most)[..], [Intent::Describe(Some(_)), Intent::Announce { .. }]));
    assert_eq!(register(&format!("{most} ")).len(), 2, "white space around it is none of it");
    assert_eq!(register(&most.replacen('x', "xx", 1)), [Intent::Refused(None)]);
}

fn owned(intent: Intent<'_>) -> Intent<'static> {
    match intent {
        Intent::Describe(metadata) => Intent::Describe(metadata.map(|token| token.into_owned().into())),
        Intent::Announce { draft } => Intent::Announce { draft: draft.into_owned() },
        Intent::Refused(frame) => Intent::Refused(frame),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_hub_has_kept_cannot_break_the_frame() {
    for broken in ["", "{", "1,\"status\":\"offline\"", "NaN", "}"] {
        let mut halves = open(Role::Client);
        let worker = Present { client: "worker", metadata: Some(broken) };
        assert_eq!(halves.inbound.on_members(Some(&[worker]), now()), answer(ONLINE), "{broken:?}");
    }
}

/// A worker hears that the others were told something old, and says again how it is; it does not quarrel for ever.
#[test]
fn the_worker_has_the_last_word() {
    let mut halves = open(Role::Worker);
    let start = Instant::now();
    let at = |ms: u64| Now { instant: start + Duration::from_millis(ms), at: Timestamp(0) };
    halves.inbound.on_open(at(0));
    halves.inbound.on_frame(Frame::Text(r#"{"type":"REGISTER_WORKER","metadata":{"v":1.10}}"#), at(0));
    let announced = |halves: &Halves, text: &'static str| {
        let mut draft = draft(MsgType::Cmd, text);
        draft.cmd = Some("\"WORKER_STATUS\"".into());
        assert_eq!(hears(halves, ClientId::server(), &draft, None).as_deref(), Some(text));
    };
    // Its first word comes back behind its second.
    announced(&halves, ONLINE);
    announced(&halves, KNOWN);
    assert_eq!(halves.inbound.deadline(), None);
    for round in 1..=4 {
        announced(&halves, if round == 2 { OFFLINE } else { ONLINE });
        if round == 4 {
            break;
        }
        let due = halves.inbound.deadline().expect("it waits");
        assert_eq!(halves.inbound.on_tick(at(0)), Intents::new(), "not yet");
        let now = Now { instant: due, ..at(0) };
        let [Intent::Announce { draft }] = &halves.inbound.on_tick(now)[..] else { panic!("round {round}") };
        assert_eq!(draft.payload.as_deref(), Some(KNOWN));
    }
    assert_eq!(halves.inbound.deadline(), None, "nobody listens");
    announced(&halves, KNOWN);
    assert_eq!(presence(&halves, "worker", "leave").as_deref(), Some(OFFLINE), "a leave that was false");
    assert!(halves.inbound.deadline().is_some());
    // Clients know nothing better.
    let client = open(Role::Client);
    announced(&client, ONLINE);
    assert_eq!((presence(&client, "worker", "leave").as_deref(), client.inbound.deadline()), (Some(OFFLINE), None));
}
