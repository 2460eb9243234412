//! Owns the way in of clients that prove themselves in their first frames: the 101 goes out before anything is known of
//! them. Until they are in they wait in the lobby, where they hold no door shut; those that fail are told so at once
//! and closed only after a while, since some dial again at once, for ever.

use super::admission::Place;
use super::answer::Refused;
use super::arrival::{Arrival, Proven, Unproven};
use super::entry::{Guise, nobody};
use super::handshake::{Transport, upgraded};
use super::lobby::Claim;
use super::mounts::{self, BadId, Named, Rules};
use super::policy::jittered;
use super::upgrade::Upgrade;
use super::{Edge, State};
use crate::auth::Credentials;
use crate::clock::Timestamp;
use crate::close::CloseReason;
use crate::config::Secret;
use crate::dialect::{Denied, Login, Now};
use crate::migration::Newcomer;
use crate::session::{Remote, Said, Session, Waiting};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Handshake, InBand, InBandAuth, NoticeChannel};
use hyper::Request;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Somebody who has yet to prove itself, as far as the handshake tells.
pub(super) struct Candidate {
    state: Arc<State>,
    rules: Rules,
    named: Result<Named, BadId>,
    guise: Guise,
    newcomer: Newcomer,
    /// Where it comes from, and which account it says it has. What it says else in its handshake is no proof here.
    credentials: Credentials,
    remote: Remote,
}

