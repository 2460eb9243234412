//! Pure translators between what clients speak and the V3 envelope: no runtime, no clock, no Redis.
//! `Dialect` turns a client's frame into an `Intent`; `View` turns a hub message into the frame a client
//! gets. The two are apart, since a client may still speak V2 and already hear V3 (`recv=v3`).

pub mod adapter;
mod aether_support;
pub mod aether_v2;
pub mod aether_v3;
pub mod custom;
pub mod filtered;
pub mod flat;
pub mod lens;
mod manner;
mod reading;
pub mod server_monitor;
mod spoken;
pub mod support;
pub mod valtronics;
pub mod vectra;
pub mod wire;

pub use adapter::{Adapter, Choice, Denied, Goodbye, Halves, Inbound, Later, Login, Now, Outbound, Presented, Shape};
pub use filtered::Filtered;
pub use lens::{Kind, Receipt, Shaped};
pub use manner::{Hearing, Manner, Speech};
pub use reading::Reading;
pub use spoken::{Protocol, Spoken};
pub use wire::{HubMessage, HubText, Wire, WireError};

use crate::close::CloseReason;
use crate::envelope::{ClientId, Draft, MsgType, Problem};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A data frame as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Opcode 1.
    Text(&'a str),
    /// Opcode 2.
    Binary(&'a [u8]),
}

/// A data frame to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedFrame {
    /// Opcode 1.
    Text(String),
    /// Opcode 2.
    Binary(Vec<u8>),
}

impl OwnedFrame {
    /// The frame, borrowed.
    pub fn borrow(&self) -> Frame<'_> {
        match self {
            OwnedFrame::Text(text) => Frame::Text(text),
            OwnedFrame::Binary(bytes) => Frame::Binary(bytes),
        }
    }
}

impl Frame<'_> {
    /// A copy that lives on.
    pub fn to_owned(self) -> OwnedFrame {
        match self {
            Frame::Text(text) => OwnedFrame::Text(text.to_owned()),
            Frame::Binary(bytes) => OwnedFrame::Binary(bytes.to_owned()),
        }
    }

    /// Bytes of the content.
    pub fn len(self) -> usize {
        match self {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
        }
    }

    /// Nothing in it.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What a client wants with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent<'a> {
    /// A message for the hub.
    Publish {
        /// What it says.
        draft: Draft<'a>,
        /// How legacy clients get it back exactly; none when it was V3 to begin with.
        receipt: Option<Receipt<'a>>,
    },
    /// A message for the sender alone.
    Echo {
        /// What it says.
        draft: Draft<'a>,
        /// The legacy frame goes back as it came.
        exact: bool,
    },
    /// Presence is refreshed, then the message goes where its target says (the guide: echo).
    Heartbeat {
        /// What it says.
        draft: Draft<'a>,
    },
    /// What it says has yet to be asked of the dialect's filter.
    Filter(Filtered),
    /// Who is in my group?
    PresenceQuery,
    /// Is this client in my group? Cheaper than the query, and answered like one that has found at most this one.
    WhoIs(ClientId),
    /// The dialect answers by itself.
    Answer(OwnedFrame),
    /// Not a message of this dialect.
    Invalid(Vec<Problem>),
    /// Not a message of this dialect: it is answered so, in its own words, or with silence, and counted; the
    /// connection stays.
    Refused(Option<OwnedFrame>),
    /// The server's own word to the client's group.
    Announce {
        /// What it says.
        draft: Draft<'a>,
    },
    /// What the client says of itself from now on, for whoever asks who is there: JSON.
    Describe(Option<Cow<'a, str>>),
    /// The connection ends.
    End(CloseReason),
}

/// What a client wants, in order: mostly one thing.
pub type Intents<'a> = SmallVec<[Intent<'a>; 1]>;

/// What an upgrade noticed beside its intent, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Members a client may not set and set (`from_id`, `group_id`, `version`, `sent_at`).
    pub overridden: u32,
    /// Members the schema does not know, dropped.
    pub unknown: u32,
    /// What a V2 frame was.
    pub kind: Option<Kind>,
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Loose JSON, text, binary.
    AetherV2(aether_v2::Speaks),
    /// Strict envelopes.
    AetherV3(aether_v3::Speaks),
    /// Each frame comes back as it is, and nothing is for anybody else (`listen.echo`).
    Echo,
}

impl Dialect {
    /// Its name. The echo has none: it is for tests, is not worth a series, and is no legacy to be steered.
    pub fn spoken(&self) -> Spoken {
        match self {
            Dialect::AetherV2(_) => Spoken::AetherV2,
            Dialect::AetherV3(_) | Dialect::Echo => Spoken::AetherV3,
        }
    }

    /// Its generation.
    pub fn protocol(&self) -> Protocol {
        self.spoken().protocol()
    }

    /// What a frame wants.
    pub fn upgrade<'a>(&self, frame: Frame<'a>) -> (Intent<'a>, Notes) {
        match self {
            Dialect::AetherV2(speaks) => aether_v2::upgrade(speaks, frame),
            Dialect::AetherV3(speaks) => aether_v3::upgrade(speaks, frame),
            Dialect::Echo => (Intent::Answer(frame.to_owned()), Notes::default()),
        }
    }
}

/// What a client hears. Receivers with equal views share one rendering of each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// Legacy frames, exact; V3 messages in their legacy rendering.
    AetherV2(aether_v2::Hears),
    /// The envelope.
    AetherV3,
}

/// Why a message is not shown to a receiver on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hidden {
    /// Legacy clients do not know presence.
    PresenceToV2,
    /// The dialect has no shape for it.
    DialectRule,
}

impl View {
    /// The generation of what is heard.
    pub fn protocol(&self) -> Protocol {
        match self {
            View::AetherV2(_) => Protocol::V2,
            View::AetherV3 => Protocol::V3,
        }
    }

    /// The frame a receiver gets.
    ///
    /// # Errors
    /// Why it gets none, on purpose.
    pub fn downgrade(&self, message: &HubMessage<'_>) -> Result<OwnedFrame, Hidden> {
        match self {
            View::AetherV3 => Ok(OwnedFrame::Text(message.visible().into_owned())),
            View::AetherV2(hears) => {
                if message.msg_type() == MsgType::Presence && !hears.presence {
                    return Err(Hidden::PresenceToV2);
                }
                Ok(aether_v2::downgrade(hears, message))
            }
        }
    }
}
