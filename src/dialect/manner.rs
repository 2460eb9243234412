//! Owns how a mount's dialect becomes what one connection says and hears: plain, the same for every connection,
//! or opened for each by an adapter.

use super::{
    Adapter, Dialect, Filtered, Frame, Inbound, Intent, Intents, Login, Notes, Now, Outbound, Protocol, Spoken, View,
};
use crate::envelope::Origin;
use std::sync::Arc;

/// What a mount speaks.
#[derive(Debug, Clone)]
pub enum Manner {
    /// What is said and heard depends on nothing else.
    Plain(Dialect, View),
    /// Another dialect than Aether's own.
    Adapter(Arc<dyn Adapter>),
    /// A dialect made by two filters.
    Filtered(Filtered),
}

impl Manner {
    /// Its name.
    pub fn spoken(&self) -> Spoken {
        match self {
            Manner::Plain(dialect, _) => dialect.spoken(),
            Manner::Adapter(adapter) => adapter.spoken(),
            Manner::Filtered(_) => Spoken::Custom,
        }
    }

    /// The name of a dialect made by settings.
    pub fn made(&self) -> Option<&Arc<str>> {
        match self {
            Manner::Plain(..) => None,
            Manner::Adapter(adapter) => adapter.made(),
            Manner::Filtered(by) => Some(&by.name),
        }
    }

    /// The generation of what is said.
    pub fn protocol(&self) -> Protocol {
        self.spoken().protocol()
    }

    /// The generation of what is heard.
    pub fn hears(&self) -> Protocol {
        match self {
            Manner::Plain(_, view) => view.protocol(),
            Manner::Adapter(_) | Manner::Filtered(_) => Protocol::V2,
        }
    }

    /// How its clients prove themselves in their first frames; None: the handshake has said it all.
    pub fn login(&self) -> Option<&dyn Login> {
        match self {
            Manner::Plain(..) | Manner::Filtered(_) => None,
            Manner::Adapter(adapter) => adapter.login(),
        }
    }

    /// May its clients ask to hear V3 already (`recv=v3`)? Those of other dialects would not know what for.
    pub fn may_hear_v3(&self) -> bool {
        matches!(self, Manner::Plain(..))
    }

    /// What one connection says and hears. `hears_v3`: it asked for it.
    pub fn open(&self, origin: &Origin, hears_v3: bool) -> (Speech, Hearing) {
        match self {
            Manner::Plain(dialect, view) => {
                let view = if hears_v3 { View::AetherV3 } else { *view };
                (Speech::Plain(*dialect), Hearing::Plain(view))
            }
            Manner::Adapter(adapter) => {
                let halves = adapter.open(origin);
                (Speech::Adapter(adapter.spoken(), halves.inbound), Hearing::Adapter(halves.outbound))
            }
            Manner::Filtered(by) => (Speech::Filtered(by.clone()), Hearing::Filtered(by.clone())),
        }
    }
}

/// What a connection says.
#[derive(Debug)]
pub enum Speech {
    /// Frames that mean the same whatever was said before.
    Plain(Dialect),
    /// One connection of an adapter's dialect.
    Adapter(Spoken, Box<dyn Inbound>),
    /// Whatever the filter says.
    Filtered(Filtered),
}

impl Speech {
    /// Its name.
    pub fn spoken(&self) -> Spoken {
        match self {
            Speech::Plain(dialect) => dialect.spoken(),
            Speech::Adapter(spoken, _) => *spoken,
            Speech::Filtered(_) => Spoken::Custom,
        }
    }

    /// What a frame wants.
    pub fn upgrade<'a>(&mut self, frame: Frame<'a>, now: Now) -> (Intents<'a>, Notes) {
        match self {
            Speech::Plain(dialect) => {
                let (intent, notes) = dialect.upgrade(frame);
                (Intents::from_buf([intent]), notes)
            }
            Speech::Adapter(_, inbound) => inbound.on_frame(frame, now),
            Speech::Filtered(by) => {
                let intent = match frame {
                    Frame::Text(_) => Intent::Filter(by.clone()),
                    // Filters know JSON and text.
                    Frame::Binary(_) => Intent::Refused(None),
                };
                (Intents::from_buf([intent]), Notes::default())
            }
        }
    }
}

/// What a connection hears.
#[derive(Debug, Clone)]
pub enum Hearing {
    /// The same as everybody with an equal view.
    Plain(View),
    /// What an adapter's dialect chooses for it.
    Adapter(Arc<dyn Outbound>),
    /// Whatever the filter makes of it.
    Filtered(Filtered),
}

impl Hearing {
    /// Is the message that waits in this slot still wanted?
    pub fn wants(&self, slot: u64) -> bool {
        match self {
            Hearing::Plain(_) | Hearing::Filtered(_) => true,
            Hearing::Adapter(outbound) => outbound.wants(slot),
        }
    }

    /// The generation of what is heard.
    pub fn protocol(&self) -> Protocol {
        match self {
            Hearing::Plain(view) => view.protocol(),
            Hearing::Adapter(_) | Hearing::Filtered(_) => Protocol::V2,
        }
    }
}
