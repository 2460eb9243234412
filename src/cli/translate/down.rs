//! V3 to V2: one envelope, the frame a V2 client gets, and why.

use super::explain::{self, Explained, Note};
use super::{Bad, Direction, Done, Frames};
use crate::config::{self, Config, DialectName, Mount};
use crate::dialect::{Hidden, HubMessage, Notes, View, Wire, WireError, aether_v3, lens};
use crate::edge::spoken_and_heard;
use crate::envelope::json;
use crate::session::Settings;
use std::borrow::Cow;

/// Everything an envelope is translated with.
pub(super) struct Down {
    frames: Frames,
    view: View,
    as_envelope: bool,
    wire: Wire,
    reject_unknown: bool,
}

impl Down {
    /// From flags and settings.
    pub fn new(frames: Frames, config: &Config) -> Self {
        let mount = Mount::new("", DialectName::AetherV2);
        let view = spoken_and_heard(&mount, config).map_or(View::AetherV3, |(_, view)| view);
        let as_envelope = config.v2.render == config::Render::Envelope;
        let reject_unknown = config.envelope.unknown_members == config::UnknownMembers::Reject;
        Self { frames, view, as_envelope, wire: Settings::new(config).wire, reject_unknown }
    }

    /// What clients see becomes what the hub would carry, so that nothing a client wrote is taken for a receipt.
    /// On the plain wire both look the same.
    pub fn as_on_the_hub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let seen_by_clients = |members: &[json::Member<'_>]| members.last().is_some_and(|m| m.key_token != "\"_hub\"");
        match text.trim_end().strip_suffix('}') {
            Some(open) if self.wire == Wire::Extended && json::members(text).is_ok_and(|m| seen_by_clients(&m)) => {
                format!("{open},\"_hub\":{{}}}}").into()
            }
            _ => text.into(),
        }
    }

    fn notes(&self, message: &HubMessage<'_>, original: bool) -> Result<Vec<Note>, Bad> {
        let mut seen = Notes::default();
        aether_v3::draft(&message.visible(), self.reject_unknown, &mut seen)
            .map_err(|problems| Bad { why: "not a V3 message".into(), problems })?;
        let mut notes = Vec::new();
        if seen.unknown > 0 {
            notes.push(Note::UnknownMember);
        }
        if message.receipt().is_some() && !original {
            notes.push(Note::ForgedReceipt);
        }
        Ok(notes)
    }
}

/// A text that is no message.
pub(super) fn bad(error: WireError) -> Bad {
    let why = error.to_string();
    let problems = if let WireError::NotV3(problems) = error { problems } else { Vec::new() };
    Bad { why, problems }
}

impl Direction for Down {
    fn line(&self, line: &[u8]) -> Result<Done, Bad> {
        let text = std::str::from_utf8(line).map_err(|_| Bad::new("not UTF-8"))?;
        let text = self.as_on_the_hub(text);
        let message = HubMessage::read(&text).map_err(bad)?;
        let original = lens::original(&message).is_some();
        let notes = self.notes(&message, original)?.into_iter().map(Note::label).collect();
        let mut explained = explain::Down {
            origin: message.protocol().label(),
            rule: match (original, self.as_envelope) {
                (true, _) => "original",
                (false, true) => "envelope",
                (false, false) => "flat",
            },
            hidden: None,
            notes,
            v2: None,
        };
        match self.view.downgrade(&message) {
            Ok(frame) => {
                explained.v2 = Some((&frame).into());
                let output = self.frames.write(&frame).map_err(Bad::new)?;
                Ok(Done { output: Some(output), remark: None, explained: Explained::Down(explained) })
            }
            Err(hidden) => {
                let (why, remark) = match hidden {
                    Hidden::PresenceToV2 => ("presence_to_v2", "not shown to V2 clients (v2.presence = false)"),
                    Hidden::DialectRule => ("dialect_rule", "has no shape in V2"),
                };
                (explained.rule, explained.hidden) = ("hidden", Some(why));
                Ok(Done { output: None, remark: Some(remark.into()), explained: Explained::Down(explained) })
            }
        }
    }
}
