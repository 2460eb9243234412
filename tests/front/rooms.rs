//! Proxies that speak the dialects beside Aether's own, and what their clients present.

use crate::client::Client;
use crate::proxy::Proxy;
use aether_proxy::auth::{Mint, SigningKey, mint};
use aether_proxy::clock::Clock;
use aether_proxy::config::{ApiKey, Config, DialectName, Mount, Role, Secret, ServerMonitor, Valtronics, Vectra};
use aether_proxy::dialect::Spoken;
use aether_proxy::telemetry::labels::{InBand, InBandAuth};
use std::time::Duration;

/// What tokens are signed with.
const SIGNED: &str = "a shared secret of more than thirty-two bytes";
/// What the worker must know.
pub const WORKER: &str = "the-workers-secret";

pub const AGENT: &str = "/api/v1/agents/ws";
pub const VALTRONICS: &str = "/ws";
pub const VECTRA: &str = "/vectra";

/// The path of a page that shows the metrics of a server.
pub fn metrics_of(server: &str) -> String {
    format!("/api/v1/ws/metrics/{server}")
}

/// A mount of each dialect; servers `srv-1` (by name) and `srv-2` (by group) have keys; failures are told at once.
pub fn mounted(c: &mut Config) {
    let monitor = |path: &str, role| Mount {
        server_monitor: Some(ServerMonitor::new(role)),
        ..Mount::new(path, DialectName::ServerMonitor)
    };
    let vectra = Vectra { worker_secret: Some(Secret::new(WORKER)), ..Vectra::default() };
    let valtronics = Valtronics { connects_per_minute: 0, ..Valtronics::default() };
    c.mounts.extend([
        monitor(AGENT, Role::Agent),
        monitor(&metrics_of("{server_id}"), Role::Metrics),
        Mount { valtronics: Some(valtronics), ..Mount::new(VALTRONICS, DialectName::Valtronics) },
        Mount { vectra: Some(vectra), guests: Some(true), ..Mount::new(VECTRA, DialectName::Vectra) },
    ]);
    for mount in &mut c.mounts {
        mount.guests = mount.guests.or((mount.dialect == DialectName::AetherV3).then_some(true));
    }
    c.auth.api_keys = vec![key("srv-1", None), key("second", Some("srv-2"))];
    c.auth.jwt.secret = Some(Secret::new(SIGNED));
    c.auth.jwt.algorithms = vec!["HS256".into()];
    c.auth.refuse_delay = Duration::ZERO;
}

/// The key is the name behind `key-`.
fn key(name: &str, group: Option<&str>) -> ApiKey {
    let key = Some(Secret::new(format!("key-{name}")));
    ApiKey { name: name.into(), key, sha256: None, account: None, group: group.map(str::to_owned), broadcast: false }
}

/// `mounted`, with changes.
pub async fn proxy(change: impl FnOnce(&mut Config)) -> Proxy {
    Proxy::with(|c| {
        mounted(c);
        change(c);
    })
    .await
}

/// A good token.
pub fn token(subject: &str) -> String {
    signed(subject, SIGNED)
}

/// A token that somebody else has signed.
pub fn forged(subject: &str) -> String {
    signed(subject, "another secret of more than thirty-two bytes")
}

fn signed(subject: &str, secret: &str) -> String {
    let ttl = Some(Duration::from_secs(600));
    let what = Mint { subject: Some(subject.into()), ttl, ..Mint::default() };
    let token = mint(&what, SigningKey::Secret(&Secret::new(secret)), Clock::system().now()).expect("a token");
    token.expose().to_owned()
}

/// The first frame with a token.
pub fn auth(token: &str) -> String {
    format!(r#"{{"type":"auth","token":"{token}"}}"#)
}

/// The first frame of an agent.
pub fn agent_auth(key: &str) -> String {
    format!(r#"{{"type":"auth","api_key":"{key}"}}"#)
}

/// A Valtronics client that is in.
pub async fn user(proxy: &Proxy, subject: &str) -> Client {
    let mut client = proxy.connect(VALTRONICS).await;
    client.text(&auth(&token(subject))).await;
    let first = client.next().await;
    assert!(first.contains(r#""type":"auth_response""#) && first.contains("true"), "{first}");
    client
}

/// An agent that is in.
pub async fn agent(proxy: &Proxy, key: &str) -> Client {
    let mut client = proxy.connect(AGENT).await;
    client.text(&agent_auth(key)).await;
    let first = client.next().await;
    assert!(first.contains("auth_success"), "{first}");
    client
}

/// A page that is in.
pub async fn page(proxy: &Proxy, server: &str) -> Client {
    let mut client = proxy.connect(&metrics_of(server)).await;
    client.text(&auth(&token("u1"))).await;
    assert_eq!(client.next().await, r#"{"type":"auth_success","message":"Authenticated successfully"}"#);
    client
}

/// How often it went so with clients that were to prove themselves.
pub fn counted(proxy: &Proxy, spoken: Spoken, how: InBand) -> u64 {
    proxy.metrics().in_band_auth.with(InBandAuth(spoken, how)).get()
}

/// How many wait to prove themselves, or to be closed.
pub fn waiting(proxy: &Proxy) -> i64 {
    proxy.metrics().in_band_waiting.only().get()
}

/// A V3 client's message to its group.
pub fn told(payload: &str) -> String {
    format!(r#"{{"version":"3","msg_type":"msg","target":"group","payload":{payload}}}"#)
}
