//! What the policy does to connections that are open, and to clients that do not take no for an answer.

use crate::client::Client;
use crate::handshake::request;
use crate::policy::{BLOCK, DAY, policy, status};
use crate::proxy::Proxy;
use aether_proxy::clock::{Clock, Timestamp};
use aether_proxy::config::{OpenConnections, Policy};
use aether_proxy::dialect::Protocol;
use aether_proxy::telemetry::labels::{Handshake, NoticeChannel, Policy as Says};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

const V2: &str = "/ws/group/g/client/c";

async fn crowd(proxy: &Proxy, n: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for at in 0..n {
        clients.push(proxy.v2(&format!("g{at}"), &format!("c{at}")).await);
    }
    clients
}

fn closed(proxy: &Proxy, says: Says) -> u64 {
    proxy.metrics().policy_closes.with((says,)).get()
}

fn active(proxy: &Proxy, says: Says) -> i64 {
    proxy.metrics().policy_active.with((says,)).get()
}

async fn still_served(client: &mut Client) {
    client.text("still here").await;
    assert_eq!(client.message().await, Message::text("still here"));
}

#[tokio::test]
async fn a_rule_that_comes_with_a_reload_closes_v2_bit_by_bit_and_v3_never() {
    let proxy = Proxy::start().await;
    let clients = crowd(&proxy, 20).await;
    let mut modern = proxy.v3("g", "m").await;
    let block = || Policy { close_window: Duration::from_secs(1), ..policy(BLOCK) };
    proxy.reload(|c| c.policy = block()).await;
    let began = Instant::now();
    let mut watching = tokio::task::JoinSet::new();
    for mut client in clients {
        watching.spawn(async move { (client.closed().await, Instant::now()) });
    }
    let mut times = Vec::new();
    for (close, at) in watching.join_all().await {
        assert_eq!(close, (4412, "the V2 protocol is retired here, use /v3/ws/".into()));
        times.push(at - began);
    }
    times.sort();
    assert!(times[19] - times[0] >= Duration::from_millis(600), "all at once: {times:?}");
    assert_eq!((closed(&proxy, Says::Block), active(&proxy, Says::Block)), (20, 1));
    assert_eq!(proxy.metrics().deprecation_notices.with((NoticeChannel::Close,)).get(), 20);
    modern.text(r#"{"msg_type":"msg","target":"echo","msg":"still here"}"#).await;
    assert!(modern.next().await.contains("still here"));
    assert_eq!(status(&proxy, V2).await, 403);
}

#[tokio::test]
async fn a_window_that_begins_closes_and_the_journal_tells_it() {
    let clock = Clock::fixed(Timestamp((DAY + 8 * 3600) * 1000));
    let window =
        "[[rules]]\nname = \"tuesdays\"\naction = \"brownout\"\nwindows = [\"Tue 09:00-09:30\"]\nclients = [\"c*\"]\n";
    let of = |open_connections| {
        let policy = Policy { open_connections, close_window: Duration::from_millis(50), ..policy(window) };
        move |c: &mut aether_proxy::config::Config| c.policy = policy
    };
    let proxy = Proxy::at(clock.clone(), of(OpenConnections::Close)).await;
    let keeping = Proxy::at(clock.clone(), of(OpenConnections::Keep)).await;
    let (mut client, mut other) = (proxy.v2("g", "c").await, proxy.v2("g2", "other").await);
    let mut kept = keeping.v2("g", "c").await;
    assert_eq!((active(&proxy, Says::Warn), active(&proxy, Says::Brownout)), (1, 0));
    clock.set(Timestamp((DAY + 9 * 3600) * 1000));
    assert_eq!(client.closed().await.0, 4413);
    keeping.eventually("noticed", |p| active(p, Says::Brownout) == 1).await;
    still_served(&mut other).await;
    still_served(&mut kept).await;
    assert_eq!((closed(&proxy, Says::Brownout), closed(&keeping, Says::Brownout)), (1, 0));
    let story = async || {
        let events = proxy.running.shared.migration.store.events(9).await.expect("events");
        let of_rule = events.into_iter().rev().filter(|event| event.subject == "tuesdays");
        of_rule.map(|event| (event.kind, event.to)).collect::<Vec<_>>()
    };
    let want = ["warn", "brownout"].map(|to| ("policy".to_owned(), to.to_owned()));
    let written = async {
        while story().await != want {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(crate::PATIENCE, written).await.expect("written");
}

#[tokio::test]
async fn a_pause_stops_the_closing() {
    let proxy = Proxy::start().await;
    let _clients = crowd(&proxy, 20).await;
    let block = |pause| Policy { pause, close_window: Duration::from_secs(10), ..policy(BLOCK) };
    proxy.reload(|c| c.policy = block(false)).await;
    proxy.eventually("the first is closed", |p| closed(p, Says::Block) > 0).await;
    proxy.reload(|c| c.policy = block(true)).await;
    let left = 20 - usize::try_from(closed(&proxy, Says::Block)).expect("a number");
    proxy.eventually("noticed", |p| active(p, Says::Block) == 0).await;
    proxy.has(left).await;
    // The turn of the next two would have come.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(proxy.running.shared.hub.registry().len(), left);
    assert!(left > 0);
}

#[tokio::test]
async fn a_dry_run_closes_nobody() {
    let proxy = Proxy::start().await;
    let mut clients = crowd(&proxy, 3).await;
    let dry = Policy { dry_run: true, close_window: Duration::ZERO, ..policy(BLOCK) };
    proxy.reload(|c| c.policy = Policy { sunset: Some(aether_proxy::config::Date::from_secs(DAY)), ..dry }).await;
    proxy.eventually("noticed", |p| p.metrics().sunset_at.only().get() == DAY).await;
    for client in &mut clients {
        still_served(client).await;
    }
    assert_eq!((closed(&proxy, Says::Block), active(&proxy, Says::Block)), (0, 0));
}

/// Sends a handshake and does not wait for the answer.
async fn knock(proxy: &Proxy) -> TcpStream {
    let mut stream = proxy.tcp().await;
    stream.write_all(request(V2, &[]).as_bytes()).await.expect("written");
    stream
}

fn rejected(proxy: &Proxy) -> u64 {
    proxy.metrics().handshakes.with((Protocol::V2, Handshake::PolicyRejected)).get()
}

#[tokio::test]
async fn a_refusal_takes_its_time_and_few_wait_at_once() {
    let proxy = Proxy::with(|c| {
        c.policy = Policy { refuse_delay: Duration::from_millis(300), ..policy(BLOCK) };
    })
    .await;
    let began = Instant::now();
    assert_eq!(status(&proxy, V2).await, 403);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    let observed = proxy.metrics().handshake_duration.with((Protocol::V2,)).get_sample_sum();
    assert!(observed < 0.3, "the wait is no work: {observed}");

    let slow = Proxy::with(|c| {
        c.policy = Policy { refuse_delay: Duration::from_secs(60), ..policy(BLOCK) };
        c.limits.handshake_timeout = Duration::from_secs(120);
    })
    .await;
    let mut waiting = Vec::new();
    for _ in 0..1040 {
        waiting.push(knock(&slow).await);
    }
    slow.eventually("all above 1,024 are answered at once", |p| rejected(p) == 16).await;
    let began = Instant::now();
    slow.running.drain().await;
    assert_eq!(rejected(&slow), 1040, "a drain ends the wait");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn two_hundred_clients_that_hammer_do_not_slow_the_others() {
    let proxy = Proxy::with(|c| {
        c.policy = Policy { refuse_delay: Duration::from_millis(100), ..policy(BLOCK) };
    })
    .await;
    let mut modern = proxy.v3("g", "m").await;
    let at = proxy.running.clients;
    let mut hammering = tokio::task::JoinSet::new();
    for _ in 0..200 {
        hammering.spawn(async move {
            loop {
                let stream = TcpStream::connect(at).await.expect("a connection");
                assert!(Client::try_open(stream, V2, &[]).await.is_err(), "let in");
            }
        });
    }
    proxy.eventually("they hammer", |p| rejected(p) > 400).await;
    let mut worst = Duration::ZERO;
    for n in 0..50 {
        let began = Instant::now();
        modern.text(&format!(r#"{{"msg_type":"msg","target":"echo","msg":"n{n}"}}"#)).await;
        assert!(modern.next().await.contains(&format!("\"n{n}\"")));
        drop(proxy.v3("g", &format!("late{n}")).await);
        worst = worst.max(began.elapsed());
    }
    hammering.abort_all();
    assert!(worst < Duration::from_secs(1), "{worst:?} beside {} refusals", rejected(&proxy));
    println!("slowest echo and handshake {worst:?} beside {} refusals", rejected(&proxy));
}
