//! Owns the targets of the V3 dialect: any text of a V3 client becomes an intent or an answer that says why not, and
//! what it says comes back out of its rendering for V2 (L2).

use super::input::{dice, text};
use super::lens::SENT_AT;
use super::wire::{hold, how, sample};
use aether_proxy::dialect::{Dialect, Frame, Intent, OwnedFrame, aether_v3};
use aether_proxy::envelope::json;
use aether_proxy::envelope::{ClientId, Draft, Nulls, Origin, Problem, Route, Target, seal};

/// Problems told at once, and the bytes that telling them may take.
const MOST_TOLD: (usize, usize) = (16, 16 * 1024);

/// Any text of a V3 client, read strictly and loosely.
pub fn envelope_v3(data: &[u8]) {
    let ([flags, ids, account], rest) = dice(data);
    let (how, text) = (how([flags, ids, account]), text(rest));
    let read = |reject_unknown, frame| Dialect::AetherV3(aether_v3::Speaks { reject_unknown }).upgrade(frame).0;
    let (strict, loose) = (read(true, Frame::Text(&text)), read(false, Frame::Text(&text)));
    assert!(matches!(read(false, Frame::Binary(rest)), Intent::Invalid(_)), "bytes are no envelope");
    match (&strict, &loose) {
        (Intent::Invalid(problems), _) => told(problems, &how.origin()),
        (strict, loose) => assert_eq!(strict, loose, "{text:?}: who is strict and takes it takes it the same way"),
    }
    match loose {
        Intent::Invalid(problems) => {
            assert!(matches!(strict, Intent::Invalid(_)), "{text:?}: strict takes what loose refuses");
            told(&problems, &how.origin());
        }
        Intent::Publish { draft, receipt } => {
            assert_eq!(receipt, None);
            assert!(draft.target() != Target::Echo, "{text:?}");
            said(&text, &draft, &how.origin(), how.nulls);
        }
        Intent::Echo { draft, exact } => {
            assert!(!exact && draft.target() == Target::Echo, "{text:?}");
            said(&text, &draft, &how.origin(), how.nulls);
        }
        Intent::Heartbeat { draft } => said(&text, &draft, &how.origin(), how.nulls),
        Intent::PresenceQuery => {}
        other => panic!("{text:?}: V3 has no {other:?}"),
    }
}

/// The answer to a bad message is a good one, names something, and is short.
fn told(problems: &[Problem], origin: &Origin) {
    assert!((1..=MOST_TOLD.0).contains(&problems.len()), "{problems:?}");
    let draft = Problem::answer(problems, &origin.client);
    let answer = seal(&draft, &Origin::server(), SENT_AT, Nulls::Omit);
    assert!(answer.text().len() < MOST_TOLD.1, "{} bytes: {:?}", answer.text().len(), answer.text());
    assert!(serde_json::from_str::<serde_json::Value>(answer.text()).is_ok(), "{:?}", answer.text());
    let read = aether_v3::draft(answer.text(), false, &mut Default::default());
    assert_eq!(read.as_ref(), Ok(&draft), "{:?}", answer.text());
}

/// What was said stands in the envelope as it was written, below stamps that only the server makes.
fn said(text: &str, draft: &Draft<'_>, origin: &Origin, nulls: Nulls) {
    let sealed = seal(draft, origin, SENT_AT, nulls);
    let members = json::members(sealed.text()).unwrap_or_else(|why| panic!("{:?}: {why}", sealed.text()));
    let token = |name: &str| {
        let mut found = members.iter().filter(|m| m.key == name).map(|m| m.value);
        let first = found.next();
        assert_eq!(found.next(), None, "{name} twice in {:?}", sealed.text());
        first
    };
    let word = |name: &str| token(name).and_then(json::decode_str);
    let group = origin.group.as_ref().map(|group| group.as_str());
    let stamps = [("version", Some("3")), ("from_id", Some(origin.client.as_str())), ("group_id", group)];
    for (name, want) in stamps.into_iter().chain([("sent_at", Some(SENT_AT))]) {
        assert_eq!(word(name).as_deref(), want, "{name} in {:?}", sealed.text());
    }
    for (name, said) in [("cmd", &draft.cmd), ("msg", &draft.msg), ("payload", &draft.payload)] {
        let absent = if nulls == Nulls::Omit { None } else { Some(if name == "payload" { "{}" } else { "null" }) };
        assert_eq!(token(name), said.as_deref().or(absent), "{name} in {:?}", sealed.text());
        assert!(said.as_deref().is_none_or(|said| text.contains(said)), "{name} was not in {text:?}");
    }
    let addressee = word("to_id").map(|id| ClientId::new(&id, usize::MAX));
    assert_eq!(addressee.transpose().ok().as_ref().map(Option::as_ref), Some(draft.to_id()), "{:?}", sealed.text());
    let goes = match (draft.target(), sealed.route()) {
        (Target::Direct, Route::Client(id)) => Some(id) == draft.to_id(),
        (Target::Group, Route::Group(id)) => Some(id) == origin.group.as_ref(),
        (Target::Broadcast, Route::Broadcast) | (Target::Echo, Route::Sender) => true,
        _ => false,
    };
    assert!(goes, "{:?} to {:?}", draft.target(), sealed.route());
}

/// Any V3 message, there and back again through its rendering for V2 (L2); forged, stamped and plain wires included.
pub fn round_trip(data: &[u8]) {
    let (dice, rest) = dice(data);
    let text = text(rest);
    let Ok(draft) = aether_v3::draft(&text, false, &mut Default::default()) else { return };
    let frame = OwnedFrame::Text(text.to_string());
    hold(&["L2", "L4", "L6"], &sample(how(dice), frame, draft.into_owned()));
}
