//! One client, asked for by name, on every hub.

use super::{Places, SOON};
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::hub::node::{Client, Who};
use std::time::Duration;

pub async fn one_client_is_found_with_its_newest_connections_word_until_it_goes(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut watcher = places.here().attach(who).await;
    let stranger = places.here().attach(Who { client: "c", group: "h", ..who }).await;
    assert_eq!(watcher.asks("b").await, None);
    let worker = places.there().attach(Who { client: "b", v2: true, ..who }).await;
    worker.describe("{\"n\":1.10}");
    eventually!(PATIENCE, watcher.asks("b").await, |found| *found == told("v2", Some("{\"n\":1.10}")));
    // A newer connection says nothing, and then something.
    let newer = places.here().attach(Who { client: "b", ..who }).await;
    eventually!(PATIENCE, watcher.asks("b").await, |found| *found == told("v3", None));
    newer.describe("2");
    eventually!(PATIENCE, watcher.asks("b").await, |found| *found == told("v3", Some("2")));
    assert_eq!(stranger.asks("b").await, None, "it is in another group");
    assert_eq!(stranger.asks("c").await, told("v3", None));
    newer.detach();
    eventually!(PATIENCE, watcher.asks("b").await, |found| *found == told("v2", Some("{\"n\":1.10}")));
    worker.detach();
    while watcher.presence(SOON).await.expect("a leave").1 != "leave" {}
    assert_eq!(watcher.asks("b").await, None);
    let nowhere = places.here().attach(Who { client: "d", group: "", ..who }).await;
    assert_eq!(nowhere.asks("d").await, None);
}

fn told(protocol: &'static str, metadata: Option<&str>) -> Option<(&'static str, Option<String>)> {
    Some((protocol, metadata.map(str::to_owned)))
}

/// Whoever is among the members is found, and nobody else: whichever accounts come and go under one id.
pub async fn one_client_is_found_by_whom_members_tell_of_it(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut askers = Vec::new();
    // Of accounts' names, one may be part of another.
    for account in [None, Some("acme"), Some("me")] {
        askers.push(places.here().attach(Who { account, ..who }).await);
    }
    same(&askers).await;
    let mut clients = Vec::new();
    for account in [Some("acme"), Some("me"), None, Some("e"), Some("acme")] {
        let client = places.there().attach(Who { client: "b", account, ..who }).await;
        eventually!(PATIENCE, client.asks("b").await, |found| found.is_some());
        same(&askers).await;
        clients.push(client);
    }
    for client in clients {
        client.detach();
        // Its leave is told after the grace; before and after, both ways say the same.
        tokio::time::sleep(Duration::from_millis(300)).await;
        same(&askers).await;
    }
    for asker in &askers {
        eventually!(PATIENCE, asker.asks("b").await, |found| found.is_none());
    }
}

pub use one_client_is_found_by_whom_members_tell_of_it as one_client_is_found_by_whom_members_tell_of_it_in_its_account;
pub use one_client_is_found_by_whom_members_tell_of_it as one_client_is_found_by_whom_members_tell_of_it_anywhere;

async fn same(askers: &[Client]) {
    for asker in askers {
        for client in ["a", "b"] {
            let both = async || {
                let all = asker.members().await.iter().any(|member| member == client);
                (asker.asks(client).await.is_some(), all)
            };
            eventually!(PATIENCE, both().await, |(found, all)| found == all);
        }
    }
}
