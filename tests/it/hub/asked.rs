//! What it costs on Redis to ask for one client: the same in a group of any size.

use super::node::{Client, Node, Who};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::redis::RedisServer;
use aether_proxy::envelope::ClientId;
use aether_proxy::hub::Tenancy;
use futures_util::future::join_all;

/// Dashboards that come back at the same moment.
const QUESTIONS: u64 = 400;
const MEMBERS: usize = 10_000;

/// How often Redis has done a command.
async fn calls(redis: &RedisServer, command: &str) -> u64 {
    let text = redis.ask::<String>(&["INFO", "commandstats"]).await;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0)
}

/// What Redis says of itself, all connections counted.
async fn number(redis: &RedisServer, field: &str) -> u64 {
    redis.info(field).await.and_then(|number| number.parse().ok()).expect("a number")
}

/// Many ask at once: commands that read fields, scripts, and bytes that Redis sent.
async fn ask(redis: &RedisServer, client: &Client, node: &Node, id: &str, is_there: bool) -> [u64; 3] {
    redis.command(&["CONFIG", "RESETSTAT"]).await;
    let id = ClientId::new(id, 99).expect("an id");
    let answers = join_all((0..QUESTIONS).map(|_| node.hub.member(&client.seat, &id))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(found) if found.is_some() == is_there)), "{answers:?}");
    let sent = number(redis, "total_net_output_bytes").await;
    for all in ["hgetall", "hscan", "hkeys", "hvals"] {
        assert_eq!(calls(redis, all).await, 0, "{all}");
    }
    [calls(redis, "hget").await + calls(redis, "hmget").await, calls(redis, "evalsha").await, sent]
}

#[tokio::test]
async fn one_client_costs_the_same_in_a_group_of_any_size_and_many_who_ask_at_once_ask_once() {
    let redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Lenient, |_| {});
    let who = Who { client: "a", group: "g", ..Who::default() };
    let client = node.attach(who).await;
    client.describe("{\"n\":1}");
    eventually!(PATIENCE, client.asks("a").await, |found| found.as_ref().is_some_and(|(_, about)| about.is_some()));
    let mut costs = Vec::new();
    for members in [1, MEMBERS] {
        let ids: Vec<_> = (1..members).map(|n| format!("\u{1f}c{n}")).collect();
        for some in ids.chunks(500) {
            let fields = some.iter().flat_map(|id| [id.as_str(), "other\u{1f}1\u{1f}v3\u{1e}"]);
            redis.command(&["HSET", "{ws:aether}:presence:g"].into_iter().chain(fields).collect::<Vec<_>>()).await;
        }
        assert_eq!(client.members().await.len(), members);
        costs.push((members, ask(&redis, &client, &node, "a", true).await));
        costs.push((members, ask(&redis, &client, &node, "nobody", false).await));
    }
    println!("of {QUESTIONS} questions: members, [fields, scripts, bytes]: {costs:?}");
    for (members, [fields, scripts, bytes]) in costs {
        // 64 go together; beside them there are signs of life.
        assert!(scripts < QUESTIONS / 10 && fields <= 2 * scripts, "{members}: {fields} {scripts}");
        assert!(bytes < 20_000, "{members}: {bytes}");
    }
}
