//! Owns asking the sentinels who is master.

use super::connect::{ConnectError, Connector};
use super::target::Node;
use redis::Value;

impl Connector {
    /// The master of this name, that says itself that it is one.
    ///
    /// # Errors
    /// None of the sentinels knows one, or none answers in time: the last one's error.
    pub async fn master(&self, name: &str) -> Result<Node, ConnectError> {
        let mut last = ConnectError::NoMaster;
        for sentinel in &self.target().nodes {
            let asked = async {
                let mut connection = self.plain(sentinel).await?;
                let mut ask = redis::cmd("SENTINEL");
                ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
                let answer = ask.query_async::<Option<(String, u16)>>(&mut connection).await?;
                let (host, port) = answer.ok_or(ConnectError::NoMaster)?;
                let node = Node { host, port };
                // While they elect, sentinels name the dead, and a while longer one that has become a replica.
                let mut connection = self.command(&node).await?;
                let role = redis::cmd("ROLE").query_async::<Vec<Value>>(&mut connection).await?;
                let role = role.into_iter().next().and_then(|word| redis::from_redis_value::<String>(word).ok());
                if role.as_deref() == Some("master") { Ok(node) } else { Err(ConnectError::NoMaster) }
            };
            match asked.await {
                Ok(node) => return Ok(node),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
