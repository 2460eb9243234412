//! Owns the operators of the soak: they scrape, probe and look at the page all the while; and how a scrape is read.

use super::crowd::Crowd;
use super::stage::{Shared, name};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long an answer may take. The report asks Redis, which is frozen at times.
const ANSWER: Duration = Duration::from_secs(10);

/// What they look at in turn.
pub const PATHS: [&str; 10] = [
    "/metrics",
    "/livez",
    "/readyz",
    "/migration",
    "/api/v1/migration",
    "/api/v1/migration/clients",
    "/api/v1/migration/tenants",
    "/api/v1/migration/history?span=hour",
    "/api/v1/migration/events",
    "/api/v1/migration/report?format=md",
];

/// Status and body of an answer.
///
/// # Errors
/// The kernel's, or nothing came in time.
pub async fn get(admin: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let asked = async {
        let mut stream = TcpStream::connect(admin).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer: std::io::Result<String> = timeout(ANSWER, asked).await?;
    let answer = answer?;
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

/// Looks at everything on both proxies, until it is dropped.
pub async fn look(crowd: Rc<Crowd>, stage: Shared) {
    for turn in 0.. {
        sleep(Duration::from_millis(250)).await;
        let (at, path) = (turn % 2, PATHS[turn / 2 % PATHS.len()]);
        let Some((admin, pid)) = stage.borrow().proxy(at).map(|proxy| (proxy.admin, proxy.pid())) else { continue };
        match get(admin, path).await {
            Ok((200..=299, _)) => crowd.count("operators answered"),
            // While Redis is away that is the right answer.
            Ok((503, _)) if path.starts_with("/api") || path == "/readyz" => crowd.count("operators answered 503"),
            Ok((status, _)) => crowd.count(&format!("operators got {status} for {path}")),
            Err(_) if stage.borrow().proxy(at).is_none_or(|proxy| proxy.pid() != pid) => {}
            Err(error) => crowd.count(&format!("operators got {} from {}{path}", error.kind(), name(at))),
        }
    }
}

/// The metrics of a proxy at one moment.
#[derive(Debug, Default, Clone)]
pub struct Scrape(String);

impl Scrape {
    /// Asks for them.
    ///
    /// # Errors
    /// See [`get`].
    pub async fn of(admin: SocketAddr) -> std::io::Result<Self> {
        Ok(Self(get(admin, "/metrics").await?.1))
    }

    /// The sum of a metric's series that have this among their labels.
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        let series = self.series(metric).filter(|(labels, _)| labels.contains(label));
        series.map(|(_, value)| value).sum()
    }

    /// Labels and value of each series of a metric.
    pub fn series<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(metric)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.parse().ok()?))
        })
    }

    /// What was owed and what became of it.
    pub fn ledger(&self) -> (f64, f64) {
        (self.sum("aether_deliveries_expected_total", ""), self.sum("aether_deliveries_total", ""))
    }
}
