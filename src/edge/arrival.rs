//! Owns the last steps into the house, the same however a client proved itself: who it is on the hub, what the policy
//! says about whom it proved to be, what its account and its user may have, and its seat.

use super::admission::Place;
use super::answer::Refused;
use super::entry::{Guise, nobody};
use super::mounts::{Named, Rules};
use super::policy::Sure;
use super::quota::{Hold, Holder, User};
use super::{Edge, State};
use crate::auth::{Credentials, Principal, Tenant};
use crate::close::CloseReason;
use crate::dialect::{Denied, Dialect, Manner, OwnedFrame, Protocol};
use crate::envelope::Origin;
use crate::hub::{Metadata, Outbox, Seat};
use crate::migration::{Decision, Mirror, Newcomer};
use crate::session::{Client, Machine, Remote, Visit};
use crate::telemetry::labels::Limit;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::time::Instant;

/// Somebody who may come in.
pub(super) struct Arrival {
    pub visit: Visit,
    pub machine: Machine,
    /// What it is told first.
    pub greetings: Vec<OwnedFrame>,
}

/// Somebody whose credential was checked, and whom the policy lets in.
pub(super) struct Proven {
    pub principal: Principal,
    pub origin: Origin,
    pub newcomer: Newcomer,
    decision: Decision,
    exclusive: Option<CloseReason>,
    is_worker: bool,
}

/// Why somebody is not let in who was to be.
#[derive(Debug)]
pub(super) enum Unproven {
    /// As a handshake is refused.
    Refused(Refused),
    /// It has no place here.
    NoPlace(Denied),
}

impl From<Refused> for Unproven {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Edge {
    /// Who is it?
    pub(super) async fn principal(&self, credentials: &Credentials, rules: &Rules) -> Result<Principal, Refused> {
        let guests = self.authenticator.guest_allowed(rules.guests);
        self.principal_or_guest(credentials, rules, guests).await
    }

    /// The same, where guests may come in or not.
    pub(super) async fn principal_or_guest(
        &self,
        credentials: &Credentials,
        rules: &Rules,
        guests: bool,
    ) -> Result<Principal, Refused> {
        let mut principal = self.authenticator.check(credentials, guests).await?;
        if let (Some(account), false) = (&rules.account, principal.account_proven) {
            // The operator's word about a mount is worth more than the client's about itself.
            principal.account = Some(account.clone());
            principal.tenant = Tenant::of(Some(account), principal.key.as_ref(), None);
        }
        Ok(principal)
    }

    /// Who is it on the hub, and what does the policy say about it? `asked`: what it said of the client as it presented
    /// itself; None: nobody has asked yet.
    pub(super) fn proven(
        &self,
        state: &State,
        rules: &Rules,
        (named, guise): (&Named, &Guise),
        principal: Principal,
        (mut newcomer, asked): (Newcomer, Option<Decision>),
    ) -> Result<Proven, Unproven> {
        let knows = |server: &str| self.authenticator.knows_group(server, principal.account.as_ref());
        let who = rules.who(named, &principal, guise, state.limits.id, knows).map_err(Unproven::NoPlace)?;
        let remembered = if who.is_named { who.client.clone() } else { nobody(newcomer.spoken) };
        let is_as_asked = *newcomer.tenant == *principal.tenant.as_str()
            && newcomer.client == remembered
            && newcomer.group.as_ref() == Some(&who.group);
        let decision = match asked.filter(|_| is_as_asked) {
            Some(decision) => decision,
            None => {
                // What was said of itself counted only against it.
                newcomer.tenant = principal.tenant.shared();
                (newcomer.client, newcomer.group) = (remembered, Some(who.group.clone()));
                self.steer(state, &newcomer, Sure(true))?
            }
        };
        let origin = Origin { client: who.client, group: Some(who.group), account: principal.account.clone() };
        Ok(Proven { principal, origin, newcomer, decision, exclusive: who.exclusive, is_worker: guise.is_worker() })
    }

