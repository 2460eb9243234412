//! Owns what a dashboard and the worker hear (guide: "Worker Broadcast", `emit_worker_status`).

use super::said::{Said, own};
use super::status::{STATUS, frame};
use super::{Role, Rules, Told};
use crate::dialect::adapter::payload;
use crate::dialect::{Choice, Hidden, HubMessage, Outbound, OwnedFrame, Reading, Shape, Spoken};
use crate::envelope::{MsgType, ids};
use std::sync::Arc;
use std::time::Instant;

/// The payload, verbatim.
const VERBATIM: u8 = 0;
/// The worker has come.
const ONLINE: u8 = 1;
/// The worker is gone.
const OFFLINE: u8 = 2;

/// One connection.
#[derive(Debug)]
pub(super) struct Out {
    rules: Arc<Rules>,
    told: Told,
}

impl Out {
    pub(super) fn new(rules: Arc<Rules>, told: Told) -> Self {
        Self { rules, told }
    }

    /// Which form this connection gets.
    fn form(&self, reading: &Reading<'_>, now: Instant) -> Option<u8> {
        let message = reading.message();
        let by_worker = message.from_id() == Some(self.rules.worker.as_str());
        match reading.vectra() {
            Said::Nothing => None,
            // A worker's connection announces itself, and its join may come behind that, without what it has said of
            // itself since. So a join tells only those who do not know: it is a V3 worker's, or its leave was false.
            Said::Present(true) => (by_worker && self.told.lock().tell(true) != Some(true)).then_some(ONLINE),
            Said::Present(false) if by_worker => {
                let mut told = self.told.lock();
                told.tell(false);
                told.heard(None, now);
                Some(OFFLINE)
            }
            Said::Present(false) => None,
            Said::Status(online) if is_announced(message) => {
                let mut told = self.told.lock();
                told.tell(online);
                told.heard(payload(message), now);
                Some(VERBATIM)
            }
            // Nobody else speaks for the worker.
            Said::Status(_) if !by_worker => None,
            // Commands are the worker's; everyone hears the rest, the worker included.
            Said::Status(_) | Said::Frame => {
                (message.msg_type() == MsgType::Msg || self.rules.role == Role::Worker).then_some(VERBATIM)
            }
        }
    }
}

impl Outbound for Out {
    fn choose(&self, reading: &Reading<'_>, now: Instant) -> Result<Choice, Hidden> {
        let form = self.form(reading, now).ok_or(Hidden::DialectRule)?;
        Ok(Shape::whole(Spoken::Vectra, form).into())
    }

    fn render(&self, reading: &Reading<'_>, shape: &Shape) -> Result<OwnedFrame, Hidden> {
        let text = match shape.form {
            ONLINE => frame(true, None),
            OFFLINE => frame(false, None),
            _ => verbatim(reading.message()).ok_or(Hidden::DialectRule)?.to_owned(),
        };
        Ok(OwnedFrame::Text(text))
    }
}

/// The payload; of a worker's frame with the white space that stood around it.
fn verbatim<'m>(message: &'m HubMessage<'_>) -> Option<&'m str> {
    let payload = payload(message)?;
    let raw = message.receipt().filter(|_| own(message)).and_then(|receipt| receipt.raw.as_deref());
    // A receipt that says something else was forged: then everyone sees what V3 clients see.
    Some(raw.filter(|raw| raw.trim_matches([' ', '\t', '\n', '\r']) == payload).unwrap_or(payload))
}

/// Is it the server's own word? Nobody can connect with its id.
fn is_announced(message: &HubMessage<'_>) -> bool {
    let cmd = message.draft().cmd.as_deref();
    message.from_id() == Some(ids::SERVER)
        && cmd.and_then(|cmd| cmd.strip_prefix('"')?.strip_suffix('"')) == Some(STATUS)
}
