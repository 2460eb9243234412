//! Owns the lens that settings declare (`[dialects.map]`): a field map between a legacy JSON protocol and V3, both ways.
//! Its laws: a legacy frame comes back byte for byte, whatever the map loses (the receipt); a V3 message comes back with
//! its content, but for what is left over, defaults that are filled in, and the order of members; no token is rewritten,
//! and every one of a legacy frame stands in V3. Where settings say it is no concern of this file.

mod adapter;
mod alike;
mod check;
mod down;
mod explain;
mod path;
mod plan;
mod spec;
mod tree;
mod up;

pub use adapter::Mapped;
pub use alike::{alike, same_message};
pub use check::{Fixture, check};
pub use explain::Told;
pub use spec::{Map, Others, Problem, Step, Unmapped};

pub use super::lens::Translated;
use super::lens::{self, Annotate, Kind, Left, Receipt, same};
use super::{Frame, Hidden, HubMessage, OwnedFrame};
use crate::envelope::json::{self, Document};
use crate::envelope::{ClientId, Draft, MsgType, Target};
use down::Sorted;
use explain::{Teller, Way};
use plan::Plan;

/// A field map, checked and ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lens {
    map: Map,
    plan: Plan,
}

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken<'a> {
    /// A message, and how legacy clients get it back exactly.
    Message(Translated<'a>),
    /// No frame of this dialect; the answer, if there is to be one.
    Refused(Option<OwnedFrame>),
}

/// What legacy clients of the dialect are told beside their own members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hears {
    /// Sender, group and time of messages that were V3 to begin with, in a member `_v3`.
    pub annotate: Annotate,
    /// Presence messages too.
    pub presence: bool,
}

impl Lens {
    /// Understands a map. Its fixtures are `check`'s.
    ///
    /// # Errors
    /// All that is wrong with its steps, each with its number.
    pub fn new(map: Map) -> Result<Self, Vec<Problem>> {
        let plan = plan::plan(&map)?;
        Ok(Self { map, plan })
    }

    /// The map it was made of.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// What a frame becomes.
    pub fn upgrade<'a>(&'a self, frame: Frame<'a>) -> Taken<'a> {
        let Frame::Text(text) = frame else { return self.other(frame) };
        let Document::Object(members) = Document::parse(text) else { return self.other(frame) };
        let (draft, made) = up::object(&self.plan, &json::last_wins(members), text.len(), &mut ());
        // Translate, render, compare: whatever does not come back by itself is kept. A broadcast may become a group
        // message on its way, and is to come back as it was.
        let tells_broadcast = self.plan.has_target && draft.target() == Target::Broadcast;
        let by_itself = made.is_some_and(|made| !tells_broadcast && self.is_rendering(&draft, made, text));
        let raw = (!by_itself).then_some(text.into());
        Taken::Message(Translated { draft, receipt: Receipt::new(Kind::Json, raw) })
    }

