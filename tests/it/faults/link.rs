//! One proxy's way to Redis fails: cut, half-open, slow, or deaf in one direction. The other proxy is well.

use super::QUICK;
use super::pair::{Pair, Watch};
use super::traffic::Traffic;
use crate::harness::chaos::ChaosProxy;
use crate::harness::redis::RedisServer;
use std::time::Duration;
use tokio::time::sleep;

struct Scene {
    pair: Pair,
    chaos: ChaosProxy,
    _redis: RedisServer,
}

impl Scene {
    /// The first node reaches Redis through bad weather.
    async fn start(lines: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let chaos = ChaosProxy::start(redis.addr()).await;
        let pair = Pair::start(lines, [&format!("redis://{}", chaos.addr()), &redis.url()]).await;
        Self { pair, chaos, _redis: redis }
    }

    /// Nothing is lost, repeated or out of order, whatever `fault` does; returns the watch.
    async fn holds(&self, rate: u32, fault: impl AsyncFnOnce(&ChaosProxy, &Watch)) -> Watch {
        let traffic = Traffic::open(self.pair.nodes(), rate).await;
        let watch = self.pair.watch();
        let summary = traffic.during(fault(&self.chaos, &watch)).await;

        summary.nothing_lost_repeated_or_disordered();
        watch.always_alive();
        self.pair.balanced().await;
        assert_eq!(self.pair.count("aether_messages_lost_total", &[]).await, 0.0);
        assert_eq!(self.pair.count("aether_hub_gaps_total", &[("result", "unrepaired")]).await, 0.0);
        assert_eq!(watch.changes(1), [], "the other node is well");
        watch
    }
}

/// For so long the way is as `weather` makes it: an outage of the one node, and of nothing else.
async fn outage(time: Duration, weather: impl AsyncFnOnce(&ChaosProxy)) {
    let scene = Scene::start(&QUICK).await;
    let (mut from, mut to) = Default::default();
    let watch = scene
        .holds(300, async |chaos, watch| {
            from = watch.now();
            weather(chaos).await;
            sleep(time).await;
            // What was held goes out now: pipelines that were given up and sent again meanwhile, and old pushes.
            chaos.restore().await;
            to = watch.now();
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    watch.down_once(0, from, to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_redis_that_is_cut_and_mended_costs_nothing() {
    outage(Duration::from_millis(3000), async |chaos| chaos.cut().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_redis_that_is_half_open_and_goes_on_costs_nothing() {
    outage(Duration::from_millis(4000), async |chaos| chaos.stall().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_redis_that_is_slow_only_delays() {
    let scene = Scene::start(&QUICK).await;
    let watch = scene
        .holds(200, async |chaos, _| {
            // Less than half of what the node is to hear.
            chaos.slow(12_000).await;
            sleep(Duration::from_millis(3000)).await;
            chaos.restore().await;
            sleep(Duration::from_secs(1)).await;
        })
        .await;
    assert!(watch.changes(0).len() <= 2, "{:?}", watch.changes(0));
    let replaced = scene.pair.one.output().contains("the subscriber link ended");
    assert!(!replaced, "a link that hears late is not deaf, and a new one would hear no sooner");
}

/// Publishing works, and nothing says that the other direction is dead but the probe that does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deaf_subscriber_is_found_by_its_probe_and_replaced_and_hears_what_it_missed() {
    let scene = Scene::start(&QUICK).await;
    let watch = scene
        .holds(300, async |chaos, _| {
            chaos.stall_those_that_said("aether-proxy-subscriber").await;
            sleep(Duration::from_millis(3000)).await;
        })
        .await;
    assert_eq!(watch.changes(0), [], "a deaf link is replaced before it is an outage");
    assert!(scene.pair.one.output().contains("error=deaf"), "it was found by the probe");
    assert!(scene.pair.count("aether_hub_gaps_total", &[("result", "repaired")]).await > 0.0, "holes were filled");
}
