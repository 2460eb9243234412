//! Until a client has proved itself in its first frames, it hears nothing and nothing of it is heard, however much it
//! sends at once.

use super::cast::{Cast, HALL, Kind, alert, say};
use crate::client::Client;
use crate::rooms::{counted, waiting};
use aether_proxy::telemetry::labels::InBand;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

/// Sends several frames in one write, without waiting for any answer.
async fn pipeline(client: &mut Client, frames: &[String]) {
    for frame in frames {
        client.socket.feed(Message::text(frame.clone())).await.expect("taken");
    }
    client.socket.flush().await.expect("sent");
}

/// Nobody in the cast has heard anybody else than the cast.
async fn nothing_of(cast: &mut Cast, name: &str) {
    for (kind, heard) in cast.scene().await {
        assert!(heard.iter().all(|text| !text.contains(name)), "{kind:?} hears {heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_login_nothing_is_heard_and_nothing_said() {
    let mut cast = Cast::new(|_| {}).await;
    for kind in Kind::IN_BAND.into_iter().filter(|kind| *kind != Kind::Agent) {
        let path = kind.path(&HALL, "newcomer");
        let mut newcomer = cast.proxy.connect(&path).await;
        cast.proxy.eventually("it waits", |p| waiting(p) == 1).await;
        // Everybody speaks; it is not there.
        for n in 0..3 {
            for (who, client) in cast.all.iter_mut().filter(|(who, _)| who.speaks()) {
                say(*who, client, n).await;
            }
        }
        cast.scene().await;
        assert_eq!(cast.proxy.running.shared.hub.registry().len(), Kind::ALL.len(), "{kind:?} has no seat");
        let first = kind.first(&HALL, "newcomer").expect("a login");
        // What comes right behind the login counts.
        pipeline(&mut newcomer, &[first, r#"{"type":"subscribe","channel":"alerts"}"#.into(), alert("behind", 1)])
            .await;
        let welcome = newcomer.next().await;
        assert!(welcome.contains(r#""success":true"#) || welcome.contains("auth_success"), "{kind:?}: {welcome}");
        cast.proxy.has(Kind::ALL.len() + 1).await;
        // What pages say is for nobody.
        if kind == Kind::Guide {
            cast.of(Kind::V3).until(r#""by":"behind""#).await;
        }
        for n in 4..6 {
            for (who, client) in cast.all.iter_mut().filter(|(who, _)| who.speaks()) {
                say(*who, client, n).await;
            }
        }
        for n in 4..6 {
            // Nothing of what was said before it was in.
            let heard = newcomer.until(&format!(r#""by":"v3","n":{n}"#)).await;
            for text in heard.iter().filter_map(|m| m.to_text().ok()) {
                assert!(!(0..3).any(|n| text.contains(&format!(r#""n":{n}}}"#))) || text.contains("behind"), "{text}");
            }
        }
        newcomer.socket.close(None).await.expect("sent");
        cast.proxy.has(Kind::ALL.len()).await;
        cast.scene().await;
        assert!(counted(&cast.proxy, kind.spoken(), InBand::Ok) >= 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_fails_was_never_heard() {
    let mut cast = Cast::new(|_| {}).await;
    for kind in Kind::IN_BAND {
        let loud = alert("stranger", 1);
        let good = kind.first(&HALL, "stranger").expect("a login");
        let mut tries = vec![
            // What came with a wrong credential, before it or behind it, is nobody's.
            vec![kind.wrong(), loud.clone(), good.clone(), loud.clone()],
            vec![r#"{"type":"auth"}"#.into(), loud.clone(), good.clone(), loud.clone()],
        ];
        if kind != Kind::Guide {
            // Theirs is the first frame or none.
            tries.push(vec![loud.clone(), good.clone(), loud.clone()]);
            tries.push(vec!["no JSON".into(), good.clone(), loud.clone()]);
        }
        for frames in tries {
            let before = counted(&cast.proxy, kind.spoken(), InBand::Denied);
            let mut stranger = cast.proxy.connect(&kind.path(&HALL, "stranger")).await;
            pipeline(&mut stranger, &frames).await;
            let told = stranger.next().await;
            assert!(told.contains(r#""type":"error""#) || told.contains(r#""success":false"#), "{kind:?}: {told}");
            assert_eq!(stranger.closed().await.0, 1008, "{kind:?}");
            assert_eq!(counted(&cast.proxy, kind.spoken(), InBand::Denied), before + 1, "{kind:?}");
            nothing_of(&mut cast, "stranger").await;
        }
        assert_eq!(cast.proxy.running.shared.hub.registry().len(), Kind::ALL.len());
    }
    cast.proxy.eventually("nobody waits", |p| waiting(p) == 0).await;
}

/// The guide's clients may say more before they are in; it is answered, and goes no further.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_says_too_early_is_answered_and_goes_no_further() {
    let mut cast = Cast::new(|_| {}).await;
    let mut early = cast.proxy.connect(&Kind::Guide.path(&HALL, "early")).await;
    let first = Kind::Guide.first(&HALL, "early").expect("a login");
    let frames: Vec<String> = vec![alert("stranger", 1), r#"{"type":"subscribe","channel":"alerts"}"#.into(), first];
    pipeline(&mut early, &frames).await;
    for answer in [r#""type":"error""#, r#""type":"error""#, r#""success":true"#] {
        let told = early.next().await;
        assert!(told.contains(answer), "{told}");
    }
    cast.proxy.has(Kind::ALL.len() + 1).await;
    nothing_of(&mut cast, "stranger").await;
    // It was not subscribed before it was in.
    early.text(r#"{"type":"ping","timestamp":"end"}"#).await;
    assert_eq!(early.next().await, r#"{"type":"pong","timestamp":"end"}"#);
}
