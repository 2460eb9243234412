//! Join, leave, queries, heartbeats.

use crate::proxy::Proxy;
use aether_proxy::telemetry::labels::Suppressed;
use std::time::Duration;

#[tokio::test]
async fn join_and_leave_are_told_to_v3_and_kept_from_v2() {
    let proxy = Proxy::with(|c| c.hub.presence.grace = Duration::from_millis(50)).await;
    let mut watcher = proxy.v3("g", "watcher").await;
    let own = watcher.message().await.into_text().expect("text");
    assert!(own.contains(r#""msg_type":"presence","target":"group","from_id":"watcher","group_id":"g","payload":{"event":"join","protocol":"v3"}"#), "{own}");
    let mut legacy = proxy.v2("g", "legacy").await;
    let joined = watcher.message().await.into_text().expect("text");
    assert!(joined.contains(r#""from_id":"legacy""#) && joined.contains(r#""event":"join","protocol":"v2""#));
    let brief = proxy.v3("g", "brief").await;
    assert!(watcher.message().await.to_text().expect("text").contains(r#""from_id":"brief""#));
    drop(brief);
    let left = watcher.message().await.into_text().expect("text");
    assert!(left.contains(r#""from_id":"brief""#) && left.contains(r#""event":"leave","protocol":"v3""#), "{left}");
    legacy.text("end").await;
    assert_eq!(legacy.message().await.to_text().expect("text"), "end");
    // Its own join, that of `brief`, and the leave.
    assert_eq!(proxy.metrics().messages_suppressed.with((Suppressed::PresenceToV2,)).get(), 3);
}

#[tokio::test]
async fn who_comes_back_within_the_grace_never_left() {
    let proxy = Proxy::with(|c| c.hub.presence.grace = Duration::from_millis(300)).await;
    let mut watcher = proxy.v3("g", "watcher").await;
    let client = proxy.v3("g", "c").await;
    drop(client);
    proxy.has(1).await;
    let _back = proxy.v3("g", "c").await;
    let later = proxy.v3("g", "later").await;
    drop(later);
    // The leave of `later` comes after that of `c` would have come.
    let mut told = Vec::new();
    while !told.last().is_some_and(|t: &String| t.contains("leave")) {
        told.push(watcher.message().await.into_text().expect("text").to_string());
    }
    let of_c = told.iter().filter(|t| t.contains(r#""from_id":"c""#)).count();
    assert_eq!((told.len(), of_c), (4, 1), "{told:?}");
}

#[tokio::test]
async fn presence_is_answered_with_everyone_once() {
    let proxy = Proxy::start().await;
    let _legacy = proxy.v2("g", "legacy").await;
    let _twice = (proxy.v3("g", "twice").await, proxy.v3("g", "twice").await);
    let _elsewhere = proxy.v3("h", "elsewhere").await;
    let mut client = proxy.v3("g", "me").await;
    client.text(r#"{"msg_type":"presence","target":"echo"}"#).await;
    let answer = client.next().await;
    assert!(answer.contains(r#""from_id":"server","to_id":"me""#) && answer.contains(r#""count":3}"#), "{answer}");
    for member in [
        r#"{"client_id":"legacy","protocol":"v2"}"#,
        r#"{"client_id":"twice","protocol":"v3"}"#,
        r#"{"client_id":"me","protocol":"v3"}"#,
    ] {
        assert!(answer.contains(member), "{answer}");
    }
    client.text(r#"{"msg_type":"presence","target":"group"}"#).await;
    assert!(client.next().await.contains("invalid_message"));
}

#[tokio::test]
async fn a_legacy_client_hears_presence_where_it_asked_to() {
    let proxy = Proxy::with(|c| c.v2.presence = true).await;
    let mut legacy = proxy.v2("g", "legacy").await;
    assert!(legacy.message().await.to_text().expect("text").contains(r#""event":"join""#));
}
