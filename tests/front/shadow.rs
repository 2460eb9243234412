//! The shadow against a small legacy server that does well, or badly in one way. Whatever it does, clients notice nothing.

use crate::client::Client;
use crate::legacy::{Legacy, Manner};
use crate::proxy::Proxy;
use aether_proxy::config::Shadow;
use aether_proxy::telemetry::labels::{Outcome, Shadowed};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

const WINDOW: Duration = Duration::from_millis(800);
/// Clients of the group.
const CLIENTS: usize = 3;
/// Rounds in which each says something.
const ROUNDS: usize = 40;

/// A proxy, a legacy server, clients.
struct Stage {
    proxy: Proxy,
    clients: Vec<Client>,
}

fn count(proxy: &Proxy, result: Shadowed) -> u64 {
    proxy.metrics().shadow_comparisons.with((result,)).get()
}

impl Stage {
    async fn new(legacy: &Legacy, change: impl FnOnce(&mut Shadow)) -> Self {
        let proxy = Proxy::with(|c| {
            (c.shadow.url, c.shadow.percent, c.shadow.window) = (legacy.url(), 100, WINDOW);
            change(&mut c.shadow);
        })
        .await;
        let mut clients = Vec::new();
        for n in 0..CLIENTS {
            clients.push(proxy.v2("g", &format!("c{n}")).await);
        }
        Self { proxy, clients }
    }

    /// Waits until frames are compared: links are up and have been for a window.
    async fn settled(&mut self, links: i64) {
        self.proxy.eventually("links", |p| p.metrics().shadow_connections.only().get() == links).await;
        // The only sleep: that nothing is judged before is what is waited for.
        tokio::time::sleep(WINDOW + WINDOW / 4).await;
    }

