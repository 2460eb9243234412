//! A master that dies, and the replica that the sentinels put in its place.

use super::node::Node;
use super::stream::under_traffic;
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::sentinel::Sentinel;
use aether_proxy::hub::Tenancy;
use aether_proxy::telemetry::labels::Gap;
use std::time::Duration;
use tokio::time::sleep;

fn start(sentinel: &Sentinel) -> Node {
    Node::start(&sentinel.url(), Tenancy::Lenient, |hub| {
        hub.command_timeout = Duration::from_millis(700);
        hub.publish_deadline = Duration::from_secs(30);
        hub.attach_timeout = Duration::from_secs(10);
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_repeats_and_disorders_nothing() {
    let mut sentinel = Sentinel::start().await;
    let (here, there) = (start(&sentinel), start(&sentinel));
    let heir = sentinel.servers[1].port();
    let came = under_traffic(&here, &there, Duration::from_millis(10), async {
        sentinel.servers[0].kill();
        eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(heir));
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    let missing: usize = came.iter().map(|came| came.missing).sum();
    eprintln!("lost with the master: {missing} of {}", came.iter().map(|came| came.sent).sum::<usize>());
    for came in &came {
        assert!(came.repeated + came.disordered == 0 && came.failed == 0, "{came:?}");
    }
    assert!(missing < 50, "{came:?}");
    // The old master comes back as a replica; nothing follows it.
    sentinel.servers[0].restart().await;
    eventually!(PATIENCE * 2, there.hub.is_up(), |up| *up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_had_not_heard_everything_uses_numbers_again_and_nothing_is_taken_for_repetition() {
    let mut sentinel = Sentinel::start().await;
    let (here, there) = (start(&sentinel), start(&sentinel));
    let heir = sentinel.servers[1].port();
    let came = under_traffic(&here, &there, Duration::from_millis(10), async {
        let master = &sentinel.servers[0];
        // Open connections stay; the replica's is ended, and it is not let in again.
        master.command(&["CONFIG", "SET", "requirepass", "closed"]).await;
        kill_replicas(master.port()).await;
        sleep(Duration::from_millis(300)).await;
        sentinel.servers[0].kill();
        eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(heir));
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    for came in &came {
        assert!(came.received == came.sent && came.repeated + came.disordered + came.failed == 0, "{came:?}");
    }
    let resets = there.metrics.hub_gaps.with((Gap::EpochReset,)).get();
    assert!(resets >= 12, "the replica had really not heard everything: {resets}");
}

async fn kill_replicas(port: u16) {
    let client = redis::Client::open(format!("redis://:closed@127.0.0.1:{port}")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let killed: usize =
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "replica"]).query_async(&mut connection).await.unwrap();
    assert_eq!(killed, 1);
}
