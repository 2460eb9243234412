//! Owns the keys behind `auth.jwt.jwks_url`: fetched now and then, and once when a token names an unknown key.
//! While a fetch fails the old keys stay.

use super::AuthError;
use super::jwks::{self, Origin};
use super::key::{KeyProblem, VerifyKey};
use super::outgoing;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, Uri, header};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::Algorithm;
use rustls::RootCertStore;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

const SETTING: &str = "auth.jwt.jwks_url";
/// For one fetch: name, connection, TLS, answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The largest answer, in bytes.
const MAX_BODY: usize = 256 << 10;
/// Tokens with unknown keys cause one fetch in this time, however many come.
const FORCED_EVERY: Duration = Duration::from_secs(10);
/// After a failure the next try comes so soon.
const RETRY: Duration = Duration::from_secs(10);

/// Why a set was not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer within 5 seconds")]
    Timeout,
    #[error("{0}")]
    Transport(String),
    #[error("answered with status {0}")]
    Status(StatusCode),
    #[error("the answer is larger than 256 KiB")]
    TooBig,
    #[error("{0}")]
    Keys(#[from] KeyProblem),
}

impl FetchError {
    fn label(&self) -> &'static str {
        match self {
            FetchError::Timeout => "jwks_timeout",
            FetchError::Transport(_) => "jwks_transport",
            FetchError::Status(_) => "jwks_status",
            FetchError::TooBig => "jwks_too_big",
            FetchError::Keys(_) => "jwks_keys",
        }
    }

    /// The innermost cause, which says most; hyper never puts the address into it.
    fn transport(error: &(dyn Error + 'static)) -> Self {
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        FetchError::Transport(cause.to_string())
    }
}

/// The keys behind an address.
#[derive(Debug)]
pub(super) struct RemoteKeys {
    url: Uri,
    accepted: Vec<Algorithm>,
    every: Duration,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// None until the first answer.
    keys: ArcSwapOption<Vec<VerifyKey>>,
    failing: AtomicBool,
    /// Held while a fetch runs: who waits for it finds its result and needs none of his own.
    times: Arc<Mutex<Times>>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Times {
    /// When the next fetch is due.
    next: Instant,
    /// When a token last caused one.
    forced: Option<Instant>,
    /// When the last one ended, well or not.
    ended: Option<Instant>,
}

impl RemoteKeys {
    /// Checks the address and prepares the client; fetches nothing.
    ///
    /// # Errors
    /// An address that is none, or no certificate roots on this machine.
    pub fn new(url: &str, accepted: &[Algorithm], every: Duration, tasks: &TaskTracker) -> Result<Self, AuthError> {
        let url = parse(url)?;
        let roots = if url.scheme_str() == Some("https") { outgoing::native_roots()? } else { RootCertStore::empty() };
        Self::with_roots(url, accepted, every, roots, tasks)
    }

    /// As `new`, trusting these roots only.
    pub fn with_roots(
        url: Uri,
        accepted: &[Algorithm],
        every: Duration,
        roots: RootCertStore,
        tasks: &TaskTracker,
    ) -> Result<Self, AuthError> {
        let connector = outgoing::connector(roots)?;
        // Minutes pass between two fetches: no connection is worth keeping.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self {
            url,
            accepted: accepted.to_vec(),
            every,
            client,
            keys: ArcSwapOption::empty(),
            failing: AtomicBool::new(false),
            times: Arc::new(Mutex::new(Times { next: Instant::now(), forced: None, ended: None })),
            tasks: tasks.clone(),
        })
    }

    /// Starts with what another has, if it is the same address: a reload must not forget keys.
    pub fn inherit(&self, old: &RemoteKeys) {
        if old.url == self.url {
            self.keys.store(old.keys.load_full());
        }
    }

    /// The keys; None while the address has never answered.
    pub fn keys(&self) -> Option<Arc<Vec<VerifyKey>>> {
        self.keys.load_full()
    }

    /// Fetches when it is time to.
    pub async fn refresh_if_due(&self) {
        let mut times = self.times.lock().await;
        if Instant::now() >= times.next {
            self.refresh(&mut times).await;
        }
    }

    /// Fetches for a token whose key is unknown, unless that was just done.
    pub async fn refresh_for_unknown_key(self: &Arc<Self>) {
        let asked = Instant::now();
        let mut times = self.times.clone().lock_owned().await;
        let too_soon = times.forced.is_some_and(|last| last.elapsed() < FORCED_EVERY);
        if too_soon || times.ended.is_some_and(|ended| ended >= asked) {
            return;
        }
        times.forced = Some(Instant::now());
        // Aside, so that a client that hangs up cannot end the one fetch that others wait for. There is one such task
        // at most: it owns the lock.
        let this = self.clone();
        let fetch = self.tasks.spawn(async move { this.refresh(&mut times).await });
        if let Err(error) = fetch.await {
            tracing::error!(error = %error, "the JWKS fetch broke off");
        }
    }

    async fn refresh(&self, times: &mut Times) {
        let host = self.url.host().unwrap_or_default();
        let fetched = self.fetch().await;
        times.ended = Some(Instant::now());
        match fetched {
            Ok(keys) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(host, keys = keys.len(), "JWKS fetched again");
                }
                self.keys.store(Some(Arc::new(keys)));
                times.next = Instant::now() + self.every;
            }
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let kept = self.keys.load().as_ref().map_or(0, |keys| keys.len());
                    tracing::error!(host, error = %error, reason = error.label(), kept, "JWKS not fetched");
                }
                times.next = Instant::now() + RETRY.min(self.every);
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<VerifyKey>, FetchError> {
        let body = timeout(DEADLINE, self.get()).await.map_err(|_| FetchError::Timeout)??;
        let text = std::str::from_utf8(&body).map_err(|_| KeyProblem::NoSet)?;
        Ok(jwks::parse(text, &self.accepted, Origin::Url)?)
    }

    async fn get(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(self.url.clone())
            .header(header::ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|e| FetchError::transport(&e))?;
        let response = self.client.request(request).await.map_err(|e| FetchError::transport(&e))?;
        // A redirect is not followed: keys come from where the operator said.
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        match Limited::new(response.into_body(), MAX_BODY).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(e) if e.is::<LengthLimitError>() => Err(FetchError::TooBig),
            Err(e) => Err(FetchError::transport(e.as_ref())),
        }
    }
}

/// Reads the address.
fn parse(text: &str) -> Result<Uri, AuthError> {
    let bad = |problem| AuthError::setting(SETTING, problem);
    let url: Uri = text.parse().map_err(|_| bad("not an address: write \"https://host/path\""))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
        return Err(bad("must begin with https:// (or http://) and a host"));
    }
    if url.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(bad("must not hold a user or password"));
    }
    let loopback = url.host().is_some_and(|h| matches!(h, "localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme_str() == Some("http") && !loopback {
        tracing::warn!(host = url.host(), "auth.jwt.jwks_url is http: whoever sits between can make tokens");
    }
    Ok(url)
}
