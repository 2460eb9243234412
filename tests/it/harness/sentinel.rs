//! A real Sentinel set-up on loopback: one master, one replica, three sentinels that agree by two.

use super::{PATIENCE, eventually::eventually, redis::RedisServer};
use std::collections::HashMap;

/// The name under which the sentinels know the master.
pub const MASTER_NAME: &str = "aether-test";

/// Two servers and those who watch them.
pub struct Sentinel {
    /// The master of the start, then its replica.
    pub servers: [RedisServer; 2],
    pub sentinels: Vec<RedisServer>,
}

impl Sentinel {
    /// Returns when the replica is in step and every sentinel knows it and the two others.
    pub async fn start() -> Self {
        let config = ["save \"\"", "appendonly no", "repl-diskless-sync-delay 0"];
        let (master, replica) =
            tokio::join!(RedisServer::start_with(&config, &[]), RedisServer::start_with(&config, &[]));
        let port = master.port().to_string();
        replica.command(&["REPLICAOF", "127.0.0.1", &port]).await;
        eventually!(PATIENCE, replica.info("master_link_status").await, |s| s.as_deref() == Some("up"));
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let sentinel = RedisServer::start_with(&[], &["--sentinel"]).await;
            sentinel.command(&["SENTINEL", "MONITOR", MASTER_NAME, "127.0.0.1", &port, "2"]).await;
            for (key, value) in [("down-after-milliseconds", "1000"), ("failover-timeout", "5000")] {
                sentinel.command(&["SENTINEL", "SET", MASTER_NAME, key, value]).await;
            }
            sentinels.push(sentinel);
        }
        for sentinel in &sentinels {
            eventually!(PATIENCE, known_to(sentinel).await, |known| *known == ("2".to_owned(), "1".to_owned()));
        }
        Self { servers: [master, replica], sentinels }
    }

    /// `redis+sentinel://host:port,host:port,host:port/name`
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect();
        format!("redis+sentinel://{}/{MASTER_NAME}", hosts.join(","))
    }

    /// The port that the sentinels, all of them, call the master's; none while they disagree.
    pub async fn master_port(&self) -> Option<u16> {
        let mut ports = Vec::new();
        for sentinel in &self.sentinels {
            let addr: Vec<String> = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME]).await;
            ports.push(addr.get(1)?.parse().ok()?);
        }
        ports.dedup();
        (ports.len() == 1).then(|| ports[0])
    }
}

/// How many other sentinels and how many replicas a sentinel has found.
async fn known_to(sentinel: &RedisServer) -> (String, String) {
    let mut state: HashMap<String, String> = sentinel.ask(&["SENTINEL", "MASTER", MASTER_NAME]).await;
    let mut take = |key| state.remove(key).unwrap_or_default();
    (take("num-other-sentinels"), take("num-slaves"))
}

mod tests {
    use super::*;

    #[tokio::test]
    async fn the_replica_becomes_master_when_the_master_dies() {
        let mut sentinel = Sentinel::start().await;
        let [old, new] = [sentinel.servers[0].port(), sentinel.servers[1].port()];
        assert_eq!(sentinel.master_port().await, Some(old));
        sentinel.servers[0].kill();
        eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(new));
        eventually!(PATIENCE, sentinel.servers[1].info("role").await, |role| role.as_deref() == Some("master"));
    }
}
