//! Owns what the laws are stated over: a small trait that the real lens and wrong ones fill, and the
//! sample every law looks at.

use aether_proxy::dialect::aether_v2::Hears;
use aether_proxy::dialect::flat::{self, Restored};
use aether_proxy::dialect::lens::{self, Annotate, Kind, Translated};
use aether_proxy::dialect::{Frame, HubMessage, HubText, OwnedFrame, Receipt, Shaped, View, Wire, wire};
use aether_proxy::envelope::{AccountId, ClientId, Draft, Envelope, GroupId, Nulls, Origin, Target, seal};

/// The view that tells V2 peers everything.
pub const FULL: View = View::AetherV2(Hears { annotate: Annotate::Full, as_envelope: false, presence: true });
pub const SENT_AT: &str = "2026-03-11T12:34:56.789Z";

/// A lens between V2 and V3.
pub trait Lens {
    /// A V2 frame in V3 words.
    fn up(&self, frame: Frame<'_>, shaped: Shaped) -> Translated<'static>;

    /// A sealed message as hub text.
    fn hub(&self, sealed: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
        wire::write(sealed, receipt, wire)
    }

    /// What V3 peers see of a hub text; None when it is no message.
    fn v3(&self, hub: &str) -> Option<String> {
        HubMessage::read(hub).ok().map(|message| message.visible().into_owned())
    }

    /// What V2 peers see of it.
    fn v2(&self, hub: &str) -> Option<OwnedFrame>;

    /// The V3 message a flat rendering came from.
    fn restore(&self, flat: &str) -> Option<Restored> {
        flat::restore(flat)
    }
}

/// The library's.
pub struct Real;

impl Lens for Real {
    fn up(&self, frame: Frame<'_>, shaped: Shaped) -> Translated<'static> {
        let Translated { draft, receipt } = lens::to_v3(frame, shaped);
        let raw = receipt.raw.map(|raw| raw.into_owned().into());
        Translated { draft: draft.into_owned(), receipt: Receipt::new(receipt.kind, raw) }
    }

    fn v2(&self, hub: &str) -> Option<OwnedFrame> {
        FULL.downgrade(&HubMessage::read(hub).ok()?).ok()
    }
}

/// How a message travels.
#[derive(Debug, Clone)]
pub struct How {
    pub shaped: Shaped,
    /// The sender may not broadcast.
    pub denied: bool,
    pub wire: Wire,
    pub nulls: Nulls,
    pub account: Option<String>,
    /// The journal stamps it.
    pub stamped: bool,
    pub client: String,
    pub group: String,
}

impl How {
    pub fn origin(&self) -> Origin {
        Origin {
            client: ClientId::new(&self.client, 999).expect("an id"),
            group: Some(GroupId::new(&self.group, 999).expect("an id")),
            account: self.account.as_deref().map(|a| AccountId::new(a, 999).expect("an id")),
        }
    }

    /// The text on the hub.
    pub fn text(&self, hub: &HubText) -> String {
        if self.stamped { hub.stamped("epoch-1", 18_446_744_073_709_551_615) } else { hub.unstamped() }
    }
}

/// One change to a text.
#[derive(Debug, Clone)]
pub struct Edit {
    pub at: usize,
    pub delete: usize,
    pub insert: String,
}

impl Edit {
    pub fn apply(&self, text: &str) -> String {
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        let from = floor(self.at % (text.len() + 1));
        let to = floor(from + self.delete).max(from);
        format!("{}{}{}", &text[..from], self.insert, &text[to..])
    }
}

/// What somebody with access to the hub may try.
#[derive(Debug, Clone)]
pub struct Forgery {
    pub kind: Kind,
    pub raw: Option<String>,
    pub edit: Edit,
    /// A hub text out of thin air.
    pub text: String,
}

/// What the laws look at.
#[derive(Debug, Clone)]
pub struct Sample {
    pub how: How,
    /// Sent by a V2 client.
    pub frame: OwnedFrame,
    /// Sent by a V3 client.
    pub native: Draft<'static>,
    pub forgery: Forgery,
}

/// A V2 frame on its way.
pub struct Sent {
    pub draft: Draft<'static>,
    pub receipt: Receipt<'static>,
    pub sealed: Envelope,
    pub hub: String,
}

/// Sends a sample's V2 frame through a lens.
pub fn send(lens: &dyn Lens, sample: &Sample) -> Sent {
    let how = &sample.how;
    let Translated { draft, receipt } = lens.up(sample.frame.borrow(), how.shaped);
    let draft = if how.denied && draft.target() == Target::Broadcast { draft.for_group() } else { draft };
    let sealed = seal(&draft, &how.origin(), SENT_AT, how.nulls);
    let hub = how.text(&lens.hub(&sealed, Some(&receipt), how.wire));
    Sent { draft, receipt, sealed, hub }
}

/// Sends a sample's V3 message.
pub fn send_native(lens: &dyn Lens, sample: &Sample) -> (Envelope, String) {
    let sealed = seal(&sample.native, &sample.how.origin(), SENT_AT, sample.how.nulls);
    let hub = sample.how.text(&lens.hub(&sealed, None, sample.how.wire));
    (sealed, hub)
}