    /// A frame that is no JSON object.
    fn other<'a>(&self, frame: Frame<'a>) -> Taken<'a> {
        match &self.map.others {
            Others::Take => Taken::Message(lens::to_v3(frame, lens::Shaped::Opaque)),
            Others::Refuse(answer) => Taken::Refused((!answer.is_empty()).then(|| OwnedFrame::Text(answer.clone()))),
        }
    }

    fn is_rendering(&self, draft: &Draft<'_>, made: up::Made<'_>, text: &str) -> bool {
        let Some(sorted) = Sorted::again(&self.plan, draft, made) else { return false };
        let mut left = Left::of(text);
        sorted.write(&mut left, None);
        sorted.left.is_nothing() && left.is_nothing()
    }

    /// The legacy frame of a message: the very one it was, else what the map makes of it.
    ///
    /// # Errors
    /// Why there is none, on purpose.
    pub fn downgrade(&self, message: &HubMessage<'_>, hears: Hears) -> Result<OwnedFrame, Hidden> {
        self.downgrade_by(message, message.receipt(), hears)
    }

    /// The same by this receipt, which may be none: a receipt of another dialect leads to no frame of this one.
    ///
    /// # Errors
    /// As `downgrade`.
    pub fn downgrade_by(
        &self,
        message: &HubMessage<'_>,
        receipt: Option<&Receipt<'_>>,
        hears: Hears,
    ) -> Result<OwnedFrame, Hidden> {
        if message.msg_type() == MsgType::Presence && !hears.presence {
            return Err(Hidden::PresenceToV2);
        }
        if let Some(frame) = receipt.and_then(|receipt| self.original(message, receipt)) {
            return Ok(frame);
        }
        let mut sorted = Sorted::new(&self.plan, message.draft(), &mut ());
        let by_itself = receipt.is_some_and(|r| r.kind == Kind::Json && r.raw.is_none());
        if sorted.left.has_content() && self.map.unmapped == Unmapped::Hide {
            return Err(Hidden::DialectRule);
        }
        let notes_rest = self.map.unmapped == Unmapped::Note && sorted.left.has_content();
        let notes_stamps = hears.annotate != Annotate::Off && !(by_itself && sorted.left.is_nothing());
        let note = (notes_rest || notes_stamps).then(|| {
            sorted.make_room_for_note();
            self.note(message, &sorted, hears.annotate)
        });
        let draft = message.draft();
        let size = |token: Option<&str>| token.map_or(0, str::len);
        let mut out = String::with_capacity(
            96 + size(draft.payload.as_deref()) + size(draft.msg.as_deref()) + size(note.as_deref()),
        );
        sorted.write(&mut out, note.as_deref());
        Ok(OwnedFrame::Text(out))
    }

    /// The frame a message was, where the receipt holds more than the map gives back; None for a receipt that does not
    /// lead to the visible message.
    fn original(&self, message: &HubMessage<'_>, receipt: &Receipt<'_>) -> Option<OwnedFrame> {
        match (&receipt.raw, receipt.kind) {
            (Some(raw), Kind::Json) => {
                let Taken::Message(again) = self.upgrade(Frame::Text(raw)) else { return None };
                let draft = message.draft();
                // Or to the group, which is where a broadcast by one who may not goes.
                let is = same(&again.draft, draft) || same(&again.draft.for_group(), draft);
                (is && again.receipt.kind == Kind::Json).then(|| OwnedFrame::Text(raw.as_ref().to_owned()))
            }
            (None, Kind::Json) => None,
            _ => match self.map.others {
                Others::Take => lens::original_by(receipt, message.draft()),
                Others::Refuse(_) => None,
            },
        }
    }

    /// The value of `_v3`.
    fn note(&self, message: &HubMessage<'_>, sorted: &Sorted<'_>, annotate: Annotate) -> String {
        let (draft, left) = (message.draft(), &sorted.left);
        let mut note = String::with_capacity(160);
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                let mut token = String::with_capacity(value.len() + 2);
                json::write_str(&mut token, value);
                up::put(&mut note, name, &token);
            }
        };
        let (full, some) = (annotate == Annotate::Full, annotate != Annotate::Off);
        text("\"msg_type\"", (full || left.msg_type).then(|| draft.msg_type().as_str()));
        text("\"target\"", full.then(|| draft.target().as_str()));
        text("\"from_id\"", message.from_id().filter(|_| some));
        text("\"to_id\"", draft.to_id().map(ClientId::as_str).filter(|_| full));
        text("\"group_id\"", message.group_id().filter(|_| some));
        text("\"sent_at\"", message.sent_at().filter(|_| full));
        if self.map.unmapped == Unmapped::Note {
            let payload = left.payload(&self.plan);
            for (name, token) in [("\"msg\"", left.msg), ("\"cmd\"", left.cmd), ("\"payload\"", payload.as_deref())] {
                if let Some(token) = token {
                    up::put(&mut note, name, token);
                }
            }
        }
        up::closed(note).map_or_else(|| "{}".into(), std::borrow::Cow::into_owned)
    }

    /// Which step did what to a legacy frame, in the order in which it happened.
    pub fn explain(&self, frame: Frame<'_>) -> Vec<Told> {
        let mut teller = Teller::new(&self.plan, &self.map.steps, Way::Up);
        if let Frame::Text(text) = frame
            && let Document::Object(members) = Document::parse(text)
        {
            up::object(&self.plan, &json::last_wins(members), text.len(), &mut teller);
        }
        teller.told
    }

    /// Which step did what to a V3 message on its way to legacy clients, where no receipt holds the frame it was.
    pub fn explain_down(&self, draft: &Draft<'_>) -> Vec<Told> {
        let mut teller = Teller::new(&self.plan, &self.map.steps, Way::Down);
        Sorted::new(&self.plan, draft, &mut teller);
        teller.told
    }
}

#[cfg(test)]
mod tests;
