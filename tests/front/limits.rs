//! What a client may do to the proxy before it is shown out.

use crate::client::{Client, talk_to_a_slow_reader};
use crate::proxy::Proxy;
use aether_proxy::close::CloseReason;
use aether_proxy::config::SlowConsumer;
use aether_proxy::dialect::Spoken;
use aether_proxy::telemetry::labels::{Closed, Lost, LostOn, Outcome, Path};
use futures_util::SinkExt;
use socket2::{Domain, Socket, Type};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// A socket that holds little, so that not reading is soon felt.
pub async fn narrow_tcp(proxy: &Proxy) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    socket.connect(&proxy.running.clients.into()).expect("connected");
    socket.set_nonblocking(true).expect("set");
    TcpStream::from_std(socket.into()).expect("a stream")
}

async fn narrow(proxy: &Proxy, path: &str) -> Client {
    Client::open(narrow_tcp(proxy).await, path, &[]).await
}

fn closed(proxy: &Proxy, reason: CloseReason) -> u64 {
    proxy.metrics().connections_closed.with(Closed(Spoken::AetherV2, reason)).get()
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_harms_nobody() {
    let proxy = Proxy::with(|c| {
        c.limits.outbound_queue = 256 * 1024;
        c.limits.write_timeout = Duration::from_secs(30);
    })
    .await;
    let _deaf = narrow(&proxy, "/ws/group/g/client/deaf").await;
    let (mut from, mut to) = (proxy.v2("g", "from").await, proxy.v2("g", "to").await);
    let big = "x".repeat(100_000);
    let mut n = 0;
    while closed(&proxy, CloseReason::SlowConsumer) == 0 {
        from.text(&big).await;
        assert_eq!(from.message().await.len(), big.len());
        assert_eq!(to.message().await.len(), big.len());
        n += 1;
        assert!(n < 1000, "never closed");
    }
    let lost = proxy.metrics().messages_lost.with(LostOn(Path::V2V2, Lost::SlowConsumer)).get();
    assert!(lost > 0);
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1).await;
    assert_eq!(proxy.outcome(Outcome::Lost), lost);
}

#[tokio::test]
async fn a_write_that_stands_still_ends_the_connection() {
    let proxy = Proxy::with(|c| {
        c.limits.outbound_queue = 1 << 30;
        c.limits.write_timeout = Duration::from_millis(200);
    })
    .await;
    let mut deaf = narrow(&proxy, "/ws/group/g/client/deaf").await;
    // More than the sockets in between can hold.
    let mut from = proxy.v2("g", "from").await;
    let big = "x".repeat(50_000);
    for _ in 0..200 {
        from.text(&big).await;
        assert_eq!(from.message().await.len(), big.len());
    }
    proxy.eventually("closed", |p| closed(p, CloseReason::SlowConsumer) == 1).await;
    // It can still read what had been written before.
    assert_eq!(deaf.message().await.len(), big.len());
}

#[tokio::test]
async fn a_reader_that_is_slow_but_reads_is_left_alone() {
    let proxy = Proxy::with(|c| {
        c.limits.outbound_queue = 1 << 30;
        c.limits.write_timeout = Duration::from_millis(1500);
    })
    .await;
    let mut slow = narrow(&proxy, "/ws/group/g/client/slow").await;
    let mut from = proxy.v2("g", "from").await;
    talk_to_a_slow_reader(&mut from, &mut slow).await;
    assert_eq!(closed(&proxy, CloseReason::SlowConsumer), 0);
    assert_eq!(proxy.outcome(Outcome::Lost), 0);
}

#[tokio::test]
async fn the_oldest_messages_go_where_that_is_wanted() {
    let proxy = Proxy::with(|c| {
        c.limits.outbound_queue = 200 * 1024;
        c.limits.slow_consumer = SlowConsumer::DropOldest;
        c.limits.write_timeout = Duration::from_secs(30);
    })
    .await;
    let mut deaf = narrow(&proxy, "/ws/group/g/client/deaf").await;
    let mut from = proxy.v2("g", "from").await;
    let mut n = 0;
    while proxy.outcome(Outcome::Lost) == 0 {
        from.text(&format!("{n:060000}")).await;
        from.message().await;
        n += 1;
        assert!(n < 1000, "never full");
    }
    from.text("last").await;
    let mut got = 0;
    while deaf.message().await != Message::text("last") {
        got += 1;
    }
    assert!(got < n, "{got} of {n}");
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1).await;
}

#[tokio::test]
async fn too_many_invalid_messages_close_with_4400() {
    let proxy = Proxy::with(|c| c.limits.errors_per_minute = 3).await;
    let mut client = proxy.v3("g", "c").await;
    for _ in 0..3 {
        client.text("nonsense").await;
        assert!(client.next().await.contains("invalid_message"));
    }
    client.text(r#"{"msg_type":"msg","target":"echo","msg":"still here"}"#).await;
    assert!(client.next().await.contains("still here"));
    client.text("nonsense").await;
    assert!(client.next().await.contains("invalid_message"));
    assert_eq!(client.closed().await, (4400, "too many invalid messages".into()));
}

#[tokio::test]
async fn no_v2_frame_is_ever_an_error() {
    let proxy = Proxy::with(|c| c.limits.errors_per_minute = 0).await;
    let mut client = proxy.v2("g", "c").await;
    for _ in 0..50 {
        client.text("{nonsense").await;
        assert_eq!(client.message().await, Message::text("{nonsense"));
    }
}

#[tokio::test]
async fn too_fast_closes_with_4429() {
    let proxy = Proxy::with(|c| c.limits.messages_per_second = 10).await;
    let mut client = proxy.v2("g", "c").await;
    for n in 0..30 {
        // The proxy may close while we still send.
        if client.send_or_fail(&n.to_string()).await.is_err() {
            break;
        }
    }
    assert_eq!(client.closed().await, (4429, "too many messages or bytes".into()));
}

#[tokio::test]
async fn too_many_bytes_close_with_4429() {
    let proxy = Proxy::with(|c| {
        c.limits.bytes_per_second = 10_000;
        c.limits.message = 30_000;
    })
    .await;
    let mut client = proxy.v2("g", "c").await;
    // Three seconds' worth: the largest message that is allowed is within the burst.
    let big = "x".repeat(29_000);
    client.text(&big).await;
    assert_eq!(client.message().await.len(), big.len());
    // A few small ones do not harm: messages are not limited here.
    client.text("x").await;
    assert_eq!(client.message().await.len(), 1);
    client.text(&big).await;
    assert_eq!(client.closed().await, (4429, "too many messages or bytes".into()));
    proxy.eventually("booked", |p| closed(p, CloseReason::RateLimit) == 1).await;
}

#[tokio::test]
async fn bytes_in_pings_count_too() {
    let proxy = Proxy::with(|c| {
        c.limits.bytes_per_second = 1;
        c.limits.message = 1000;
    })
    .await;
    let mut client = proxy.v2("g", "c").await;
    for _ in 0..10 {
        if client.socket.send(Message::Ping(vec![0; 125].into())).await.is_err() {
            break;
        }
    }
    assert_eq!(client.closed().await.0, 4429);
}
