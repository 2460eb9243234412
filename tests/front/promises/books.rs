//! What is counted: by dialect, and what is not shown on purpose apart from what is lost, of which there is nothing.

use super::cast::{Cast, HALL, Kind, say};
use crate::rooms::{counted, told};
use aether_proxy::close::CloseReason;
use aether_proxy::dialect::Spoken;
use aether_proxy::label::Label;
use aether_proxy::telemetry::labels::{
    ByDialect, Closed, Direction, InBand, Lost, LostOn, Outcome, Path, Suppressed, Translation,
};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const DIALECTS: [Spoken; 5] =
    [Spoken::AetherV2, Spoken::AetherV3, Spoken::Valtronics, Spoken::ServerMonitor, Spoken::Vectra];

fn of(spoken: Spoken) -> u64 {
    Kind::ALL.into_iter().filter(|kind| kind.spoken() == spoken).count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_counted_by_dialect_and_nothing_is_lost() {
    let mut cast = Cast::new(|_| {}).await;
    for kind in Kind::IN_BAND {
        let mut stranger = cast.proxy.connect(&kind.path(&HALL, "stranger")).await;
        stranger.text(&kind.wrong()).await;
        stranger.closed().await;
    }
    cast.of(Kind::Guide).text(r#"{"type":"subscribe","channel":"telemetry","frequency":"0.3s"}"#).await;
    cast.of(Kind::Guide).until("confirmed").await;
    let received = |cast: &Cast, spoken| cast.proxy.metrics().messages_received.with(ByDialect(spoken)).get();
    let before = DIALECTS.map(|spoken| received(&cast, spoken));
    for n in 0..20 {
        for (kind, client) in cast.all.iter_mut().filter(|(kind, _)| kind.speaks()) {
            say(*kind, client, n).await;
        }
    }
    // What the three dialects have no frame for, and what comes too often.
    let v3 = cast.of(Kind::V3);
    v3.text(r#"{"msg_type":"msg","target":"group","msg":"chat"}"#).await;
    v3.text(r#"{"msg_type":"heartbeat","target":"group"}"#).await;
    for n in 0..5 {
        v3.text(&told(&format!(r#"{{"type":"telemetry_update","device_id":1,"telemetry":{{"t":{n}}}}}"#))).await;
    }
    cast.of(Kind::Guide).until(r#""t":4"#).await;
    for kind in [Kind::Guide, Kind::Real, Kind::Agent, Kind::Metrics, Kind::Logs, Kind::Page, Kind::Worker] {
        cast.of(kind).text("no frame of yours").await;
    }
    cast.scene().await;
    // One frame of `say` and one of the scene's end of each speaker; a V3 client says everything twice.
    let said = |spoken: Spoken| {
        let speakers = Kind::ALL.into_iter().filter(|kind| kind.spoken() == spoken && kind.speaks()).count() as u64;
        match spoken {
            Spoken::AetherV3 => 2 * 21 + 7,
            Spoken::AetherV2 => 21,
            legacy => speakers * 21 + of(legacy),
        }
    };
    for (spoken, before) in DIALECTS.into_iter().zip(before) {
        assert_eq!(received(&cast, spoken) - before, said(spoken), "{spoken:?}");
    }
    let metrics = cast.proxy.metrics();
    for spoken in DIALECTS {
        assert_eq!(metrics.connections.with(ByDialect(spoken)).get(), of(spoken) as i64, "{spoken:?}");
        assert_eq!(metrics.connections_opened.with(ByDialect(spoken)).get(), of(spoken), "{spoken:?}");
        if spoken != Spoken::AetherV3 {
            let done = |direction, how| metrics.translations.with((direction, spoken, how)).get();
            assert!(done(Direction::V2ToV3, Translation::Exact) >= 21, "{spoken:?}");
            assert!(done(Direction::V3ToV2, Translation::Exact) >= 21, "{spoken:?}");
            assert_eq!(done(Direction::V2ToV3, Translation::Failed) + done(Direction::V3ToV2, Translation::Failed), 0);
            if spoken != Spoken::AetherV2 {
                assert_eq!(metrics.invalid_messages.with(ByDialect(spoken)).get(), of(spoken), "{spoken:?}");
                assert_eq!(done(Direction::V2ToV3, Translation::Refused), of(spoken), "{spoken:?}");
            }
        }
    }
    assert_eq!(counted(&cast.proxy, Spoken::Valtronics, InBand::Ok), 1);
    assert_eq!(counted(&cast.proxy, Spoken::Valtronics, InBand::Denied), 1);
    assert_eq!(counted(&cast.proxy, Spoken::ServerMonitor, InBand::Ok), 3);
    assert_eq!(counted(&cast.proxy, Spoken::ServerMonitor, InBand::Denied), 3);

    let Cast { proxy, all } = cast;
    for (_, mut client) in all {
        client.send(Message::Close(None)).await;
        client.closed().await;
    }
    proxy.has(0).await;
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1 && p.ledger().0 > 0).await;
    let metrics = proxy.metrics();
    for spoken in DIALECTS {
        let closed = |p: &crate::proxy::Proxy| {
            p.metrics().connections_closed.with(Closed(spoken, CloseReason::ClientClosed)).get()
        };
        proxy.eventually("closed", |p| closed(p) == of(spoken)).await;
        proxy.eventually("gone", |p| p.metrics().connections.with(ByDialect(spoken)).get() == 0).await;
    }
    let hidden = |why| metrics.messages_suppressed.with((why,)).get();
    // Seven receivers did not see the chat; agents and those who do not show commands saw less.
    assert!(hidden(Suppressed::DialectRule) >= 7 + 21 * 3, "{}", hidden(Suppressed::DialectRule));
    // The first of five went at once and the last in its time.
    assert_eq!(hidden(Suppressed::Sampled), 3);
    let suppressed: u64 = Suppressed::ALL.iter().map(|why| hidden(*why)).sum();
    assert!(proxy.outcome(Outcome::Suppressed) <= suppressed);
    assert!(proxy.outcome(Outcome::Delivered) >= 20 * 8 * 5);
    assert_eq!(proxy.outcome(Outcome::Lost), 0);
    for path in Path::ALL {
        for why in Lost::ALL {
            assert_eq!(metrics.messages_lost.with(LostOn(*path, *why)).get(), 0, "{path:?} {why:?}");
        }
    }
    tokio::time::timeout(Duration::from_secs(30), proxy.running.drain()).await.expect("it ends");
}
