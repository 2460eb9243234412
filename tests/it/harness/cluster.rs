//! A real Redis Cluster on loopback, joined by plain commands, with a node timeout short enough for tests.

use super::{
    PATIENCE,
    eventually::eventually,
    redis::{RedisServer, field_of},
};
use futures_util::future::join_all;
use std::ops::Range;
use std::time::Duration;
use tokio::time::sleep;

/// Hash slots of every cluster (cluster specification, "key distribution model").
const SLOTS: usize = 16_384;

/// Masters first, then the replicas of the first master, of the second, and so on.
pub struct RedisCluster {
    pub nodes: Vec<RedisServer>,
    masters: usize,
    replicas: usize,
}

impl RedisCluster {
    /// So many masters, each with so many replicas. Returns when every node says `cluster_state:ok`
    /// and every replica is in step.
    pub async fn start(masters: usize, replicas: usize) -> Self {
        let config = ["save \"\"", "appendonly no", "cluster-enabled yes", "cluster-config-file nodes.conf"];
        let timing = ["cluster-node-timeout 1000", "cluster-replica-validity-factor 0", "repl-diskless-sync-delay 0"];
        let config: Vec<&str> = config.into_iter().chain(timing).collect();
        let nodes = join_all((0..masters * (1 + replicas)).map(|_| RedisServer::start_with(&config, &[]))).await;
        let cluster = Self { nodes, masters, replicas };
        cluster.join().await;
        cluster
    }

    /// `redis+cluster://host:port,host:port`, every node a seed.
    pub fn url(&self) -> String {
        let seeds: Vec<String> = self.nodes.iter().map(|node| node.addr().to_string()).collect();
        format!("redis+cluster://{}", seeds.join(","))
    }

    /// Places in `nodes` of the replicas that a master got at the start.
    pub fn replicas_of(&self, master: usize) -> Range<usize> {
        let first = self.masters + master * self.replicas;
        first..first + self.replicas
    }

    /// The place in `nodes` of the master that serves a key now.
    pub async fn master_of(&self, key: &str) -> usize {
        eventually!(PATIENCE, self.owner(key).await, |owner| owner.is_some()).expect("it was waited for")
    }

    /// Moves the slot of a key to the next master, as `redis-cli --cluster reshard` does, with a pause while half of
    /// its keys are here and half there. Only while the masters are those of the start.
    pub async fn move_slot(&self, key: &str) {
        Box::pin(self.moving(key)).await;
    }

    async fn moving(&self, key: &str) {
        let from = self.master_of(key).await;
        let to = (from + 1) % self.masters;
        let slot = self.nodes[from].ask::<u64>(&["CLUSTER", "KEYSLOT", key]).await.to_string();
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let id = async |node: usize| self.nodes[node].ask::<String>(&["CLUSTER", "MYID"]).await;
        let (from_id, to_id) = (id(from).await, id(to).await);
        target.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
        source.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
        loop {
            let keys: Vec<String> = source.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"]).await;
            let Some(key) = keys.first() else { break };
            source.command(&["MIGRATE", "127.0.0.1", &target.port().to_string(), key, "0", "5000"]).await;
            sleep(Duration::from_millis(150)).await;
        }
        for node in [target, source].into_iter().chain(&self.nodes[..self.masters]) {
            node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
        }
    }

    async fn owner(&self, key: &str) -> Option<usize> {
        for (place, node) in self.nodes.iter().enumerate() {
            // Only the owner answers; the others answer MOVED, the dead nothing.
            if node.info("role").await.as_deref() == Some("master") && node.try_command(&["EXISTS", key]).await.is_ok()
            {
                return Some(place);
            }
        }
        None
    }

    async fn join(&self) {
        let first = &self.nodes[0];
        for node in &self.nodes[1..] {
            first.command(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]).await;
        }
        for (place, node) in self.nodes[..self.masters].iter().enumerate() {
            let own = place * SLOTS / self.masters..(place + 1) * SLOTS / self.masters;
            let slots: Vec<String> = own.map(|slot| slot.to_string()).collect();
            // ADDSLOTSRANGE is one command shorter but not in Redis 6.
            let words: Vec<&str> =
                ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
            node.command(&words).await;
        }
        let all = self.nodes.len().to_string();
        for node in &self.nodes {
            eventually!(PATIENCE, cluster_info(node, "cluster_known_nodes").await, |n| *n == Some(all.clone()));
        }
        for master in 0..self.masters {
            let id: String = self.nodes[master].ask(&["CLUSTER", "MYID"]).await;
            for replica in self.replicas_of(master) {
                let replica = &self.nodes[replica];
                // Refused until this node has heard what its master is.
                let replicate = ["CLUSTER", "REPLICATE", &id];
                eventually!(PATIENCE, replica.try_command(&replicate).await.err(), |refused| refused.is_none());
                eventually!(PATIENCE, replica.info("master_link_status").await, |s| s.as_deref() == Some("up"));
            }
        }
        for node in &self.nodes {
            eventually!(PATIENCE, cluster_info(node, "cluster_state").await, |s| s.as_deref() == Some("ok"));
        }
    }
}

async fn cluster_info(node: &RedisServer, field: &str) -> Option<String> {
    let text: String = redis::from_redis_value(node.try_command(&["CLUSTER", "INFO"]).await.ok()?).ok()?;
    field_of(&text, field)
}

mod tests {
    use super::*;

    #[tokio::test]
    async fn serves_every_slot_and_a_replica_takes_over_from_a_dead_master() {
        let mut cluster = RedisCluster::start(3, 1).await;
        let mut owners = Vec::new();
        for key in (0..12).map(|n| format!("key{n}")) {
            let owner = cluster.master_of(&key).await;
            cluster.nodes[owner].command(&["SET", &key, "value"]).await;
            owners.push(owner);
        }
        owners.sort_unstable();
        owners.dedup();
        assert_eq!(owners, [0, 1, 2], "the keys are spread over all masters");

        let dead = cluster.master_of("key1").await;
        let heir = cluster.replicas_of(dead).start;
        cluster.nodes[dead].kill();
        eventually!(PATIENCE * 2, cluster.nodes[heir].info("role").await, |role| role.as_deref() == Some("master"));
        assert_eq!(cluster.master_of("key1").await, heir);
        assert_eq!(cluster.nodes[heir].ask::<String>(&["GET", "key1"]).await, "value", "it was replicated");
    }
}
