//! Owns the legacy Aether dialect around the lens: what a V2 client's frame is meant to do, and which
//! rendering it gets. How bytes become an envelope and come back is `lens`.

use super::flat;
use super::lens::{self, Annotate, Shaped};
use super::{Frame, HubMessage, Intent, Notes, OwnedFrame};
use crate::envelope::Target;

/// What a V2 client's frames mean, by mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Speaks {
    /// A V3-shaped frame on a V2 URL.
    pub shaped: Shaped,
    /// Text `ping` and `{"type":"ping"}` are answered here instead of being passed on as data.
    pub keepalive: bool,
}

/// What a V2 client gets, by mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hears {
    /// How much of the envelope stands in `_v3`.
    pub annotate: Annotate,
    /// V3 messages come as the envelope itself.
    pub as_envelope: bool,
    /// Join and leave are told.
    pub presence: bool,
}

/// See `Dialect::upgrade`. Every frame is legal.
pub fn upgrade<'a>(speaks: &Speaks, frame: Frame<'a>) -> (Intent<'a>, Notes) {
    if let (true, Some(pong)) = (speaks.keepalive, pong(frame)) {
        return (Intent::Answer(pong), Notes::default());
    }
    let translated = lens::to_v3(frame, speaks.shaped);
    let notes = Notes { kind: Some(translated.receipt.kind), ..Notes::default() };
    let intent = match translated.draft.target() {
        Target::Echo => Intent::Echo { draft: translated.draft, exact: true },
        _ => Intent::Publish { draft: translated.draft, receipt: Some(translated.receipt) },
    };
    (intent, notes)
}

/// The answer to an application-level ping.
fn pong(frame: Frame<'_>) -> Option<OwnedFrame> {
    let answer = match frame {
        Frame::Text("ping") => "pong",
        Frame::Text(r#"{"type":"ping"}"#) => r#"{"type":"pong"}"#,
        Frame::Text(text) if text.len() <= 24 && is_spaced_ping(text) => r#"{"type": "pong"}"#,
        _ => return None,
    };
    Some(OwnedFrame::Text(answer.to_owned()))
}

/// `{"type": "ping"}` with white space, as Python and hands write it.
fn is_spaced_ping(text: &str) -> bool {
    let solid: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    solid == r#"{"type":"ping"}"#
}

/// See `View::downgrade`: a V2 frame comes back exactly; a V3 message flat, or as it is.
pub fn downgrade(hears: &Hears, message: &HubMessage<'_>) -> OwnedFrame {
    if let Some(original) = lens::original(message) {
        return original;
    }
    if hears.as_envelope {
        return OwnedFrame::Text(message.visible().into_owned());
    }
    OwnedFrame::Text(flat::flat(message, hears.annotate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ping_is_data_unless_the_mount_says_otherwise() {
        let mut speaks = Speaks { shaped: Shaped::Routing, keepalive: false };
        assert!(matches!(upgrade(&speaks, Frame::Text("ping")).0, Intent::Publish { .. }));
        speaks.keepalive = true;
        for (ping, pong) in [("ping", "pong"), (r#"{"type": "ping"}"#, r#"{"type": "pong"}"#)] {
            let answer = Intent::Answer(OwnedFrame::Text(pong.to_owned()));
            assert_eq!(upgrade(&speaks, Frame::Text(ping)).0, answer);
        }
        assert!(matches!(upgrade(&speaks, Frame::Text(r#"{"type":"pingpong"}"#)).0, Intent::Publish { .. }));
    }
}
