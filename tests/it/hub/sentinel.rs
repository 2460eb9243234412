//! A master that dies, and the replica that the sentinels put in its place.

use super::node::Node;
use super::replicas::cut_off;
use super::stream::{GROUPS, under_traffic};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::sentinel::Sentinel;
use aether_proxy::hub::Tenancy;
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
    let missing: usize = came.iter().map(|came| came.missing.len()).sum();
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
async fn a_replica_that_had_not_heard_everything_is_told_the_rest_and_nothing_is_taken_for_repetition() {
    let mut sentinel = Sentinel::start().await;
    let (here, there) = (start(&sentinel), start(&sentinel));
    let heir = sentinel.servers[1].port();
    let came = under_traffic(&here, &there, Duration::from_millis(10), async {
        cut_off(&sentinel.servers[0]).await;
        sleep(Duration::from_millis(300)).await;
        sentinel.servers[0].kill();
        eventually!(PATIENCE * 2, sentinel.master_port().await, |port| *port == Some(heir));
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    for came in &came {
        assert!(came.received == came.sent && came.repeated + came.disordered + came.failed == 0, "{came:?}");
    }
    let again = here.metrics.hub_republished.only().get();
    assert!(again >= 12, "the replica had really not heard everything: {again}");
    // Nothing that was said is missing for whoever reads the journals of the new master.
    for (group, came) in GROUPS.iter().zip(&came) {
        let kept: usize = sentinel.servers[1].ask(&["XLEN", &format!("{{ws:group:{group}}}:j")]).await;
        // Beside them, two clients came.
        assert_eq!(kept, came.sent + 2, "{group}");
    }
}
