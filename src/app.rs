//! The composition root: the only place where parts are made and joined. `start` gives a running proxy,
//! `Running` ends it: by a drain that lets clients go in peace, or at once.

mod dialects;
mod reload;

pub use dialects::{AllFilters, DialectsError, check as check_filters, one as filters_of};
pub use reload::{ReloadError, Reloaded};

use crate::admin::{self, Access, AccessError, AdminState, Readiness};
use crate::auth::{AuthError, Authenticator};
use crate::clock::Clock;
use crate::close::CloseReason;
use crate::config::{Config, Switch};
use crate::edge::{self, Admission, Edge, MountError};
use crate::hub::{self, Hub, Tenancy};
use crate::jq::this_program;
use crate::migration::capture::CaptureError;
use crate::migration::{self, Migration};
use crate::session::{Context, Settings};
use crate::telemetry::{Metrics, MetricsError};
use crate::tls::{self, Tls, TlsError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long sessions may take to say goodbye after they were asked to.
const GOODBYE: Duration = Duration::from_secs(5);
/// Operators' connections the kernel keeps while we are busy.
const BACKLOG_ADMIN: u32 = 128;
/// How long background tasks may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// Why a proxy did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings of authentication cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The operators' token cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The settings of the hub cannot be used.
    #[error(transparent)]
    Hub(#[from] hub::StartError),
    /// A mount cannot be used.
    #[error("mounts: {0}")]
    Mounts(#[from] MountError),
    /// The capture cannot begin.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Dialects made by filters.
    #[error(transparent)]
    Dialects(#[from] DialectsError),
    /// Two metrics of one name: a mistake of ours.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricsError),
    /// An address cannot be listened on.
    #[error("{setting} = {address}: {source}")]
    Listen {
        /// Which of the two.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl StartError {
    /// Is it the settings that must change?
    pub fn is_config(&self) -> bool {
        let (StartError::Metrics(_) | StartError::Listen { .. } | StartError::Dialects(DialectsError::NoProcess(_))) =
            self
        else {
            return true;
        };
        false
    }
}

/// What the parts share; operators' pages are made from it.
#[derive(Debug)]
pub struct Shared {
    /// The settings it was started with.
    pub config: Config,
    /// The hub.
    pub hub: Arc<Hub>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The migration.
    pub migration: Arc<Migration>,
    /// The calendar.
    pub clock: Clock,
    /// The clients' side.
    pub edge: Arc<Edge>,
    /// Cancelled as soon as the proxy is on its way out: half of readiness, `hub.is_up` is the other.
    pub draining: CancellationToken,
    /// Who may come in.
    pub authenticator: Authenticator,
    /// Of dialects made by filters, by their places in the settings.
    pub filters: AllFilters,
}

/// A running proxy. It goes on when this is dropped; end it with `drain` or `shutdown`.
#[derive(Debug)]
pub struct Running {
    /// Where clients connect.
    pub clients: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// Its parts.
    pub shared: Arc<Shared>,
    accepting: CancellationToken,
    stop: CancellationToken,
    sessions: TaskTracker,
    tasks: TaskTracker,
    /// Of both listeners, where they have TLS.
    certificates: Vec<Arc<Tls>>,
}

/// Starts a proxy: binds, so that ports are known, and serves.
///
/// # Errors
/// Settings that cannot be used, or an address that cannot be listened on.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Clock::system()).await
}

/// The same by another calendar, which tests can set.
///
/// # Errors
/// As `start`.
pub async fn start_with(config: Config, clock: Clock) -> Result<Running, StartError> {
    start_as(config, clock, &this_program()).await
}

/// The same where another program than the one that is running knows how to run filters.
///
/// # Errors
/// As `start`.
pub async fn start_as(config: Config, clock: Clock, program: &Path) -> Result<Running, StartError> {
    tls::install_provider();
    let metrics = Arc::new(Metrics::new(config.telemetry.max_tenants)?);
    let listener = edge::bind(config.listen.clients, config.listen.backlog)
        .and_then(|listener| Ok((listener.local_addr()?, listener)))
        .map_err(|source| StartError::Listen { setting: "listen.clients", address: config.listen.clients, source });
    let (clients, listener) = listener?;
    let operators = edge::bind(config.listen.admin, BACKLOG_ADMIN)
        .and_then(|listener| Ok((listener.local_addr()?, listener)))
        .map_err(|source| StartError::Listen { setting: "listen.admin", address: config.listen.admin, source });
    let (admin, operators) = operators?;
    let clients_tls = Tls::load("listen.tls", &config.listen.tls).await?;
    let admin_tls = Tls::load("listen.admin_tls", &config.listen.admin_tls).await?;
    let access = Access::load(&config.listen, admin).await?;
    let certificates: Vec<_> = clients_tls.iter().chain(&admin_tls).cloned().collect();
    let authenticator = Authenticator::new(&config.auth, clock.clone()).await?;
    let (tasks, sessions) = (TaskTracker::new(), TaskTracker::new());
    let (stop, accepting, draining) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let filters = dialects::start(&config, program, &tasks, &stop).await?;
    let hub = Hub::start(hub::Parts {
        config: config.hub.clone(),
        nulls: config.envelope.nulls.into(),
        tenancy: tenancy(&config, &authenticator),
        duplicate: config.limits.duplicate_client,
        clock: clock.clone(),
        filters: filters.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })?;
    let migration = Migration::start(migration::Parts {
        config: &config,
        clock: clock.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })?;
    migration.capture.begin(&config.capture).await?;
    let context = Context {
        hub: hub.clone(),
        metrics: metrics.clone(),
        migration: migration.clone(),
        clock: clock.clone(),
        filters: filters.clone(),
        settings: Arc::new(Settings::new(&config)),
    };
    let parts = edge::Parts {
        authenticator: authenticator.clone(),
        context,
        admission: Admission::new(config.limits.connections),
        sessions: sessions.clone(),
        draining: draining.clone(),
    };
    let edge = Arc::new(Edge::new(&config, parts)?);
    tasks.spawn(authenticator.clone().run(stop.clone()));
    tasks.spawn(edge::run(edge.clone(), listener, clients_tls, accepting.clone()));
    metrics.config_last_reload.only().set(clock.now().as_secs());
    if !config.auth.has_credentials() {
        let reach = if clients.ip().is_loopback() { "on this machine" } else { "who reaches this address" };
        tracing::warn!(%clients, "no credential is configured: everyone {reach} may come in");
    }
    if let Some(path) = &config.listen.echo {
        tracing::warn!(path, "an echo is mounted: it is for tests of the WebSocket layer only");
    }
    let shared = Arc::new(Shared { config, hub, metrics, migration, clock, edge, draining, authenticator, filters });
    tasks.spawn(admin::serve(
        operators,
        admin_tls,
        Arc::new(admin_state(&shared, access)),
        stop.clone(),
        tasks.clone(),
    ));
    for tls in &certificates {
        tasks.spawn(tls.clone().run(stop.clone()));
    }
    Ok(Running { clients, admin, shared, accepting, stop, sessions, tasks, certificates })
}

/// What operators are told is read from the parts at the moment they ask.
fn admin_state(shared: &Arc<Shared>, access: Access) -> AdminState {
    let parts = shared.clone();
    AdminState {
        metrics: shared.metrics.clone(),
        clock: shared.clock.clone(),
        migration: shared.migration.clone(),
        access,
        ready: Box::new(move || Readiness {
            draining: parts.draining.is_cancelled(),
            hub_up: parts.hub.is_up(),
            keys_available: parts.authenticator.keys_available(),
        }),
    }
}

/// Who hears whom across accounts.
fn tenancy(config: &Config, authenticator: &Authenticator) -> Tenancy {
    match config.tenancy.isolate {
        Switch::Yes => Tenancy::Strict,
        Switch::No => Tenancy::Off,
        Switch::Auto if authenticator.proves_accounts() => Tenancy::Strict,
        Switch::Auto => Tenancy::Lenient,
    }
}

impl Running {
    /// Ends in peace: not ready, wait until load balancers have seen it, accept nothing more, close all
    /// connections with 1012 in random order over the window, then stop.
    pub async fn drain(&self) {
        let (delay, window) = (self.shared.config.listen.drain_delay, self.shared.config.listen.drain_window);
        self.shared.draining.cancel();
        tracing::info!(connections = self.shared.hub.registry().len(), "draining");
        tokio::time::sleep(delay).await;
        self.accepting.cancel();
        let mut seats = self.shared.hub.seats();
        fastrand::shuffle(&mut seats);
        let (began, n) = (Instant::now(), seats.len().max(1));
        for (at, seat) in seats.into_iter().enumerate() {
            let due = began + window.mul_f64(at as f64 / n as f64);
            if due > Instant::now() {
                sleep_until(due).await;
            }
            seat.outbox.close(CloseReason::Restart);
        }
        self.shutdown().await;
    }

    /// Ends now: whoever is still there is told 1012 at once.
    pub async fn shutdown(&self) {
        self.shared.draining.cancel();
        self.accepting.cancel();
        for seat in self.shared.hub.seats() {
            seat.outbox.close(CloseReason::Restart);
        }
        self.sessions.close();
        if timeout(GOODBYE, self.sessions.wait()).await.is_err() {
            tracing::warn!(sessions = self.sessions.len(), "connections did not end in time");
        }
        self.stop.cancel();
        self.tasks.close();
        if timeout(STOP, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "background tasks did not stop in time");
        }
    }
}
