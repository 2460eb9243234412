//! Whoever says a thousand things is heard saying them in that order, by everybody, whoever else speaks meanwhile.

use super::cast::{Cast, Kind, alert, cmd, heard_by, mark};
use crate::PATIENCE;
use crate::rooms::told;
use futures_util::{SinkExt, StreamExt};
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const MANY: u64 = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_of_each_sender_reach_everybody_in_their_order() {
    let cast = Cast::new(|_| {}).await;
    let mut listening = JoinSet::new();
    let mut speaking = JoinSet::new();
    for (kind, client) in cast.all {
        let (mut sink, mut stream) = client.socket.split();
        let want: BTreeMap<_, _> = heard_by(kind).into_iter().map(|by| (by.to_owned(), MANY)).collect();
        listening.spawn(async move {
            let mut next: BTreeMap<String, u64> = BTreeMap::new();
            while next != want {
                let frame = timeout(PATIENCE, stream.next()).await.unwrap_or_else(|_| panic!("{kind:?} has {next:?}"));
                let frame = frame.expect("not the end").expect("no error");
                let Some((by, n)) = frame.to_text().ok().and_then(mark) else { continue };
                let expected = next.entry(by.clone()).or_default();
                assert_eq!(n, *expected, "{kind:?} hears {by} out of order");
                *expected += 1;
            }
            stream
        });
        speaking.spawn(async move {
            for n in 0..if kind.speaks() { MANY } else { 0 } {
                let texts = match kind {
                    Kind::V3 => vec![told(&alert("v3", n)), cmd(&alert("cmd", n))],
                    _ => vec![alert(kind.name(), n)],
                };
                for text in texts {
                    timeout(PATIENCE, sink.send(Message::text(text))).await.expect("in time").expect("sent");
                }
            }
            sink
        });
    }
    let sinks = speaking.join_all().await;
    let streams = listening.join_all().await;
    assert_eq!((sinks.len(), streams.len()), (9, 9));
}
