//! Owns what agents and pages say: what goes to the group, what to whoever asked, and what is answered here (guide,
//! "Agent WebSocket Protocol").

use super::frame::{Parts, Word, error, plain};
use super::login::welcome_agent;
use super::questions::Questions;
use super::{Compat, page};
use crate::close::CloseReason;
use crate::dialect::{Frame, Inbound, Intent, Intents, Notes, Now, Receipt, Spoken};
use crate::envelope::{ClientId, Draft, MsgType};
use parking_lot::Mutex;
use smallvec::smallvec;
use std::borrow::Cow;
use std::sync::Arc;

const PONG: &str = r#"{"type":"pong"}"#;
/// The real agent begins anew when it gets none within five seconds.
const RECEIVED: &str = r#"{"type":"metrics_received","status":"ok"}"#;
/// Guide, "Invalid Message".
const BAD_FORMAT: &str = "Invalid message format";

/// What the agent of a server says.
#[derive(Debug)]
pub struct Agent {
    /// Its server's id.
    pub server: ClientId,
    /// What a frame that cannot be read leads to.
    pub compat: Compat,
    /// Who has asked it what.
    pub questions: Arc<Mutex<Questions>>,
}

impl Inbound for Agent {
    fn on_frame<'a>(&mut self, frame: Frame<'a>, now: Now) -> (Intents<'a>, Notes) {
        let Some((text, parts, word)) = read(frame) else {
            let intent = match self.compat {
                Compat::Guide => Intent::Refused(Some(error(BAD_FORMAT))),
                Compat::Server => Intent::End(CloseReason::BadFormat),
            };
            return (smallvec![intent], Notes::default());
        };
        let intents = match word {
            // It holds a key, and so is never passed on.
            Word::Auth => return answer(Intent::Answer(welcome_agent(self.server.as_str()))),
            Word::Ping => return answer(Intent::Answer(plain(PONG))),
            Word::Pong => return (Intents::new(), Notes::default()),
            Word::Metrics => smallvec![to_group(text), Intent::Answer(plain(RECEIVED))],
            Word::Answer | Word::Error => self.to_askers(text, &parts, now),
            Word::Log | Word::Alert | Word::Other => smallvec![to_group(text)],
        };
        (intents, Notes { overridden: page::forged(&parts, self.server.as_str()), ..Notes::default() })
    }
}

impl Agent {
    fn to_askers<'a>(&self, text: &'a str, parts: &Parts<'a>, now: Now) -> Intents<'a> {
        let ids = parts.ids();
        if ids.is_empty() {
            return smallvec![to_group(text)];
        }
        let askers = self.questions.lock().askers(&ids, now.instant);
        if askers.is_empty() {
            return smallvec![to_group(text)];
        }
        askers.into_iter().map(|asker| publish(Draft::to_client(MsgType::Msg, asker), text)).collect()
    }
}

/// What a page says: nothing that concerns anybody.
#[derive(Debug)]
pub struct Page;

impl Inbound for Page {
    fn on_frame<'a>(&mut self, frame: Frame<'a>, _now: Now) -> (Intents<'a>, Notes) {
        match read(frame) {
            Some((_, _, Word::Ping)) => answer(Intent::Answer(plain(PONG))),
            Some((_, _, Word::Pong)) => (Intents::new(), Notes::default()),
            // Pages show every error they get, and never come back once they are closed.
            _ => answer(Intent::Refused(None)),
        }
    }
}

/// The frame without the white space around it, its members, and what it is; None: it is no frame of this dialect.
fn read(frame: Frame<'_>) -> Option<(&str, Parts<'_>, Word)> {
    let Frame::Text(text) = frame else { return None };
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let parts = Parts::read(text)?;
    let word = parts.word()?;
    Some((text, parts, word))
}

fn answer(intent: Intent<'_>) -> (Intents<'_>, Notes) {
    (smallvec![intent], Notes::default())
}

fn to_group(text: &str) -> Intent<'_> {
    publish(Draft::to_group(MsgType::Msg), text)
}

/// The frame as it is, in an envelope.
fn publish<'a>(mut draft: Draft<'a>, text: &'a str) -> Intent<'a> {
    draft.payload = Some(Cow::Borrowed(text));
    Intent::Publish { draft, receipt: Some(Receipt::verbatim(Spoken::ServerMonitor.label())) }
}
