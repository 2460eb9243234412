//! Shows what takes more than one conversation: two connections, shared renderings, the wire, time, secrets. What one
//! client says and hears is in `compat/cases/valtronics`.

use super::{Channel, Compat, Rules, Valtronics};
use crate::clock::Timestamp;
use crate::dialect::{
    Adapter, Choice, Denied, Frame, Halves, Hidden, HubMessage, Intent, Now, OwnedFrame, Presented, Reading, Wire, wire,
};
use crate::envelope::{ClientId, GroupId, Nulls, Origin, seal};
use std::time::{Duration, Instant};

fn origin() -> Origin {
    let client = ClientId::new("c1", 9).expect("an id");
    Origin { client, group: GroupId::new("valtronics", 99).ok(), account: None }
}

fn open(rules: Rules) -> Halves {
    Valtronics::new(rules).open(&origin())
}

fn now() -> Now {
    Now { instant: Instant::now(), at: Timestamp(1_773_232_496_789) }
}

fn say(halves: &mut Halves, text: &str) {
    let (intents, _) = halves.inbound.on_frame(Frame::Text(text), now());
    assert!(matches!(intents[..], [Intent::Answer(_)]), "{text}: {intents:?}");
}

fn on_hub(payload: &str) -> String {
    format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{payload}}}")
}

fn hears(halves: &Halves, text: &str) -> Result<(Choice, OwnedFrame), Hidden> {
    let message = HubMessage::read(text).expect("a message");
    let reading = Reading::new(&message);
    let choice = halves.outbound.choose(&reading, Instant::now())?;
    let frame = halves.outbound.render(&reading, &choice.shape)?;
    Ok((choice, frame))
}

