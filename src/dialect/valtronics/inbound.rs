//! Owns what a client's frames mean once it is in, by the guide: subscriptions, pings, batches, and messages for the
//! group. The guide knows no command, so nothing becomes `msg_type: cmd`.

use super::frame::Said;
use super::gate::Gate;
use super::subscriptions::Subscriptions;
use super::words::{self, Confirmed, Wrong};
use super::{Rules, trimmed};
use crate::dialect::{Frame, Intent, Intents, Kind, Notes, Now, Receipt, Spoken};
use crate::envelope::{Draft, MsgType};
use parking_lot::Mutex;
use std::sync::Arc;

/// The session's half.
#[derive(Debug)]
pub struct Inbound {
    rules: Rules,
    gate: Gate,
    heard: Arc<Mutex<Subscriptions>>,
}

impl Inbound {
    /// Subscribes there.
    pub fn new(rules: Rules, gate: Gate, heard: Arc<Mutex<Subscriptions>>) -> Self {
        Self { rules, gate, heard }
    }

    /// One message, or one of a batch.
    fn message<'a>(&self, text: &'a str, in_batch: bool, now: Now, all: &mut Intents<'a>) -> Result<(), Wrong> {
        let said = Said::read(text)?;
        match &*said.word {
            // It is in already, and its token is nobody else's business.
            "auth" => all.push(Intent::Answer(words::welcome())),
            "ping" => all.push(Intent::Answer(words::pong(said.member("timestamp"), now.at))),
            // A sign of life to the server, which is nobody else's.
            "pong" => {}
            "subscribe" => {
                let ask = said.ask()?;
                self.heard.lock().subscribe(ask.channel, ask.devices.as_ref(), ask.filter)?;
                all.push(Intent::Answer(words::confirmed(Confirmed::On, Some(ask.channel), ask.device)));
            }
            "unsubscribe" => {
                let ask = said.ask()?;
                self.heard.lock().unsubscribe(ask.channel, ask.devices.as_ref());
                all.push(Intent::Answer(words::confirmed(Confirmed::Off, Some(ask.channel), ask.device)));
            }
            "batch" if in_batch => return Err(Wrong::Nested),
            "batch" => {
                for item in said.batch(self.rules.batch)? {
                    // What is wrong with one is told in its place, and the others are done.
                    if let Err(wrong) = self.message(item, true, now, all) {
                        all.push(Intent::Refused(Some(words::error(&wrong))));
                    }
                }
            }
            _ => all.push(published(text)),
        }
        Ok(())
    }
}

/// A message for the group, verbatim; what V3 clients cannot see of it is the white space around.
fn published(text: &str) -> Intent<'_> {
    let payload = trimmed(text);
    let mut draft = Draft::to_group(MsgType::Msg);
    draft.payload = Some(payload.into());
    Intent::Publish { draft, receipt: Some(Receipt::around(Spoken::Valtronics.label(), text, payload)) }
}

impl crate::dialect::Inbound for Inbound {
    fn on_frame<'a>(&mut self, frame: Frame<'a>, now: Now) -> (Intents<'a>, Notes) {
        let mut all = Intents::new();
        let done = self.gate.admit(frame, now.instant).and_then(|text| self.message(text, false, now, &mut all));
        let kind = kind(done.as_ref().err());
        if let Err(wrong) = done {
            all.push(Intent::Refused(Some(words::error(&wrong))));
        }
        (all, Notes { kind, ..Notes::default() })
    }
}

/// What a frame was, for the metrics; None: it was not looked at.
pub fn kind(wrong: Option<&Wrong>) -> Option<Kind> {
    match wrong {
        Some(Wrong::TooFast(_) | Wrong::TooBig(_)) => None,
        Some(Wrong::Binary) => Some(Kind::Binary),
        Some(Wrong::NotJson) => Some(Kind::Text),
        Some(Wrong::NotObject) => Some(Kind::Value),
        _ => Some(Kind::Json),
    }
}
