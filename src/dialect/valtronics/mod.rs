//! Owns the Valtronics dialect as a mount has set it up: clients subscribe to channels of telemetry, alerts and
//! states, with filters, and hear what passes them. The rules of its two servers, the one the guide tells of and the
//! one that is deployed (`compat = "server"`), stand in the files beside this one.

mod facts;
mod filter;
mod frame;
mod gate;
mod inbound;
mod login;
mod outbound;
mod sampler;
mod server;
mod subscriptions;
mod support;
mod words;

#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use support::SUPPORT;

use super::Spoken;
use super::adapter::{Adapter, Halves, Login};
use crate::envelope::Origin;
use crate::label::labels;
use parking_lot::Mutex;
use std::sync::Arc;

labels! {
    /// Which of its servers the clients expect.
    pub enum Compat {
        /// The guide's: a login, channels, filters.
        Guide = "guide",
        /// The real one: no login, subscriptions to devices, a heartbeat.
        Server = "server",
    }
}

labels! {
    /// A channel (guide: Available Channels).
    pub enum Channel {
        /// Values that devices measure.
        Telemetry = "telemetry",
        /// What somebody should look at.
        Alerts = "alerts",
        /// Devices that come and go.
        Devices = "devices",
        /// The server's own state.
        System = "system",
    }
}

impl Channel {
    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        use crate::label::Label;
        <Self as Label>::ALL.iter().copied().find(|channel| channel.label() == word)
    }
}

/// What a mount sets (`[mounts.valtronics]`). The limits on connections are the edge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `compat`
    pub compat: Compat,
    /// `channel`: subscribed from the start, as on the guide's specialised endpoints.
    pub channel: Option<Channel>,
    /// `batch`: messages in a batch; 0: no limit (guide: Message Limits).
    pub batch: usize,
    /// `message`: bytes of a client's frame; 0: no limit.
    pub message: usize,
    /// `messages_per_second` of one connection; 0: no limit.
    pub messages_per_second: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { compat: Compat::Guide, channel: None, batch: 50, message: 1024, messages_per_second: 100 }
    }
}

/// The dialect of one mount.
#[derive(Debug, Clone)]
pub struct Valtronics {
    rules: Rules,
    login: login::Login,
}

impl Valtronics {
    /// By these rules.
    pub fn new(rules: Rules) -> Self {
        Self { rules, login: login::Login }
    }
}

impl Adapter for Valtronics {
    fn spoken(&self) -> Spoken {
        Spoken::Valtronics
    }

    fn login(&self) -> Option<&dyn Login> {
        match self.rules.compat {
            Compat::Guide => Some(&self.login),
            Compat::Server => None,
        }
    }

    fn open(&self, _origin: &Origin) -> Halves {
        let gate = gate::Gate::new(&self.rules);
        match self.rules.compat {
            Compat::Guide => {
                let heard = Arc::new(Mutex::new(subscriptions::Subscriptions::new(self.rules.channel)));
                Halves {
                    inbound: Box::new(inbound::Inbound::new(self.rules, gate, heard.clone())),
                    outbound: Arc::new(outbound::Outbound::new(heard)),
                }
            }
            Compat::Server => {
                let (inbound, outbound) = server::open(gate);
                Halves { inbound: Box::new(inbound), outbound: Arc::new(outbound) }
            }
        }
    }
}

/// A text without the white space that JSON allows around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}
