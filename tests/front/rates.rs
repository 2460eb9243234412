//! What the connections of one address, one account and one key may say together, and that nobody is thrown out for it.

use crate::addresses::{from, key, limit, refusal, trusting};
use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::config::{Config, RefuseWith, Switch};
use aether_proxy::dialect::{Protocol, Spoken};
use aether_proxy::label::Label;
use aether_proxy::telemetry::labels::{ByDialect, Handshake, Limit, Lost, LostOn, Outcome, Path};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// Once a bucket of bytes is empty it stays so for as long as a test may take: 1 byte a second, 1000 in a burst.
fn drops_of(limits: &mut aether_proxy::config::Limits) {
    limits.message = 1000;
    limits.ping_interval = Duration::from_millis(100);
}

fn per_ip(c: &mut Config) {
    drops_of(&mut c.limits);
    c.limits.bytes_per_second_per_ip = 1;
}

fn hits(proxy: &Proxy, limit: Limit) -> u64 {
    proxy.metrics().limit_hits.with((limit,)).get()
}

fn received(proxy: &Proxy) -> u64 {
    proxy.metrics().messages_received.with(ByDialect(Spoken::AetherV2)).get()
}

/// Says this in a group of its own, and hears it.
async fn says(client: &mut Client, text: &str) {
    client.text(text).await;
    assert_eq!(client.message().await, Message::text(text));
}

/// Takes everything there is: the first message is within the burst, the second is paid for by waiting.
async fn uses_up(client: &mut Client) {
    says(client, &"x".repeat(1000)).await;
    says(client, &"y".repeat(1000)).await;
}

#[tokio::test]
async fn one_address_that_says_too_much_is_read_later_and_hears_all_the_same() {
    let proxy = Proxy::with(per_ip).await;
    let mut loud = from(&proxy, 1, "/ws/group/g/client/loud", &[]).await.expect("room");
    uses_up(&mut loud).await;
    loud.text("later").await;
    // Another of the same address is one message ahead, and no more.
    let mut beside = from(&proxy, 1, "/ws/group/h/client/beside", &[]).await.expect("room");
    says(&mut beside, "first").await;
    beside.text("second").await;
    assert_eq!(hits(&proxy, Limit::BytesPerIp), 2);
    // It is pinged for longer than a dead one would live, though its pongs are not read.
    for _ in 0..6 {
        assert!(matches!(loud.frame().await, Some(Ok(Message::Ping(_)))));
    }
    // Another address is not touched.
    let mut other = from(&proxy, 2, "/ws/group/g/client/other", &[]).await.expect("room");
    for n in 0..10 {
        let text = format!("to all: {n}");
        says(&mut other, &text).await;
        assert_eq!(loud.message().await, Message::text(text));
    }
    assert_eq!((hits(&proxy, Limit::BytesPerIp), received(&proxy)), (2, 13));
    proxy.has(3).await;
    // It can be asked to go.
    let asked = Instant::now();
    tokio::join!(proxy.running.shutdown(), async { assert_eq!(loud.closed().await.0, 1012) });
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1).await;
    // What was not read yet counts as said before the goodbye; of those who hear it some have gone by then.
    let gone = Path::ALL.iter().map(|path| proxy.metrics().messages_lost.with(LostOn(*path, Lost::Disconnect)).get());
    assert_eq!(proxy.outcome(Outcome::Lost), gone.sum::<u64>());
}

#[tokio::test]
async fn who_leaves_while_nobody_reads_is_missed_soon() {
    let proxy = Proxy::with(per_ip).await;
    let mut loud = from(&proxy, 1, "/ws/group/g/client/loud", &[]).await.expect("room");
    uses_up(&mut loud).await;
    loud.text("later").await;
    drop(loud);
    proxy.has(0).await;
    // With the last one goes what it owed.
    let mut again = from(&proxy, 1, "/ws/group/g/client/again", &[]).await.expect("room");
    proxy.eventually("given back", |p| p.metrics().connections.with(ByDialect(Spoken::AetherV2)).get() == 1).await;
    says(&mut again, "x").await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_speaks_for_itself() {
    let proxy = Proxy::with(|c| {
        trusting(&["127.0.0.1/32"])(c);
        c.limits.connections_per_ip = 0;
        per_ip(c);
    })
    .await;
    let of = async |address: &str, group: &str| {
        let path = format!("/ws/group/{group}/client/c");
        from(&proxy, 1, &path, &[("x-forwarded-for", address)]).await.expect("room")
    };
    let (mut v4, mut v4_other) = (of("203.0.113.1", "a").await, of("203.0.113.2", "b").await);
    uses_up(&mut v4).await;
    says(&mut v4_other, &"x".repeat(1000)).await;
    assert_eq!(hits(&proxy, Limit::BytesPerIp), 1);
    // One customer has 2^64 addresses of IPv6.
    let (mut v6, mut v6_same) = (of("2001:db8::1", "c").await, of("2001:db8::ffff", "d").await);
    let mut v6_other = of("2001:db8:0:1::1", "e").await;
    uses_up(&mut v6).await;
    says(&mut v6_other, &"x".repeat(1000)).await;
    assert_eq!(hits(&proxy, Limit::BytesPerIp), 2);
    says(&mut v6_same, "x").await;
    assert_eq!(hits(&proxy, Limit::BytesPerIp), 3);
}

#[tokio::test]
async fn an_account_and_a_key_are_shared_by_all_their_connections_and_by_nobody_else() {
    let proxy = Proxy::with(|c| {
        drops_of(&mut c.limits);
        c.limits.bytes_per_second_per_tenant = 1;
        c.auth.account_from_client = Switch::Yes;
        c.auth.api_keys = vec![key("a1", Some("acme")), key("a2", Some("acme")), key("open", None)];
    })
    .await;
    let mut n = 0;
    let mut with = async |query: &str| {
        n += 1;
        from(&proxy, 1, &format!("/ws/group/g{n}/client/c?{query}"), &[]).await.expect("room")
    };
    let mut holders = [with("api_key=a1").await, with("api_key=open&x_account_id=b").await];
    uses_up(&mut holders[0]).await;
    assert_eq!(hits(&proxy, Limit::BytesPerTenant), 1);
    // Another key of that account.
    says(&mut with("api_key=a2").await, "x").await;
    assert_eq!(hits(&proxy, Limit::BytesPerTenant), 2);
    // Another account is not touched. One key has its own, whatever accounts are named with it.
    uses_up(&mut holders[1]).await;
    assert_eq!(hits(&proxy, Limit::BytesPerTenant), 3);
    says(&mut with("api_key=open&x_account_id=c").await, "x").await;
    assert_eq!(hits(&proxy, Limit::BytesPerTenant), 4);
}

/// Four connections of one account send as fast as they can. All of it arrives, in order, at the rate that was set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_account_sends_too_fast_arrives_at_the_rate_and_nothing_is_lost() {
    let proxy = Proxy::with(|c| c.limits.messages_per_second_per_tenant = 50).await;
    let mut clients = Vec::new();
    for n in 0..4 {
        clients.push(proxy.connect(&format!("/ws/group/g{n}/client/c?x_account_id=acme")).await);
    }
    let began = Instant::now();
    let speak = clients.iter_mut().map(async |client| {
        for n in 0..50 {
            client.text(&n.to_string()).await;
        }
        for n in 0..50 {
            assert_eq!(client.message().await, Message::text(n.to_string()));
        }
    });
    futures_util::future::join_all(speak).await;
    // A burst of 100, then 50 a second; each may be one ahead.
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
    assert!(hits(&proxy, Limit::MessagesPerTenant) >= 50);
    proxy.has(4).await;
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1).await;
    assert_eq!((proxy.outcome(Outcome::Delivered), proxy.outcome(Outcome::Lost)), (200, 0));
}

