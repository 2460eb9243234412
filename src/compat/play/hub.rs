//! Owns publishing on the hub of the target, where the runner was told its Redis.

use crate::config::RedisUrl;
use crate::redis_client::{Connector, Mode, Node};
use redis::aio::MultiplexedConnection;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// See the module.
pub struct Hub {
    connection: MultiplexedConnection,
    deadline: Duration,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    /// Connects to it: one server, or the master of sentinels.
    ///
    /// # Errors
    /// Why not, in words without the address, in which there may be a password.
    pub async fn connect(url: &RedisUrl, deadline: Duration) -> Result<Self, String> {
        let connector = Connector::new(url, deadline).map_err(|error| error.to_string())?;
        let target = connector.target();
        let master = match &target.mode {
            Mode::Single => target.nodes.first().cloned(),
            Mode::Sentinel(name) => Some(connector.master(name).await.map_err(|error| error.to_string())?),
            Mode::Cluster => return Err("a cluster: name one of its servers with redis://".to_owned()),
        };
        let master: Node = master.ok_or("no server is named")?;
        let connection = connector.command(&master).await.map_err(|error| error.to_string())?;
        Ok(Self { connection, deadline })
    }

    /// Publishes on a channel; so many have heard it.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn publish(&self, channel: &str, content: &[u8]) -> Result<u64, String> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(content);
        let published = timeout(self.deadline, command.query_async::<u64>(&mut connection)).await;
        published.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())
    }
}
