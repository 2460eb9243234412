//! Settings of the two listeners and of the runtime behind them.

use super::Network;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, time::Duration};

/// `[listen]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Address for WebSocket clients. Without any credential configured only loopback is accepted.
    pub clients: SocketAddr,
    /// Address for operators: `/metrics`, `/livez`, `/readyz`.
    pub admin: SocketAddr,
    /// Reverse proxies whose `X-Forwarded-For` is believed; from anybody else it is not even read.
    pub trusted_proxies: Vec<Network>,
    /// Pending connections the kernel keeps for us.
    pub backlog: u32,
    /// Worker threads; 0 = one per core.
    pub workers: usize,
    /// After SIGTERM: how long readiness is false before the first connection is closed.
    #[serde(with = "super::human::duration")]
    pub drain_delay: Duration,
    /// After SIGTERM: over how long the closes are spread.
    #[serde(with = "super::human::duration")]
    pub drain_window: Duration,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            clients: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9090)),
            trusted_proxies: Vec::new(),
            backlog: 4096,
            workers: 0,
            drain_delay: Duration::from_secs(2),
            drain_window: Duration::from_secs(10),
        }
    }
}
