//! Owns the contract of the dialects beside Aether's own: an `Adapter` is what a mount has set up, and opens
//! for each connection an `Inbound`, which turns the client's frames into intents, and an `Outbound`, which turns
//! hub messages into frames. All of it is plain functions: time is told, and input and output are the session's.

use super::{Frame, Hidden, HubMessage, Intents, Notes, OwnedFrame, Reading, Spoken};
use crate::clock::Timestamp;
use crate::close::CloseReason;
use crate::envelope::Origin;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

/// Now, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For what lasts.
    pub instant: Instant,
    /// For what is written.
    pub at: Timestamp,
}

/// A dialect as a mount has set it up.
pub trait Adapter: Debug + Send + Sync {
    /// Its name in metrics, logs and policies.
    fn spoken(&self) -> Spoken;

    /// Its name where settings make it, as receipts and policies have it.
    fn made(&self) -> Option<&Arc<str>> {
        None
    }

    /// How clients prove themselves in their first frames; None: the handshake has said it all.
    fn login(&self) -> Option<&dyn Login> {
        None
    }

    /// The two halves of a connection that is in. `group` and `client` of the origin are final.
    fn open(&self, origin: &Origin) -> Halves;
}

/// The two halves of a connection that is in.
#[derive(Debug)]
pub struct Halves {
    /// From the client; the session's.
    pub inbound: Box<dyn Inbound>,
    /// To the client; the fan-out's, which runs in other tasks.
    pub outbound: Arc<dyn Outbound>,
}

/// What the frames of one client mean.
pub trait Inbound: Debug + Send {
    /// The client is in, and has been told so: what is done unasked.
    fn on_open(&mut self, _now: Now) -> Intents<'static> {
        Intents::new()
    }

    /// A data frame came.
    fn on_frame<'a>(&mut self, frame: Frame<'a>, now: Now) -> (Intents<'a>, Notes);

    /// The answer to `Intent::PresenceQuery` or `Intent::WhoIs`: who is there; None: the hub is away.
    fn on_members(&mut self, _members: Option<&[Present<'_>]>, _now: Now) -> Intents<'static> {
        Intents::new()
    }

    /// When `on_tick` wants to be called.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// That time has come.
    fn on_tick(&mut self, _now: Now) -> Intents<'static> {
        Intents::new()
    }
}

/// A client that is present in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present<'a> {
    /// Its id.
    pub client: &'a str,
    /// What it has said of itself: JSON.
    pub metadata: Option<&'a str>,
}

/// What one client hears. Receivers whose choices are equal share one rendering of a message.
pub trait Outbound: Debug + Send + Sync {
    /// Is the message for this client, and in which shape? Called for every receiver: it must not allocate or parse,
    /// which is what `Reading` is for.
    ///
    /// # Errors
    /// Why it gets none, on purpose.
    fn choose(&self, reading: &Reading<'_>, now: Instant) -> Result<Choice, Hidden>;

    /// The frame of a shape that `choose` has named, made once for all who chose it.
    ///
    /// # Errors
    /// Why there is none, on purpose.
    fn render(&self, reading: &Reading<'_>, shape: &Shape) -> Result<OwnedFrame, Hidden>;

    /// Is the message that waits in this slot still wanted, now that its time has come?
    fn wants(&self, _slot: u64) -> bool {
        true
    }
}

/// What a receiver gets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which rendering.
    pub shape: Shape,
    /// Some: not now. Only the latest of its slot is sent, once its time has come; those before are suppressed.
    pub later: Option<Later>,
}

/// A place for one message that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Later {
    /// A newer message of the same slot takes its place. Slots are the connection's own.
    pub slot: u64,
    /// When it is sent. Now: at once, and whatever waits in the slot gives its place.
    pub at: Instant,
}

/// Names one rendering: two receivers with equal shapes get the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The dialect.
    pub spoken: Spoken,
    /// Which of several adapters of that dialect, by its place in the settings; 0 where there is one.
    pub adapter: usize,
    /// Which of its forms.
    pub form: u8,
    /// Which members are shown, by their place in what the reading has found, where not all of them are.
    pub cut: SmallVec<[u16; 8]>,
}

impl Shape {
    /// A form of a dialect that shows everything.
    pub fn whole(spoken: Spoken, form: u8) -> Self {
        Self { spoken, adapter: 0, form, cut: SmallVec::new() }
    }
}

impl From<Shape> for Choice {
    fn from(shape: Shape) -> Self {
        Self { shape, later: None }
    }
}

/// The first frames of a client that has not proved itself. Until then it has no seat: it hears nobody, and nobody
/// hears it.
pub trait Login: Debug + Send + Sync {
    /// A data frame came.
    fn on_frame<'a>(&self, frame: Frame<'a>, now: Now) -> Presented<'a>;

    /// What it is told, first of all, once it is in.
    fn welcome(&self, origin: &Origin, now: Now) -> OwnedFrame;

    /// What it is told, and how its connection ends, when it may not come in.
    fn refuse(&self, why: Denied) -> Goodbye;
}

/// What a client that has not proved itself said.
#[derive(PartialEq, Eq)]
pub enum Presented<'a> {
    /// A token: check it.
    Token(Cow<'a, str>),
    /// An API key: check it.
    ApiKey(Cow<'a, str>),
    /// Something that is answered all the same.
    Answer(OwnedFrame),
    /// Nothing that matters.
    Nothing,
    /// Something that may not be said before.
    Denied(Denied),
}

/// Shows no credential.
impl Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(…)"),
            Self::ApiKey(_) => f.write_str("ApiKey(…)"),
            Self::Answer(frame) => f.debug_tuple("Answer").field(frame).finish(),
            Self::Nothing => f.write_str("Nothing"),
            Self::Denied(why) => f.debug_tuple("Denied").field(why).finish(),
        }
    }
}

/// Why a client may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Its credential is not valid.
    Credential,
    /// It has one, but not for this group (server monitor: this server).
    Group,
    /// The group in its path is no id.
    BadGroup,
    /// Its first frame presented none.
    Missing,
    /// None came in time.
    Late,
    /// It, or its user, has more connections than it may have, or comes too often.
    Limit,
    /// A policy of the migration: V2 is over, or paused.
    Policy,
    /// The hub or the keys are away: it may come again.
    Unavailable,
}

/// How a client that may not come in is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye {
    /// A frame before the close.
    pub frame: Option<OwnedFrame>,
    /// The reason, whose code is sent.
    pub reason: CloseReason,
    /// What the close frame says instead of the reason's own text, at most 123 bytes.
    pub text: Option<&'static str>,
}

/// A legacy frame as it stands in a message: the payload, verbatim.
pub fn payload<'m>(message: &'m HubMessage<'_>) -> Option<&'m str> {
    message.draft().payload.as_deref()
}