/// Why a client is not let in, and how it is told.
struct Turned {
    why: Denied,
    /// Instead of how its dialect ends it.
    close: Option<(CloseReason, Cow<'static, str>)>,
    /// It is closed after so long.
    delay: Duration,
}

impl Edge {
    /// Looks at everything that can be seen before the first frame.
    pub(super) fn candidate(
        &self,
        state: &Arc<State>,
        request: &Request<Incoming>,
        upgrade: &Upgrade,
        (found, guise): (&mounts::Place<'_>, &Guise),
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<Candidate, Refused> {
        let presented = self.presented(state, request, remote, place)?;
        // Where no credential could be right, nobody is asked for one.
        let guests = self.authenticator.guest_allowed(found.rules.guests);
        self.authenticator.admits_by(found.rules.entry.asks_for(), guests)?;
        let credentials = Credentials { api_key: None, token: None, ..presented };
        let group = found.named.as_ref().ok().and_then(|named| named.group.clone());
        let ids = (group, nobody(found.rules.manner.spoken()));
        // Whom it would be if all it says were true is not asked: it has said nothing yet.
        let (newcomer, _) = self.newcomer(request, upgrade, found, &credentials, ids);
        let (state, rules, named) = (state.clone(), found.rules.clone(), found.named.clone());
        Ok(Candidate { state, rules, named, guise: guise.clone(), newcomer, credentials, remote })
    }

    /// Asks who it is, in a task of its own; its session then goes on in the same.
    pub(super) fn ask<T: Transport>(
        self: Arc<Self>,
        request: &mut Request<Incoming>,
        candidate: Candidate,
        place: Option<Place>,
    ) {
        let upgrade = hyper::upgrade::on(request);
        let Some(place) = place else { return };
        // A future keeps room for what it was given, also once that has gone on.
        let candidate = Box::new(candidate);
        self.sessions.clone().spawn(async move {
            // In a box, so that its memory goes.
            if let Some((mut session, _place)) = Box::pin(self.let_in::<T>(upgrade, *candidate, place)).await {
                session.run().await;
            }
        });
    }

    /// A session, if it proves itself.
    async fn let_in<T: Transport>(
        &self,
        upgrade: OnUpgrade,
        candidate: Candidate,
        place: Place,
    ) -> Option<(Box<Session<T>>, Option<Place>)> {
        let state = &candidate.state;
        let (metrics, clock) = (&state.context.metrics, &state.context.clock);
        let login = candidate.rules.manner.login()?;
        let count = |result| {
            metrics.in_band_auth.with(InBandAuth(candidate.newcomer.spoken, result)).inc();
        };
        let _counted = Counted::new(metrics);
        let Some((transport, leftover)) = upgraded::<T>(upgrade, state.limits.handshake_timeout).await else {
            count(InBand::Gone);
            return None;
        };
        let settings = state.context.settings.clone();
        let mut waiting = Waiting::open(transport, leftover, settings, clock.clone()).await;
        let ticket = self.lobby.wait(Claim::Entry, place, Instant::now());
        let asked = self.asked(&candidate, login, &mut waiting);
        let asked = self.draining.run_until_cancelled(ticket.unless_shown_out(asked)).await;
        let place = ticket.redeem();
        let (result, place) = match (asked, place) {
            (None, _) => {
                count(InBand::Gone);
                waiting.end(CloseReason::Restart, None).await;
                return None;
            }
            (Some(None), _) | (_, None) => {
                count(InBand::Gone);
                waiting.drop_with(CloseReason::TryLater).await;
                return None;
            }
            (Some(Some(result)), Some(place)) => (result, place),
        };
        let mut place = Some(place);
        let result = match result {
            Ok(proven) => {
                let (rules, remote) = (&candidate.rules, candidate.remote);
                let origin = proven.origin.clone();
                let arrived = self.take_in(state, rules, proven, None, remote, &mut place).await;
                arrived.map(|arrival| (arrival, origin)).map_err(|refused| Ok(self.turned(state, refused.into())))
            }
            Err(ended) => Err(ended),
        };
        match result {
            Ok((Arrival { visit, machine, greetings }, origin)) => {
                count(InBand::Ok);
                if self.draining.is_cancelled() {
                    visit.seat.outbox.close(CloseReason::Restart);
                }
                let mut session = Session::new(waiting.into_socket(), machine, visit);
                session.greet(login.welcome(&origin, now(clock.now())));
                greetings.into_iter().for_each(|greeting| session.greet(greeting));
                Some((session, place))
            }
            Err(Ok(turned)) => {
                count(if turned.why == Denied::Late { InBand::Late } else { InBand::Denied });
                self.turn_down(metrics, login, waiting, turned, place).await;
                None
            }
            Err(Err(reason)) => {
                count(InBand::Gone);
                waiting.end(reason, None).await;
                None
            }
        }
    }

    /// Who is it? Err: it is turned down, or it ended.
    async fn asked<T: Transport>(
        &self,
        candidate: &Candidate,
        login: &dyn Login,
        waiting: &mut Waiting<T>,
    ) -> Result<Proven, Result<Turned, CloseReason>> {
        let state = &candidate.state;
        let with = |api_key: Option<Secret>, token: Option<Secret>| Credentials {
            api_key,
            token,
            ..candidate.credentials.clone()
        };
        let credentials = match waiting.hear(login, Instant::now() + state.in_band_timeout).await {
            Said::Token(token) => with(None, Some(token)),
            Said::ApiKey(key) => with(Some(key), None),
            Said::Denied(why) => return Err(Ok(self.turned(state, Unproven::NoPlace(why)))),
            Said::Ended(reason) => return Err(Err(reason)),
        };
        self.prove(candidate, &credentials).await.map_err(|unproven| Ok(self.turned(state, unproven)))
    }

    async fn prove(&self, candidate: &Candidate, credentials: &Credentials) -> Result<Proven, Unproven> {
        let Candidate { state, rules, guise, .. } = candidate;
        let principal = self.principal(credentials, rules).await?;
        // Only now: who has no credential is not told which servers there could be.
        let named = candidate.named.as_ref().map_err(|_| Unproven::NoPlace(Denied::BadGroup))?;
        self.proven(state, rules, (named, guise), principal, (candidate.newcomer.clone(), None))
    }

    /// How somebody is told that it may not come in.
    fn turned(&self, state: &State, unproven: Unproven) -> Turned {
        let refused = match unproven {
            Unproven::NoPlace(why) => {
                // Whoever was silent for so long will not be back at once.
                let delay = if why == Denied::Late { Duration::ZERO } else { state.denied_delay };
                return Turned { why, close: None, delay };
            }
            Unproven::Refused(refused) => refused,
        };
        tracing::debug!(code = refused.code(), "a client that was to prove itself is refused");
        if let Some(limit) = refused.limit {
            state.context.metrics.limit_hits.with((limit,)).inc();
        }
        match refused.result {
            Handshake::PolicyRejected => {
                // The house's own code tells more than the dialect could.
                let close = refused.close.map(|reason| (reason, reason.text_with(refused.retry_after)));
                Turned { why: Denied::Policy, close, delay: state.refuse_delay }
            }
            result => {
                let why = match result {
                    Handshake::Limit => Denied::Limit,
                    Handshake::HubUnavailable | Handshake::ShuttingDown => Denied::Unavailable,
                    _ if refused.status().is_server_error() => Denied::Unavailable,
                    _ => Denied::Credential,
                };
                Turned { why, close: None, delay: state.denied_delay }
            }
        }
    }

    /// Tells it at once, and closes it after a while, if not too many are kept so, and unless its place is needed, the
    /// proxy drains, or it goes by itself.
    async fn turn_down<T: Transport>(
        &self,
        metrics: &Metrics,
        login: &dyn Login,
        mut waiting: Waiting<T>,
        turned: Turned,
        place: Option<Place>,
    ) {
        tracing::debug!(why = ?turned.why, "a client that was to prove itself is turned down");
        let goodbye = login.refuse(turned.why);
        if let Some(frame) = goodbye.frame
            && !waiting.say(frame).await
        {
            return;
        }
        if turned.close.is_some() {
            metrics.deprecation_notices.with((NoticeChannel::Close,)).inc();
        }
        let (reason, text) = match turned.close {
            Some((reason, text)) => (reason, Some(text)),
            None => (goodbye.reason, goodbye.text.map(Cow::Borrowed)),
        };
        let waiter = self.denied.try_acquire();
        let ticket = place.map(|place| self.lobby.wait(Claim::Ending, place, Instant::now()));
        if let (Ok(_), Some(ticket)) = (&waiter, &ticket) {
            let until = Instant::now() + jittered(turned.delay);
            match self.draining.run_until_cancelled(ticket.unless_shown_out(waiting.linger(until))).await {
                Some(None) => return waiting.drop_with(reason).await,
                Some(Some(false)) => return,
                Some(Some(true)) | None => {}
            }
        }
        waiting.end(reason, text).await;
    }
}

/// Counted as waiting, until it is dropped.
struct Counted<'m>(&'m Metrics);

impl<'m> Counted<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.in_band_waiting.only().inc();
        Self(metrics)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.in_band_waiting.only().dec();
    }
}

fn now(at: Timestamp) -> Now {
    Now { instant: Instant::now().into_std(), at }
}