    /// Everyone says something in turn; everyone gets everything, exactly and in order.
    async fn talk(&mut self) {
        for round in 0..ROUNDS {
            for n in 0..CLIENTS {
                let message = match round % 3 {
                    0 => Message::binary(format!("binary {round} of {n}").into_bytes()),
                    1 => Message::text(format!("text {round} of {n}")),
                    _ => Message::text(format!(r#"{{ "round":{round},"of": {n}, "x":1.10 }}"#).replace(" }", "}")),
                };
                self.clients[n].send(message.clone()).await;
                for client in &mut self.clients {
                    assert_eq!(client.message().await, message);
                }
            }
        }
    }

    /// Waits until every frame that clients got is booked, in whatever way.
    async fn judged(&self) -> Judged {
        let all = (CLIENTS * CLIENTS * ROUNDS) as u64;
        let sum =
            |p: &Proxy| [Shadowed::Match, Shadowed::Noise, Shadowed::Ignored].map(|r| count(p, r)).iter().sum::<u64>();
        self.proxy.eventually("all is judged", |p| sum(p) + count(p, Shadowed::Mismatch) >= all).await;
        // What the legacy server alone has said is judged a window after it came.
        tokio::time::sleep(WINDOW * 3 / 2).await;
        let (expected, booked) = self.proxy.ledger();
        assert_eq!(expected, booked, "the ledger");
        assert_eq!((self.proxy.outcome(Outcome::Delivered), self.proxy.outcome(Outcome::Lost)), (all, 0));
        Judged {
            matches: count(&self.proxy, Shadowed::Match),
            mismatches: count(&self.proxy, Shadowed::Mismatch),
            noise: count(&self.proxy, Shadowed::Noise),
            ignored: count(&self.proxy, Shadowed::Ignored),
            errors: count(&self.proxy, Shadowed::Error),
            differences: {
                let view = self.proxy.running.shared.migration.shadow_findings();
                view.findings.into_iter().map(|finding| finding.difference).collect()
            },
        }
    }
}

#[derive(Debug)]
struct Judged {
    matches: u64,
    mismatches: u64,
    noise: u64,
    ignored: u64,
    errors: u64,
    differences: Vec<String>,
}

impl Judged {
    /// Differences, some of which must have been judged: a machine that stands still for a while is not.
    fn found(&self) -> u64 {
        assert!(self.mismatches > 0, "{self:?}");
        self.mismatches + self.ignored
    }
}

/// All deliveries, and those of every tenth frame.
const ALL: u64 = (CLIENTS * CLIENTS * ROUNDS) as u64;
const TENTH: u64 = ALL / 10;

async fn against(manner: Manner, change: impl FnOnce(&mut Shadow)) -> Judged {
    let legacy = Legacy::start(manner).await;
    let mut stage = Stage::new(&legacy, change).await;
    stage.settled(CLIENTS as i64).await;
    stage.talk().await;
    stage.judged().await
}

#[tokio::test]
async fn a_faithful_server_says_the_same() {
    let judged = against(Manner::Faithful, |_| {}).await;
    assert_eq!((judged.matches, judged.mismatches, judged.ignored, judged.errors), (ALL, 0, 0, 0), "{judged:?}");
}

/// All talk at once, others come, say something and go: the order among them differs, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faithful_server_says_the_same_in_a_crowd() {
    let legacy = Legacy::start(Manner::Faithful).await;
    let mut stage = Stage::new(&legacy, |_| {}).await;
    stage.settled(CLIENTS as i64).await;
    let proxy = &stage.proxy;
    let talk = stage.clients.iter_mut().enumerate().map(|(n, client)| async move {
        for round in 0..200 {
            client.text(&format!("{n} says {round}")).await;
            if round % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        client.text(&format!("{n} ends")).await;
        let mut ends = 0;
        while ends < CLIENTS {
            ends += usize::from(client.message().await.to_text().is_ok_and(|text| text.ends_with("ends")));
        }
    });
    let guests = (0..30).map(|n| async move {
        tokio::time::sleep(Duration::from_millis(n * 15)).await;
        let mut guest = proxy.v2("g", &format!("guest{n}")).await;
        for round in 0..5 {
            guest.text(&format!("guest {n} says {round}")).await;
            tokio::time::sleep(Duration::from_millis(n * 2)).await;
        }
    });
    futures_util::future::join(futures_util::future::join_all(talk), futures_util::future::join_all(guests)).await;
    let all = (CLIENTS * CLIENTS * 201) as u64;
    proxy.eventually("all is judged", |p| count(p, Shadowed::Match) >= all).await;
    tokio::time::sleep(WINDOW * 2).await;
    assert_eq!((count(proxy, Shadowed::Mismatch), count(proxy, Shadowed::Error)), (0, 0));
}

#[tokio::test]
async fn what_the_legacy_server_drops_is_missing_there() {
    let judged = against(Manner::Drops, |_| {}).await;
    assert_eq!((judged.matches, judged.found()), (ALL - TENTH, TENTH), "{judged:?}");
    assert!(judged.differences.iter().all(|difference| difference == "missing_there"), "{judged:?}");
}

#[tokio::test]
async fn what_it_says_twice_is_missing_here() {
    let judged = against(Manner::Doubles, |_| {}).await;
    assert_eq!((judged.matches, judged.found()), (ALL, TENTH), "{judged:?}");
    assert!(judged.differences.iter().all(|difference| difference == "missing_here"), "{judged:?}");
}

#[tokio::test]
async fn another_order_is_found_where_it_counts() {
    for (order, mismatches) in [(true, TENTH), (false, 0)] {
        let legacy = Legacy::start(Manner::Swaps).await;
        let mut stage = Stage::new(&legacy, |shadow| shadow.order = order).await;
        stage.settled(CLIENTS as i64).await;
        // One sender: between senders there is no order. One frame more, so that none is held back at the end.
        let frames = CLIENTS * ROUNDS + 1;
        for n in 0..frames {
            let message = Message::text(format!("{n}"));
            stage.clients[0].send(message.clone()).await;
            for client in &mut stage.clients {
                assert_eq!(client.message().await, message);
            }
        }
        let all = ALL + CLIENTS as u64;
        let sum = |p: &Proxy| count(p, Shadowed::Match) + count(p, Shadowed::Mismatch);
        stage.proxy.eventually("all is judged", |p| sum(p) == all).await;
        assert_eq!(count(&stage.proxy, Shadowed::Mismatch), mismatches);
    }
}

#[tokio::test]
async fn a_blank_more_is_a_difference_on_both_sides() {
    let judged = against(Manner::Respaces, |_| {}).await;
    // Six of every tenth frame are text, and each recipient has one left over on each side.
    assert_eq!((judged.matches, judged.found()), (ALL - 6 * CLIENTS as u64, 12 * CLIENTS as u64), "{judged:?}");
    assert!(
        judged.differences.contains(&"missing_here".into()) && judged.differences.contains(&"missing_there".into())
    );
}

#[tokio::test]
async fn what_may_differ_does_not_count_and_what_is_noise_is_no_mismatch() {
    let json = ALL / 3 - (CLIENTS * CLIENTS) as u64 / 3;
    let strict = against(Manner::Dates, |_| {});
    let lenient = against(Manner::Dates, |shadow| shadow.ignore = vec!["/at".into()]);
    let (strict, lenient) = tokio::join!(strict, lenient);
    assert!(strict.found() >= json, "{strict:?}");
    assert_eq!((lenient.matches, lenient.mismatches), (ALL, 0), "{lenient:?}");
    let (legacy, second) = (Legacy::start(Manner::Dates).await, Legacy::start(Manner::Dates).await);
    let mut stage = Stage::new(&legacy, |shadow| shadow.noise_url = second.url()).await;
    stage.settled(2 * CLIENTS as i64).await;
    stage.talk().await;
    let judged = stage.judged().await;
    assert!(judged.mismatches == 0 && judged.noise > 0 && judged.noise + judged.ignored >= json, "{judged:?}");
    assert!(judged.matches > ALL / 2, "{judged:?}");
}

/// Whatever the legacy server does, clients get the same in the same time, and nothing is said to differ.
async fn never_noticed(manner: Option<Manner>) {
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port").local_addr();
    let legacy = Legacy::start(manner.unwrap_or(Manner::Faithful)).await;
    let change = |shadow: &mut Shadow| {
        if manner.is_none() {
            shadow.url = Some(format!("ws://{}", nobody.expect("an address")));
        }
    };
    let mut stage = Stage::new(&legacy, change).await;
    if matches!(manner, Some(Manner::Closes | Manner::Deaf)) {
        stage.settled(CLIENTS as i64).await;
    }
    let began = Instant::now();
    stage.talk().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{manner:?}: {:?}", began.elapsed());
    let judged = stage.judged().await;
    assert_eq!((judged.mismatches, judged.noise), (0, 0), "{manner:?}: {judged:?}");
    assert!(judged.ignored > 0, "{manner:?}: {judged:?}");
    if matches!(manner, None | Some(Manner::Closes)) {
        assert!(judged.errors > 0, "{manner:?}: {judged:?}");
    }
}

#[tokio::test]
async fn a_server_that_fails_is_never_noticed_and_never_a_mismatch() {
    let manners = [None, Some(Manner::Hangs), Some(Manner::Closes), Some(Manner::Deaf)];
    futures_util::future::join_all(manners.map(never_noticed)).await;
}

#[tokio::test]
async fn a_deaf_server_gets_a_bounded_queue_and_then_nothing() {
    let legacy = Legacy::start(Manner::Deaf).await;
    let mut stage = Stage::new(&legacy, |_| {}).await;
    stage.settled(CLIENTS as i64).await;
    let big = "x".repeat(500_000);
    let began = Instant::now();
    for _ in 0..30 {
        stage.clients[0].text(&big).await;
        for client in &mut stage.clients {
            assert_eq!(client.message().await.len(), big.len());
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // The others' links are as deaf, but nothing goes there.
    stage.proxy.eventually("the link is dropped", |p| count(p, Shadowed::Error) > 0).await;
    assert_eq!(count(&stage.proxy, Shadowed::Mismatch), 0);
    assert_eq!(stage.proxy.outcome(Outcome::Lost), 0);
}

#[tokio::test]
async fn what_v3_says_and_what_only_v3_hears_is_not_compared() {
    let legacy = Legacy::start(Manner::Faithful).await;
    let mut stage = Stage::new(&legacy, |_| {}).await;
    let mut v3 = stage.proxy.v3("g", "three").await;
    // It speaks V2 and hears V3: what it says counts, what it hears does not.
    let mut both = stage.proxy.connect("/ws/group/g/client/both?recv=v3").await;
    stage.settled(CLIENTS as i64 + 1).await;
    for n in 0..10 {
        v3.text(&format!(r#"{{"msg_type":"msg","target":"group","msg":"three {n}"}}"#)).await;
        both.text(&format!("both {n}")).await;
        for client in &mut stage.clients {
            for _ in 0..2 {
                client.message().await;
            }
        }
    }
    let (n, each) = (CLIENTS as u64, 10);
    stage.proxy.eventually("all is judged", |p| count(p, Shadowed::Match) == n * each).await;
    tokio::time::sleep(WINDOW * 3 / 2).await;
    assert_eq!((count(&stage.proxy, Shadowed::Ignored), count(&stage.proxy, Shadowed::Mismatch)), (n * each, 0));
}

#[tokio::test]
async fn a_client_is_repeated_as_it_came_and_links_end_after_it() {
    let legacy = Legacy::start(Manner::Faithful).await;
    let proxy = Proxy::with(|c| (c.shadow.url, c.shadow.percent, c.shadow.window) = (legacy.url(), 100, WINDOW)).await;
    let headers = [("authorization", "Bearer abc"), ("user-agent", "Old/1.0"), ("origin", "http://app.example")];
    let path = "/ws/group/g/client/c%20d?x_account_id=acme&a=b";
    let client = Client::open(proxy.tcp().await, path, &headers).await;
    proxy.eventually("a link", |p| p.metrics().shadow_connections.only().get() == 1).await;
    {
        let seen = legacy.seen.lock();
        assert_eq!(seen[0].uri().path_and_query().expect("a path"), path);
        for (name, value) in headers {
            assert_eq!(seen[0].headers()[name], value);
        }
        assert_eq!(seen[0].headers()["host"], legacy.address.to_string());
    }
    drop(client);
    proxy.has(0).await;
    proxy.eventually("no link", |p| p.metrics().shadow_connections.only().get() == 0).await;
    assert_eq!(count(&proxy, Shadowed::Error), 0);
}

#[tokio::test]
async fn there_are_no_more_connections_than_allowed_and_others_are_not_judged() {
    let legacy = Legacy::start(Manner::Faithful).await;
    let mut stage = Stage::new(&legacy, |shadow| shadow.max_connections = CLIENTS - 1).await;
    stage.settled(CLIENTS as i64 - 1).await;
    stage.talk().await;
    let judged = stage.judged().await;
    let (n, rounds) = (CLIENTS as u64, ROUNDS as u64);
    assert_eq!((judged.matches, judged.mismatches), ((n - 1) * (n - 1) * rounds, 0), "{judged:?}");
    assert_eq!((judged.ignored, judged.errors), (ALL - judged.matches, 0), "{judged:?}");
}

#[tokio::test]
async fn groups_that_were_not_chosen_are_left_alone() {
    let legacy = Legacy::start(Manner::Faithful).await;
    for (percent, tenants, links) in
        [(0, vec![], 0), (100, vec!["other*".to_owned()], 0), (100, vec!["_no*".into()], 3)]
    {
        let stage = Stage::new(&legacy, |shadow| (shadow.percent, shadow.tenants) = (percent, tenants)).await;
        stage.proxy.eventually("links", |p| p.metrics().shadow_connections.only().get() == links).await;
    }
    assert_eq!(legacy.seen.lock().len(), 3);
}
