//! Owns the handshake: a request becomes a session or an answer that says why not. Cheap checks come first:
//! path, headers, room, origin, ids, what the policy says; then the credential; then the hub.

use super::address::{client_address, is_trusted};
use super::admission::{Place, Standing};
use super::answer::{Answer, Held, Refused};
use super::arrival::{Arrival, Unproven, keep};
use super::entry::{Guise, nobody};
use super::me::Me;
use super::mounts::{self, BadId};
use super::quota::Holder;
use super::upgrade::Upgrade;
use super::worker::Caller;
use super::{Edge, State};
use crate::auth::{Credentials, Refusal};
use crate::close::CloseReason;
use crate::config::RefuseWith;
use crate::dialect::{Manner, Protocol};
use crate::session::{self, Remote, Session};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Handshake, NoticeChannel};
use hyper::body::Incoming;
use hyper::header::{HOST, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Bytes;

/// A transport that can be upgraded.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

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
        if let Some(me) = me_of(&state, &request) {
            return self.tell_me(&state, me, &request, remote, &mut place).await;
        }
        let found = place_of(&state, &request);
        // A path that belongs to no mount counts as v3.
        let protocol = found.as_ref().map_or(Protocol::V3, |found| found.rules.manner.protocol());
        let query = request.uri().query().unwrap_or_default();
        let guise = found.as_ref().map(|found| found.rules.guise(query, request.headers()));
        let ids = found.as_ref().zip(guise.as_ref()).and_then(|(found, guise)| found.ids_with(guise.spare.as_ref()));
        let mut waited = Duration::ZERO;
        let (result, mut answer) = match checked(&state, &request, found.zip(guise), standing) {
            Err(refused) => {
                count(&metrics, &refused);
                (refused.result, refused.answer())
            }
            Ok((upgrade, found, guise)) => {
                let may_hear_v3 = found.rules.manner.may_hear_v3();
                let came = (&found, &guise);
                // In a box: the connection's own task is as large as the largest thing it ever awaits.
                let comes = Box::pin(self.comes::<T>(&state, &mut request, &upgrade, came, remote, &mut place));
                match comes.await {
                    Ok(()) => (Handshake::Accepted, upgrade.answer(protocol, may_hear_v3)),
                    Err(refused) => {
                        tracing::debug!(code = refused.code(), %peer, address = %remote.address, "handshake refused");
                        count(&metrics, &refused);
                        if let Some(held) = refused.held {
                            waited = match held {
                                Held::Policy => self.hold_back(&self.waiters, state.refuse_delay).await,
                                Held::Credential => self.hold_back(&self.denied, state.denied_delay).await,
                            };
                        }
                        let answer = match (refused.close, found.rules.refuse_with) {
                            (Some(reason), RefuseWith::Close) => {
                                if refused.held == Some(Held::Policy) {
                                    metrics.deprecation_notices.with((NoticeChannel::Close,)).inc();
                                }
                                self.turn_away::<T>(&mut request, reason, refused.retry_after, place, &state);
                                upgrade.answer(protocol, may_hear_v3)
                            }
                            _ => refused.answer(),
                        };
                        (refused.result, answer)
                    }
                }
            }
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

    /// Somebody comes: it goes on in a task of its own, once the 101 is written.
    async fn comes<T: Transport>(
        self: &Arc<Self>,
        state: &Arc<State>,
        request: &mut Request<Incoming>,
        upgrade: &Upgrade,
        came: (&mounts::Place<'_>, &Guise),
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<(), Refused> {
        if came.0.rules.manner.login().is_some() {
            let candidate = self.candidate(state, request, upgrade, came, remote, place)?;
            self.clone().ask::<T>(request, candidate, place.take());
        } else {
            let arrival = self.arrive(state, request, upgrade, came, remote, place).await?;
            self.go_on::<T>(request, arrival, place.take(), state.limits.handshake_timeout);
        }
        Ok(())
    }

    /// Everything else: who is it, may it come in, does the hub have it?
    async fn arrive(
        &self,
        state: &State,
        request: &Request<Incoming>,
        upgrade: &Upgrade,
        (found, guise): (&mounts::Place<'_>, &Guise),
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<Arrival, Refused> {
        let (rules, credentials) = (found.rules, self.presented(state, request, remote, place)?);
        match guise.caller {
            Caller::Client | Caller::Worker => {}
            Caller::Stranger => return Err(Refused::no_worker()),
            Caller::Uninvited => {
                if !self.told_uninvited.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "a worker was refused: no `worker_secret` is set in [mounts.vectra] or [auth] (told once)"
                    );
                }
                return Err(Refused::no_worker());
            }
        }
        let mut named = found.named.clone().map_err(bad_id)?;
        if guise.spare.is_none() {
            let (group, client) = found.ids.clone().map_err(bad_id)?;
            (named.group, named.client) = (Some(group), Some(client));
        }
        let worker = guise.spare.clone().filter(|_| guise.is_worker());
        let client = named.client.clone().or(worker).unwrap_or_else(|| nobody(rules.manner.spoken()));
        let ids = (named.group.clone(), client);
        let (newcomer, sure) = self.newcomer(request, upgrade, found, &credentials, ids);
        let decision = self.steer(state, &newcomer, sure)?;
        let principal = match guise.is_worker() {
            // It has proved what it is; what else it presents is checked all the same.
            true => self.principal_or_guest(&credentials, rules, true).await?,
            false => self.principal(&credentials, rules).await?,
        };
        let proven = self.proven(state, rules, (&named, guise), principal, (newcomer, Some(decision)));
        let proven = proven.map_err(|unproven| match unproven {
            Unproven::Refused(refused) => refused,
            Unproven::NoPlace(why) => Refused::no_place(why),
        })?;
        let (newcomer, account) = (&proven.newcomer, proven.principal.account.as_ref());
        // The shadow repeats a handshake and what follows. In dialects with rules of their own it would say too much of
        // what only one may say, and compare what is filtered for each.
        let mirror = match rules.manner {
            Manner::Plain(..) => state.context.migration.mirror(newcomer, account, rules.manner.hears(), request),
            Manner::Adapter(_) | Manner::Filtered(_) => None,
        };
        self.take_in(state, rules, proven, mirror, remote, place).await
    }

    /// What everybody is asked for before its credential is looked at: a proxy that stays, room, a page's origin.
    pub(super) fn presented(
        &self,
        state: &State,
        request: &Request<Incoming>,
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<Credentials, Refused> {
        if self.draining.is_cancelled() {
            return Err(Refused::draining());
        }
        self.within_limits(state, remote, place)?;
        let credentials = Credentials::collect(request.uri().query().unwrap_or_default(), request.headers())?;
        if !self.authenticator.origin_allowed(credentials.origin.as_deref()) {
            return Err(Refusal::OriginDenied.into());
        }
        Ok(credentials)
    }

    /// What is bounded for one address, and handshakes in all: before a credential is looked at, which costs.
    pub(super) fn within_limits(
        &self,
        state: &State,
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<(), Refused> {
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

    /// Spawns the session. The handshake's memory goes; what the session needs, it has.
    fn go_on<T: Transport>(
        &self,
        request: &mut Request<Incoming>,
        arrival: Arrival,
        place: Option<Place>,
        patience: Duration,
    ) {
        let upgrade = hyper::upgrade::on(request);
        // A future keeps room for what it was given, also once that has gone on.
        let arrival = Box::new(arrival);
        self.sessions.spawn(async move {
            // In a box, so that its memory goes too. Without a transport the visit ends here, in its books.
            let session = Box::pin(async move {
                let (transport, leftover) = upgraded::<T>(upgrade, patience).await?;
                let socket = session::open(transport, leftover, &arrival.visit.context.settings).await;
                let mut session = Session::new(socket, arrival.machine, arrival.visit);
                arrival.greetings.into_iter().for_each(|greeting| session.greet(greeting));
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

/// Is it no WebSocket, but an agent that tests its key?
fn me_of<'s>(state: &'s State, request: &Request<Incoming>) -> Option<&'s Me> {
    let me = state.mounts.me(request.uri().path(), host(request))?;
    (request.method() == Method::GET && !request.headers().contains_key(UPGRADE)).then_some(me)
}

fn host(request: &Request<Incoming>) -> Option<&str> {
    request.headers().get(HOST).and_then(|host| host.to_str().ok()).or_else(|| request.uri().host())
}

/// Its place in the table of mounts.
fn place_of<'s>(state: &'s State, request: &Request<Incoming>) -> Option<mounts::Place<'s>> {
    let uri = request.uri();
    state.mounts.find_with(uri.path(), host(request), uri.query().unwrap_or_default(), request.headers())
}

/// What can be seen from the request alone.
fn checked<'s>(
    state: &State,
    request: &Request<Incoming>,
    found: Option<(mounts::Place<'s>, Guise)>,
    standing: Standing,
) -> Result<(Upgrade, mounts::Place<'s>, Guise), Refused> {
    let uri = request.uri();
    if url_length(uri) > state.limits.url {
        return Err(Refused::url_too_long());
    }
    let shapes = state.mounts.shapes();
    let (found, guise) =
        found.ok_or_else(|| if uri.path() == "/" { Refused::root(shapes) } else { Refused::unknown_path(shapes) })?;
    let upgrade = Upgrade::check(request.method(), request.version(), request.headers())?;
    match standing {
        Standing::Admitted => Ok((upgrade, found, guise)),
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

/// The transport, once the 101 is written, and what was read behind the request.
pub(super) async fn upgraded<T: Transport>(upgrade: OnUpgrade, patience: Duration) -> Option<(T, Bytes)> {
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
