//! What clients say of themselves, on every hub.

use super::{Places, SOON};
use crate::hub::node::Who;
use aether_proxy::hub::{MOST_METADATA, MetadataTooLong};

pub async fn what_a_connection_says_of_itself_is_seen_from_everywhere_until_it_goes(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut watcher = places.here().attach(who).await;
    // Before it is in, and while it is.
    let worker = places.there().client(Who { client: "b", ..who });
    worker.describe("{\"n\":1}");
    places.there().hub.attach(&worker.seat).await.expect("attached");
    watcher.sees("b", "{\"n\":1}").await;
    assert_eq!(watcher.about("a").await, None);
    worker.describe("{\"n\":2}");
    watcher.sees("b", "{\"n\":2}").await;
    worker.sees("b", "{\"n\":2}").await;
    let too_long = Some("x".repeat(MOST_METADATA + 1));
    assert_eq!(places.there().hub.describe(&worker.seat, too_long), Err(MetadataTooLong));
    worker.describe(None);
    watcher.sees("b", None).await;
    let longest: &str = "x".repeat(MOST_METADATA).leak();
    worker.describe(longest);
    watcher.sees("b", longest).await;
    worker.detach();
    while watcher.presence(SOON).await.expect("a leave").1 != "leave" {}
    assert_eq!(watcher.members().await, ["a"]);
    // Whoever comes later under its name says its own. What is said of who has gone is said too late.
    let later = places.here().attach(Who { client: "b", ..who }).await;
    assert_eq!((later.members().await.len(), later.about("b").await), (2, None));
    worker.describe("{\"n\":3}");
    places.there().attach(Who { client: "c", ..who }).await;
    while watcher.presence(SOON).await.expect("a join").0 != "c" {}
    assert_eq!((watcher.members().await.len(), watcher.about("b").await), (3, None));
}

pub async fn what_a_client_says_of_itself_is_its_newest_connections_word(places: &Places) {
    let who = Who { client: "a", group: "g", ..Who::default() };
    let mut watcher = places.here().attach(who).await;
    // What is done at one place is done in order: this one's leave is told after others' of the same moment.
    let mark = places.there().attach(Who { client: "m", ..who }).await;
    let worker = Who { client: "b", ..who };
    let oldest = places.there().attach(worker).await;
    oldest.describe("1");
    watcher.sees("b", "1").await;
    let second = places.here().attach(worker).await;
    watcher.sees("b", None).await;
    second.describe("2");
    watcher.sees("b", "2").await;
    let third = places.there().attach(worker).await;
    third.describe("3");
    watcher.sees("b", "3").await;
    // The older one's word and end change nothing.
    oldest.describe("0");
    oldest.detach();
    mark.detach();
    while watcher.presence(SOON).await.expect("a leave").1 != "leave" {}
    assert_eq!(watcher.about("b").await.as_deref(), Some("3"));
    third.detach();
    watcher.sees("b", "2").await;
}

pub async fn what_accounts_say_of_themselves_is_theirs(places: &Places) {
    let who = Who { client: "a", group: "g", account: Some("acme"), ..Who::default() };
    let [one, two] = [who, Who { account: Some("evil"), ..who }];
    let (one, two) = (places.here().attach(one).await, places.there().attach(two).await);
    one.describe("1");
    one.sees("a", "1").await;
    two.members().await;
    assert_eq!(two.about("a").await, None);
    two.describe("2");
    two.sees("a", "2").await;
    one.sees("a", "1").await;
}
