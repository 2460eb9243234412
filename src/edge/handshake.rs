//! Owns the handshake: a request becomes a session or an answer that says why not. Cheap checks come first:
//! path, headers, room, origin, ids, what the policy says; then the credential; then the hub.

use super::address::{client_address, is_trusted};
use super::admission::{Place, Standing};
use super::answer::{Answer, Refused};
use super::mounts::{self, BadId, Rules};
use super::policy::Sure;
use super::quota::{Hold, Holder};
use super::upgrade::Upgrade;
use super::{Edge, State};
use crate::auth::{Credentials, Principal, Refusal, Tenant};
use crate::close::CloseReason;
use crate::config::RefuseWith;
use crate::dialect::{Dialect, Protocol, View};
use crate::envelope::Origin;
use crate::hub::{Outbox, Seat};
use crate::migration::{Mirror, Newcomer};
use crate::session::{self, Client, Machine, Remote, Session, Visit};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Handshake, NoticeChannel};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Bytes;

/// A transport that can be upgraded.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// Somebody who may come in.
struct Arrival {
    visit: Visit,
    machine: Machine,
    /// What it is told first.
    greeting: Option<Arc<str>>,
}

impl Edge {
    /// Answers one request of a transport; a session goes on with it in a task of its own.
    pub(super) async fn answer<T: Transport>(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        mut place: Option<Place>,
    ) -> Answer {
        let started = Instant::now();
        let state = self.state.load_full();
        let metrics = state.context.metrics.clone();
        let standing = place.as_ref().map_or(Standing::NoRoom, Place::standing);
        let remote = Remote { peer, address: client_address(peer, request.headers(), &state.trusted_proxies) };
        let found = place_of(&state, &request);
        // A path that belongs to no mount counts as v3.
        let protocol = found.as_ref().map_or(Protocol::V3, |found| found.rules.dialect.protocol());
        let ids = found.as_ref().and_then(|found| found.ids.clone().ok());
        let mut waited = Duration::ZERO;
        let (result, mut answer) = match checked(&state, &request, found, standing) {
            Err(refused) => {
                count(&metrics, &refused);
                (refused.result, refused.answer())
            }
            Ok((upgrade, found)) => match self.arrive(&state, &request, &upgrade, &found, remote, &mut place).await {
                Ok(arrival) => {
                    self.go_on::<T>(&mut request, arrival, place, state.limits.handshake_timeout);
                    (Handshake::Accepted, upgrade.answer(protocol))
                }
                Err(refused) => {
                    tracing::debug!(code = refused.code(), %peer, address = %remote.address, "handshake refused");
                    count(&metrics, &refused);
                    if refused.steered {
                        waited = self.hold_back(state.refuse_delay).await;
                    }
                    let answer = match (refused.close, found.rules.refuse_with) {
                        (Some(reason), RefuseWith::Close) => {
                            if refused.steered {
                                metrics.deprecation_notices.with((NoticeChannel::Close,)).inc();
                            }
                            self.turn_away::<T>(&mut request, reason, refused.retry_after, place, &state);
                            upgrade.answer(protocol)
                        }
                        _ => refused.answer(),
                    };
                    (refused.result, answer)
                }
            },
        };
        if protocol == Protocol::V2 {
            let successor = ids.and_then(|(group, client)| state.signpost.successor(&group, &client));
            if state.signpost.mark(answer.headers_mut(), successor.as_deref()) {
                metrics.deprecation_notices.with((NoticeChannel::Header,)).inc();
            }
        }
        metrics.handshakes.with((protocol, result)).inc();
        let took = started.elapsed().saturating_sub(waited);
        metrics.handshake_duration.with((protocol,)).observe(took.as_secs_f64());
        answer
    }

