//! Connections of which there is one, on every hub.

use super::{NOTHING, Places, SOON};
use crate::harness::{PATIENCE, eventually::eventually};
use crate::hub::node::{Client, Who};
use aether_proxy::close::CloseReason;
use std::sync::atomic::Ordering;

impl Places {
    /// What proxies say to each other is heard everywhere.
    async fn ready(&self) {
        for node in &self.nodes {
            eventually!(PATIENCE, node.hub.is_up());
        }
    }

    /// That it came: whose word is heard first is the older one.
    async fn heard_of(&self, client: &Client) {
        // Within one process nothing is said.
        eventually!(SOON, self.nodes.len() == 1 || client.seat.said.load(Ordering::Relaxed));
    }
}

pub async fn a_newer_exclusive_connection_ends_the_older_one_wherever_it_is(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    places.ready().await;
    let mut last = places.here().attach_exclusive(who).await;
    for place in [places.there(), places.here(), places.here(), places.there()] {
        places.heard_of(&last).await;
        let newer = place.attach_exclusive(who).await;
        assert_eq!(last.ended(SOON).await, Some(CloseReason::Superseded));
        last.detach();
        last = newer;
    }
    assert_eq!(last.ended(NOTHING).await, None);
    last.say("still here").await;
    assert_eq!(last.texts(1, SOON).await, ["still here"]);
    assert_eq!(last.members().await, ["a"]);
}

pub async fn who_is_not_exclusive_ends_nobody_and_is_ended_by_nobody(places: &Places) {
    let who = Who { client: "a", group: "g", account: Some("acme"), ..Who::default() };
    places.ready().await;
    let first = places.here().attach_exclusive(who).await;
    let others = [
        places.there().attach(who).await,
        places.here().attach(who).await,
        // Another dialect, account or client.
        places.there().attach_exclusive(Who { v2: true, ..who }).await,
        places.there().attach_exclusive(Who { account: Some("evil"), ..who }).await,
        places.there().attach_exclusive(Who { account: None, ..who }).await,
        places.there().attach_exclusive(Who { client: "b", ..who }).await,
    ];
    for client in others[2..].iter().chain([&first]) {
        places.heard_of(client).await;
    }
    for client in others.iter().chain([&first]) {
        assert_eq!(client.ended(NOTHING / 10).await, None);
    }
    let second = places.there().attach_exclusive(Who { group: "h", ..who }).await;
    assert_eq!(first.ended(SOON).await, Some(CloseReason::Superseded), "whatever its group");
    for client in others.iter().chain([&second]) {
        assert_eq!(client.ended(NOTHING / 3).await, None);
    }
}

pub async fn of_two_exclusive_connections_that_come_at_the_same_moment_one_stays(places: &Places) {
    places.ready().await;
    for round in 0..20 {
        let who = Who { client: format!("c{round}").leak(), group: "g", ..Who::default() };
        let (one, two) = tokio::join!(places.here().attach_exclusive(who), places.there().attach_exclusive(who));
        let (why, other) = tokio::select! {
            why = one.ended(SOON) => (why, &two),
            why = two.ended(SOON) => (why, &one),
        };
        assert_eq!(why, Some(CloseReason::Superseded), "round {round}");
        assert_eq!(other.ended(NOTHING / 3).await, None, "round {round}");
    }
}
