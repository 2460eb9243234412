//! What Redis and the link to it do to messages under way: nothing is lost, nothing comes twice, and what
//! fails is said. The whole storm of faults is another suite; these are the promises of the design.

use super::node::{Client, Node, Who};
use crate::harness::redis::RedisServer;
use aether_proxy::config;
use aether_proxy::hub::{Notice, PublishError, Tenancy};
use aether_proxy::telemetry::labels::Gap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const SOON: Duration = Duration::from_secs(15);
const WHO: Who = Who { client: "a", group: "g", account: None, v2: false, global: false };

fn start(redis: &RedisServer) -> Node {
    started_with(redis, |_| {})
}

fn started_with(redis: &RedisServer, change: impl FnOnce(&mut config::Hub)) -> Node {
    Node::start(&redis.url(), Tenancy::Lenient, |hub| {
        hub.command_timeout = Duration::from_millis(700);
        hub.publish_deadline = Duration::from_secs(12);
        change(hub);
    })
}

fn numbers(n: usize) -> Vec<String> {
    (0..n).map(|i| i.to_string()).collect()
}

/// Says 0..n, so many a second.
async fn say_numbers(client: &Client, n: usize, every: Duration) {
    for i in 0..n {
        client.say(&i.to_string()).await;
        sleep(every).await;
    }
}

/// Connections of this type are killed again and again under traffic.
async fn killed(kind: &str) {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let sender = here.attach(WHO).await;
    let mut receiver = there.attach(Who { client: "b", ..WHO }).await;
    let (_, ()) = tokio::join!(say_numbers(&sender, 600, Duration::from_millis(3)), async {
        for _ in 0..6 {
            sleep(Duration::from_millis(300)).await;
            redis.command(&["CLIENT", "KILL", "TYPE", kind]).await;
        }
    });
    assert_eq!(receiver.texts(600, SOON).await, numbers(600));
    assert_eq!(there.metrics.hub_gaps.with((Gap::Unrepaired,)).get(), 0);
    let reconnects = here.metrics.hub_reconnects.only().get() + there.metrics.hub_reconnects.only().get();
    assert!(reconnects >= 3, "connections were really killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriber_links_that_are_killed_lose_and_repeat_nothing() {
    killed("pubsub").await;
}

/// It was counted as a bad one for its first five seconds, and each next was opened later, up to a second: killed
/// every second, it was away more often than not, and readiness with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_worked_is_opened_again_at_once_however_often_it_is_killed() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    let up = async || {
        while node.metrics.hub_up.only().get() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    up().await;
    let began = Instant::now();
    for killed in 1..=12 {
        redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        while node.metrics.hub_reconnects.only().get() < killed {
            sleep(Duration::from_millis(5)).await;
        }
        up().await;
    }
    assert!(began.elapsed() < Duration::from_secs(4), "twelve links took {:?}", began.elapsed());
}