#[test]
fn connections_share_nothing() {
    let adapter = Valtronics::new(Rules::default());
    let (mut one, mut other) = (adapter.open(&origin()), adapter.open(&origin()));
    say(&mut one, r#"{"type":"subscribe","channel":"alerts"}"#);
    say(&mut other, r#"{"type":"subscribe","channel":"telemetry"}"#);
    let (alert, telemetry) = (on_hub(r#"{"type":"alert"}"#), on_hub(r#"{"type":"telemetry_update"}"#));
    assert!(hears(&one, &alert).is_ok() && hears(&other, &telemetry).is_ok());
    assert_eq!((hears(&one, &telemetry), hears(&other, &alert)), (Err(Hidden::DialectRule), Err(Hidden::DialectRule)));
    say(&mut one, r#"{"type":"unsubscribe","channel":"alerts"}"#);
    say(&mut one, r#"{"type":"unsubscribe","channel":"telemetry"}"#);
    assert!(hears(&other, &telemetry).is_ok());
}

#[test]
fn who_is_shown_the_same_shares_one_rendering() {
    let wants = |filters: &str| {
        let mut halves = open(Rules::default());
        say(&mut halves, &format!(r#"{{"type":"subscribe","channel":"telemetry"{filters}}}"#));
        let text = on_hub(r#"{"type":"telemetry_update","device_id":1,"telemetry":{"a":1,"b":2,"c":3}}"#);
        hears(&halves, &text).expect("heard").0.shape
    };
    let whole = wants("");
    assert!(whole.cut.is_empty());
    for all in [r#","metrics":["c","b","a"]"#, r#","metrics":["a","b","c","d"]"#, r#","device_id":1"#] {
        assert_eq!(wants(all), whole, "{all}");
    }
    let some = wants(r#","metrics":["c","a"]"#);
    assert_eq!(some.cut[..], [0, 2]);
    assert_eq!(wants(r#","metrics":["a","x","c"],"device_id":"1""#), some);
    assert_ne!(wants(r#","metrics":["a"]"#), some);
}

#[test]
fn a_frame_comes_back_as_it_was_on_either_wire() {
    let mut halves = open(Rules { channel: Some(Channel::Alerts), ..Rules::default() });
    for text in [
        r#"{"type":"alert","a":1.10}"#,
        " {\"type\" :\t\"alert\", \"_v2\":{\"p\":0},\"_hub\":{}, \"payload\":{} }\n",
        r#"{"type":"alert","\ud800":1E400}"#,
    ] {
        let (intents, notes) = halves.inbound.on_frame(Frame::Text(text), now());
        let [Intent::Publish { draft, receipt: Some(receipt) }] = &intents[..] else { panic!("{intents:?}") };
        assert_eq!((receipt.raw.is_some(), notes.overridden), (text.trim() != text, 0));
        let sealed = seal(draft, &origin(), "T", Nulls::Omit);
        for wire in [Wire::Extended, Wire::Plain] {
            let hub = wire::write(&sealed, Some(receipt), wire).stamped("e1", 7);
            let heard = hears(&open(Rules { channel: Some(Channel::Alerts), ..Rules::default() }), &hub);
            assert_eq!(heard.map(|(_, frame)| frame), Ok(OwnedFrame::Text(text.to_owned())), "{hub}");
        }
    }
}

#[test]
fn a_forged_receipt_shows_nothing_that_v3_does_not_see() {
    let halves = open(Rules { channel: Some(Channel::Alerts), ..Rules::default() });
    for receipt in [
        r#"{"k":"json","d":"valtronics","raw":"{\"type\":\"alert\",\"x\":2}"}"#,
        r#"{"k":"json","d":"valtronics","raw":"{\"type\":\"auth_response\"}"}"#,
        r#"{"k":"json","d":"vectra","raw":" {\"type\":\"alert\",\"x\":1} "}"#,
        r#"{"k":"binary","d":"valtronics","raw":""}"#,
    ] {
        let message = on_hub(r#"{"type":"alert","x":1}"#);
        let text = format!("{},\"_hub\":{receipt}}}", &message[..message.len() - 1]);
        let heard = hears(&halves, &text).map(|(_, frame)| frame);
        assert_eq!(heard, Ok(OwnedFrame::Text(r#"{"type":"alert","x":1}"#.to_owned())), "{receipt}");
    }
}

#[test]
fn a_heartbeat_is_due_half_a_minute_after_the_last() {
    let mut halves = open(Rules { compat: Compat::Server, ..Rules::default() });
    assert_eq!(halves.inbound.deadline(), None);
    let began = now();
    assert!(halves.inbound.on_open(began).is_empty());
    let after = |seconds| Now { instant: began.instant + Duration::from_secs(seconds), ..began };
    assert_eq!(halves.inbound.deadline(), Some(after(30).instant));
    assert!(halves.inbound.on_tick(after(29)).is_empty());
    for (at, next) in [(30, 60), (61, 90), (500, 515)] {
        assert!(matches!(halves.inbound.on_tick(after(at))[..], [Intent::Answer(_)]), "{at}");
        assert_eq!(halves.inbound.deadline(), Some(after(next).instant), "{at}");
        assert!(halves.inbound.on_tick(after(at)).is_empty(), "{at}: one is enough");
    }
}

#[test]
fn the_real_server_knows_no_login_and_the_guide_no_heartbeat() {
    let adapter = |compat| Valtronics::new(Rules { compat, ..Rules::default() });
    assert!(adapter(Compat::Server).login().is_none() && adapter(Compat::Guide).login().is_some());
    let mut halves = open(Rules::default());
    assert!(halves.inbound.on_open(now()).is_empty() && halves.inbound.deadline().is_none());
}

#[test]
fn no_word_of_a_token_is_kept_or_told() {
    const SECRET: &str = "hUnTeR9zQ";
    let adapter = Valtronics::new(Rules::default());
    let login = adapter.login().expect("a login");
    let presented = format!(r#"{{"type":"auth","token":"{SECRET}"}}"#);
    let presented = login.on_frame(Frame::Text(&presented), now());
    assert_eq!((&presented, format!("{presented:?}").as_str()), (&Presented::Token(SECRET.into()), "Token(…)"));
    for frame in [
        format!(r#"{{"type":"auth","token":"{SECRET}"#),
        format!(r#"{{"type":"auth","token":["{SECRET}"]}}"#),
        format!(r#"{{"type":"Auth","token":"{SECRET}"}}"#),
        format!(r#"["{SECRET}"]"#),
    ] {
        let told = match login.on_frame(Frame::Text(&frame), now()) {
            Presented::Answer(OwnedFrame::Text(text)) => text,
            Presented::Denied(why) => format!("{:?}", login.refuse(why)),
            other => panic!("{frame}: {other:?}"),
        };
        assert!(!told.contains(SECRET), "{told}");
    }
    for compat in [Compat::Guide, Compat::Server] {
        let mut halves = open(Rules { compat, ..Rules::default() });
        for frame in [
            format!(r#"{{"type":"auth","token":"{SECRET}"}}"#),
            format!(r#"{{"type":"batch","messages":[{{"type":"auth","token":"{SECRET}"}}]}}"#),
        ] {
            let (intents, _) = halves.inbound.on_frame(Frame::Text(&frame), now());
            assert!(!format!("{intents:?} {halves:?} {adapter:?}").contains(SECRET), "{intents:?}");
        }
    }
    for why in [Denied::Credential, Denied::Missing, Denied::Late, Denied::Limit, Denied::Policy, Denied::Unavailable] {
        let goodbye = login.refuse(why);
        let Some(OwnedFrame::Text(text)) = goodbye.frame else { panic!("{why:?}: without a word") };
        assert!(text.starts_with(r#"{"type":"auth_response","success":false,"error":""#), "{text}");
    }
}

#[test]
fn a_frame_with_more_metrics_than_places_shows_no_more_than_was_asked_for() {
    let halves = open(Rules { channel: Some(Channel::Telemetry), ..Rules::default() });
    let many: Vec<_> = (0..70_000).map(|i| format!("\"m{i}\":{i}")).collect();
    let text = on_hub(&format!(r#"{{"type":"telemetry_update","telemetry":{{{}}}}}"#, many.join(",")));
    assert!(hears(&halves, &text).expect("heard").0.shape.cut.is_empty());
    for (asked, want) in [("m7", Some(r#"{"type":"telemetry_update","telemetry":{"m7":7}}"#)), ("m69999", None)] {
        let mut halves = open(Rules::default());
        say(&mut halves, &format!(r#"{{"type":"subscribe","channel":"telemetry","metrics":"{asked}"}}"#));
        let heard = hears(&halves, &text).map(|(_, frame)| frame);
        assert_eq!(heard.ok(), want.map(|want| OwnedFrame::Text(want.to_owned())), "{asked}");
    }
}