    /// Everything that is left: what it may have, and its seat.
    pub(super) async fn take_in(
        &self,
        state: &State,
        rules: &Rules,
        proven: Proven,
        mirror: Option<Mirror>,
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<Arrival, Refused> {
        self.within_quotas(state, rules, &proven, remote, place)?;
        let metrics = &state.context.metrics;
        let manner = rules.manner_of(proven.is_worker);
        if let Some(group) = &proven.origin.group {
            self.integers.look(group, &proven.origin.client, &proven.newcomer.tenant, manner.protocol(), metrics);
        }
        let (hears_v3, decision) = (proven.newcomer.hears_v3, proven.decision.clone());
        let (visit, machine) = self.seated(state, (rules, manner), proven, mirror, remote).await?;
        let commons = place.iter().flat_map(Place::commons).cloned().collect();
        let machine = machine.sharing(commons);
        let legacy = manner.protocol() == Protocol::V2;
        let notice = if legacy { self.steered(state, rules, &decision, hears_v3) } else { None };
        let greetings = notice.map(|notice| OwnedFrame::Text(notice.as_ref().into())).into_iter().collect();
        Ok(Arrival { visit, machine, greetings })
    }

    /// What account, key and user may have.
    fn within_quotas(
        &self,
        state: &State,
        rules: &Rules,
        proven: &Proven,
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Result<(), Refused> {
        let (limits, now) = (&state.limits, Instant::now());
        for holder in Holder::tenants(&proven.principal, rules.account.is_some()) {
            let often = limits.handshakes_per_second_per_tenant;
            self.throttle.admit_tenant(&holder, often, now).map_err(Refused::throttled)?;
            let hold = self.quotas.hold(holder, limits.connections_per_tenant, state.tenant_rates);
            keep(place, hold.ok_or_else(Refused::tenant_full)?);
        }
        let (users, Some(group)) = (rules.entry.limits(), &proven.origin.group) else { return Ok(()) };
        let Some(users) = users else { return Ok(()) };
        let user = Holder::User(group.clone(), User::new(&proven.principal, remote.address.into()));
        self.throttle.admit_user(&user, users.connects_per_minute, now).map_err(Refused::throttled)?;
        for (holder, limit, name) in [
            (user, users.connections_per_user, Limit::ConnectionsPerUser),
            (Holder::Users(group.clone()), users.connections, Limit::ConnectionsOfUsers),
        ] {
            let hold = self.quotas.hold(holder, limit, None);
            keep(place, hold.ok_or_else(|| Refused::users_full(name))?);
        }
        Ok(())
    }

    async fn seated(
        &self,
        state: &State,
        (rules, manner): (&Rules, &Manner),
        proven: Proven,
        mirror: Option<Mirror>,
        remote: Remote,
    ) -> Result<(Visit, Machine), Refused> {
        let context = &state.context;
        let Proven { principal, origin, newcomer, exclusive, .. } = proven;
        let (speech, hears) = manner.open(&origin, newcomer.hears_v3);
        let generation = hears.protocol();
        let seat = Arc::new(Seat {
            id: context.hub.next_seat(),
            origin: origin.clone(),
            spoken: manner.spoken(),
            hears,
            global: rules.global,
            apart: matches!(manner, Manner::Plain(Dialect::Echo, _)),
            exclusive,
            said: AtomicBool::new(false),
            metadata: Metadata::default(),
            outbox: Outbox::new(state.limits.outbound_queue, state.limits.slow_consumer),
        });
        let client = Client { origin, speech, hears: generation, may_broadcast: principal.may_broadcast };
        let machine = Machine::new(client, context.settings.clone(), context.metrics.clone(), Instant::now());
        // In a task of its own: a client that goes away meanwhile drops this future, and what is half attached
        // could not be detached; so it is attached first, and then dropped whole.
        let begin = Visit::begin(context.clone(), seat, remote, newcomer, mirror);
        let begun = self.sessions.spawn(begin).await;
        let visit = begun.ok().and_then(Result::ok).ok_or_else(Refused::hub_unavailable)?;
        Ok((visit, machine))
    }
}

/// Whoever got as far as being counted has a place.
pub(super) fn keep(place: &mut Option<Place>, hold: Hold) {
    if let Some(place) = place {
        place.keep(hold);
    }
}
