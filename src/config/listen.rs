//! Settings of the two listeners and of the runtime behind them.

use super::{Network, Secret};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// `[listen]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Address for WebSocket clients. Without any credential configured only loopback is accepted.
    pub clients: SocketAddr,
    /// Address for operators: `/metrics`, `/livez`, `/readyz`, `/migration`.
    pub admin: SocketAddr,
    /// What operators must present for `/migration` and its API; without it these answer on loopback only.
    pub admin_token: Option<Secret>,
    /// A file with that token.
    pub admin_token_file: Option<PathBuf>,
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
    /// A path whose clients get each frame back and nothing else, for tests of the WebSocket layer; none when absent.
    /// Only on loopback.
    pub echo: Option<String>,
    /// TLS for WebSocket clients (wss).
    pub tls: TlsFiles,
    /// TLS for operators (https).
    pub admin_tls: TlsFiles,
}

/// `[listen.tls]` and `[listen.admin_tls]`: PEM files, read again when they change. Without a certificate the
/// listener speaks plain TCP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, and after it those between it and the root.
    pub certificate: Option<PathBuf>,
    /// Its private key, not encrypted: PKCS#8, SEC 1 (EC) or PKCS#1 (RSA).
    pub key: Option<PathBuf>,
    /// Authorities of which clients must show a certificate (mutual TLS); without it none is asked for.
    pub client_ca: Option<PathBuf>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            clients: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9090)),
            admin_token: None,
            admin_token_file: None,
            trusted_proxies: Vec::new(),
            backlog: 4096,
            workers: 0,
            drain_delay: Duration::from_secs(2),
            drain_window: Duration::from_secs(10),
            echo: None,
            tls: TlsFiles::default(),
            admin_tls: TlsFiles::default(),
        }
    }
}
