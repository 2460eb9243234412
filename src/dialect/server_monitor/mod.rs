//! Owns the server monitor's dialect as a mount has set it up: agents on servers tell metrics and logs and take
//! commands, pages watch them (its guide, "WebSocket API"). Which server a connection belongs to is known before it
//! comes here; a second agent for one server is the hub's affair.

mod frame;
mod inbound;
mod login;
mod outbound;
mod page;
mod questions;
mod support;

pub use outbound::Heard;
pub use questions::{MOST_ASKERS, MOST_WAITING};
pub use support::SUPPORT;

use super::{Adapter, Halves, Login, Spoken};
use crate::envelope::Origin;
use crate::label::labels;
use parking_lot::Mutex;
use questions::Questions;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take to be told to whoever asked: what `Rules::answers_within` can be.
pub const ANSWERS_WITHIN: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(300);

labels! {
    /// Which of its endpoints a mount is (guide, "Endpoints").
    pub enum Role {
        /// `/api/v1/agents/ws`: the one agent of a server.
        Agent = "agent",
        /// `/api/v1/ws/metrics/{server_id}`: a page that shows metrics.
        Metrics = "metrics",
        /// `/api/v1/ws/logs/{server_id}`: a page that shows logs.
        Logs = "logs",
    }
}

labels! {
    /// Whose manners it has where guide and real server differ.
    pub enum Compat {
        /// The guide's: a frame that cannot be read is answered with an error.
        Guide = "guide",
        /// The real server's: it ends the connection.
        Server = "server",
    }
}

/// What a mount may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Which endpoint it is.
    pub role: Role,
    /// Whose manners it has.
    pub compat: Compat,
    /// For so long what an agent says about a command goes to whoever gave it; outside of `ANSWERS_WITHIN` the nearer
    /// end of that.
    pub answers_within: Duration,
}

/// The dialect on one mount. The client id of an agent is the id of its server; the group is the server's.
#[derive(Debug)]
pub struct ServerMonitor {
    rules: Rules,
    login: login::FirstFrame,
}

impl ServerMonitor {
    /// With these rules.
    pub fn new(rules: Rules) -> Self {
        let answers_within = rules.answers_within.clamp(*ANSWERS_WITHIN.start(), *ANSWERS_WITHIN.end());
        Self { rules: Rules { answers_within, ..rules }, login: login::FirstFrame { role: rules.role } }
    }
}

impl Adapter for ServerMonitor {
    fn spoken(&self) -> Spoken {
        Spoken::ServerMonitor
    }

    fn login(&self) -> Option<&dyn Login> {
        Some(&self.login)
    }

    fn open(&self, origin: &Origin) -> Halves {
        if self.rules.role != Role::Agent {
            return Halves {
                inbound: Box::new(inbound::Page),
                outbound: Arc::new(outbound::Page { role: self.rules.role }),
            };
        }
        let questions = Arc::new(Mutex::new(Questions::new(self.rules.answers_within)));
        let server = origin.client.clone();
        let inbound = inbound::Agent { server, compat: self.rules.compat, questions: questions.clone() };
        Halves { inbound: Box::new(inbound), outbound: Arc::new(outbound::Agent { questions }) }
    }
}