    /// Everything else: who is it, may it come in, does the hub have it?
    async fn arrive(
        &self,
        state: &State,
        request: &Request<Incoming>,
        upgrade: &Upgrade,
        found: &mounts::Place<'_>,
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<Arrival, Refused> {
        if self.draining.is_cancelled() {
            return Err(Refused::draining());
        }
        self.within_limits(state, remote, place)?;
        let query = request.uri().query().unwrap_or_default();
        let credentials = Credentials::collect(query, request.headers())?;
        if !self.authenticator.origin_allowed(credentials.origin.as_deref()) {
            return Err(Refusal::OriginDenied.into());
        }
        let rules = found.rules;
        let ids = found.ids.clone().map_err(bad_id)?;
        let (mut newcomer, sure) = self.newcomer(request, upgrade, found, &credentials, ids);
        let mut decision = self.steer(state, &newcomer, sure)?;
        let principal = self.principal(&credentials, rules).await?;
        if *newcomer.tenant != *principal.tenant.as_str() {
            // What was said of itself counted only against it.
            newcomer.tenant = principal.tenant.shared();
            decision = self.steer(state, &newcomer, Sure(true))?;
        }
        for holder in Holder::tenants(&principal, rules.account.is_some()) {
            let often = state.limits.handshakes_per_second_per_tenant;
            self.throttle.admit_tenant(&holder, often, Instant::now()).map_err(Refused::throttled)?;
            let hold = self.quotas.hold(holder, state.limits.connections_per_tenant, state.tenant_rates);
            keep(place, hold.ok_or_else(Refused::tenant_full)?);
        }
        let metrics = &state.context.metrics;
        if let Some(group) = &newcomer.group {
            self.integers.look(group, &newcomer.client, &newcomer.tenant, rules.dialect.protocol(), metrics);
        }
        let hears_v3 = newcomer.hears_v3;
        let (migration, hears) = (&state.context.migration, rules.view.protocol());
        let mirror = migration.mirror(&newcomer, principal.account.as_ref(), hears, request);
        let (visit, machine) = self.seated(state, rules, (newcomer, mirror), &principal, remote).await?;
        let commons = place.iter().flat_map(Place::commons).cloned().collect();
        let machine = machine.sharing(commons);
        let legacy = rules.dialect.protocol() == Protocol::V2;
        let greeting = if legacy { self.steered(state, rules, &decision, hears_v3) } else { None };
        Ok(Arrival { visit, machine, greeting })
    }

    /// Who is it?
    async fn principal(&self, credentials: &Credentials, rules: &Rules) -> Result<Principal, Refused> {
        let guests = self.authenticator.guest_allowed(rules.guests);
        let mut principal = self.authenticator.check(credentials, guests).await?;
        if let (Some(account), false) = (&rules.account, principal.account_proven) {
            // The operator's word about a mount is worth more than the client's about itself.
            principal.account = Some(account.clone());
            principal.tenant = Tenant::of(Some(account), principal.key.as_ref(), None);
        }
        Ok(principal)
    }

    /// What is bounded for one address, and handshakes in all: before a credential is looked at, which costs.
    fn within_limits(&self, state: &State, remote: Remote, place: &mut Option<Place>) -> Result<(), Refused> {
        let (limits, source) = (&state.limits, remote.address.into());
        let (by_address, in_all) = (limits.handshakes_per_second_per_ip, limits.handshakes_per_second);
        self.throttle.admit(source, by_address, in_all, Instant::now()).map_err(Refused::throttled)?;
        // All others were counted when they were accepted.
        if is_trusted(remote.peer.ip(), &state.trusted_proxies) {
            let hold = self.quotas.hold(Holder::Address(source), limits.connections_per_ip, state.ip_rates);
            keep(place, hold.ok_or_else(Refused::address_full)?);
        }
        Ok(())
    }

    async fn seated(
        &self,
        state: &State,
        rules: &Rules,
        (newcomer, mirror): (Newcomer, Option<Mirror>),
        principal: &Principal,
        remote: Remote,
    ) -> Result<(Visit, Machine), Refused> {
        let context = &state.context;
        let view = if newcomer.hears_v3 { View::AetherV3 } else { rules.view };
        let (client, group) = (newcomer.client.clone(), newcomer.group.clone());
        let origin = Origin { client, group, account: principal.account.clone() };
        let seat = Arc::new(Seat {
            id: context.hub.next_seat(),
            origin: origin.clone(),
            spoken: rules.dialect.spoken(),
            view,
            global: rules.global,
            apart: rules.dialect == Dialect::Echo,
            said: AtomicBool::new(false),
            outbox: Outbox::new(state.limits.outbound_queue, state.limits.slow_consumer),
        });
        let client = Client { origin, dialect: rules.dialect, view, may_broadcast: principal.may_broadcast };
        let machine = Machine::new(client, context.settings.clone(), context.metrics.clone(), Instant::now());
        // In a task of its own: a client that goes away meanwhile drops this future, and what is half attached
        // could not be detached; so it is attached first, and then dropped whole.
        let begin = Visit::begin(context.clone(), seat, remote, newcomer, mirror);
        let begun = self.sessions.spawn(begin).await;
        let visit = begun.ok().and_then(Result::ok).ok_or_else(Refused::hub_unavailable)?;
        Ok((visit, machine))
    }

    /// Spawns the session. The handshake's memory goes; what the session needs, it has.
    fn go_on<T: Transport>(
        &self,
        request: &mut Request<Incoming>,
        arrival: Arrival,
        place: Option<Place>,
        patience: Duration,
    ) {
        let upgrade = hyper::upgrade::on(request);
        self.sessions.spawn(async move {
            // In a box, so that its memory goes too. Without a transport the visit ends here, in its books.
            let session = Box::pin(async move {
                let (transport, leftover) = upgraded::<T>(upgrade, patience).await?;
                let mut session = Session::new(transport, leftover, arrival.machine, arrival.visit).await;
                if let Some(greeting) = arrival.greeting {
                    session.greet(&greeting);
                }
                Some(session)
            });
            if let Some(mut session) = session.await {
                session.run().await;
            }
            drop(place);
        });
    }

    /// Accepts only to close with a code that a script can read.
    fn turn_away<T: Transport>(
        &self,
        request: &mut Request<Incoming>,
        reason: CloseReason,
        retry_after: Option<u64>,
        place: Option<Place>,
        state: &State,
    ) {
        let upgrade = hyper::upgrade::on(request);
        let (settings, patience) = (state.context.settings.clone(), state.limits.handshake_timeout);
        self.sessions.spawn(async move {
            if let Some((transport, leftover)) = upgraded::<T>(upgrade, patience).await {
                session::turn_away(transport, leftover, reason, retry_after, &settings).await;
            }
            drop(place);
        });
    }
}

/// Its place in the table of mounts.
fn place_of<'s>(state: &'s State, request: &Request<Incoming>) -> Option<mounts::Place<'s>> {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.host());
    state.mounts.find(uri.path(), host, uri.query().unwrap_or_default())
}

