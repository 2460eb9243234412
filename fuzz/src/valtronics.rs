//! Owns the target of the Valtronics dialect: any frames of a client, before its login and after, among any messages
//! of its group. Whatever comes is answered shortly and in JSON, published as it was, or hidden; nothing is made up.

use super::input::{BETWEEN, dice, pick, text};
use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::valtronics::{Channel, Compat, Rules, Valtronics};
use aether_proxy::dialect::{
    Adapter, Frame, Halves, HubMessage, Intent, Now, OwnedFrame, Presented, Reading, Receipt, Wire, wire,
};
use aether_proxy::envelope::json;
use aether_proxy::envelope::{ClientId, Draft, GroupId, MsgType, Nulls, Origin, Target, seal};
use std::time::{Duration, Instant};

/// What an answer may take beside what it gives back.
const ANSWER: usize = 256;
/// How much later each event may be, in milliseconds.
const LATER: [u64; 8] = [0, 0, 1, 500, 1_000, 5_000, 30_000, 90_000_000];
/// What nobody but the server, or a client to it, may say.
const PRIVATE: [&str; 8] =
    ["auth", "auth_response", "batch", "error", "ping", "pong", "subscribe", "subscription_confirmed"];

/// A die for the mount; then events, each a byte for what and when, and a text.
pub fn valtronics(data: &[u8]) {
    let ([mount], rest) = dice(data);
    let rules = Rules {
        compat: if mount & 1 > 0 { Compat::Server } else { Compat::Guide },
        channel: [None, Channel::parse("telemetry"), Channel::parse("alerts"), Channel::parse("system")]
            [usize::from(mount >> 1 & 3)],
        batch: if mount & 8 > 0 { 0 } else { 5 },
        message: if mount & 16 > 0 { 0 } else { 1024 },
        messages_per_second: if mount & 32 > 0 { 3 } else { 0 },
    };
    let adapter = Valtronics::new(rules);
    let origin = Origin {
        client: ClientId::new("c1", 9).expect("an id"),
        group: GroupId::new("valtronics", 99).ok(),
        account: None,
    };
    let mut halves = adapter.open(&origin);
    let mut now = Now { instant: Instant::now(), at: Timestamp(1_773_232_496_789) };
    halves.inbound.on_open(now);
    for event in rest.split(|byte| *byte == BETWEEN).take(64) {
        let ([what], frame) = dice(event);
        now.instant += Duration::from_millis(pick(what / 8, &LATER));
        let said = text(frame);
        match what % 8 {
            0 | 4 | 5 => comes(&mut halves, &rules, Frame::Text(&said), now),
            1 => heard(&halves, &said, now),
            2 => heard(&halves, &format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{said}}}"), now),
            3 => ticks(&mut halves, now),
            6 => comes(&mut halves, &rules, Frame::Binary(frame), now),
            _ => login(&adapter, &said, now),
        }
    }
}

/// An answer is short, and a JSON object.
fn is_answer(answer: &OwnedFrame, came: usize) {
    let OwnedFrame::Text(answer) = answer else { panic!("{answer:?}") };
    assert!(answer.len() <= came + 6 * ANSWER, "{} bytes for {came}: {answer}", answer.len());
    let members = json::members(answer).unwrap_or_else(|why| panic!("{answer}: {why}"));
    assert!(members.iter().any(|m| m.key == "type" || m.key == "error"), "{answer}");
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(answer).is_ok(), "{answer}");
}

fn login(adapter: &Valtronics, said: &str, now: Now) {
    let Some(login) = adapter.login() else { return };
    match login.on_frame(Frame::Text(said), now) {
        Presented::Answer(answer) => is_answer(&answer, said.len()),
        Presented::Token(token) => assert!(!token.is_empty() && said.contains("\"")),
        Presented::Denied(why) => is_answer(&login.refuse(why).frame.expect("a word"), 0),
        other => panic!("{other:?}"),
    }
}

