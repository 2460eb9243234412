//! Owns what a presence event says: `msg_type: presence`, to the group, from the client it is about.

use crate::clock::Clock;
use crate::dialect::{Protocol, Wire, wire};
use crate::envelope::{Draft, MsgType, Nulls, Origin, seal};
use crate::hub::keys::Keys;
use crate::hub::publication::Publication;
use crate::hub::scope::Address;
use crate::label::labels;
use crate::telemetry::labels::Path;
use std::sync::Arc;

labels! {
    /// What happened.
    pub enum Event {
        /// The client's first connection is there.
        Join = "join",
        /// Its last connection is gone, and the grace is over.
        Leave = "leave",
    }
}

/// Writes presence events.
#[derive(Debug, Clone)]
pub struct Announcer {
    clock: Clock,
    nulls: Nulls,
    wire: Wire,
    keys: Arc<Keys>,
}

impl Announcer {
    /// Writes them in this wire and form.
    pub fn new(clock: Clock, nulls: Nulls, wire: Wire, keys: Arc<Keys>) -> Self {
        Self { clock, nulls, wire, keys }
    }

    /// The event of one client; None for a client without a group.
    pub fn event(&self, event: Event, origin: &Origin, protocol: Protocol) -> Option<Publication> {
        let group = origin.group.clone()?;
        let mut draft = Draft::to_group(MsgType::Presence);
        let (event, protocol) = (event.label(), protocol.label());
        draft.payload = Some(format!("{{\"event\":\"{event}\",\"protocol\":\"{protocol}\"}}").into());
        let mut sent_at = String::with_capacity(24);
        self.clock.now().write(&mut sent_at);
        let envelope = seal(&draft, origin, &sent_at, self.nulls);
        Some(Publication {
            scope: self.keys.scope(Address::Group(group), origin.account.as_ref()),
            text: wire::write(&envelope, None, self.wire),
            path: Path::V3V3,
            from: None,
        })
    }
}