/// What can be seen from the request alone.
fn checked<'s>(
    state: &State,
    request: &Request<Incoming>,
    found: Option<mounts::Place<'s>>,
    standing: Standing,
) -> Result<(Upgrade, mounts::Place<'s>), Refused> {
    let uri = request.uri();
    if url_length(uri) > state.limits.url {
        return Err(Refused::url_too_long());
    }
    let shapes = state.mounts.shapes();
    let found =
        found.ok_or_else(|| if uri.path() == "/" { Refused::root(shapes) } else { Refused::unknown_path(shapes) })?;
    let upgrade = Upgrade::check(request.method(), request.version(), request.headers())?;
    match standing {
        Standing::Admitted => Ok((upgrade, found)),
        Standing::NoRoom => Err(Refused::full()),
        Standing::OverAddress => Err(Refused::address_full()),
    }
}

/// The limit that was in its way, if one was.
fn count(metrics: &Metrics, refused: &Refused) {
    if let Some(limit) = refused.limit {
        metrics.limit_hits.with((limit,)).inc();
    }
}

/// Whoever got as far as being counted has a place.
fn keep(place: &mut Option<Place>, hold: Hold) {
    if let Some(place) = place {
        place.keep(hold);
    }
}

/// The transport, once the 101 is written, and what was read behind the request.
async fn upgraded<T: Transport>(upgrade: OnUpgrade, patience: Duration) -> Option<(T, Bytes)> {
    let upgraded = timeout(patience, upgrade).await.ok()?.ok()?;
    // Whoever called served this very type.
    let parts = upgraded.downcast::<TokioIo<T>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf))
}

fn url_length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |pq| pq.as_str().len())
}

fn bad_id(bad: BadId) -> Refused {
    let message = match bad.why {
        Some(why) => format!("the {} in the path {why}", bad.name),
        None => format!("the {} in the path is not UTF-8 text: percent-encode it once (encodeURIComponent)", bad.name),
    };
    Refused::bad_id(message)
}
