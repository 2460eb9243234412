//! Every way a connection ends, seen from the client and from the metrics.

use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::close::CloseReason;
use aether_proxy::config::DuplicateClient;
use aether_proxy::dialect::Spoken;
use aether_proxy::telemetry::labels::Closed;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};

async fn booked(proxy: &Proxy, spoken: Spoken, reason: CloseReason) {
    let what = format!("{spoken:?} closed for {reason:?}");
    proxy.eventually(&what, |p| p.metrics().connections_closed.with(Closed(spoken, reason)).get() == 1).await;
    proxy.has(0).await;
}

/// Sends bytes as they are and reads to the end: the payload of the close frame, and that no reset came before it.
async fn close_after(client: &mut Client, bytes: &[u8]) -> (u16, String) {
    let stream = client.socket.get_mut();
    stream.write_all(bytes).await.expect("written");
    let mut got = Vec::new();
    let end = tokio::time::timeout(crate::PATIENCE, stream.read_to_end(&mut got)).await.expect("the end in time");
    end.expect("the end without a reset");
    stream.shutdown().await.expect("ended too");
    let start = got.iter().rposition(|b| *b == 0x88).expect("a close frame");
    let payload = &got[start + 2..];
    (u16::from_be_bytes([payload[0], payload[1]]), String::from_utf8_lossy(&payload[2..]).into_owned())
}

/// A frame with an all-zero mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered_in_kind() {
    let proxy = Proxy::start().await;
    let mut client = proxy.v3("g", "c").await;
    let goodbye = CloseFrame { code: CloseCode::from(4321), reason: "so long".into() };
    client.send(Message::Close(Some(goodbye))).await;
    assert_eq!(client.closed().await, (4321, "so long".into()));
    assert!(client.frame().await.is_none(), "a clean end");
    booked(&proxy, Spoken::AetherV3, CloseReason::ClientClosed).await;
}

#[tokio::test]
async fn a_client_that_just_goes_is_booked_as_closed() {
    let proxy = Proxy::start().await;
    drop(proxy.v2("g", "c").await);
    booked(&proxy, Spoken::AetherV2, CloseReason::ClientClosed).await;
}

#[tokio::test]
async fn breaches_of_the_protocol_are_named() {
    let huge = [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let cases = [
        (frame(0x81, &[0xc3, 0x28]), 1007, CloseReason::InvalidUtf8),
        (huge, 1009, CloseReason::TooBig),
        (frame(0x83, b"x"), 1002, CloseReason::ProtocolError),
        (frame(0xc1, b"x"), 1002, CloseReason::ProtocolError),
        (frame(0x80, b"x"), 1002, CloseReason::ProtocolError),
        (frame(0x09, b"x"), 1002, CloseReason::ProtocolError),
        (vec![0x81, 1, b'x'], 1002, CloseReason::ProtocolError),
    ];
    for (bytes, code, reason) in cases {
        let proxy = Proxy::start().await;
        let mut client = proxy.v2("g", "c").await;
        assert_eq!(close_after(&mut client, &bytes).await, (code, reason.text().to_owned()), "{bytes:?}");
        booked(&proxy, Spoken::AetherV2, reason).await;
    }
}

#[tokio::test]
async fn a_message_in_pieces_above_the_limit_is_too_big() {
    let proxy = Proxy::with(|c| c.limits.message = 100).await;
    let mut client = proxy.v2("g", "c").await;
    let pieces = [frame(0x01, &[b'x'; 99]), frame(0x80, b"yy")].concat();
    // What comes behind must not turn the goodbye into a reset.
    let bytes = [pieces, vec![0; 200_000]].concat();
    assert_eq!(close_after(&mut client, &bytes).await.0, 1009);
    booked(&proxy, Spoken::AetherV2, CloseReason::TooBig).await;
    let mut client = proxy.v2("g", "c").await;
    client.text(&"x".repeat(100)).await;
    assert_eq!(client.message().await.len(), 100);
}

#[tokio::test]
async fn pings_are_answered_and_silence_is_not() {
    let proxy = Proxy::with(|c| c.limits.ping_interval = Duration::from_millis(50)).await;
    let mut client = proxy.v3("g", "c").await;
    // The library answers while it reads; so far nobody has.
    for _ in 0..4 {
        while !matches!(client.frame().await, Some(Ok(Message::Ping(_)))) {}
    }
    client.send(Message::Ping("abc".into())).await;
    loop {
        if let Some(Ok(Message::Pong(data))) = client.frame().await {
            assert_eq!(&data[..], b"abc");
            break;
        }
    }
    // From here on nobody reads, so nobody answers.
    booked(&proxy, Spoken::AetherV3, CloseReason::PeerDead).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_idle_though_it_answers_pings() {
    let proxy = Proxy::with(|c| {
        c.limits.ping_interval = Duration::from_millis(30);
        c.limits.idle_timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = proxy.v3("g", "c").await;
    assert_eq!(client.closed().await, (4408, "idle for too long".into()));
    booked(&proxy, Spoken::AetherV3, CloseReason::Idle).await;
}

#[tokio::test]
async fn two_connections_of_one_client_both_live_or_the_newest_wins() {
    let both = Proxy::start().await;
    let (mut first, mut second) = (both.v3("g", "c").await, both.v3("g", "c").await);
    second.text(r#"{"msg_type":"msg","target":"direct","to_id":"c","msg":"us"}"#).await;
    assert!(first.next().await.contains("us") && second.next().await.contains("us"));

    let newest = Proxy::with(|c| c.limits.duplicate_client = DuplicateClient::Replace).await;
    let mut first = newest.v3("g", "c").await;
    let mut second = newest.v2("g", "c").await;
    assert_eq!(first.closed().await.0, 4409);
    second.text("still here").await;
    assert_eq!(second.message().await, Message::text("still here"));
}

#[tokio::test]
async fn a_drain_closes_everyone_with_1012_and_takes_nobody_more() {
    let proxy = Proxy::with(|c| c.listen.drain_delay = Duration::from_millis(200)).await;
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(proxy.v3("g", &format!("c{n}")).await);
    }
    let draining = async {
        proxy.eventually("draining", |p| p.running.shared.draining.is_cancelled()).await;
        let refused = Client::try_open(proxy.tcp().await, "/v3/ws/group/g/client/late", &[]).await;
        assert!(
            matches!(refused.err().as_deref(), Some(Error::Http(r)) if r.status() == 503 && r.headers().contains_key("retry-after"))
        );
        for client in &mut clients {
            assert_eq!(client.closed().await, (1012, "service restart, please reconnect".into()));
            // The answer to the close frame.
            assert!(client.frame().await.is_none());
        }
    };
    tokio::join!(proxy.running.drain(), draining);
    assert_eq!(proxy.metrics().connections_closed.with(Closed(Spoken::AetherV3, CloseReason::Restart)).get(), 20);
    assert!(tokio::net::TcpStream::connect(proxy.running.clients).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn what_was_said_before_a_drain_is_delivered_before_the_close() {
    let proxy = Proxy::start().await;
    let (mut from, mut to) = (proxy.v2("g", "from").await, proxy.v2("g", "to").await);
    for n in 0..100 {
        from.text(&n.to_string()).await;
    }
    from.text("last").await;
    while from.message().await != Message::text("last") {}
    proxy.running.shutdown().await;
    for n in 0..100 {
        assert_eq!(to.message().await, Message::text(n.to_string()));
    }
    assert_eq!(to.message().await, Message::text("last"));
    assert_eq!(to.closed().await.0, 1012);
}
