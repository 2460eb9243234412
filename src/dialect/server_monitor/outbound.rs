//! Owns what agents and pages hear: agents the commands of others, pages what agents tell (guide, "Receiving Commands"
//! and "Frontend WebSocket Protocol"). How a page is shown it is `page`.

use super::frame::{Id, Ids, Parts, Word};
use super::questions::Questions;
use super::{Role, page};
use crate::dialect::adapter::payload;
use crate::dialect::{Choice, Hidden, HubMessage, Outbound, OwnedFrame, Reading, Shape, Spoken};
use crate::envelope::{ClientId, MsgType};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;

/// What a message is to this dialect.
#[derive(Debug)]
pub struct Heard(What);

#[derive(Debug)]
enum What {
    /// Agents do it, and answer whoever has asked.
    Command(Option<Asked>),
    /// Pages show it.
    Shown(Word),
    /// Nobody hears it.
    Nothing,
}

#[derive(Debug)]
struct Asked {
    by: ClientId,
    ids: Ids,
}

impl Heard {
    /// Looks for what matters, once a message.
    pub fn of(message: &HubMessage<'_>) -> Self {
        Self(Self::find(message).unwrap_or(What::Nothing))
    }

    fn find(message: &HubMessage<'_>) -> Option<What> {
        let is_cmd = match message.msg_type() {
            MsgType::Cmd => true,
            MsgType::Msg => false,
            MsgType::Heartbeat | MsgType::Presence => return None,
        };
        let parts = Parts::read(payload(message)?)?;
        let word = parts.word()?;
        if is_cmd {
            // Agents give no commands, and none to one another.
            return (!is_agents(message)).then(|| What::Command(asked(message, &parts)));
        }
        matches!(word, Word::Metrics | Word::Log | Word::Alert | Word::Error).then_some(What::Shown(word))
    }
}

/// Who wants the answer to a command, if there is a way to tell them and the answer can be known.
fn asked(message: &HubMessage<'_>, parts: &Parts<'_>) -> Option<Asked> {
    let ids = parts.ids();
    let by = ClientId::claimed(message.from_id()?, Id::LONGEST).ok()?;
    (!ids.is_empty()).then_some(Asked { by, ids })
}

/// Did an agent of this dialect say it?
pub fn is_agents(message: &HubMessage<'_>) -> bool {
    message.receipt().is_some_and(|receipt| receipt.dialect.as_deref() == Some(Spoken::ServerMonitor.label()))
}

/// Forms of a message.
const AS_IT_IS: u8 = 0;
const ON_A_PAGE: u8 = 1;

/// What an agent hears.
#[derive(Debug)]
pub struct Agent {
    /// Who has asked it what.
    pub questions: Arc<Mutex<Questions>>,
}

impl Outbound for Agent {
    fn choose(&self, reading: &Reading<'_>, now: Instant) -> Result<Choice, Hidden> {
        let What::Command(asked) = &reading.server_monitor().0 else { return Err(Hidden::DialectRule) };
        if let Some(Asked { by, ids }) = asked {
            self.questions.lock().asked(ids, by, now);
        }
        Ok(Shape::whole(Spoken::ServerMonitor, AS_IT_IS).into())
    }

    fn render(&self, reading: &Reading<'_>, _shape: &Shape) -> Result<OwnedFrame, Hidden> {
        payload(reading.message()).map(|text| OwnedFrame::Text(text.to_owned())).ok_or(Hidden::DialectRule)
    }
}

/// What a page hears.
#[derive(Debug)]
pub struct Page {
    /// Metrics or logs.
    pub role: Role,
}

impl Outbound for Page {
    fn choose(&self, reading: &Reading<'_>, _now: Instant) -> Result<Choice, Hidden> {
        let What::Shown(word) = &reading.server_monitor().0 else { return Err(Hidden::DialectRule) };
        let wanted = match word {
            Word::Alert => true,
            Word::Log => self.role == Role::Logs,
            _ => self.role == Role::Metrics,
        };
        if wanted { Ok(Shape::whole(Spoken::ServerMonitor, ON_A_PAGE).into()) } else { Err(Hidden::DialectRule) }
    }

    fn render(&self, reading: &Reading<'_>, _shape: &Shape) -> Result<OwnedFrame, Hidden> {
        let message = reading.message();
        // Who an agent is the hub has from its key. Of others nobody knows which server they speak of.
        let server = message.from_id().filter(|_| is_agents(message));
        payload(message).and_then(|text| page::shown(text, server)).map(OwnedFrame::Text).ok_or(Hidden::DialectRule)
    }
}
