//! What one address, one account, one key and all together may take, and whose word about an address counts.

use crate::PATIENCE;
use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::config::{ApiKey, Config, RefuseWith, Secret, Switch};
use aether_proxy::dialect::Protocol;
use aether_proxy::telemetry::labels::Handshake;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Response;

const PATH: &str = "/v3/ws/group/g/client/c";
const FORWARDED: &str = "x-forwarded-for";

/// A connection from 127.0.0.`n`.
async fn tcp_from(proxy: &Proxy, n: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, n], 0).into()).expect("bound");
    socket.connect(proxy.running.clients).await.expect("connected")
}

pub async fn from(proxy: &Proxy, n: u8, path: &str, headers: &[(&'static str, &str)]) -> Result<Client, Box<Error>> {
    Client::try_open(tcp_from(proxy, n).await, path, headers).await
}

/// Status, `Retry-After` and the code in the JSON body of a refusal.
pub fn refusal(attempt: Result<Client, Box<Error>>) -> (u16, String, String) {
    match attempt.map_err(|error| *error) {
        Err(Error::Http(response)) => told(&response),
        Err(other) => panic!("no answer: {other}"),
        Ok(_) => panic!("let in"),
    }
}

fn told(response: &Response<Option<Vec<u8>>>) -> (u16, String, String) {
    let later = response.headers()["retry-after"].to_str().expect("a text").to_owned();
    let body = response.body().as_deref().expect("a body");
    let body: serde_json::Value = serde_json::from_slice(body).expect("json");
    (response.status().as_u16(), later, body["error"]["code"].as_str().expect("a code").to_owned())
}

pub fn limit(status: u16, later: &str, code: &str) -> (u16, String, String) {
    (status, later.to_owned(), code.to_owned())
}

pub fn trusting(networks: &[&str]) -> impl FnOnce(&mut Config) + use<> {
    let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
    |c| {
        c.listen.trusted_proxies = networks;
        c.limits.connections_per_ip = 1;
    }
}

/// Tries until it is let in: a place comes back a moment after its connection has ended.
async fn let_in(proxy: &Proxy, n: u8, path: &str, headers: &[(&'static str, &str)]) -> Client {
    let attempts = async {
        loop {
            match from(proxy, n, path, headers).await.map_err(|error| *error) {
                Ok(client) => return client,
                Err(Error::Http(response)) => assert_eq!(response.status(), 429),
                Err(other) => panic!("no answer: {other}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, attempts).await.expect("let in again")
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_gets_them_back() {
    let proxy = Proxy::with(|c| c.limits.connections_per_ip = 2).await;
    let full = limit(429, "5", "too_many_connections_from_address");
    let first = from(&proxy, 1, PATH, &[]).await.expect("room");
    let second = from(&proxy, 1, PATH, &[]).await.expect("room");
    for _ in 0..3 {
        assert_eq!(refusal(from(&proxy, 1, PATH, &[]).await), full);
    }
    // Another address has its own.
    let other = from(&proxy, 2, PATH, &[]).await.expect("room for another");
    assert_eq!(proxy.metrics().handshakes.with((Protocol::V3, Handshake::Limit)).get(), 3);
    drop(first);
    let third = let_in(&proxy, 1, PATH, &[]).await;
    assert_eq!(refusal(from(&proxy, 1, PATH, &[]).await), full);
    drop((second, third, other));
    let _again = (let_in(&proxy, 1, PATH, &[]).await, let_in(&proxy, 1, PATH, &[]).await);
    assert_eq!(refusal(from(&proxy, 1, PATH, &[]).await), full);
}

#[tokio::test]
async fn connections_that_never_ask_count_too() {
    let proxy = Proxy::with(|c| c.limits.connections_per_ip = 2).await;
    let silent = (tcp_from(&proxy, 1).await, tcp_from(&proxy, 1).await);
    // Accepted in the order in which they came, so both are counted before this one.
    assert_eq!(refusal(from(&proxy, 1, PATH, &[]).await).0, 429);
    from(&proxy, 2, PATH, &[]).await.expect("room for another");
    drop(silent);
    let_in(&proxy, 1, PATH, &[]).await;
}

#[tokio::test]
async fn a_refused_handshake_gives_its_hold_back() {
    let proxy = Proxy::with(|c| c.limits.connections_per_ip = 1).await;
    for _ in 0..5 {
        // 404, and the connection ends.
        let mut stream = tcp_from(&proxy, 1).await;
        match Client::try_open(stream, "/nowhere", &[]).await.map_err(|error| *error) {
            Err(Error::Http(response)) => assert!([404, 429].contains(&response.status().as_u16())),
            other => panic!("{:?}", other.map(|client| client.response)),
        }
        // Gone before it asked.
        stream = tcp_from(&proxy, 1).await;
        drop(stream);
    }
    let_in(&proxy, 1, PATH, &[]).await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_address() {
    let proxy = Proxy::with(trusting(&["127.0.0.1/32", "10.0.0.0/8"])).await;
    let _one = from(&proxy, 1, PATH, &[(FORWARDED, "203.0.113.1")]).await.expect("room");
    let _two = from(&proxy, 1, PATH, &[(FORWARDED, "203.0.113.2")]).await.expect("room");
    // The same client again, by whatever way and whatever it wrote itself into the header.
    for list in ["203.0.113.1", "9.9.9.9, 203.0.113.1", "203.0.113.1:4711, 10.1.1.1", "garbage, 203.0.113.1, 10.1.1.1"]
    {
        let full = limit(429, "5", "too_many_connections_from_address");
        assert_eq!(refusal(from(&proxy, 1, PATH, &[(FORWARDED, list)]).await), full, "{list}");
    }
    // One customer has 2^64 addresses of IPv6.
    let v6 = from(&proxy, 1, PATH, &[(FORWARDED, "2001:db8::1")]).await.expect("room");
    assert_eq!(refusal(from(&proxy, 1, PATH, &[(FORWARDED, "2001:db8::ffff")]).await).0, 429);
    from(&proxy, 1, PATH, &[(FORWARDED, "2001:db8:0:1::1")]).await.expect("room for another");
    drop(v6);
    let_in(&proxy, 1, PATH, &[(FORWARDED, "2001:db8::ffff")]).await;
}

#[tokio::test]
async fn the_word_of_an_untrusted_peer_is_ignored() {
    let proxy = Proxy::with(trusting(&["127.0.0.9"])).await;
    let _first = from(&proxy, 1, PATH, &[(FORWARDED, "203.0.113.1")]).await.expect("room");
    assert_eq!(refusal(from(&proxy, 1, PATH, &[(FORWARDED, "203.0.113.2")]).await).0, 429);
    // Nor can it take the place of the one it names.
    from(&proxy, 9, PATH, &[(FORWARDED, "203.0.113.1")]).await.expect("room");
    from(&proxy, 2, PATH, &[(FORWARDED, "127.0.0.1")]).await.expect("room");
}

#[tokio::test]
async fn garbage_in_the_header_leaves_the_proxys_own_address() {
    let proxy = Proxy::with(trusting(&["127.0.0.1"])).await;
    let _first = from(&proxy, 1, PATH, &[(FORWARDED, "unknown")]).await.expect("room");
    for garbage in ["", ",,,", "_secret", "203.0.113.1, ", "999.1.1.1", &"1,".repeat(2000)] {
        let refused = refusal(from(&proxy, 1, PATH, &[(FORWARDED, garbage)]).await);
        assert_eq!(refused.2, "too_many_connections_from_address", "{garbage:.20}");
    }
    from(&proxy, 1, PATH, &[(FORWARDED, "203.0.113.1")]).await.expect("room");
}

#[tokio::test]
async fn one_address_may_knock_so_often() {
    let proxy = Proxy::with(|c| c.limits.handshakes_per_second_per_ip = 1).await;
    let mut let_in = 0;
    let refused = loop {
        match from(&proxy, 1, PATH, &[]).await {
            Ok(_) => let_in += 1,
            refused => break refusal(refused),
        }
        assert!(let_in < 100, "never refused");
    };
    assert!(let_in >= 2, "the burst is two, not {let_in}");
    assert_eq!(refused, limit(429, "1", "too_many_handshakes_from_address"));
    from(&proxy, 2, PATH, &[]).await.expect("another address may knock");
}

#[tokio::test]
async fn a_spoofed_address_buys_no_handshake_and_a_trusted_one_does() {
    let trusting_one = |trusted: &'static str| {
        move |c: &mut Config| {
            trusting(&[trusted])(c);
            c.limits.connections_per_ip = 0;
            c.limits.handshakes_per_second_per_ip = 1;
        }
    };
    let knock = async |proxy: &Proxy| {
        for n in 0..50 {
            let address = format!("203.0.113.{n}");
            if let Err(refused) = from(proxy, 1, PATH, &[(FORWARDED, &address)]).await {
                return Some(refusal(Err(refused)).2);
            }
        }
        None
    };
    let untrusting = Proxy::with(trusting_one("127.0.0.9")).await;
    assert_eq!(knock(&untrusting).await.as_deref(), Some("too_many_handshakes_from_address"));
    let believing = Proxy::with(trusting_one("127.0.0.1")).await;
    assert_eq!(knock(&believing).await, None);
}

#[tokio::test]
async fn a_limit_that_comes_with_a_reload_knows_who_is_there() {
    let proxy = Proxy::start().await;
    let _before = (from(&proxy, 1, PATH, &[]).await.expect("room"), from(&proxy, 1, PATH, &[]).await.expect("room"));
    let mut config = proxy.running.shared.config.clone();
    config.limits.connections_per_ip = 2;
    proxy.running.shared.edge.reload(&config).expect("reloaded");
    assert_eq!(refusal(from(&proxy, 1, PATH, &[]).await).0, 429);
    from(&proxy, 2, PATH, &[]).await.expect("room for another");
}

#[tokio::test]
async fn all_together_may_knock_so_often() {
    let proxy = Proxy::with(|c| c.limits.handshakes_per_second = 1).await;
    let mut let_in = 0;
    let refused = loop {
        match from(&proxy, let_in + 1, PATH, &[]).await {
            Ok(_) => let_in += 1,
            refused => break refusal(refused),
        }
        assert!(let_in < 100, "never refused");
    };
    assert!(let_in >= 2, "the burst is two, not {let_in}");
    assert_eq!(refused, limit(503, "1", "too_many_handshakes"));
}

pub fn key(name: &str, account: Option<&str>) -> ApiKey {
    let (name, key) = (name.to_owned(), Some(Secret::new(name)));
    ApiKey { name, key, sha256: None, account: account.map(str::to_owned), group: None, broadcast: false }
}

#[tokio::test]
async fn one_account_and_one_key_have_so_many_connections() {
    let proxy = Proxy::with(|c| {
        c.limits.connections_per_tenant = 2;
        c.auth.account_from_client = Switch::Yes;
        c.auth.api_keys = vec![key("a1", Some("acme")), key("a2", Some("acme")), key("open", None)];
    })
    .await;
    let with = async |query: &str| from(&proxy, 1, &format!("{PATH}?{query}"), &[]).await;
    let full = limit(429, "5", "too_many_connections_of_tenant");
    // Two keys of one account.
    let first = with("api_key=a1").await.expect("room");
    let _second = with("api_key=a2").await.expect("room");
    assert_eq!(refusal(with("api_key=a1").await), full);
    assert_eq!(refusal(with("api_key=a2").await), full);
    // One key, whatever accounts are named with it.
    let others = (with("api_key=open&x_account_id=b").await, with("api_key=open&x_account_id=c").await);
    assert!(others.0.is_ok() && others.1.is_ok());
    assert_eq!(refusal(with("api_key=open&x_account_id=d").await), full);
    // Refused ones hold nothing, closed ones no more.
    drop(first);
    let_in(&proxy, 1, &format!("{PATH}?api_key=a2"), &[]).await;
}

#[tokio::test]
async fn a_browser_is_told_of_a_full_account_by_a_close() {
    let proxy = Proxy::with(|c| {
        c.limits.connections_per_tenant = 1;
        c.policy.refuse_with = RefuseWith::Close;
    })
    .await;
    let path = format!("{PATH}?x_account_id=acme");
    let _first = from(&proxy, 1, &path, &[]).await.expect("room");
    let mut second = from(&proxy, 1, &path, &[]).await.expect("accepted to be closed");
    assert_eq!(second.closed().await, (1013, "try again later".into()));
    // Guests without an account are no tenant.
    let _guests = (from(&proxy, 1, PATH, &[]).await.expect("room"), from(&proxy, 1, PATH, &[]).await.expect("room"));
}

#[tokio::test]
async fn so_many_that_are_refused_are_dropped_and_others_still_come_in() {
    let proxy = Proxy::with(|c| {
        c.limits.connections_per_ip = 1;
        c.limits.connections = 10;
    })
    .await;
    let _first = from(&proxy, 1, PATH, &[]).await.expect("room");
    // They say nothing; far more than the ten places there are.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(tcp_from(&proxy, 1).await);
    }
    // The surplus beyond those who are told is dropped at once.
    let last = silent.last_mut().expect("a connection");
    assert!(matches!(timeout(PATIENCE, last.read(&mut [0; 1])).await.expect("the end"), Ok(0) | Err(_)));
    for n in 2..10 {
        from(&proxy, n, PATH, &[]).await.expect("room for others");
    }
}
