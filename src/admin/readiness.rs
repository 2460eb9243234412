//! Owns the answer to "may a load balancer send clients here?": yes, or every reason why not.

use crate::label::{Label, labels};

labels! {
    /// Why no clients should be sent here. The word stands in the answer of `/readyz`.
    pub enum NotReady {
        /// The proxy is about to end.
        Draining = "draining",
        /// The hub takes or delivers no messages.
        HubDown = "hub_down",
        /// Tokens cannot be checked yet: the JWKS address has not answered.
        KeysUnavailable = "keys_unavailable",
    }
}

/// What is known at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Has the drain begun?
    pub draining: bool,
    /// `Hub::is_up`
    pub hub_up: bool,
    /// `Authenticator::keys_available`
    pub keys_available: bool,
}

impl Readiness {
    /// Every reason against.
    pub fn reasons(self) -> impl Iterator<Item = NotReady> {
        NotReady::ALL.iter().copied().filter(move |reason| match reason {
            NotReady::Draining => self.draining,
            NotReady::HubDown => !self.hub_up,
            NotReady::KeysUnavailable => !self.keys_available,
        })
    }

    /// No reason against.
    pub fn is_ready(self) -> bool {
        self.reasons().next().is_none()
    }
}
