//! Owns the targets around the lens: any V2 frame under the laws, and any text on the hub.

use super::input::{dice, parts, pick, text};
use super::laws::{self, LAWS};
use super::lens::{Edit, FULL, Forgery, How, Real, SENT_AT, Sample};
use aether_proxy::dialect::aether_v2::Hears;
use aether_proxy::dialect::lens::{Annotate, Kind, original};
use aether_proxy::dialect::{HubMessage, OwnedFrame, Receipt, Shaped, View, Wire, aether_v3, wire};
use aether_proxy::envelope::json::{self, Document};
use aether_proxy::envelope::{Draft, MsgType, Nulls, Target, seal};
use aether_proxy::label::Label;

/// Ids that need care.
const IDS: [&str; 6] = ["c1", "42", "a/b", "ä 😀", "\"q\"", "back\\slash"];

/// How a message travels, by three dice.
pub fn how([flags, ids, account]: [u8; 3]) -> How {
    How {
        shaped: pick(flags, &[Shaped::Routing, Shaped::Content, Shaped::Opaque]),
        denied: flags & 4 > 0,
        wire: if flags & 8 > 0 { Wire::Plain } else { Wire::Extended },
        nulls: if flags & 16 > 0 { Nulls::Include } else { Nulls::Omit },
        stamped: flags & 32 > 0,
        account: (account > 0).then(|| pick(account, &IDS).to_owned()),
        client: pick(ids, &IDS).to_owned(),
        group: pick(ids / 8, &IDS).to_owned(),
    }
}

/// A V3 message that is always the same, for the laws that want one.
pub fn native() -> Draft<'static> {
    let mut draft = Draft::to_group(MsgType::Msg);
    draft.msg = Some("\"m\"".into());
    draft.payload = Some("{\"msg\":1,\"_v3\":{},\"_v2\":{\"p\":0}}".into());
    draft
}

/// A sample for the laws: this frame and nothing forged.
pub fn sample(how: How, frame: OwnedFrame, native: Draft<'static>) -> Sample {
    let edit = Edit { at: 0, delete: 0, insert: String::new() };
    Sample { how, frame, native, forgery: Forgery { kind: Kind::Text, raw: None, edit, text: String::new() } }
}

/// Panics with the law's own words.
pub fn hold(wanted: &[&str], sample: &Sample) {
    for (name, law) in LAWS.iter().filter(|(name, _)| wanted.contains(name)) {
        if let Err(why) = law(&Real, sample) {
            panic!("{name}: {why}");
        }
    }
}

/// Any frame of a V2 client, and what a forger would write beside it: L1, L3 to L7.
pub fn lens(data: &[u8]) {
    let ([flags, ids, account, kind, at, delete], rest) = dice(data);
    let [frame, raw, insert] = parts(rest);
    let frame = match std::str::from_utf8(frame) {
        Ok(frame) if flags & 128 == 0 => OwnedFrame::Text(frame.to_owned()),
        _ => OwnedFrame::Binary(rest.to_vec()),
    };
    let mut sample = sample(how([flags, ids, account]), frame, native());
    let edit = Edit { at: usize::from(at) * 3, delete: usize::from(delete % 8), insert: text(insert).into_owned() };
    let raw = (!raw.is_empty()).then(|| text(raw).into_owned());
    sample.forgery = Forgery { kind: pick(kind, Kind::ALL), raw, edit, text: String::new() };
    hold(&["L1", "L3", "L4", "L5", "L6", "L7"], &sample);
}

/// Any text on a channel of the hub, alone and beside what a proxy sealed: V2 peers see what translates to what V3
/// peers see, and whoever is shown something is shown JSON.
pub fn hub_wire(data: &[u8]) {
    let ([flags, ids, account, kind], rest) = dice(data);
    let rest = text(rest);
    shown(&rest);
    // The same text as the receipt of a message it does not belong to.
    let how = how([flags, ids, account]);
    let receipt = Receipt::new(pick(kind, Kind::ALL), (flags & 64 > 0).then_some(rest.as_ref().into()));
    let sealed = seal(&native(), &how.origin(), SENT_AT, how.nulls);
    let hub = how.text(&wire::write(&sealed, Some(&receipt), how.wire));
    let read = HubMessage::read(&hub).expect("what a proxy writes can be read");
    assert_eq!(read.visible(), sealed.text(), "{hub:?}");
    if let Some(frame) = original(&read) {
        let is = lens_says(&frame, receipt.kind, read.draft());
        assert!(is, "{hub:?}: a forged receipt shows {frame:?}");
    }
    shown(&hub);
    // And as members that follow those of a proxy.
    shown(&format!("{},{}", &hub[..hub.len() - 1], rest.strip_prefix('{').unwrap_or(&rest)));
}

/// Does the library translate the frame to this, under any setting of a mount?
fn lens_says(frame: &OwnedFrame, kind: Kind, draft: &Draft<'_>) -> bool {
    [Shaped::Routing, Shaped::Content, Shaped::Opaque].into_iter().any(|shaped| {
        let up = aether_proxy::dialect::lens::to_v3(frame.borrow(), shaped);
        up.receipt.kind == kind && (up.draft == *draft || up.draft.clone().for_group() == *draft)
    })
}

fn shown(hub: &str) {
    if let Err(why) = laws::shows_the_same(&Real, hub) {
        panic!("L7: {why}");
    }
    let Ok(message) = HubMessage::read(hub) else { return };
    let visible = message.visible();
    assert!(json::tokens(&visible).is_ok(), "{hub:?}: V3 sees {visible:?}");
    // What everybody is shown is a message again, with the same content.
    let again = aether_v3::draft(&visible, false, &mut Default::default());
    assert_eq!(again.as_ref(), Ok(message.draft()), "{hub:?}");
    assert!(message.draft().target() != Target::Direct || message.to_id().is_some(), "{hub:?}");
    let exact = original(&message);
    for annotate in [Annotate::Full, Annotate::Min, Annotate::Off] {
        for as_envelope in [false, true] {
            let hears = Hears { annotate, as_envelope, presence: true };
            let Ok(heard) = View::AetherV2(hears).downgrade(&message) else { panic!("{hub:?}: hidden") };
            match (&exact, heard) {
                (Some(exact), heard) => assert_eq!(*exact, heard, "{hub:?}"),
                (None, OwnedFrame::Text(text)) => {
                    assert!(matches!(Document::parse(&text), Document::Object(_)) || json::tokens(&text).is_ok());
                }
                (None, OwnedFrame::Binary(_)) => panic!("{hub:?}: bytes out of nothing"),
            }
        }
    }
    let quiet = View::AetherV2(Hears { annotate: Annotate::Full, as_envelope: false, presence: false });
    assert_eq!(quiet.downgrade(&message).is_err(), message.msg_type() == MsgType::Presence, "{hub:?}");
    assert!(FULL.downgrade(&message).is_ok() && View::AetherV3.downgrade(&message).is_ok());
}