fn comes(halves: &mut Halves, rules: &Rules, frame: Frame<'_>, now: Now) {
    let (intents, _) = halves.inbound.on_frame(frame, now);
    let most = if rules.batch > 0 { rules.batch } else { frame.len().max(1) };
    assert!(intents.len() <= most, "{intents:?}");
    let mut published = 0;
    for intent in intents {
        match intent {
            Intent::Answer(answer) | Intent::Refused(Some(answer)) => is_answer(&answer, frame.len()),
            Intent::Publish { draft, receipt: Some(receipt) } => {
                assert!(rules.compat == Compat::Guide, "{frame:?}: nobody hears that");
                let Frame::Text(said) = frame else { panic!("{frame:?}") };
                published += draft.payload.as_deref().map_or(0, str::len);
                is_verbatim(said, &draft, &receipt);
            }
            other => panic!("{frame:?}: {other:?}"),
        }
    }
    assert!(published <= frame.len(), "{frame:?}");
}

/// What goes to the group is what was said, and comes back from either wire.
fn is_verbatim(said: &str, draft: &Draft<'_>, receipt: &Receipt<'_>) {
    assert_eq!((draft.msg_type(), draft.target(), &draft.cmd, &draft.msg), (MsgType::Msg, Target::Group, &None, &None));
    let payload = draft.payload.as_deref().expect("a payload");
    assert!(said.contains(payload), "{payload}");
    assert!(receipt.raw.as_deref().is_none_or(|raw| raw == said && raw.trim() == payload), "{receipt:?}");
    let kind = json::tokens(payload).map(json::last_wins).expect("an object");
    let kind = kind.iter().find(|m| m.key == "type").and_then(|m| json::decode_str(m.value)).expect("a type");
    assert!(!["auth", "ping", "batch", "subscribe", "unsubscribe"].contains(&&*kind), "{payload}");
    let origin = Origin { client: ClientId::new("c1", 9).expect("an id"), group: None, account: None };
    let sealed = seal(draft, &origin, "T", Nulls::Omit);
    for way in [Wire::Extended, Wire::Plain] {
        let hub = wire::write(&sealed, Some(receipt), way).unstamped();
        let back = HubMessage::read(&hub).unwrap_or_else(|why| panic!("{hub}: {why}"));
        assert_eq!((back.draft(), back.receipt()), (draft, Some(receipt)), "{hub}");
    }
}

fn ticks(halves: &mut Halves, now: Now) {
    let due = halves.inbound.deadline().is_some_and(|due| due <= now.instant);
    let intents = halves.inbound.on_tick(now);
    assert_eq!(intents.len(), usize::from(due));
    assert!(halves.inbound.deadline().is_none_or(|due| due > now.instant), "it would spin");
}

/// What is shown stands in the payload, is no longer, and is nothing the server alone may say.
fn heard(halves: &Halves, hub: &str, now: Now) {
    let Ok(message) = HubMessage::read(hub) else { return };
    let reading = Reading::new(&message);
    let Ok(choice) = halves.outbound.choose(&reading, now.instant) else { return };
    assert!(
        choice.later.is_none_or(|later| later.at >= now.instant && halves.outbound.wants(later.slot)),
        "{choice:?}"
    );
    let again = halves.outbound.choose(&reading, now.instant).expect("the same again");
    assert_eq!(again.shape, choice.shape);
    let shown = halves.outbound.render(&reading, &choice.shape).expect("chosen, so shown");
    let OwnedFrame::Text(shown) = shown else { panic!("{shown:?}") };
    let payload = message.draft().payload.as_deref().expect("a payload");
    let members = json::tokens(&shown).map(json::last_wins).unwrap_or_else(|why| panic!("{shown}: {why}"));
    if choice.shape.cut.is_empty() {
        assert_eq!(shown.trim(), payload.trim());
    } else {
        assert!(shown.len() < payload.len(), "{shown} of {payload}");
        assert!(members.iter().all(|m| m.key == "telemetry" || m.key == "metrics" || payload.contains(m.value)));
    }
    let kind = members.iter().find(|m| m.key == "type").and_then(|m| json::decode_str(m.value));
    assert!(!kind.is_some_and(|kind| PRIVATE.contains(&&*kind)), "{shown}");
}
