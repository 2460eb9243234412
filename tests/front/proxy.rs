//! A proxy in this process.

use crate::PATIENCE;
use crate::client::Client;
use aether_proxy::app::{self, Running};
use aether_proxy::clock::Clock;
use aether_proxy::config::Config;
use aether_proxy::label::Label;
use aether_proxy::telemetry::labels::{Outcome, Path};
use aether_proxy::telemetry::{Metrics, trace};
use std::path::Path as File;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// This process is not the program, and cannot run filters.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_aether-proxy");

/// See the module.
pub struct Proxy {
    pub running: Running,
}

impl Proxy {
    /// Default settings on free ports.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with changes.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::at(Clock::system(), change).await
    }

    /// The same by another calendar.
    pub async fn at(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.listen.clients = ([127, 0, 0, 1], 0).into();
        config.listen.admin = ([127, 0, 0, 1], 0).into();
        config.listen.drain_delay = Duration::ZERO;
        config.listen.drain_window = Duration::from_millis(50);
        config.telemetry.roundtrip_check = 1;
        change(&mut config);
        Self { running: app::start_as(config, clock, File::new(PROGRAM)).await.expect("the proxy starts") }
    }

    /// As SIGHUP does, with the settings it began with, changed.
    pub async fn reload(&self, change: impl FnOnce(&mut Config)) {
        let running = self.running.shared.config.clone();
        let mut new = running.clone();
        change(&mut new);
        let (_kept, log) = trace::subscriber(&running.telemetry, false, std::io::sink).expect("a log");
        self.running.reload(&running, Ok(new), &log).await.expect("reloaded");
    }

    pub fn metrics(&self) -> &Metrics {
        &self.running.shared.metrics
    }

    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.running.clients).await.expect("a connection")
    }

    /// Connects to a path.
    pub async fn connect(&self, path: &str) -> Client {
        Client::open(self.tcp().await, path, &[]).await
    }

    pub async fn v2(&self, group: &str, client: &str) -> Client {
        self.connect(&format!("/ws/group/{group}/client/{client}")).await
    }

    pub async fn v3(&self, group: &str, client: &str) -> Client {
        self.connect(&format!("/v3/ws/group/{group}/client/{client}")).await
    }

    /// A whole HTTP exchange: status, headers in lower case, body.
    pub async fn http(&self, request: &str) -> (u16, String, String) {
        let mut stream = self.tcp().await;
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time").expect("read");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        (status, head.to_lowercase(), body.to_owned())
    }

    /// Expected deliveries, and those whose outcome is booked.
    pub fn ledger(&self) -> (u64, u64) {
        let metrics = self.metrics();
        let expected = Path::ALL.iter().map(|p| metrics.deliveries_expected.with((*p,)).get()).sum();
        let booked = Path::ALL.iter().flat_map(|p| Outcome::ALL.iter().map(|o| (*p, *o)));
        (expected, booked.map(|labels| metrics.deliveries.with(labels).get()).sum())
    }

    pub fn outcome(&self, outcome: Outcome) -> u64 {
        Path::ALL.iter().map(|path| self.metrics().deliveries.with((*path, outcome)).get()).sum()
    }

    /// Waits until a condition holds.
    pub async fn eventually(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let look = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, look).await.is_ok(), "never: {what}");
    }

    /// Waits until so many connections are attached.
    pub async fn has(&self, connections: usize) {
        self.eventually("connections", |p| p.running.shared.hub.registry().len() == connections).await;
    }
}
