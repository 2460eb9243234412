//! Who may still come with V2: the policy in effect, and what it says about a newcomer.

use super::report::view::PolicyView;
use crate::clock::Clock;
use crate::config;
use arc_swap::ArcSwap;

/// The policy in effect; a reload changes it.
#[derive(Debug)]
pub struct Policies {
    clock: Clock,
    current: ArcSwap<config::Policy>,
}

impl Policies {
    /// From the settings.
    pub fn new(config: &config::Policy, clock: Clock) -> Self {
        Self { clock, current: ArcSwap::from_pointee(config.clone()) }
    }

    /// Takes other settings.
    pub fn reload(&self, config: &config::Policy) {
        self.current.store(std::sync::Arc::new(config.clone()));
    }

    /// Is V2 refused to every client of this tenant for good?
    pub fn denies(&self, _tenant: &str) -> bool {
        false
    }

    /// As operators see it.
    pub fn view(&self) -> PolicyView {
        let _ = self.clock.now();
        PolicyView::default()
    }
}
