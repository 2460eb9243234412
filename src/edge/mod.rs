//! From a TCP connection to a session: listener, admission, mounts, handshake, and the first frames of clients that
//! prove themselves there. What is said on a connection afterwards is not its business.

mod adapters;
mod address;
mod admission;
mod answer;
mod arrival;
mod entry;
mod handshake;
mod in_band;
mod integers;
mod listener;
mod lobby;
mod me;
mod mounts;
mod policy;
mod quota;
mod signpost;
mod spoken;
mod throttle;
mod upgrade;
mod worker;

pub use address::{client_address, is_trusted};
pub use admission::{Admission, Place, Standing};
pub use listener::{bind, run};
pub use mounts::{MountError, Mounts};
pub use spoken::spoken_and_heard;

use crate::auth::Authenticator;
use crate::config::{Config, Limits, Network};
use crate::session::{Context, Rates, Settings};
use crate::telemetry::labels::Limit;
use arc_swap::ArcSwap;
use integers::Integers;
use lobby::{Lobby, Ticket};
use quota::{Holder, Quotas};
use signpost::Signpost;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use throttle::Throttle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the edge is made of.
#[derive(Debug)]
pub struct Parts {
    /// Who may come in.
    pub authenticator: Authenticator,
    /// What sessions share.
    pub context: Context,
    /// How many may come in.
    pub admission: Admission,
    /// Where handshakes and sessions run.
    pub sessions: TaskTracker,
    /// Cancelled: handshakes are refused from now on.
    pub draining: CancellationToken,
}

/// The edge of one proxy.
#[derive(Debug)]
pub struct Edge {
    authenticator: Authenticator,
    admission: Admission,
    lobby: Lobby,
    sessions: TaskTracker,
    state: ArcSwap<State>,
    draining: CancellationToken,
    integers: Integers,
    quotas: Quotas,
    throttle: Throttle,
    /// Places for clients that a policy refuses and that wait for their answer.
    waiters: Semaphore,
    /// Apart, so that wrong credentials, which cost nothing, take none of those: places for clients that failed to prove
    /// themselves and wait for their end.
    denied: Semaphore,
    /// It was told that no worker can come in.
    told_uninvited: AtomicBool,
}

/// What one version of the settings amounts to.
#[derive(Debug)]
struct State {
    mounts: Mounts,
    limits: Limits,
    ip_rates: Option<Rates>,
    tenant_rates: Option<Rates>,
    trusted_proxies: Vec<Network>,
    signpost: Signpost,
    refuse_delay: Duration,
    /// How long a client may take to prove itself after the handshake.
    in_band_timeout: Duration,
    /// How long one that failed to prove itself is kept from coming again.
    denied_delay: Duration,
    context: Arc<Context>,
}

impl State {
    fn new(config: &Config, context: Context) -> Result<Self, MountError> {
        Ok(Self {
            mounts: Mounts::new(config)?,
            limits: config.limits.clone(),
            ip_rates: Rates::per_ip(&config.limits),
            tenant_rates: Rates::per_tenant(&config.limits),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            signpost: Signpost::new(config),
            refuse_delay: config.policy.refuse_delay,
            in_band_timeout: config.auth.in_band_timeout,
            denied_delay: config.auth.refuse_delay,
            context: Arc::new(context),
        })
    }
}

impl Edge {
    /// An edge that is open.
    ///
    /// # Errors
    /// A mount whose account is no id, or whose dialect is not spoken here.
    pub fn new(config: &Config, parts: Parts) -> Result<Self, MountError> {
        let Parts { authenticator, context, admission, sessions, draining } = parts;
        Ok(Self {
            authenticator,
            admission,
            lobby: Lobby::default(),
            sessions,
            state: ArcSwap::from_pointee(State::new(config, context)?),
            draining,
            integers: Integers::default(),
            quotas: Quotas::default(),
            throttle: Throttle::new(Instant::now()),
            waiters: Semaphore::new(policy::MOST_WAITING),
            denied: Semaphore::new(policy::MOST_WAITING),
            told_uninvited: AtomicBool::new(false),
        })
    }

    /// A connection was accepted. Its address is counted from here on, so that connections that never ask count too;
    /// behind a trusted proxy it is not known before the request.
    ///
    /// # Errors
    /// Drop it, for this limit.
    fn enter(&self, peer: SocketAddr) -> Result<Ticket, Limit> {
        let (state, now) = (self.state.load(), Instant::now());
        let hold = if address::is_trusted(peer.ip(), &state.trusted_proxies) {
            None
        } else {
            let holder = Holder::Address(peer.ip().into());
            match self.quotas.hold(holder, state.limits.connections_per_ip, state.ip_rates) {
                None => {
                    let place = self.admission.enter_to_refuse(Standing::OverAddress);
                    return Ok(self.lobby.enter(place.ok_or(Limit::ConnectionsPerIp)?, now));
                }
                hold => hold,
            }
        };
        let place = self.admission.admit().or_else(|| self.lobby.make_room(now));
        let place = place.or_else(|| self.admission.enter_to_refuse(Standing::NoRoom)).ok_or(Limit::Connections)?;
        Ok(self.lobby.enter(place.pass_on(hold), now))
    }

    /// Takes new settings for the connections to come; those that are open keep theirs.
    ///
    /// # Errors
    /// As `new`; the old settings then stay.
    pub fn reload(&self, config: &Config) -> Result<(), MountError> {
        let settings = Arc::new(Settings::new(config));
        let context = Context { settings, ..Context::clone(&self.state.load().context) };
        self.state.store(Arc::new(State::new(config, context)?));
        Ok(())
    }
}
