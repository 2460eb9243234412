//! Owns what a measurement needs to run: a fresh proxy, and a Redis where the hub is to be one.

use super::common::servers::{Manner, Persistence, Proxy, Redis};
use super::options::HubKind;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

/// What a measurement needs to run. Its processes end with it.
#[derive(Debug)]
pub struct Servers {
    proxy: Proxy,
    redis: Option<Redis>,
    /// Where clients connect.
    pub clients: SocketAddr,
}

impl Servers {
    /// Starts the proxy, and before it a Redis where the hub is to be one. `settings` are variables.
    ///
    /// # Errors
    /// What did not start, and what it said.
    pub fn start(proxy: &Path, hub: HubKind, pinned: bool, settings: &[(&str, String)]) -> Result<Self, String> {
        let mut environment: Vec<(OsString, OsString)> =
            settings.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let manner = Manner { pinned, apart: false };
        let redis = match hub {
            HubKind::Memory => None,
            HubKind::Redis => {
                let redis = Redis::start(Persistence::None, manner)?;
                environment.push(("AETHER_HUB__URL".into(), redis.url().into()));
                Some(redis)
            }
        };
        // The proxy has nothing to say unless something is wrong.
        let proxy = Proxy::start(proxy, manner, environment, std::io::stderr())?;
        Ok(Self { clients: proxy.clients, proxy, redis })
    }

    /// The proxy's process id.
    pub fn proxy(&self) -> u32 {
        self.proxy.pid()
    }

    /// The process id of Redis.
    pub fn redis(&self) -> Option<u32> {
        self.redis.as_ref().map(Redis::pid)
    }
}