/// Nothing went out, so nothing came back: links were taken for deaf and replaced, one after the other, and readiness
/// fell a second time after the publisher was back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_link_is_not_deaf_because_the_publisher_is_silent() {
    let redis = RedisServer::start().await;
    let node = started_with(&redis, |hub| hub.probe_interval = Duration::from_millis(400));
    while !node.hub.is_up() {
        sleep(Duration::from_millis(20)).await;
    }
    let link = async || {
        let list: String = redis.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]).await;
        list.split(' ').next().unwrap_or_default().to_owned()
    };
    // Publishing waits, subscribing does not.
    redis.command(&["CLIENT", "PAUSE", "6000", "WRITE"]).await;
    sleep(Duration::from_millis(2500)).await;
    let before = link().await;
    sleep(Duration::from_millis(2500)).await;
    assert!(before.starts_with("id="), "{before}");
    assert_eq!(link().await, before, "the link was replaced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_connections_that_are_killed_lose_and_repeat_nothing() {
    killed("normal").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_freezes_and_thaws_loses_and_repeats_nothing() {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let sender = here.attach(WHO).await;
    let mut receiver = there.attach(Who { client: "b", ..WHO }).await;
    let (_, ()) = tokio::join!(say_numbers(&sender, 400, Duration::from_millis(10)), async {
        sleep(Duration::from_millis(500)).await;
        redis.freeze().await;
        sleep(Duration::from_millis(2500)).await;
        redis.thaw().await;
    });
    assert_eq!(receiver.texts(400, SOON).await, numbers(400));
    assert!(receiver.texts(1, Duration::from_millis(300)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_restarts_without_its_data_is_taken_up_again() {
    let mut redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let sender = here.attach(WHO).await;
    let mut receiver = there.attach(Who { client: "b", ..WHO }).await;
    sender.say("before").await;
    assert_eq!(receiver.texts(1, SOON).await, ["before"]);
    redis.kill();
    sender.say("while away").await;
    redis.restart().await;
    sender.say("after").await;
    // What was published while no link was up stands in the journal.
    assert_eq!(receiver.texts(2, SOON).await, ["while away", "after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_redis_does_not_take_in_time_is_said_to_have_failed() {
    let mut redis = RedisServer::start().await;
    let node = started_with(&redis, |hub| {
        hub.publish_deadline = Duration::from_millis(600);
        hub.publish_queue = 4;
    });
    let mut sender = node.attach(WHO).await;
    redis.kill();
    let mut failed_at_once = 0;
    let began = Instant::now();
    for i in 0..8 {
        let mut draft = aether_proxy::envelope::Draft::to_group(aether_proxy::envelope::MsgType::Msg);
        draft.msg = Some(format!("\"{i}\"").into());
        failed_at_once += usize::from(sender.send(draft).await.is_err());
    }
    while sender.notices.len() + failed_at_once < 8 {
        assert!(began.elapsed() < SOON, "{} of 8 told", sender.notices.len() + failed_at_once);
        sender.some(1, Duration::from_millis(200)).await;
    }
    assert!(sender.notices.iter().all(|n| *n == Notice::Unpublished(PublishError::Unavailable)));
    assert!(!node.hub.is_up(), "readiness tells the truth");
    redis.restart().await;
    while !node.hub.is_up() {
        assert!(began.elapsed() < SOON * 2, "the hub comes back");
        sleep(Duration::from_millis(50)).await;
    }
    sender.say("again").await;
    assert_eq!(sender.texts(1, SOON).await, ["again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_journal_no_longer_holds_is_told_to_whom_it_concerns() {
    let redis = RedisServer::start().await;
    let (here, there) = (start(&redis), start(&redis));
    let sender = here.attach(WHO).await;
    let mut receiver = there.attach(Who { client: "b", ..WHO }).await;
    sender.say("first").await;
    assert_eq!(receiver.texts(1, SOON).await, ["first"]);
    // Three messages that nobody heard and no journal holds: as after a trim while the link was down.
    redis.command(&["HINCRBY", "{ws:group:g}:m", "s", "3"]).await;
    sender.say("fifth").await;
    assert_eq!(receiver.texts(1, SOON).await, ["fifth"]);
    let began = Instant::now();
    while !receiver.notices.contains(&Notice::Gap) {
        assert!(began.elapsed() < SOON, "{:?}", receiver.notices);
        receiver.some(1, Duration::from_millis(50)).await;
    }
    assert_eq!(there.metrics.hub_gaps.with((Gap::Unrepaired,)).get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_text_is_delivered_when_it_is_v3_and_counted_when_it_is_not() {
    let redis = RedisServer::start().await;
    let node = start(&redis);
    let mut client = node.attach(WHO).await;
    let text =
        r#"{"version":"3","msg_type":"msg","target":"group","from_id":"backend","to_id":null,"msg":"from afar"}"#;
    redis.command(&["PUBLISH", "ws:group:g", "not JSON"]).await;
    redis.command(&["PUBLISH", "ws:group:g", text]).await;
    loop {
        let next = client.next(SOON).await.expect("the foreign message");
        if !next.contains("presence") {
            assert_eq!(next, text);
            break;
        }
    }
    use aether_proxy::telemetry::labels::Foreign;
    assert_eq!(node.metrics.hub_foreign.with((Foreign::Invalid,)).get(), 1);
    assert_eq!(node.metrics.hub_foreign.with((Foreign::Valid,)).get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_publishes_once_and_lets_no_message_overtake_the_one_before_it() {
    let redis = RedisServer::start().await;
    let script = include_str!("../../../src/hub/lua/publish.lua");
    let publish = async |number: &str, before: &str| {
        let keys = ["EVAL", script, "2", "{c}:m", "{c}:j", "c", "{", "}}", "n:1", number];
        redis.ask::<i64>(&[&keys[..], &["epoch", "1000", "60000", "PUBLISH", before]].concat()).await
    };
    assert_eq!(publish("4", "0").await, 1);
    assert_eq!(publish("4", "0").await, 0, "a retry");
    assert_eq!(publish("9", "7").await, -1, "7 was refused");
    assert_eq!(publish("7", "4").await, 1);
    assert_eq!(publish("9", "7").await, 1);
    assert_eq!(publish("7", "0").await, 0, "the original came late");
    assert_eq!(redis.ask::<i64>(&["XLEN", "{c}:j"]).await, 3);
    redis.command(&["FLUSHALL"]).await;
    assert_eq!(publish("11", "9").await, -1);
    assert_eq!(publish("11", "0").await, 1, "after a flush the next batch goes on");
}
