//! Plays the cases of the Aether dialects, one frame each. What a case means is in `compat/README.md`; this file owns
//! no expectation of its own.

use super::suite::{self, text};
use aether_proxy::compat::suite::{Case, FrameCase, Legacy, Written, Wrong};
use aether_proxy::dialect::aether_v2::{Hears, Speaks};
use aether_proxy::dialect::lens::Annotate;
use aether_proxy::dialect::{
    Dialect, Hidden, HubMessage, Intent, OwnedFrame, Receipt, Shaped, View, Wire, aether_v3, wire,
};
use aether_proxy::envelope::{AccountId, ClientId, Draft, GroupId, Nulls, Origin, Problem, Target, seal};

fn setting<'a>(frame: &'a FrameCase, name: &str) -> &'a str {
    match frame.settings.get(name) {
        Some(serde_json::Value::String(word)) => word,
        Some(serde_json::Value::Bool(true)) => "true",
        _ => "",
    }
}

fn speaks_v2(frame: &FrameCase) -> Dialect {
    let shaped = match setting(frame, "v2.v3_shaped") {
        "content" => Shaped::Content,
        "opaque" => Shaped::Opaque,
        _ => Shaped::Routing,
    };
    Dialect::AetherV2(Speaks { shaped, keepalive: setting(frame, "v2.keepalive") == "true" })
}

fn hears_v2(frame: &FrameCase) -> View {
    let annotate = match setting(frame, "v2.annotate") {
        "min" => Annotate::Min,
        "off" => Annotate::Off,
        _ => Annotate::Full,
    };
    View::AetherV2(Hears {
        annotate,
        as_envelope: setting(frame, "v2.render") == "envelope",
        presence: setting(frame, "v2.presence") == "true",
    })
}

fn origin(account: Option<&str>) -> Origin {
    Origin {
        client: ClientId::new("c1", 64).expect("an id"),
        group: GroupId::new("g1", 64).ok(),
        account: account.map(|a| AccountId::new(a, 64).expect("an id")),
    }
}

const SENT_AT: &str = "2026-03-11T12:34:56.789Z";

/// The text on the hub, one for every way it may be written.
fn hub_texts(draft: &Draft<'_>, receipt: Option<&Receipt<'_>>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for nulls in [Nulls::Omit, Nulls::Include] {
        for wire in [Wire::Extended, Wire::Plain] {
            for account in [None, Some("acme \"1\"")] {
                let sealed = seal(draft, &origin(account), SENT_AT, nulls);
                let hub = wire::write(&sealed, receipt, wire);
                all.push((sealed.text().to_owned(), hub.unstamped()));
                all.push((sealed.text().to_owned(), hub.stamped("e1", 7)));
            }
        }
    }
    all
}

const FULL: View = View::AetherV2(Hears { annotate: Annotate::Full, as_envelope: false, presence: true });

/// A message that only has the stamps the case leaves out: the draft, read back from its content.
fn flat_unstamped(draft: &Draft<'_>) -> OwnedFrame {
    let content = draft.content();
    // An empty receipt behind it, so that a `_v2` in the payload is nobody's receipt.
    let text = format!("{},\"_hub\":{{}}}}", &content[..content.len() - 1]);
    let message = HubMessage::read(&text).expect("a message");
    FULL.downgrade(&message).expect("shown")
}

#[test]
fn legacy_frames_become_the_expected_envelope_and_come_back_exactly() {
    for (Case { id, .. }, case) in suite::frames("aether/v2-to-hub/") {
        let frame = case.input.frame();
        let (intent, notes) = speaks_v2(&case).upgrade(frame.borrow());
        let word = case.expect.intent.as_deref();
        let (draft, receipt) = match intent {
            Intent::Answer(answer) => {
                assert_eq!(Some(&answer), case.expect.answer.as_ref().map(Written::frame), "{id}");
                continue;
            }
            Intent::Echo { draft, exact } => {
                assert_eq!((word, exact), (Some("echo"), true), "{id}");
                (draft, None)
            }
            Intent::Publish { draft, receipt } => {
                assert_eq!(word, Some("publish"), "{id}");
                assert!(receipt.is_some(), "{id}");
                (draft, receipt)
            }
            other => panic!("{id}: {other:?}"),
        };
        let draft = if draft.target() == Target::Broadcast && !case.may_broadcast { draft.for_group() } else { draft };
        assert_eq!(draft.content(), text(case.expect.v3.as_ref().expect("v3")), "{id}");
        assert_eq!(&flat_unstamped(&draft), case.expect.flat.as_ref().expect("flat").frame(), "{id}");
        let kept = case.expect.receipt.as_ref().expect("receipt");
        assert_eq!(notes.kind.map(|k| k.label()), Some(kept.kind.as_str()), "{id}");
        assert!(matches!(&case.expect.v2, Some(Legacy::Word(word)) if word == "exact"), "{id}");
        let Some(receipt) = receipt else { continue };
        assert_eq!((receipt.kind.label(), receipt.raw.is_some()), (kept.kind.as_str(), kept.raw), "{id}");
        for (visible, hub) in hub_texts(&draft, Some(&receipt)) {
            let message = HubMessage::read(&hub).unwrap_or_else(|e| panic!("{id}: {hub}: {e}"));
            assert_eq!(View::AetherV3.downgrade(&message), Ok(OwnedFrame::Text(visible)), "{id}: {hub}");
            assert_eq!(hears_v2(&case).downgrade(&message).as_ref(), Ok(frame), "{id}: {hub}");
        }
    }
}

