//! A real cluster whose slots move and whose masters die under traffic.

use super::node::{Node, Who};
use super::stream::{GROUPS, under_traffic};
use crate::harness::PATIENCE;
use crate::harness::cluster::RedisCluster;
use crate::harness::eventually::eventually;
use aether_proxy::hub::Tenancy;
use aether_proxy::telemetry::labels::Gap;
use std::time::Duration;
use tokio::time::sleep;

fn start(cluster: &RedisCluster) -> Node {
    Node::start(&cluster.url(), Tenancy::Lenient, |hub| {
        hub.command_timeout = Duration::from_millis(700);
        hub.publish_deadline = Duration::from_secs(20);
        hub.attach_timeout = Duration::from_secs(10);
    })
}

async fn up(node: &Node) {
    eventually!(PATIENCE * 2, node.hub.is_up(), |up| *up);
}

/// Moves the slot of a channel to another master, as `redis-cli --cluster reshard` does, with a pause
/// while half of its keys are here and half there.
async fn move_slot(cluster: &RedisCluster, channel: &str, masters: usize) {
    let from = cluster.master_of(channel).await;
    let to = (from + 1) % masters;
    let slot = cluster.nodes[from].ask::<u64>(&["CLUSTER", "KEYSLOT", channel]).await.to_string();
    let (source, target) = (&cluster.nodes[from], &cluster.nodes[to]);
    let id = async |node: usize| cluster.nodes[node].ask::<String>(&["CLUSTER", "MYID"]).await;
    let (from_id, to_id) = (id(from).await, id(to).await);
    target.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    source.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
    loop {
        let keys: Vec<String> = source.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"]).await;
        let Some(key) = keys.first() else { break };
        source.command(&["MIGRATE", "127.0.0.1", &target.port().to_string(), key, "0", "5000"]).await;
        sleep(Duration::from_millis(150)).await;
    }
    for node in [target, source].into_iter().chain(&cluster.nodes[..masters]) {
        node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_under_traffic_loses_and_repeats_nothing() {
    let cluster = RedisCluster::start(3, 0).await;
    let (here, there) = (start(&cluster), start(&cluster));
    let came = under_traffic(&here, &there, Duration::from_millis(5), async {
        for _ in 0..3 {
            // A group of the stream, and what all nodes tell each other.
            move_slot(&cluster, "ws:group:g0", 3).await;
            move_slot(&cluster, "{ws:aether}:control", 3).await;
            sleep(Duration::from_millis(300)).await;
        }
    })
    .await;
    for (group, came) in GROUPS.iter().zip(&came) {
        assert!(came.received == came.sent && came.repeated + came.disordered == 0, "{group}: {came:?}");
    }
    assert_eq!(there.metrics.hub_gaps.with((Gap::Unrepaired,)).get(), 0);
    // Presence has moved along.
    let client = here.attach(Who { client: "late", group: "g0", ..Who::default() }).await;
    eventually!(PATIENCE, client.members().await, |members| *members == ["late", "receiver", "sender"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_dies_holds_up_nobody_else_and_its_replica_goes_on() {
    let mut cluster = RedisCluster::start(3, 1).await;
    let (here, there) = (start(&cluster), start(&cluster));
    up(&here).await;
    up(&there).await;
    let dead = cluster.master_of("ws:group:g0").await;
    let heir = cluster.replicas_of(dead).start;
    let mut of_dead = Vec::new();
    for group in GROUPS {
        of_dead.push(cluster.master_of(&format!("ws:group:{group}")).await == dead);
    }
    assert!(of_dead.contains(&true) && of_dead.contains(&false));
    let came = under_traffic(&here, &there, Duration::from_millis(5), async {
        cluster.nodes[dead].kill();
        eventually!(PATIENCE * 2, cluster.nodes[heir].info("role").await, |role| role.as_deref() == Some("master"));
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    let mut missing = 0;
    for ((group, came), of_dead) in GROUPS.iter().zip(&came).zip(of_dead) {
        assert!(came.repeated + came.disordered == 0, "{group}: {came:?}");
        assert!(of_dead || came.missing == 0, "a living master's {group}: {came:?}");
        missing += came.missing;
    }
    // What the dead master took and did not pass on may be lost; on one machine that is rarely anything.
    eprintln!("lost with the master: {missing} of {}", came.iter().map(|came| came.sent).sum::<usize>());
    assert!(missing < 50, "{came:?}");
    up(&here).await;
    up(&there).await;
}
