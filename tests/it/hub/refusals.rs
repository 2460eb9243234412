//! A Redis that says no, in each of its ways: messages end published once or told once, within their deadline, and
//! when Redis is well again the next one goes out.

use super::node::{Node, Who};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use aether_proxy::hub::{Notice, PublishError, Tenancy};
use aether_proxy::telemetry::labels::{Lost, LostOn, Path};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const WHO: Who = Who { client: "a", group: "g", account: None, v2: false, global: false };
const DEADLINE: Duration = Duration::from_millis(1200);
/// Beyond the deadline, on a busy machine.
const GRACE: Duration = Duration::from_secs(3);
/// Messages said while Redis refuses.
const SAID: usize = 5;

/// What a test sees of a node.
struct Seen {
    node: Node,
    client: super::node::Client,
}

impl Seen {
    async fn new(url: &str, deadline: Duration) -> Self {
        let node = Node::start(url, Tenancy::Lenient, |hub| {
            hub.publish_deadline = deadline;
            hub.command_timeout = Duration::from_millis(700);
        });
        let mut client = node.attach(WHO).await;
        client.say("before").await;
        assert_eq!(client.texts(1, PATIENCE).await, ["before"]);
        // Its own coming is told by a message, too.
        sleep(Duration::from_millis(100)).await;
        Self { node, client }
    }

    async fn say(&self) {
        for n in 0..SAID {
            self.client.say(&n.to_string()).await;
        }
    }

    /// All that is said now is told to have failed, each once and none too late.
    async fn all_are_told(&mut self) {
        let began = Instant::now();
        self.say().await;
        while self.told() < SAID {
            assert!(began.elapsed() < DEADLINE + GRACE, "{} of {SAID} told", self.told());
            assert_eq!(self.client.texts(1, Duration::from_millis(50)).await, [""; 0]);
        }
        let lost = self.node.metrics.messages_lost.with(LostOn(Path::V3V3, Lost::HubUnavailable));
        assert!(lost.get() >= SAID as u64);
    }

    fn told(&self) -> usize {
        self.client.notices.iter().filter(|n| **n == Notice::Unpublished(PublishError::Unavailable)).count()
    }

    /// What is said from now on comes, and nothing of what was told to have failed.
    async fn well_again(&mut self) {
        eventually!(PATIENCE, self.node.hub.is_up(), |up| *up);
        self.client.say("after").await;
        assert_eq!(self.client.texts(1, PATIENCE).await, ["after"]);
        assert_eq!(self.told(), SAID, "each was told once");
    }

    /// What was said a moment ago comes, once, in order, and nobody is told of a failure.
    async fn all_come(&mut self) {
        let numbers: Vec<String> = (0..SAID).map(|n| n.to_string()).collect();
        assert_eq!(self.client.texts(SAID, PATIENCE).await, numbers);
        assert!(self.client.texts(1, Duration::from_millis(100)).await.is_empty());
        assert_eq!(self.told(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_memory_refuses_and_each_sender_is_told() {
    let redis = RedisServer::start().await;
    let mut seen = Seen::new(&redis.url(), DEADLINE).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    seen.all_are_told().await;
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    seen.well_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_became_a_replica_refuses_and_each_sender_is_told() {
    let redis = RedisServer::start().await;
    let mut seen = Seen::new(&redis.url(), DEADLINE).await;
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    seen.all_are_told().await;
    redis.command(&["REPLICAOF", "NO", "ONE"]).await;
    seen.well_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_save_refuses_and_each_sender_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = format!("dir {}", dir.path().display());
    let redis = RedisServer::start_with(&[&place, "save 3600 1000000"], &[]).await;
    let mut seen = Seen::new(&redis.url(), DEADLINE).await;
    // A folder stands where the file should go.
    std::fs::create_dir(dir.path().join("dump.rdb")).unwrap();
    redis.command(&["BGSAVE"]).await;
    eventually!(PATIENCE, redis.info("rdb_last_bgsave_status").await, |s| s.as_deref() == Some("err"));
    seen.all_are_told().await;
    redis.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]).await;
    seen.well_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_with_too_few_replicas_refuses_and_each_sender_is_told() {
    let redis = RedisServer::start().await;
    let mut seen = Seen::new(&redis.url(), DEADLINE).await;
    redis.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    seen.all_are_told().await;
    redis.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
    seen.well_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_publish_or_may_not_come_in_is_told_for_each_message() {
    let redis = RedisServer::start().await;
    redis.command(&["ACL", "SETUSER", "aether", "on", ">right", "~*", "&*", "+@all"]).await;
    let url = redis.url().replace("redis://", "redis://aether:right@");
    let mut seen = Seen::new(&url, DEADLINE).await;
    redis.command(&["ACL", "SETUSER", "aether", "-hset"]).await;
    let began = Instant::now();
    seen.all_are_told().await;
    assert!(began.elapsed() < DEADLINE, "NOPERM does not go away by itself: told at once");
    redis.command(&["ACL", "SETUSER", "aether", "+hset"]).await;
    seen.well_again().await;
    seen.client.notices.clear();
    redis.command(&["ACL", "SETUSER", "aether", "resetpass", ">other"]).await;
    redis.command(&["CLIENT", "KILL", "USER", "aether"]).await;
    seen.all_are_told().await;
    redis.command(&["ACL", "SETUSER", "aether", "resetpass", ">right"]).await;
    seen.well_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_busy_forgets_its_scripts_or_loads_publishes_each_message_once_when_it_is_done() {
    let config = ["save \"\"", "busy-reply-threshold 50", "enable-debug-command yes"];
    // Reading 20,000 keys takes a second and a half at 20 µs each, and clients are heard meanwhile.
    let slow = ["key-load-delay 20", "loading-process-events-interval-bytes 1024"];
    let redis = RedisServer::start_with(&[&config[..], &slow].concat(), &[]).await;
    let mut seen = Seen::new(&redis.url(), PATIENCE).await;

    redis.command(&["SCRIPT", "FLUSH"]).await;
    seen.say().await;
    seen.all_come().await;

    let stuck = async { redis.try_command(&["EVAL", "while true do end", "0"]).await };
    let (_, ()) = tokio::join!(stuck, async {
        eventually!(PATIENCE, redis.try_command(&["PING"]).await.is_err(), |busy| *busy);
        seen.say().await;
        sleep(Duration::from_millis(400)).await;
        redis.command(&["SCRIPT", "KILL"]).await;
    });
    seen.all_come().await;

    redis.command(&["DEBUG", "POPULATE", "20000"]).await;
    let reload = async { redis.try_command(&["DEBUG", "RELOAD"]).await };
    let (_, ()) = tokio::join!(reload, async {
        let answer = async || redis.try_command(&["GET", "x"]).await.err().unwrap_or_default();
        eventually!(PATIENCE, answer().await, |answer| answer.contains("oading"));
        seen.say().await;
    });
    seen.all_come().await;
}
