//! What every hub promises, held against the in-process hub, against two nodes on one real Redis, and on a cluster.

mod asked;
mod described;
mod exclusive;

use super::node::{Node, Who};
use crate::harness::{cluster::RedisCluster, redis::RedisServer};
use aether_proxy::envelope::{Draft, MsgType, Target};
use aether_proxy::hub::Tenancy;
use asked::*;
use described::*;
use exclusive::*;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);
const NOTHING: Duration = Duration::from_millis(150);

/// Two places to connect to: the same node, or two nodes.
struct Places {
    nodes: Vec<Node>,
    _redis: Option<RedisServer>,
    _cluster: Option<RedisCluster>,
}

impl Places {
    fn memory(tenancy: Tenancy) -> Self {
        Self { nodes: vec![Node::start("", tenancy, |_| {})], _redis: None, _cluster: None }
    }

    async fn redis(tenancy: Tenancy, plain: bool) -> Self {
        let redis = RedisServer::start().await;
        let start = || {
            Node::start(&redis.url(), tenancy, |hub| {
                if plain {
                    hub.wire = aether_proxy::config::Wire::Plain;
                }
            })
        };
        Self { nodes: vec![start(), start()], _redis: Some(redis), _cluster: None }
    }

    async fn cluster(tenancy: Tenancy) -> Self {
        let cluster = RedisCluster::start(3, 0).await;
        let start = || Node::start(&cluster.url(), tenancy, |_| {});
        Self { nodes: vec![start(), start()], _redis: None, _cluster: Some(cluster) }
    }

    fn here(&self) -> &Node {
        &self.nodes[0]
    }

    fn there(&self) -> &Node {
        self.nodes.last().expect("a node")
    }
}

macro_rules! contract {
    ($($(#[$doc:meta])* $name:ident: $tenancy:ident;)+) => {
        mod memory {
            use super::*;
            $($(#[$doc])* #[tokio::test] async fn $name() { super::$name(&Places::memory(Tenancy::$tenancy)).await })+
        }
        mod redis {
            use super::*;
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                super::$name(&Places::redis(Tenancy::$tenancy, false).await).await
            })+
        }
        mod redis_plain {
            use super::*;
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                super::$name(&Places::redis(Tenancy::$tenancy, true).await).await
            })+
        }
        mod cluster {
            use super::*;
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                super::$name(&Places::cluster(Tenancy::$tenancy).await).await
            })+
        }
    };
}

contract! {
    a_group_message_reaches_the_group_in_each_dialect_and_nobody_else: Lenient;
    a_direct_message_reaches_its_addressee_in_any_group_and_nobody_else: Lenient;
    a_broadcast_reaches_everyone_of_the_account: Strict;
    a_v2_frame_comes_back_byte_for_byte: Lenient;
    a_global_v2_frame_reaches_v2_everywhere_once_and_v3_in_its_group: Lenient;
    everyone_hears_a_scope_in_one_order: Lenient;
    accounts_that_share_a_group_name_do_not_hear_each_other: Strict;
    presence_is_told_once_a_client_and_survives_a_quick_return: Lenient;
    the_ledger_balances_at_rest: Lenient;
    what_a_connection_says_of_itself_is_seen_from_everywhere_until_it_goes: Lenient;
    what_a_client_says_of_itself_is_its_newest_connections_word: Lenient;
    what_accounts_say_of_themselves_is_theirs: Strict;
    one_client_is_found_with_its_newest_connections_word_until_it_goes: Lenient;
    one_client_is_found_by_whom_members_tell_of_it: Lenient;
    one_client_is_found_by_whom_members_tell_of_it_in_its_account: Strict;
    one_client_is_found_by_whom_members_tell_of_it_anywhere: Off;
    a_newer_exclusive_connection_ends_the_older_one_wherever_it_is: Lenient;
    who_is_not_exclusive_ends_nobody_and_is_ended_by_nobody: Lenient;
    of_two_exclusive_connections_that_come_at_the_same_moment_one_stays: Lenient;
}

