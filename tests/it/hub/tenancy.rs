//! Accounts on one Redis, as an attacker and as a foreign publisher would try them.

use super::node::{Client, Node, Who};
use crate::harness::redis::RedisServer;
use aether_proxy::config::{self, Wire};
use aether_proxy::hub::Tenancy;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);
const NOTHING: Duration = Duration::from_millis(200);
const WHO: Who = Who { client: "a", group: "g", account: Some("acme"), v2: false, global: false };
const FOREIGN: &str = r#"{"version":"3","msg_type":"msg","target":"group","msg":"foreign"}"#;

fn by_account(hub: &mut config::Hub) {
    hub.channels.group = "ws:{account}:group:{group_id}".into();
    hub.channels.client = "ws:{account}:client:{client_id}".into();
    hub.channels.broadcast = "ws:{account}:broadcast".into();
    hub.channels.v2 = "ws:{account}:v2".into();
}

async fn both(node: &Node) -> (Client, Client) {
    (node.attach(WHO).await, node.attach(Who { client: "b", account: Some("evil"), ..WHO }).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_of_an_account_reaches_that_account_alone_whoever_publishes() {
    let redis = RedisServer::start().await;
    for wire in [Wire::Extended, Wire::Plain] {
        let node = Node::start(&redis.url(), Tenancy::Strict, |hub| {
            hub.wire = wire;
            by_account(hub);
        });
        let (mut acme, mut evil) = both(&node).await;
        redis.command(&["PUBLISH", "ws:acme:group:g", FOREIGN]).await;
        assert_eq!(acme.texts(1, SOON).await, ["foreign"]);
        assert_eq!(evil.texts(1, NOTHING).await, [""; 0]);
        evil.say("to mine").await;
        assert_eq!(evil.texts(1, SOON).await, ["to mine"]);
        assert_eq!(acme.texts(1, NOTHING).await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_plain_wire_a_client_without_account_is_no_foreign_publisher() {
    let redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Strict, |hub| hub.wire = Wire::Plain);
    let (mut acme, mut evil) = both(&node).await;
    let mut nobody = node.attach(Who { client: "c", account: None, ..WHO }).await;
    nobody.say("psst").await;
    assert_eq!(nobody.texts(1, SOON).await, ["psst"]);
    assert_eq!(acme.texts(1, NOTHING).await, [""; 0]);
    assert_eq!(evil.texts(1, NOTHING).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_channel_lets_a_foreign_publisher_speak_to_all_accounts() {
    let redis = RedisServer::start().await;
    let node = Node::start(&redis.url(), Tenancy::Strict, |_| {});
    let (mut acme, mut evil) = both(&node).await;
    redis.command(&["PUBLISH", "ws:group:g", FOREIGN]).await;
    assert_eq!(acme.texts(1, SOON).await, ["foreign"]);
    assert_eq!(evil.texts(1, SOON).await, ["foreign"]);
}
