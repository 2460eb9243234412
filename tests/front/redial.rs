//! Clients that failed to prove themselves and dial again at once, for ever: the frame comes at once, the close later.

use crate::client::Client;
use crate::rooms::{AGENT, VECTRA, agent, agent_auth, counted, proxy, waiting};
use aether_proxy::dialect::Spoken;
use aether_proxy::telemetry::labels::InBand;
use std::time::Duration;
use tokio::time::Instant;

const WRONG: &str = "Invalid or inactive API key";

#[tokio::test]
async fn the_frame_comes_at_once_and_the_close_later_at_different_times() {
    let delay = Duration::from_millis(400);
    let proxy = proxy(|c| c.auth.refuse_delay = delay).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (mut client, began) = (proxy.connect(AGENT).await, Instant::now());
        client.text(&agent_auth("wrong")).await;
        assert!(client.next().await.contains(WRONG));
        clients.push((client, began));
    }
    assert!(waiting(&proxy) > 0, "some are told and not closed yet");
    let mut closing = tokio::task::JoinSet::new();
    for (mut client, began) in clients {
        closing.spawn(async move {
            assert_eq!(client.closed().await, (1008, WRONG.into()));
            began.elapsed()
        });
    }
    let took = closing.join_all().await;
    assert!(took.iter().all(|took| *took >= delay), "{took:?}");
    let (least, most) = (took.iter().min().expect("one"), took.iter().max().expect("one"));
    assert!(*most - *least > delay / 50, "{took:?}");
}

#[tokio::test]
async fn whoever_goes_before_its_close_is_not_waited_for() {
    let proxy = proxy(|c| c.auth.refuse_delay = Duration::from_secs(600)).await;
    let mut client = proxy.connect(AGENT).await;
    client.text(&agent_auth("wrong")).await;
    assert!(client.next().await.contains(WRONG));
    proxy.eventually("it waits", |p| waiting(p) == 1).await;
    drop(client);
    proxy.eventually("nobody waits", |p| waiting(p) == 0).await;
}

#[tokio::test]
async fn a_storm_of_wrong_keys_takes_no_place_from_who_has_the_right_one() {
    const PLACES: usize = 40;
    let proxy = proxy(|c| {
        c.auth.refuse_delay = Duration::from_secs(600);
        c.limits.connections = PLACES;
        (c.limits.handshakes_per_second, c.limits.handshakes_per_second_per_ip) = (0, 0);
        c.limits.connections_per_ip = 0;
    })
    .await;
    let mut inside = agent(&proxy, "key-srv-1").await;
    let mut dialling = Vec::new();
    for n in 0..500 {
        let mut client = proxy.connect(AGENT).await;
        client.text(&agent_auth(&format!("wrong-{n}"))).await;
        assert!(client.next().await.contains(WRONG), "{n}");
        dialling.push(client);
    }
    let denied = counted(&proxy, Spoken::ServerMonitor, InBand::Denied);
    assert_eq!(denied, 500);
    proxy.eventually("no more are kept than there are places", |p| waiting(p) < PLACES as i64).await;
    let _second = agent(&proxy, "key-second").await;
    inside.text(r#"{"type":"metrics","cpu_percent":1}"#).await;
    assert!(inside.next().await.contains("metrics_received"));
    // The first ones were closed so that others could come.
    assert_eq!(dialling[0].closed().await.0, 1008);
}

#[tokio::test]
async fn no_more_than_so_many_are_kept_and_the_next_are_closed_at_once() {
    const MOST: i64 = 1024;
    let proxy = proxy(|c| {
        c.auth.refuse_delay = Duration::from_secs(600);
        (c.limits.handshakes_per_second, c.limits.handshakes_per_second_per_ip) = (0, 0);
        c.limits.connections_per_ip = 0;
    })
    .await;
    let mut dialling = Vec::new();
    for n in 0..MOST {
        let mut client = proxy.connect(AGENT).await;
        client.text(&agent_auth("wrong")).await;
        assert!(client.next().await.contains(WRONG), "{n}");
        dialling.push(client);
    }
    proxy.eventually("all are kept", |p| waiting(p) == MOST).await;
    let mut one_more = proxy.connect(AGENT).await;
    one_more.text(&agent_auth("wrong")).await;
    assert_eq!(one_more.closed().await, (1008, WRONG.into()));
    dialling.pop();
    drop(one_more);
    proxy.eventually("there is room", |p| waiting(p) == MOST - 1).await;
}

#[tokio::test]
async fn those_that_say_nothing_take_no_place_either() {
    let proxy = proxy(|c| {
        c.auth.in_band_timeout = Duration::from_secs(600);
        c.limits.connections = 3;
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(proxy.connect(AGENT).await);
    }
    proxy.eventually("they wait", |p| waiting(p) == 3).await;
    // As soon as one of them has been silent for a while.
    let mut inside = loop {
        match Client::try_open(proxy.tcp().await, AGENT, &[]).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    inside.text(&agent_auth("key-srv-1")).await;
    assert!(inside.next().await.contains("auth_success"));
    assert_eq!(silent[0].closed().await.0, 1013, "who has been silent for longest");
}

#[tokio::test]
async fn a_worker_with_the_wrong_secret_waits_for_its_answer() {
    let delay = Duration::from_millis(300);
    let proxy = proxy(|c| c.auth.refuse_delay = delay).await;
    let began = Instant::now();
    let path = format!("{VECTRA}?client_type=worker&token=wrong");
    assert!(Client::try_open(proxy.tcp().await, &path, &[]).await.is_err());
    assert!(began.elapsed() >= delay);
}