async fn a_group_message_reaches_the_group_in_each_dialect_and_nobody_else(places: &Places) {
    let v3 = Who { client: "a", group: "g", ..Who::default() };
    let mut sender = places.here().attach(v3).await;
    let mut near = places.here().attach(Who { client: "b", ..v3 }).await;
    let mut far = places.there().attach(Who { client: "c", ..v3 }).await;
    let mut legacy = places.there().attach(Who { client: "d", v2: true, ..v3 }).await;
    let mut other = places.there().attach(Who { client: "e", group: "h", ..v3 }).await;
    sender.say("hello").await;
    for client in [&mut sender, &mut near, &mut far] {
        assert_eq!(client.texts(1, SOON).await, ["hello"]);
    }
    assert_eq!(legacy.next(SOON).await.as_deref(), Some(r#"{"msg":"hello"}"#));
    assert_eq!(other.texts(1, NOTHING).await, [""; 0]);
}

async fn a_direct_message_reaches_its_addressee_in_any_group_and_nobody_else(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut sender = places.here().attach(who).await;
    let mut one = places.there().attach(Who { client: "b", group: "x", ..who }).await;
    let mut two = places.here().attach(Who { client: "b", group: "y", v2: true, ..who }).await;
    let mut other = places.there().attach(Who { client: "c", ..who }).await;
    sender.tell("b", "psst").await;
    assert_eq!(one.texts(1, SOON).await, ["psst"]);
    assert_eq!(two.next(SOON).await.as_deref(), Some(r#"{"msg":"psst"}"#));
    assert_eq!(sender.texts(1, NOTHING).await, [""; 0]);
    assert_eq!(other.texts(1, NOTHING).await, [""; 0]);
}

async fn a_broadcast_reaches_everyone_of_the_account(places: &Places) {
    let who = Who { client: "a", group: "g", account: Some("acme"), ..Who::default() };
    let sender = places.here().attach(who).await;
    let mut same = places.there().attach(Who { client: "b", group: "h", ..who }).await;
    let mut other = places.there().attach(Who { client: "c", account: Some("evil"), ..who }).await;
    let mut none = places.there().attach(Who { client: "d", account: None, ..who }).await;
    let mut draft = Draft::new(MsgType::Msg, Target::Broadcast, None).expect("a draft");
    draft.msg = Some("\"all\"".into());
    sender.send(draft).await.expect("published");
    assert_eq!(same.texts(1, SOON).await, ["all"]);
    assert_eq!(other.texts(1, NOTHING).await, [""; 0]);
    assert_eq!(none.texts(1, NOTHING).await, [""; 0]);
}

async fn a_v2_frame_comes_back_byte_for_byte(places: &Places) {
    let who = Who { client: "a", group: "g", v2: true, ..Who::default() };
    let sender = places.here().attach(who).await;
    let mut legacy = places.there().attach(Who { client: "b", ..who }).await;
    let mut modern = places.there().attach(Who { client: "c", v2: false, ..who }).await;
    let frames =
        ["{\"msg\" : \"hi\" , \"n\":1.10}", "{\"a\":1,\"a\":2}", "plain text", "", "[1, 2]", "{\"_v2\":1}", "{}"];
    for frame in frames {
        sender.frame(frame).await;
    }
    assert_eq!(legacy.some(frames.len(), SOON).await, frames);
    let seen = modern.texts(frames.len(), SOON).await;
    assert_eq!((seen.len(), seen[0].as_str(), seen[2].as_str()), (frames.len(), "hi", "plain text"));
}

async fn a_global_v2_frame_reaches_v2_everywhere_once_and_v3_in_its_group(places: &Places) {
    let who = Who { client: "a", group: "g", v2: true, global: true, ..Who::default() };
    let mut sender = places.here().attach(who).await;
    let mut near = places.there().attach(Who { client: "b", ..who }).await;
    let mut far = places.there().attach(Who { client: "c", group: "h", ..who }).await;
    let mut modern = places.there().attach(Who { client: "d", v2: false, global: false, ..who }).await;
    let mut stranger = places.there().attach(Who { client: "e", group: "h", v2: false, global: false, ..who }).await;
    sender.frame("{\"msg\":\"x\"}").await;
    for client in [&mut sender, &mut near, &mut far] {
        assert_eq!(client.some(2, NOTHING * 4).await, ["{\"msg\":\"x\"}"]);
    }
    assert_eq!(modern.texts(2, NOTHING * 2).await, ["x"]);
    assert_eq!(stranger.texts(1, NOTHING).await, [""; 0]);
    modern.say("y").await;
    assert_eq!(near.some(2, NOTHING * 4).await, ["{\"msg\":\"y\"}"]);
    assert_eq!(far.some(1, NOTHING).await, [""; 0]);
}

async fn everyone_hears_a_scope_in_one_order(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut one = places.here().attach(who).await;
    let mut two = places.there().attach(Who { client: "b", ..who }).await;
    let mut three = places.there().attach(Who { client: "c", ..who }).await;
    let (left, right) = (&one, &two);
    tokio::join!(
        async {
            for i in 0..300 {
                left.say(&format!("l{i}")).await;
            }
        },
        async {
            for i in 0..300 {
                right.say(&format!("r{i}")).await;
            }
        }
    );
    let heard = one.texts(600, SOON).await;
    assert_eq!(heard.len(), 600);
    for side in ["l", "r"] {
        let own: Vec<_> = heard.iter().filter(|t| t.starts_with(side)).cloned().collect();
        assert_eq!(own, (0..300).map(|i| format!("{side}{i}")).collect::<Vec<_>>());
    }
    assert_eq!(two.texts(600, SOON).await, heard);
    assert_eq!(three.texts(600, SOON).await, heard);
}

async fn accounts_that_share_a_group_name_do_not_hear_each_other(places: &Places) {
    let who = Who { client: "a", group: "g", account: Some("acme"), ..Who::default() };
    let sender = places.here().attach(who).await;
    let mut same = places.there().attach(Who { client: "b", ..who }).await;
    let mut other = places.there().attach(Who { client: "b", account: Some("evil"), v2: true, ..who }).await;
    sender.say("secret").await;
    sender.tell("b", "more").await;
    let mut heard = same.texts(2, SOON).await;
    heard.sort();
    assert_eq!(heard, ["more", "secret"]);
    assert_eq!(other.some(1, NOTHING).await, [""; 0]);
    assert_eq!(sender.members().await, ["a", "b"]);
    assert_eq!(other.members().await, ["b"]);
}

async fn presence_is_told_once_a_client_and_survives_a_quick_return(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut watcher = places.here().attach(who).await;
    assert_eq!(watcher.presence(SOON).await, Some(("a".into(), "join".into(), "v3".into())));
    let first = places.there().attach(Who { client: "b", v2: true, ..who }).await;
    let second = places.here().attach(Who { client: "b", v2: true, ..who }).await;
    assert_eq!(watcher.presence(SOON).await, Some(("b".into(), "join".into(), "v2".into())));
    assert_eq!(watcher.members().await, ["a", "b"]);
    // One of two connections goes; then the last, which comes back within the grace.
    first.detach();
    second.detach();
    let third = places.there().attach(Who { client: "b", v2: true, ..who }).await;
    assert_eq!(watcher.presence(Duration::from_millis(500)).await, None);
    assert_eq!(watcher.members().await, ["a", "b"]);
    third.detach();
    assert_eq!(watcher.presence(SOON).await, Some(("b".into(), "leave".into(), "v2".into())));
    assert_eq!(watcher.members().await, ["a"]);
    assert_eq!(watcher.presence(NOTHING).await, None);
}

async fn the_ledger_balances_at_rest(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut sender = places.here().attach(who).await;
    let mut legacy = places.there().attach(Who { client: "b", v2: true, ..who }).await;
    let gone = places.there().attach(Who { client: "c", ..who }).await;
    for i in 0..20 {
        sender.say(&i.to_string()).await;
    }
    assert_eq!(sender.texts(20, SOON).await.len(), 20);
    assert_eq!(legacy.some(20, SOON).await.len(), 20);
    gone.detach();
    legacy.some(1, Duration::from_millis(400)).await;
    sender.some(9, Duration::from_millis(400)).await;
    for node in &places.nodes {
        assert_eq!(node.unaccounted(), 0);
    }
}
