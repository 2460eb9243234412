//! The echo (`listen.echo`): each frame comes back as it is, under the limits of all, and it is in nobody's world.

use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::close::CloseReason;
use aether_proxy::config::Config;
use aether_proxy::dialect::Spoken;
use aether_proxy::telemetry::labels::Closed;
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};

async fn echoing(change: impl FnOnce(&mut Config)) -> Proxy {
    Proxy::with(|c| {
        c.listen.echo = Some("/echo".into());
        change(c);
    })
    .await
}

async fn closed(proxy: &Proxy, reason: CloseReason) {
    let by = Closed(Spoken::AetherV3, reason);
    proxy.eventually(reason.label(), |p| p.metrics().connections_closed.with(by).get() == 1).await;
    assert!(proxy.running.shared.hub.seats().is_empty());
}

#[tokio::test]
async fn each_frame_comes_back_as_it_is() {
    let proxy = echoing(|_| {}).await;
    let mut client = proxy.connect("/echo").await;
    let texts =
        ["", "{", r#"{"msg_type":"heartbeat","target":"echo"}"#, r#"{"msg_type":"presence","target":"echo"}"#, "ä€"];
    let binaries = [vec![], vec![0xff, 0, 0xfe], vec![7; 100_000]];
    let frames = texts.map(Message::text).into_iter().chain(binaries.map(Message::binary));
    for frame in frames {
        client.send(frame.clone()).await;
        assert_eq!(client.message().await, frame);
    }
    client.socket.close(Some(CloseFrame { code: CloseCode::Library(3001), reason: "x".into() })).await.expect("sent");
    assert_eq!(client.closed().await, (3001, "x".into()));
    closed(&proxy, CloseReason::ClientClosed).await;
}

#[tokio::test]
async fn nobody_hears_or_sees_the_echo_and_it_hears_nobody() {
    let proxy = echoing(|c| c.hub.presence.grace = Duration::from_millis(20)).await;
    let mut echo = proxy.connect("/echo?recv=v3").await;
    // Of the same name as the log gives it, and in the same group.
    let mut watcher = proxy.v3("echo", "watcher").await;
    let mut namesake = proxy.v3("echo", "echo").await;
    let said = |target: &str| format!(r#"{{"msg_type":"msg","target":"{target}","to_id":"echo","msg":"to {target}"}}"#);
    for target in ["group", "broadcast", "direct"] {
        for speaker in [&mut watcher, &mut echo] {
            speaker.text(&said(target)).await;
        }
        assert_eq!(echo.message().await, Message::text(said(target)), "its own, and nobody else's");
        assert!(namesake.next().await.contains(r#""from_id":"watcher""#));
    }
    watcher.text(r#"{"msg_type":"presence","target":"echo"}"#).await;
    let heard = watcher.until(r#""count":2}"#).await;
    assert!(heard.iter().all(|m| !m.to_text().expect("text").contains(r#""from_id":"echo""#)), "{heard:?}");
    assert_eq!(proxy.metrics().presence_members.only().get(), 2);
    let (seen, open) = proxy.running.shared.migration.roster.take();
    assert_eq!(open.iter().map(|(_, open)| open.v3).collect::<Vec<_>>(), [2]);
    assert!(seen.v3.len() <= 2, "{seen:?}");
    echo.socket.close(None).await.expect("sent");
    proxy.eventually("gone", |p| p.running.shared.hub.seats().len() == 2).await;
}

#[tokio::test]
async fn its_connections_are_under_the_limits_and_endings_of_all() {
    let proxy = echoing(|c| (c.limits.message, c.limits.connections) = (100, 3)).await;
    let mut greedy = proxy.connect("/echo").await;
    let mut patient = proxy.connect("/echo").await;
    greedy.text(&"x".repeat(101)).await;
    assert_eq!(greedy.closed().await.0, 1009);
    patient.text("still here").await;
    assert_eq!(patient.message().await, Message::text("still here"));
    proxy.running.drain().await;
    assert_eq!(patient.closed().await.0, 1012);
}

#[tokio::test]
async fn without_the_setting_there_is_no_echo() {
    let proxy = Proxy::start().await;
    let Err(error) = Client::try_open(proxy.tcp().await, "/echo", &[]).await else { panic!("let in") };
    assert!(matches!(*error, Error::Http(answer) if answer.status() == 404));
}
