//! Owns a hub message on its way to many receivers: what each dialect finds in it is looked for once, by the
//! first receiver that asks, however many there are.

use super::{HubMessage, server_monitor, valtronics, vectra};
use std::cell::OnceCell;

/// A message, and what was found in it.
#[derive(Debug)]
pub struct Reading<'m> {
    message: &'m HubMessage<'m>,
    server_monitor: OnceCell<server_monitor::Heard>,
    valtronics: OnceCell<Option<valtronics::Facts<'m>>>,
    vectra: OnceCell<vectra::Said>,
}

impl<'m> Reading<'m> {
    /// Nothing is looked for yet.
    pub fn new(message: &'m HubMessage<'m>) -> Self {
        Self { message, server_monitor: OnceCell::new(), valtronics: OnceCell::new(), vectra: OnceCell::new() }
    }

    /// The message.
    pub fn message(&self) -> &'m HubMessage<'m> {
        self.message
    }

    /// What it is to the server monitor's dialect.
    pub fn server_monitor(&self) -> &server_monitor::Heard {
        self.server_monitor.get_or_init(|| server_monitor::Heard::of(self.message))
    }

    /// What it says to Vectra's clients.
    pub fn vectra(&self) -> vectra::Said {
        *self.vectra.get_or_init(|| vectra::Said::of(self.message))
    }

    /// What Valtronics finds in it; None: it is no frame of that dialect.
    pub(super) fn valtronics(&self) -> Option<&valtronics::Facts<'m>> {
        self.valtronics.get_or_init(|| valtronics::Facts::find(self.message)).as_ref()
    }
}
