//! What is said in one group, to one server or to one client reaches nobody else: three halls, two of them with one
//! name in two accounts, with everybody in each.

use super::cast::{HALL, Hall, Kind, alert, ended, enter_all, heard_by, mark, open, say};
use crate::client::Client;
use std::collections::BTreeMap;

const OTHER: Hall = Hall {
    prefix: "/other",
    group: "other",
    account: None,
    key: "key-second",
    server: "srv-2",
    worker: "other-worker",
};
/// Group, server and worker have the same names; the account is another.
const ACME: Hall = Hall { prefix: "/acme", account: Some("acme"), ..HALL };

/// Alerts of one place, by sender.
fn numbers(texts: &[String]) -> BTreeMap<String, Vec<u64>> {
    let mut all = BTreeMap::<String, Vec<u64>>::new();
    texts.iter().filter_map(|text| mark(text)).for_each(|(by, n)| all.entry(by).or_default().push(n));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hears_a_word_was_meant() {
    let halls = [HALL, OTHER, ACME];
    let proxy = open(&halls, |_| {}).await;
    let mut casts: Vec<Vec<(Kind, Client)>> = Vec::new();
    for hall in &halls {
        casts.push(enter_all(&proxy, hall).await);
    }
    proxy.has(27).await;
    for cast in &mut casts {
        ended(cast).await;
    }
    // The numbers tell where it was said.
    let said = |place: usize| (0..5).map(move |n| place as u64 * 100 + n);
    for n in 0..5 {
        for (place, cast) in casts.iter_mut().enumerate() {
            for (kind, client) in cast.iter_mut().filter(|(kind, _)| kind.speaks()) {
                say(*kind, client, place as u64 * 100 + n).await;
            }
        }
    }
    for (place, cast) in casts.iter_mut().enumerate() {
        for (kind, texts) in ended(cast).await {
            let want: BTreeMap<_, Vec<_>> =
                heard_by(kind).into_iter().map(|by| (by.to_owned(), said(place).collect())).collect();
            assert_eq!(numbers(&texts), want, "{kind:?} in {}", halls[place].prefix);
        }
    }
}

/// Each is called by its id, from each hall. Ids are an account's: whoever has the id in another group of the same
/// account hears it too, and nobody of another account does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_message_reaches_whom_it_names() {
    let halls = [HALL, OTHER, ACME];
    let proxy = open(&halls, |_| {}).await;
    let mut casts: Vec<Vec<(Kind, Client)>> = Vec::new();
    for hall in &halls {
        let mut cast = Vec::new();
        for kind in Kind::ALL {
            let id = format!("{}-{}", kind.name(), hall.group);
            cast.push((kind, kind.enter(&proxy, hall, &id).await));
        }
        casts.push(cast);
    }
    for cast in &mut casts {
        ended(cast).await;
    }
    let id = |hall: &Hall, kind: Kind| match kind {
        Kind::Agent => hall.server.to_owned(),
        Kind::Worker => hall.worker.to_owned(),
        _ => format!("{}-{}", kind.name(), hall.group),
    };
    // Who called whom.
    let number = |from: usize, to: usize, at: usize| (from * 10_000 + to * 100 + at) as u64;
    let named = [Kind::V3, Kind::V2, Kind::Guide, Kind::Real, Kind::Agent, Kind::Metrics, Kind::Logs, Kind::Worker];
    for (from, cast) in casts.iter_mut().enumerate() {
        let (_, speaker) = cast.iter_mut().find(|(kind, _)| *kind == Kind::V3).expect("one");
        for (to, hall) in halls.iter().enumerate() {
            for (at, kind) in named.into_iter().enumerate() {
                let word = if kind == Kind::Agent { "cmd" } else { "msg" };
                let payload = alert("direct", number(from, to, at));
                let head = format!(r#"{{"msg_type":"{word}","target":"direct","to_id":"{}""#, id(hall, kind));
                speaker.text(&format!(r#"{head},"cmd":"c","payload":{payload}}}"#)).await;
            }
        }
    }
    let one_account = |a: usize, b: usize| halls[a].account == halls[b].account;
    // An alert from another hall may come behind the end of this one, and is then found in the next scene.
    let mut got: Vec<BTreeMap<&str, Vec<u64>>> = vec![BTreeMap::new(); halls.len()];
    for _ in 0..2 {
        for (place, cast) in casts.iter_mut().enumerate() {
            for (kind, texts) in ended(cast).await {
                let direct = numbers(&texts).remove("direct").unwrap_or_default();
                got[place].entry(kind.name()).or_default().extend(direct);
            }
        }
    }
    for (place, hall) in halls.iter().enumerate() {
        for kind in Kind::ALL {
            let mut want = Vec::new();
            for from in (0..halls.len()).filter(|from| one_account(*from, place)) {
                for (to, other) in halls.iter().enumerate() {
                    let at = named.iter().position(|k| *k == kind);
                    let at = at.filter(|_| id(other, kind) == id(hall, kind));
                    want.extend(at.map(|at| number(from, to, at)));
                }
            }
            let mut heard = got[place].remove(kind.name()).unwrap_or_default();
            heard.sort_unstable();
            want.sort_unstable();
            assert_eq!(heard, want, "{kind:?} in {}", hall.prefix);
        }
    }
}
