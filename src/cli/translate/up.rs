//! V2 to V3: one frame, the envelope the proxy makes of it, and why.

use super::explain::{self, Explained, Note, Receipt, Rule, verbatim};
use super::{Bad, Direction, Done, Exit, Failure, Frames, Translate};
use crate::clock::Clock;
use crate::config::{Config, DialectName, Mount};
use crate::dialect::aether_v2::{self, Speaks};
use crate::dialect::{Dialect, Frame, Intent, OwnedFrame, Wire, flat, lens, wire};
use crate::edge::spoken_and_heard;
use crate::envelope::ids::looks_like_integer;
use crate::envelope::{ClientId, Draft, Envelope, GroupId, IdError, Nulls, Origin, seal};
use crate::session::Settings;

/// Everything a frame is translated with.
pub(super) struct Up {
    frames: Frames,
    content: bool,
    restore: bool,
    origin: Origin,
    speaks: Speaks,
    nulls: Nulls,
    wire: Wire,
    max_message: usize,
    clock: Clock,
}

impl Up {
    /// From flags and settings.
    pub fn new(flags: &Translate, config: &Config) -> Result<Self, Failure> {
        let bad_id = |flag: &str, why: IdError| Failure::Usage(format!("--{flag}: the id {why}"));
        let client = ClientId::claimed(&flags.client, config.limits.id).map_err(|why| bad_id("client", why))?;
        let group = GroupId::new(&flags.group, config.limits.id).map_err(|why| bad_id("group", why))?;
        let settings = Settings::new(config);
        let mount = Mount::new("", DialectName::AetherV2);
        let Some((Dialect::AetherV2(speaks), _)) = spoken_and_heard(&mount, config) else {
            return Err(Failure::Other(Exit::Failure, "this mount does not speak V2".into()));
        };
        Ok(Self {
            frames: flags.frames,
            content: flags.content,
            restore: flags.restore,
            origin: Origin { client, group: Some(group), account: None },
            speaks,
            nulls: settings.nulls,
            wire: settings.wire,
            max_message: config.limits.message,
            clock: Clock::system(),
        })
    }

    /// A draft as this client's message, and what is shown of it.
    pub fn sealed(&self, draft: &Draft<'_>, sent_at: Option<String>) -> (Envelope, String) {
        self.sealed_by(draft, &self.origin, sent_at)
    }

    /// What the hub's texts look like.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    fn sealed_by(&self, draft: &Draft<'_>, origin: &Origin, sent_at: Option<String>) -> (Envelope, String) {
        let sent_at = sent_at.unwrap_or_else(|| {
            let mut now = String::new();
            self.clock.now().write(&mut now);
            now
        });
        let envelope = seal(draft, origin, &sent_at, self.nulls);
        let shown = if self.content { draft.content() } else { envelope.text().to_owned() };
        (envelope, shown)
    }

    /// A V3 message that comes back from its V2 form, stamps included.
    fn restored(&self, frame: &OwnedFrame) -> Result<Done, Bad> {
        let restored = match frame {
            OwnedFrame::Text(text) => flat::restore(text),
            OwnedFrame::Binary(_) => None,
        };
        let restored = restored.ok_or_else(|| {
            Bad::new("not the V2 form of a V3 message with everything in `_v3` (v2.annotate = \"full\")")
        })?;
        let bad_id = |why: IdError| Bad::new(format!("an id in `_v3` {why}"));
        let client = restored.from_id.map(|id| ClientId::new(&id, usize::MAX)).transpose().map_err(bad_id)?;
        let group = restored.group_id.map(|id| GroupId::new(&id, usize::MAX)).transpose().map_err(bad_id)?;
        let origin = Origin { client: client.unwrap_or_else(|| self.origin.client.clone()), group, account: None };
        let (_, shown) = self.sealed_by(&restored.draft, &origin, restored.sent_at);
        let explained =
            explain::Up { rule: Rule::Restored.label(), v3: Some(verbatim(shown.clone())?), ..explain::Up::default() };
        Ok(Done { output: Some(shown), remark: None, explained: Explained::Up(Box::new(explained)) })
    }

    fn translated(&self, frame: Frame<'_>) -> Result<Done, Bad> {
        let (draft, receipt) = match aether_v2::upgrade(&self.speaks, frame).0 {
            Intent::Publish { draft, receipt } => (draft, receipt),
            Intent::Echo { draft, .. } => (draft, None),
            Intent::Answer(pong) => {
                let remark = Some("a ping, answered by the proxy itself (v2.keepalive)".to_owned());
                return Ok(Done { output: None, remark, explained: (&pong).into() });
            }
            other => return Err(Bad::new(format!("no V2 frame means {other:?}"))),
        };
        // An echo needs no receipt on its way; how it would come back is worth telling all the same.
        let translated = lens::to_v3(frame, self.speaks.shaped);
        let rule = Rule::of(frame, &translated, self.speaks.shaped);
        let (envelope, shown) = self.sealed(&draft, None);
        let hub = receipt.as_ref().map(|receipt| wire::write(&envelope, Some(receipt), self.wire).unstamped());
        let explained = explain::Up {
            rule: rule.label(),
            kind: Some(translated.receipt.kind.label()),
            target: Some(draft.target().as_str()),
            receipt: Some(Receipt::of(frame, &translated.receipt, rule)),
            notes: self.notes(frame, rule),
            v3: Some(verbatim(shown.clone())?),
            hub: hub.map(verbatim).transpose()?,
            answer: None,
        };
        Ok(Done { output: Some(shown), remark: None, explained: Explained::Up(Box::new(explained)) })
    }

    fn notes(&self, frame: Frame<'_>, rule: Rule) -> Vec<&'static str> {
        let mut notes = Note::of(frame, rule);
        if frame.len() > self.max_message {
            notes.push(Note::TooLarge);
        }
        let group = self.origin.group.as_ref().map_or("", GroupId::as_str);
        if looks_like_integer(group) || looks_like_integer(self.origin.client.as_str()) {
            notes.push(Note::IntegerId);
        }
        notes.into_iter().map(Note::label).collect()
    }
}

impl Direction for Up {
    fn line(&self, line: &[u8]) -> Result<Done, Bad> {
        let frame = self.frames.read(line).map_err(Bad::new)?;
        if self.restore { self.restored(&frame) } else { self.translated(frame.borrow()) }
    }
}
