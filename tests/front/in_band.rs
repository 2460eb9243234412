//! Clients that prove themselves in their first frames: until they have, nobody hears them and they hear nobody.

use crate::client::Client;
use crate::proxy::Proxy;
use crate::rooms::{
    AGENT, VALTRONICS, agent, agent_auth, auth, counted, forged, metrics_of, page, proxy, token, told, user, waiting,
};
use aether_proxy::config::{Config, DialectName, Mount, WebUrl};
use aether_proxy::dialect::Spoken;
use aether_proxy::telemetry::labels::{InBand, Limit};
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

const UPDATE: &str = r#"{"type":"telemetry_update","channel":"telemetry","device_id":1,"telemetry":{"t":1}}"#;

#[tokio::test]
async fn nothing_is_heard_or_said_before_the_first_frame_back_and_what_came_with_it_counts() {
    let proxy = proxy(|_| {}).await;
    let mut modern = proxy.v3("valtronics", "m").await;
    let mut client = proxy.connect(VALTRONICS).await;
    proxy.eventually("it waits", |p| waiting(p) == 1).await;
    assert_eq!(proxy.running.shared.hub.registry().len(), 1, "it has no seat");
    client.text(r#"{"type":"ping","timestamp":7}"#).await;
    assert_eq!(client.next().await, r#"{"type":"pong","timestamp":7}"#);
    client.text(r#"{"type":"subscribe","channel":"telemetry"}"#).await;
    assert!(client.next().await.contains(r#""type":"error""#));
    client.text(UPDATE).await;
    assert!(client.next().await.contains(r#""type":"error""#));
    modern.text(&told(UPDATE)).await;
    modern.text(r#"{"version":"3","msg_type":"cmd","cmd":"READ","target":"group"}"#).await;
    // Back to back: the guide's Python client does not wait for the answer.
    client.text(&auth(&token("u1"))).await;
    client.text(r#"{"type":"subscribe","channel":"telemetry"}"#).await;
    assert!(client.next().await.contains(r#""type":"auth_response""#), "first of all");
    assert!(client.next().await.contains("subscription_confirmed"));
    proxy.eventually("nobody waits", |p| waiting(p) == 0).await;
    modern.text(&told(UPDATE)).await;
    assert_eq!(client.next().await, UPDATE);
    client.text(r#"{"type":"done"}"#).await;
    let heard = modern.until(r#""type":"done""#).await;
    assert!(heard.iter().all(|m| m.to_text().unwrap_or_default().contains(r#""from_id":"m""#)), "{heard:?}");
    assert_eq!(counted(&proxy, Spoken::Valtronics, InBand::Ok), 1);
}

#[tokio::test]
async fn who_a_client_is_says_its_token_and_nothing_else() {
    let proxy = proxy(|_| {}).await;
    let mut modern = proxy.v3("valtronics", "m").await;
    let mut client = proxy.connect(&format!("{VALTRONICS}?jwt={}&client_id=forged", token("not-me"))).await;
    client.text(&auth(&token("user-7"))).await;
    assert!(client.next().await.contains("auth_response"));
    client.text(r#"{"type":"hello","from_id":"forged"}"#).await;
    let heard = modern.next().await;
    assert!(heard.contains(r#""from_id":"user-7""#) && heard.contains(r#""group_id":"valtronics""#), "{heard}");
    // The reserved id is nobody's; this one gets one that was made up.
    let mut odd = user(&proxy, "server").await;
    odd.text(r#"{"type":"hello"}"#).await;
    let heard = modern.next().await;
    assert!(heard.contains(r#""from_id":"valtronics-"#), "{heard}");
    // Of those without an id the inventory remembers one, not one for each connection.
    let mut more = Vec::new();
    for _ in 0..3 {
        more.push(user(&proxy, "server").await);
    }
    let (seen, _) = proxy.running.shared.migration.roster.take();
    let mut clients: Vec<_> = seen.clients.keys().map(|(_, client)| client.to_string()).collect();
    clients.sort_unstable();
    assert_eq!(clients, ["(no id: valtronics)", "user-7"]);
}

#[tokio::test]
async fn whoever_proves_itself_wrongly_is_told_so_first() {
    let proxy = proxy(|_| {}).await;
    let wrong = [
        (AGENT.to_owned(), agent_auth("nobody's key"), "Invalid or inactive API key"),
        (AGENT.to_owned(), agent_auth(&token("u1")), "Invalid or inactive API key"),
        (AGENT.to_owned(), r#"{"type":"metrics"}"#.to_owned(), "Authentication required: send an API key first"),
        (metrics_of("srv-1"), auth(&forged("u1")), "Invalid token"),
        (metrics_of("srv-1"), auth("key-srv-1"), "Invalid token"),
        (metrics_of("srv-3"), auth(&token("u1")), "Server not found or access denied"),
        (metrics_of("%ff"), auth(&token("u1")), "Invalid server ID"),
        (metrics_of("%ff"), auth(&forged("u1")), "Invalid token"),
    ];
    for (path, frame, why) in &wrong {
        let mut client = proxy.connect(path).await;
        client.text(frame).await;
        assert_eq!(client.next().await, format!(r#"{{"type":"error","message":"{why}"}}"#), "{path}");
        assert_eq!(client.closed().await, (1008, (*why).to_owned()), "{path}");
    }
    let mut client = proxy.connect(VALTRONICS).await;
    client.text(&auth(&forged("u1"))).await;
    let told = client.next().await;
    assert!(told.contains(r#""success":false"#) && told.contains(r#""error":"invalid_token""#), "{told}");
    assert_eq!(client.closed().await.0, 1008);
    assert_eq!(counted(&proxy, Spoken::ServerMonitor, InBand::Denied), 8);
    assert_eq!(counted(&proxy, Spoken::Valtronics, InBand::Denied), 1);
    proxy.eventually("nobody waits", |p| waiting(p) == 0).await;
    assert_eq!(proxy.running.shared.hub.registry().len(), 0);
}

#[tokio::test]
async fn whoever_says_nothing_is_closed_in_time_and_whoever_goes_is_gone() {
    let proxy = proxy(|c| c.auth.in_band_timeout = Duration::from_millis(300)).await;
    let began = Instant::now();
    let mut silent = proxy.connect(&metrics_of("srv-1")).await;
    silent.send(Message::Ping("still here".into())).await;
    assert!(silent.next().await.contains("Authentication required"));
    assert_eq!(silent.closed().await.0, 1008);
    assert!(began.elapsed() >= Duration::from_millis(300));
    drop(proxy.connect(AGENT).await);
    proxy.eventually("gone", |p| counted(p, Spoken::ServerMonitor, InBand::Gone) == 1).await;
    assert_eq!(counted(&proxy, Spoken::ServerMonitor, InBand::Late), 1);
    proxy.eventually("nobody waits", |p| waiting(p) == 0).await;
}

#[tokio::test]
async fn a_drain_does_not_wait_for_those_who_have_not_proved_themselves() {
    let proxy = proxy(|c| c.auth.refuse_delay = Duration::from_secs(600)).await;
    let (mut silent, mut wrong, mut inside) =
        (proxy.connect(AGENT).await, proxy.connect(AGENT).await, agent(&proxy, "key-srv-1").await);
    wrong.text(&agent_auth("wrong")).await;
    assert!(wrong.next().await.contains("Invalid or inactive"));
    proxy.eventually("two wait", |p| waiting(p) == 2).await;
    let began = Instant::now();
    tokio::join!(proxy.running.drain(), async {
        assert_eq!(silent.closed().await.0, 1012);
        assert_eq!(wrong.closed().await, (1008, "Invalid or inactive API key".into()));
        assert_eq!(inside.closed().await.0, 1012);
        drop((silent, wrong, inside));
    });
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn without_any_credential_configured_everybody_may_come_in() {
    let proxy = proxy(|c| {
        c.auth.api_keys.clear();
        c.auth.jwt.secret = None;
    })
    .await;
    let mut client = proxy.connect(VALTRONICS).await;
    client.text(&auth("anything")).await;
    assert!(client.next().await.contains(r#""success":true"#));
    let mut agent = proxy.connect(AGENT).await;
    agent.text(&agent_auth("anything")).await;
    assert!(agent.next().await.contains(r#""server_id":"guest""#));
}

#[tokio::test]
async fn a_server_is_its_keys_and_pages_see_only_the_one_they_name() {
    let proxy = proxy(|_| {}).await;
    let (mut first, mut second) = (agent(&proxy, "key-srv-1").await, agent(&proxy, "key-second").await);
    let (mut page_1, mut page_2) = (page(&proxy, "srv-1").await, page(&proxy, "srv-2").await);
    let mut modern = proxy.v3("srv-1", "m").await;
    for (agent, cpu) in [(&mut first, 1), (&mut second, 2)] {
        agent.text(&format!(r#"{{"type":"metrics","server_id":"srv-2","cpu_percent":{cpu}}}"#)).await;
        assert_eq!(agent.next().await, r#"{"type":"metrics_received","status":"ok"}"#);
    }
    assert!(page_1.next().await.contains(r#""cpu_percent":1"#));
    assert!(page_2.next().await.contains(r#""cpu_percent":2"#));
    let heard = modern.next().await;
    assert!(heard.contains(r#""from_id":"srv-1""#) && heard.contains(r#""cpu_percent":1"#), "{heard}");
    // A second agent with the same key takes over; the page stays.
    let mut newer = agent(&proxy, "key-srv-1").await;
    assert_eq!(first.closed().await.0, 4409);
    newer.text(r#"{"type":"metrics","cpu_percent":3}"#).await;
    assert!(page_1.next().await.contains(r#""cpu_percent":3"#));
}

/// Rules of the migration are asked with the tenant it proved, and the dialect's name.
#[tokio::test]
async fn the_policy_is_asked_with_what_was_proved() {
    let rules = r#"
        deprecation = "2020-01-01"
        [[rules]]
        name = "over"
        action = "block"
        dialects = ["server-monitor"]
        [[exemptions]]
        name = "vip"
        until = "2099-01-01"
        tenants = ["second"]
    "#;
    let proxy = proxy(|c| {
        c.policy = toml::from_str(rules).expect("a policy");
        c.policy.refuse_delay = Duration::ZERO;
    })
    .await;
    let mut refused = proxy.connect(AGENT).await;
    let header = |client: &Client, name| client.response.headers().contains_key(name);
    assert!(header(&refused, "deprecation"));
    refused.text(&agent_auth("key-srv-1")).await;
    assert!(refused.next().await.contains(r#""type":"error""#));
    assert_eq!(refused.closed().await.0, 4412);
    let _exempt = agent(&proxy, "key-second").await;
    let other = user(&proxy, "u1").await;
    let link = other.response.headers().get("link").and_then(|link| link.to_str().ok()).unwrap_or_default();
    assert!(link.starts_with("</v3/ws/group/valtronics/client/valtronics-"), "{link}");
}

fn limited(c: &mut Config, per_user: usize, in_all: usize, per_minute: u32) {
    for Mount { valtronics, .. } in c.mounts.iter_mut().filter(|m| m.dialect == DialectName::Valtronics) {
        let limits = valtronics.as_mut().expect("a table");
        (limits.connections_per_user, limits.connections, limits.connects_per_minute) = (per_user, in_all, per_minute);
    }
}

async fn is_refused(proxy: &Proxy, subject: &str, limit: Limit) {
    let before = proxy.metrics().limit_hits.with((limit,)).get();
    let mut client = proxy.connect(VALTRONICS).await;
    client.text(&auth(&token(subject))).await;
    let told = client.next().await;
    assert!(told.contains("connection_limit"), "{told}");
    client.closed().await;
    assert_eq!(proxy.metrics().limit_hits.with((limit,)).get(), before + 1);
}

#[tokio::test]
async fn users_have_so_many_connections_and_come_so_often() {
    let of_user = proxy(|c| limited(c, 2, 3, 0)).await;
    let mut inside = vec![user(&of_user, "u1").await, user(&of_user, "u1").await];
    is_refused(&of_user, "u1", Limit::ConnectionsPerUser).await;
    inside.push(user(&of_user, "u2").await);
    is_refused(&of_user, "u3", Limit::ConnectionsOfUsers).await;
    inside.remove(0);
    of_user.has(2).await;
    let mut again = of_user.connect(VALTRONICS).await;
    again.text(&auth(&token("u1"))).await;
    assert!(again.next().await.contains(r#""success":true"#));
    let by_minute = proxy(|c| limited(c, 0, 0, 2)).await;
    drop((user(&by_minute, "u1").await, user(&by_minute, "u1").await));
    is_refused(&by_minute, "u1", Limit::ConnectsPerMinute).await;
    drop(user(&by_minute, "u2").await);
}

#[tokio::test]
async fn what_is_not_the_clients_fault_is_told_so() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let away = proxy(|c| {
        c.auth.jwt.secret = None;
        c.auth.jwt.jwks_url = Some(WebUrl::new(format!("http://{nobody}/jwks")));
        c.auth.jwt.algorithms = vec!["ES256".into()];
    })
    .await;
    let unknown = "eyJhbGciOiJFUzI1NiIsImtpZCI6InVua25vd24ifQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    let mut client = away.connect(&metrics_of("srv-1")).await;
    client.text(&auth(unknown)).await;
    assert!(client.next().await.contains("Service unavailable, try again later"));
    assert_eq!(client.closed().await.0, 1013);
    let full = proxy(|c| c.limits.connections_per_tenant = 1).await;
    let _inside = agent(&full, "key-srv-1").await;
    let mut client = full.connect(AGENT).await;
    client.text(&agent_auth("key-srv-1")).await;
    assert!(client.next().await.contains("Too many connections, try again later"));
    assert_eq!(client.closed().await.0, 1013);
    assert_eq!(full.metrics().limit_hits.with((Limit::ConnectionsPerTenant,)).get(), 1);
    let _other = agent(&full, "key-second").await;
}

#[tokio::test]
async fn pages_of_another_origin_are_refused_before_anything_is_asked() {
    let proxy = proxy(|c| c.auth.origins = vec!["https://app.example.com".into()]).await;
    let open = async |origin: &str| {
        Client::try_open(proxy.tcp().await, VALTRONICS, &[("origin", origin)]).await.map_err(|error| match *error {
            Error::Http(response) => response.status().as_u16(),
            other => panic!("{other}"),
        })
    };
    assert_eq!(open("https://evil.example.com").await.err(), Some(403));
    assert!(open("https://app.example.com").await.is_ok());
}