/// `loc`, `type`, `msg` of the problems, as the sender gets them.
fn told(problems: &[Problem]) -> Vec<Wrong> {
    let mut text = String::from("[");
    for problem in problems {
        text.push_str(if text.len() > 1 { "," } else { "" });
        problem.write_json(&mut text);
    }
    text.push(']');
    serde_json::from_str(&text).expect("problems are JSON")
}

#[test]
fn native_frames_become_the_expected_envelope_or_errors() {
    for (Case { id, .. }, case) in suite::frames("aether/v3-to-hub/") {
        let frame = case.input.frame();
        let dialect =
            Dialect::AetherV3(aether_v3::Speaks { reject_unknown: setting(&case, "v3.unknown_members") == "reject" });
        let (word, draft) = match dialect.upgrade(frame.borrow()).0 {
            Intent::Publish { draft, receipt: None } => ("publish", draft),
            Intent::Echo { draft, exact: false } => ("echo", draft),
            Intent::Heartbeat { draft } => ("heartbeat", draft),
            Intent::PresenceQuery => {
                assert_eq!(case.expect.intent.as_deref(), Some("presence-query"), "{id}");
                continue;
            }
            Intent::Invalid(problems) => {
                let mut got = told(&problems);
                let mut want = case.expect.errors.clone().unwrap_or_else(|| panic!("{id}: refused: {got:?}"));
                for (got, want) in got.iter_mut().zip(&want) {
                    assert!(got.msg.as_ref().is_some_and(|msg| msg.len() < 200), "{id}: {got:?}");
                    if want.msg.is_none() {
                        got.msg = None;
                    }
                }
                got.sort();
                want.sort();
                assert_eq!(got, want, "{id}");
                continue;
            }
            other => panic!("{id}: {other:?}"),
        };
        assert_eq!(case.expect.intent.as_deref(), Some(word), "{id}");
        assert_eq!(draft.content(), text(case.expect.v3.as_ref().expect("v3")), "{id}");
        if let Some(flat) = &case.expect.flat {
            assert_eq!(&flat_unstamped(&draft), flat.frame(), "{id}");
        }
        for (visible, hub) in hub_texts(&draft, None) {
            let message = HubMessage::read(&hub).unwrap_or_else(|e| panic!("{id}: {hub}: {e}"));
            assert_eq!(View::AetherV3.downgrade(&message), Ok(OwnedFrame::Text(visible)), "{id}: {hub}");
            assert!(message.receipt().is_none(), "{id}: {hub}");
        }
    }
}

#[test]
fn hub_texts_are_shown_as_expected() {
    for (Case { id, .. }, case) in suite::frames("aether/hub-to-clients/") {
        let message = match HubMessage::read(text(&case.input)) {
            Ok(message) => message,
            Err(error) => {
                assert_eq!(Some(error.label()), case.expect.error.as_deref(), "{id}: {error}");
                continue;
            }
        };
        assert_eq!(case.expect.error, None, "{id}");
        let v3 = case.expect.v3.as_ref().map(Written::frame).expect("v3");
        assert_eq!(View::AetherV3.downgrade(&message).as_ref(), Ok(v3), "{id}");
        let v2 = match &case.expect.v2 {
            Some(Legacy::Frame(frame)) => Ok(frame.frame()),
            _ => Err(&Hidden::PresenceToV2),
        };
        assert_eq!(hears_v2(&case).downgrade(&message).as_ref(), v2, "{id}");
        assert_eq!(Some(message.is_foreign()), case.expect.foreign, "{id}");
        assert_eq!(message.account().map(AccountId::as_str), case.expect.account.as_deref(), "{id}");
        let stamp = case.expect.stamp.as_ref().map(|s| (s.epoch.as_str(), s.seq));
        assert_eq!(message.stamp(), stamp, "{id}");
    }
}
