//! Owns how a field map is spoken on a connection: whose receipts it takes, and that nothing is remembered between frames.

use super::{Hears, Lens, Taken, Translated};
use crate::dialect::{
    Adapter, Choice, Frame, Halves, Hidden, Inbound, Intent, Intents, Notes, Now, Outbound, OwnedFrame, Reading,
    Receipt, Shape, Spoken,
};
use crate::envelope::{MsgType, Origin, Target};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// A dialect made by a field map. Copies are the same dialect.
#[derive(Debug, Clone)]
pub struct Mapped(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    place: usize,
    lens: Lens,
    hears: Hears,
}

impl Mapped {
    /// The dialect of this name, which stands at this place in the settings: those of one place share renderings.
    pub fn new(name: &str, place: usize, lens: Lens, hears: Hears) -> Self {
        Self(Arc::new(Inner { name: name.into(), place, lens, hears }))
    }
}

impl Adapter for Mapped {
    fn spoken(&self) -> Spoken {
        Spoken::Custom
    }

    fn made(&self) -> Option<&Arc<str>> {
        Some(&self.0.name)
    }

    fn open(&self, _origin: &Origin) -> Halves {
        Halves { inbound: Box::new(self.clone()), outbound: Arc::new(self.clone()) }
    }
}

impl Inbound for Mapped {
    fn on_frame<'a>(&mut self, frame: Frame<'a>, _now: Now) -> (Intents<'a>, Notes) {
        let intent = match self.0.lens.upgrade(frame) {
            Taken::Message(Translated { draft, receipt }) => {
                // What is kept is the frame itself; the draft may hold defaults, which are the map's.
                let (draft, kept) = (draft.into_owned(), receipt.raw.is_some());
                let raw = match frame {
                    Frame::Text(text) if kept => Some(Cow::Borrowed(text)),
                    _ => None,
                };
                let dialect = Some(Cow::Owned(self.0.name.as_ref().to_owned()));
                match draft.target() {
                    Target::Echo => Intent::Echo { draft, exact: true },
                    _ => Intent::Publish { draft, receipt: Some(Receipt { kind: receipt.kind, raw, dialect }) },
                }
            }
            Taken::Refused(answer) => Intent::Refused(answer),
        };
        (Intents::from_buf([intent]), Notes::default())
    }
}

impl Outbound for Mapped {
    fn choose(&self, reading: &Reading<'_>, _now: Instant) -> Result<Choice, Hidden> {
        if reading.message().msg_type() == MsgType::Presence && !self.0.hears.presence {
            return Err(Hidden::PresenceToV2);
        }
        Ok(Shape { adapter: self.0.place + 1, ..Shape::whole(Spoken::Custom, 0) }.into())
    }

    fn render(&self, reading: &Reading<'_>, _shape: &Shape) -> Result<OwnedFrame, Hidden> {
        let message = reading.message();
        let own = message.receipt().filter(|receipt| receipt.dialect.as_deref() == Some(&self.0.name));
        self.0.lens.downgrade_by(message, own, self.0.hears)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::dialect::custom::{Map, Others, Step, Unmapped};
    use crate::dialect::lens::Annotate;
    use crate::dialect::{HubMessage, Wire, wire};
    use crate::envelope::{ClientId, GroupId, Nulls, seal};

    fn mapped(name: &str, steps: &[(&str, &str)]) -> Mapped {
        let step = |(from, to): &(&str, &str)| Step::Rename { from: (*from).to_owned(), to: (*to).to_owned() };
        let map = Map { steps: steps.iter().map(step).collect(), others: Others::Take, unmapped: Unmapped::Note };
        Mapped::new(name, 0, Lens::new(map).expect("a lens"), Hears { annotate: Annotate::Off, presence: false })
    }

    fn origin() -> Origin {
        let client = ClientId::new("c", 9).expect("an id");
        Origin { client, group: Some(GroupId::new("g", 9).expect("an id")), account: None }
    }

    /// What the hub carries of a frame; None: it is not published.
    fn up(dialect: &Mapped, text: &str) -> Option<String> {
        let now = Now { instant: Instant::now(), at: Timestamp(0) };
        let (mut intents, _) = dialect.clone().on_frame(Frame::Text(text), now);
        let Some(Intent::Publish { draft, receipt }) = intents.pop() else { return None };
        Some(wire::write(&seal(&draft, &origin(), "t", Nulls::Omit), receipt.as_ref(), Wire::Extended).unstamped())
    }

    fn down(dialect: &Mapped, hub: &str) -> Result<OwnedFrame, Hidden> {
        let message = HubMessage::read(hub).expect("a message");
        let reading = Reading::new(&message);
        let choice = dialect.choose(&reading, Instant::now())?;
        dialect.render(&reading, &choice.shape)
    }

    const STEPS: [(&str, &str); 2] = [("text", "msg"), ("to", "to_id")];

    #[test]
    fn a_receipt_is_good_for_its_own_dialect_only() {
        let (own, other) = (mapped("acme", &STEPS), mapped("other", &STEPS));
        let text = r#"{ "text":"hi" }"#;
        let hub = up(&own, text).expect("published");
        assert!(hub.contains(r#""d":"acme""#), "{hub}");
        assert_eq!(down(&own, &hub), Ok(OwnedFrame::Text(text.into())));
        assert_eq!(down(&other, &hub), Ok(OwnedFrame::Text(r#"{"text":"hi"}"#.into())));
        let forged = hub.replace(r#"\"hi\""#, r#"\"ho\""#);
        assert_ne!(forged, hub);
        assert_eq!(down(&own, &forged), Ok(OwnedFrame::Text(r#"{"text":"hi"}"#.into())));
    }

    #[test]
    fn an_echo_is_for_nobody_else_and_presence_is_not_told() {
        let own = mapped("acme", &[("text", "msg"), ("how", "target")]);
        assert_eq!(up(&own, r#"{"text":"hi","how":"echo"}"#), None);
        let joined = r#"{"version":"3","msg_type":"presence","target":"group","from_id":"c","_hub":{}}"#;
        assert_eq!(down(&own, joined), Err(Hidden::PresenceToV2));
    }
}