#[tokio::test]
async fn a_reload_changes_it_for_those_who_come_from_then_on() {
    let proxy = Proxy::with(|c| drops_of(&mut c.limits)).await;
    let of = async |client: &str| from(&proxy, 1, &format!("/ws/group/{client}/client/c"), &[]).await.expect("room");
    let mut before = of("before").await;
    proxy.reload(|c| c.limits.bytes_per_second_per_ip = 1).await;
    let mut limited = of("limited").await;
    uses_up(&mut limited).await;
    uses_up(&mut before).await;
    uses_up(&mut before).await;
    assert_eq!(hits(&proxy, Limit::BytesPerIp), 1);
    limited.text("later").await;
    // Nobody pays for what was owed under other rates.
    proxy.reload(|c| c.limits.bytes_per_second_per_ip = 1_000_000).await;
    let mut wealthy = of("wealthy").await;
    uses_up(&mut wealthy).await;
    uses_up(&mut wealthy).await;
    proxy.reload(|_| {}).await;
    let mut free = of("free").await;
    uses_up(&mut free).await;
    assert_eq!((hits(&proxy, Limit::BytesPerIp), received(&proxy)), (1, 12));
}

#[tokio::test]
async fn an_account_and_a_key_may_knock_so_often() {
    let proxy = Proxy::with(|c| {
        c.limits.handshakes_per_second_per_tenant = 1;
        c.auth.api_keys = vec![key("a1", Some("acme")), key("a2", Some("acme")), key("b", None)];
        c.policy.refuse_with = RefuseWith::Close;
    })
    .await;
    let with = async |key: &str| from(&proxy, 1, &format!("/v3/ws/group/g/client/c?api_key={key}"), &[]).await;
    // How many are let in, by turns with these keys, and how the next is refused.
    let knock = async |keys: [&str; 2]| {
        let mut let_in = 0;
        loop {
            match with(keys[let_in % 2]).await {
                Ok(_) => let_in += 1,
                refused => break (let_in, refusal(refused)),
            }
            assert!(let_in < 100, "never refused");
        }
    };
    // The account that both have, then a key without one.
    for keys in [["a1", "a2"], ["b", "b"]] {
        let (let_in, refused) = knock(keys).await;
        assert!(let_in >= 2, "the burst is two, not {let_in}");
        assert_eq!(refused, limit(429, "1", "too_many_handshakes_of_tenant"));
    }
    assert_eq!(hits(&proxy, Limit::HandshakesPerTenant), 2);
    assert_eq!(proxy.metrics().handshakes.with((Protocol::V3, Handshake::Limit)).get(), 2);
}

#[tokio::test]
async fn who_proves_nothing_uses_up_nobodys_handshakes() {
    let proxy = Proxy::with(|c| {
        c.limits.handshakes_per_second_per_tenant = 1;
        c.auth.api_keys = vec![key("a", Some("acme"))];
        c.auth.guests = aether_proxy::config::Guests::Allow;
        c.auth.account_from_client = Switch::Yes;
    })
    .await;
    let with = async |query: &str| from(&proxy, 1, &format!("/v3/ws/group/g/client/c?{query}"), &[]).await;
    let mut refused = 0;
    for _ in 0..20 {
        assert_eq!(with("api_key=wrong&x_account_id=acme").await.err().map(|_| ()), Some(()));
        refused += u32::from(with("x_account_id=acme").await.is_err());
    }
    assert!(refused > 0, "guests are held to it, too");
    with("api_key=a").await.expect("the account itself");
}
