//! Two sockets of one client: both are reached, neither is changed by the other, and the end of one is not that of the
//! other. Of agents and workers there is one, and the newer one it is.

use super::cast::{HALL, Kind, alert, cmd, hear};
use crate::client::Client;
use crate::proxy::Proxy;
use crate::rooms::told;

async fn group(v3: &mut Client, payload: &str) {
    v3.text(&told(payload)).await;
}

async fn direct(v3: &mut Client, to: &str, payload: &str) {
    v3.text(&format!(r#"{{"msg_type":"msg","target":"direct","to_id":"{to}","payload":{payload}}}"#)).await;
}

fn end(n: u64) -> [(String, u64); 1] {
    [("end".to_owned(), n)]
}

#[tokio::test]
async fn two_sockets_with_one_id_are_reached_and_end_apart() {
    for kind in [Kind::V3, Kind::V2, Kind::Guide, Kind::Real, Kind::Metrics, Kind::Logs, Kind::Page] {
        let proxy = HALL.open(|_| {}).await;
        let mut v3 = proxy.v3(HALL.group, "speaker").await;
        let mut both = [kind.enter(&proxy, &HALL, "twin").await, kind.enter(&proxy, &HALL, "twin").await];
        direct(&mut v3, "twin", &alert("direct", 1)).await;
        group(&mut v3, &alert("end", 1)).await;
        for client in &mut both {
            let heard = hear(client, &end(1)).await;
            // A page of Vectra has no id of its own: nobody can call it.
            let called = heard.iter().filter(|text| text.contains(r#""by":"direct""#)).count();
            assert_eq!(called, usize::from(kind != Kind::Page), "{kind:?} hears {heard:?}");
        }
        let [gone, mut stays] = both;
        leave(&proxy, gone, 2).await;
        direct(&mut v3, "twin", &alert("direct", 2)).await;
        group(&mut v3, &alert("end", 2)).await;
        let heard = hear(&mut stays, &end(2)).await;
        let called = heard.iter().filter(|text| text.contains(r#""by":"direct""#)).count();
        assert_eq!(called, usize::from(kind != Kind::Page), "{kind:?} hears {heard:?}");
    }
}

async fn leave(proxy: &Proxy, mut client: Client, left: usize) {
    client.socket.close(None).await.expect("sent");
    proxy.has(left).await;
}

/// What each hears of telemetry up to the end.
async fn devices(v3: &mut Client, all: &mut [Client], n: u64) -> Vec<Vec<String>> {
    for device in 1..=3 {
        let update = format!(r#"{{"type":"telemetry_update","device_id":{device},"telemetry":{{"t":1}}}}"#);
        group(v3, &update).await;
    }
    group(v3, &alert("end", n)).await;
    let mut heard = Vec::new();
    for client in all {
        let texts = hear(client, &end(n)).await;
        let id = |text: &String| text.split("device_id\":").nth(1).map(|rest| rest[..1].to_owned());
        heard.push(texts.iter().filter_map(id).collect());
    }
    heard
}

#[tokio::test]
async fn what_one_socket_subscribes_to_the_other_does_not() {
    for (kind, on, off) in
        [(Kind::Guide, "subscribe", "unsubscribe"), (Kind::Real, "subscribe_device", "unsubscribe_device")]
    {
        let proxy = HALL.open(|_| {}).await;
        let mut v3 = proxy.v3(HALL.group, "speaker").await;
        let mut both = [kind.enter(&proxy, &HALL, "twin").await, kind.enter(&proxy, &HALL, "twin").await];
        let ask = async |client: &mut Client, word: &str, device: &str| {
            client.text(&format!(r#"{{"type":"{word}","channel":"telemetry"{device}}}"#)).await;
            assert!(client.next().await.contains("confirmed"));
        };
        if kind == Kind::Guide {
            for client in &mut both {
                ask(client, off, "").await;
            }
        }
        ask(&mut both[0], on, r#","device_id":1"#).await;
        ask(&mut both[1], on, r#","device_id":[2,3]"#).await;
        assert_eq!(devices(&mut v3, &mut both, 1).await, [vec!["1"], vec!["2", "3"]], "{kind:?}");
        ask(&mut both[1], off, r#","device_id":"2""#).await;
        assert_eq!(devices(&mut v3, &mut both, 2).await, [vec!["1"], vec!["3"]], "{kind:?}");
        let [gone, stays] = both;
        leave(&proxy, gone, 2).await;
        assert_eq!(devices(&mut v3, &mut [stays], 3).await, [["3"]], "{kind:?}");
    }
}

/// The agent of a server and the worker of a group are one each, and pages stay when they change.
#[tokio::test]
async fn of_agents_and_workers_the_newer_one_stays() {
    for (kind, code, name, page) in
        [(Kind::Agent, 4409, HALL.server, Kind::Metrics), (Kind::Worker, 1000, HALL.worker, Kind::Page)]
    {
        let proxy = HALL.open(|_| {}).await;
        let mut v3 = proxy.v3(HALL.group, "speaker").await;
        let mut page = page.enter(&proxy, &HALL, "page").await;
        let mut older = kind.enter(&proxy, &HALL, "any").await;
        let mut newer = kind.enter(&proxy, &HALL, "any").await;
        assert_eq!(older.closed().await.0, code, "{kind:?}");
        proxy.has(3).await;
        for target in [r#""target":"group""#.to_owned(), format!(r#""target":"direct","to_id":"{name}""#)] {
            v3.text(&cmd(&alert("end", 1)).replace(r#""target":"group""#, &target)).await;
            hear(&mut newer, &end(1)).await;
        }
        newer.text(&alert("end", 2)).await;
        hear(&mut page, &end(2)).await;
        hear(&mut v3, &end(2)).await;
    }
}
