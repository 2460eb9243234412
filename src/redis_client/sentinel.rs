//! Owns asking the sentinels who is master.

use super::connect::{ConnectError, Connector};
use super::target::Node;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::Value;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// One sentinel has answered; the others have so long. A dead one must not hold up a fail-over.
const OTHERS: Duration = Duration::from_millis(250);

impl Connector {
    /// The master of this name, that says itself that it is one. All sentinels are asked: after a fail-over in good order
    /// some name the old master for seconds, and so does it itself. The latest configuration counts.
    ///
    /// # Errors
    /// None of the sentinels knows one, or none answers in time: the last one's error.
    pub async fn master(&self, name: &str) -> Result<Node, ConnectError> {
        let mut asked: FuturesUnordered<_> =
            self.target().nodes.iter().map(|sentinel| self.named(sentinel, name)).collect();
        let mut last = ConnectError::NoMaster;
        let mut named = Vec::new();
        let mut until = None;
        loop {
            let answer = match until {
                None => asked.next().await,
                Some(until) => timeout_at(until, asked.next()).await.unwrap_or(None),
            };
            match answer {
                None => break,
                Some(Ok(answer)) => {
                    named.push(answer);
                    until.get_or_insert(Instant::now() + OTHERS);
                }
                Some(Err(error)) => last = error,
            }
        }
        named.sort_by(|(one, _), (other, _)| other.cmp(one));
        named.dedup_by(|(_, one), (_, other)| one == other);
        for (_, node) in named {
            match self.is_master(&node).await {
                Ok(true) => return Ok(node),
                // While they elect, sentinels name the dead, and a while longer one that has become a replica.
                Ok(false) => last = ConnectError::NoMaster,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The master as one sentinel knows it, and the epoch of what it knows.
    async fn named(&self, sentinel: &Node, name: &str) -> Result<(u64, Node), ConnectError> {
        let mut connection = self.plain(sentinel).await?;
        let mut pipe = redis::Pipeline::with_capacity(2);
        // The first knows of a fail-over sooner, the second has the epoch.
        pipe.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name).cmd("SENTINEL").arg("MASTER").arg(name);
        type Answers = (Option<(String, u16)>, HashMap<String, String>);
        let (address, state): Answers = pipe.query_async(&mut connection).await?;
        let (host, port) = address.ok_or(ConnectError::NoMaster)?;
        let epoch = state.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        Ok((epoch, Node { host, port }))
    }

    async fn is_master(&self, node: &Node) -> Result<bool, ConnectError> {
        let mut connection = self.command(node).await?;
        let role = redis::cmd("ROLE").query_async::<Vec<Value>>(&mut connection).await?;
        let role = role.into_iter().next().and_then(|word| redis::from_redis_value::<String>(word).ok());
        Ok(role.as_deref() == Some("master"))
    }
}
