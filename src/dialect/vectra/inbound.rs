//! Owns what the frames of a dashboard and of the worker mean (guide: "Communication Loop").

use super::status::{MOST_METADATA, announced, announcement, frame, is_value};
use super::{Role, Rules, Told};
use crate::dialect::adapter::Present;
use crate::dialect::{Frame, Inbound, Intent, Intents, Kind, Notes, Now, OwnedFrame, Receipt};
use crate::envelope::json::{self, Member};
use crate::envelope::{Draft, MsgType};
use smallvec::smallvec;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// One connection.
#[derive(Debug)]
pub(super) struct In {
    rules: Arc<Rules>,
    told: Told,
    /// Who hears the answer to the question that is open.
    asked: Asked,
}

/// For whom the hub was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// For this connection, which has just come. The guide tells everyone; if all come again at once, each of them
    /// would be told as often as there are clients.
    Myself,
    /// For everyone (guide: `emit_worker_status`).
    Everyone,
}

impl In {
    pub(super) fn new(rules: Arc<Rules>, told: Told) -> Self {
        Self { rules, told, asked: Asked::Myself }
    }

    /// A worker's frame that is neither `ping` nor a question.
    fn work<'a>(&self, text: &'a str) -> (Intents<'a>, Notes) {
        // Only passed on, so any key will do.
        let Ok(members) = json::tokens(text) else { return dropped() };
        if last(&members, "type").and_then(json::decode_str).as_deref() == Some("REGISTER_WORKER") {
            return (self.describe(last(&members, "metadata")), Notes::default());
        }
        let token = text.trim_matches([' ', '\t', '\n', '\r']);
        let mut draft = Draft::to_group(MsgType::Msg);
        draft.payload = Some(Cow::Borrowed(token));
        let receipt = Some(Receipt::around("vectra", text, token));
        let notes = Notes { kind: Some(Kind::Json), ..Notes::default() };
        (smallvec![Intent::Publish { draft, receipt }], notes)
    }

    /// The worker says what it is (guide: REGISTER_WORKER). Nobody hears the frame itself.
    fn describe<'a>(&self, metadata: Option<&'a str>) -> Intents<'a> {
        let metadata = metadata.filter(|token| !json::is_null(token));
        if metadata.is_some_and(|token| token.len() > MOST_METADATA) {
            return smallvec![Intent::Refused(None)];
        }
        smallvec![Intent::Describe(metadata.map(Cow::Borrowed)), self.announce(metadata)]
    }

    /// The worker is here, and stands by that.
    fn announce(&self, metadata: Option<&str>) -> Intent<'static> {
        let frame = frame(true, metadata);
        self.told.lock().stand_by(frame.clone());
        Intent::Announce { draft: announced(frame) }
    }
}

impl Inbound for In {
    fn on_open(&mut self, _now: Now) -> Intents<'static> {
        match self.rules.role {
            Role::Client => {
                self.asked = Asked::Myself;
                smallvec![Intent::WhoIs(self.rules.worker.clone())]
            }
            // One that takes over does not join: the worker was there all the time.
            Role::Worker => smallvec![self.announce(None)],
        }
    }

    fn on_frame<'a>(&mut self, frame: Frame<'a>, _now: Now) -> (Intents<'a>, Notes) {
        match (frame, self.rules.role) {
            (Frame::Text("ping"), _) => {
                (smallvec![Intent::Answer(OwnedFrame::Text("pong".to_owned()))], Notes::default())
            }
            (Frame::Text("get_worker_status"), _) => {
                self.asked = Asked::Everyone;
                (smallvec![Intent::WhoIs(self.rules.worker.clone())], Notes::default())
            }
            (Frame::Text(text), Role::Worker) => self.work(text),
            (Frame::Text(_), Role::Client) | (Frame::Binary(_), _) => dropped(),
        }
    }

    fn on_members(&mut self, members: Option<&[Present<'_>]>, _now: Now) -> Intents<'static> {
        let asked = std::mem::replace(&mut self.asked, Asked::Myself);
        let mut told = self.told.lock();
        let worker = members.unwrap_or_default().iter().find(|one| one.client == self.rules.worker.as_str());
        let metadata = worker.and_then(|worker| worker.metadata).filter(|token| is_value(token));
        match (asked, members) {
            (Asked::Everyone, Some(_)) => {
                smallvec![Intent::Announce { draft: announcement(worker.is_some(), metadata) }]
            }
            // What was heard since the connection is in is at least as new as this answer.
            (Asked::Myself, _) if told.online().is_some() => Intents::new(),
            // If the hub is away, so is the worker, as far as this connection can tell; others may know better.
            (_, _) => {
                told.tell(worker.is_some());
                smallvec![Intent::Answer(OwnedFrame::Text(frame(worker.is_some(), metadata)))]
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.told.lock().deadline()
    }

    fn on_tick(&mut self, now: Now) -> Intents<'static> {
        let frame = self.told.lock().again(now.instant);
        frame.map(|frame| Intent::Announce { draft: announced(frame) }).into_iter().collect()
    }
}

/// Counted, and answered with silence: the guide knows no error frame.
fn dropped<'a>() -> (Intents<'a>, Notes) {
    (smallvec![Intent::Refused(None)], Notes::default())
}

/// The value of a name; of equal ones the last, as Python reads them.
fn last<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().rev().find(|member| member.key == name).map(|member| member.value)
}
