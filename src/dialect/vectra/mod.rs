//! Owns the Vectra dialect (its guide: "WebSockets"): dashboards, and the one worker whose words they all hear. Who
//! the worker is, is known by its client id; whether it is there, by the hub's presence, so that every node answers
//! alike. The worker's secret, and that a second worker takes over, are the edge's.

mod inbound;
mod outbound;
mod said;
mod status;
mod support;
mod told;

pub use said::Said;
pub use status::MOST_METADATA;
pub use support::SUPPORT;

use super::{Adapter, Halves, Spoken};
use crate::envelope::{ClientId, Origin};
use parking_lot::Mutex;
use std::sync::Arc;

/// `client_type` (guide: "ClientType").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A dashboard.
    Client,
    /// The backend's worker, which has proved itself.
    Worker,
}

/// What a mount sets.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Who connects here.
    pub role: Role,
    /// The client id that is the worker's, whatever it speaks: a worker's connection has it, and nobody else may.
    pub worker: ClientId,
}

/// The dialect on one mount.
#[derive(Debug)]
pub struct Vectra(Arc<Rules>);

impl Vectra {
    /// With these rules.
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(rules))
    }
}

impl Adapter for Vectra {
    fn spoken(&self) -> Spoken {
        Spoken::Vectra
    }

    fn open(&self, _origin: &Origin) -> Halves {
        let told = Told::default();
        if self.0.role == Role::Worker {
            // It knows that it is there: of its own join, which comes beside its announcement, it is not told again.
            told.lock().tell(true);
        }
        Halves {
            inbound: Box::new(inbound::In::new(self.0.clone(), told.clone())),
            outbound: Arc::new(outbound::Out::new(self.0.clone(), told)),
        }
    }
}

/// What both halves of a connection know, and write.
type Told = Arc<Mutex<told::Told>>;

#[cfg(test)]
mod tests;
