//! Owns who is connected to this node right now, and what was newly seen of them since the last batch. Counting is
//! atomic and waits for nobody; what cannot be kept is counted as forgotten.

use super::newcomer::Newcomer;
use super::record::{ClientDelta, Findings, Open, TenantDelta, V3Sighting};
use crate::clock::{Clock, Timestamp};
use crate::close::CloseReason;
use crate::dialect::Protocol;
use crate::label::Label;
use crate::telemetry::Metrics;
use crate::telemetry::labels::LintRule;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

/// V2 clients, and V3 clients, that may wait for the next batch.
const MOST_WAITING: usize = 50_000;
/// Tenants that may wait.
const MOST_TENANTS: usize = 10_000;
/// An open connection is told as a sign of life so often, in seconds.
const STILL_HERE: i64 = 60;

/// Ends a connection from outside.
pub type Closer = Box<dyn Fn(CloseReason) + Send + Sync>;

/// One open connection.
pub struct Guest {
    /// Who.
    pub newcomer: Newcomer,
    closer: Closer,
    closing: AtomicBool,
    frames: AtomicU64,
    /// Frames already told.
    told: AtomicU64,
    /// When it was last told.
    told_at: AtomicI64,
    legacy: Option<Box<Legacy>>,
}

/// What is only kept of V2 connections.
#[derive(Default)]
struct Legacy {
    wrapped_at: AtomicI64,
    unwrapped_at: AtomicI64,
    findings: [AtomicU32; LintRule::ALL.len()],
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("newcomer", &self.newcomer).finish_non_exhaustive()
    }
}

impl Guest {
    /// Somebody who is in no roster yet.
    pub fn new(newcomer: Newcomer, closer: Closer, now: i64) -> Self {
        let legacy = (newcomer.protocol() == Protocol::V2).then(Box::default);
        Self {
            newcomer,
            closer,
            closing: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            told: AtomicU64::new(0),
            told_at: AtomicI64::new(now),
            legacy,
        }
    }

    /// A data frame came; returns how many there were before.
    pub fn frame(&self) -> u64 {
        self.frames.fetch_add(1, Ordering::Relaxed)
    }

    /// Lint found something.
    pub fn found(&self, rule: LintRule) {
        if let Some(legacy) = &self.legacy {
            legacy.findings[rule.index()].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A frame was wrapped in an envelope's members, or was not.
    pub fn wrapped(&self, is: bool, now: Timestamp) {
        if let Some(legacy) = &self.legacy {
            let at = if is { &legacy.wrapped_at } else { &legacy.unwrapped_at };
            at.store(now.as_secs(), Ordering::Relaxed);
        }
    }

    /// Ends the connection.
    pub fn close(&self, reason: CloseReason) {
        self.closing.store(true, Ordering::Relaxed);
        (self.closer)(reason);
    }

    /// Was it ended? It may take a while to go.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    fn untold(&self) -> u64 {
        let frames = self.frames.load(Ordering::Relaxed);
        frames - self.told.swap(frames, Ordering::Relaxed).min(frames)
    }
}

/// What was newly seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// V2 clients, by tenant and id.
    pub clients: HashMap<(Arc<str>, Arc<str>), ClientDelta>,
    /// Tenants.
    pub tenants: HashMap<Arc<str>, TenantDelta>,
    /// V3 clients: do they have opaque ids?
    pub v3: HashMap<(Arc<str>, Arc<str>), bool>,
}

/// See the module.
#[derive(Debug)]
pub struct Roster {
    clock: Clock,
    metrics: Arc<Metrics>,
    open: Mutex<HashMap<u64, Arc<Guest>>>,
    seen: Mutex<Seen>,
}

impl Roster {
    /// Nobody.
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self { clock, metrics, open: Mutex::default(), seen: Mutex::default() }
    }

    /// Somebody was let in, on this seat.
    pub fn enter(&self, seat: u64, newcomer: Newcomer, closer: Closer) -> Arc<Guest> {
        let now = self.clock.now().as_secs();
        let guest = Arc::new(Guest::new(newcomer, closer, now));
        self.open.lock().insert(seat, guest.clone());
        self.note(&guest, now, 1);
        guest
    }

    /// The connection on this seat ended.
    pub fn leave(&self, seat: u64) {
        let guest = self.open.lock().remove(&seat);
        if let Some(guest) = guest {
            self.note(&guest, self.clock.now().as_secs(), 0);
        }
    }

    /// A policy refused somebody.
    pub fn refused(&self, newcomer: &Newcomer) {
        let now = self.clock.now().as_secs();
        let mut seen = self.seen.lock();
        // Made-up ids leave room for those who are let in.
        if let Some(delta) = self.client(&mut seen, newcomer, now, MOST_WAITING / 2) {
            delta.refused += 1;
        }
        let delta = tenant(&mut seen, &newcomer.tenant);
        (delta.refused, delta.last_refused) = (delta.refused + 1, now);
    }

    /// Those who are connected with V2.
    pub fn legacy(&self) -> Vec<Arc<Guest>> {
        let open = self.open.lock();
        open.values().filter(|guest| guest.newcomer.protocol() == Protocol::V2).cloned().collect()
    }

    /// Takes what was newly seen, and how many connections are open, by tenant. Whoever sits still is among the seen
    /// once a minute.
    pub fn take(&self) -> (Seen, Vec<(Arc<str>, Open)>) {
        let now = self.clock.now().as_secs();
        let guests: Vec<_> = self.open.lock().values().cloned().collect();
        let mut open: HashMap<Arc<str>, Open> = HashMap::new();
        for guest in guests {
            let n = open.entry(guest.newcomer.tenant.clone()).or_default();
            match guest.newcomer.protocol() {
                Protocol::V2 => n.v2 += 1,
                Protocol::V3 => n.v3 += 1,
            }
            let due = now - guest.told_at.load(Ordering::Relaxed) >= STILL_HERE;
            if due || guest.frames.load(Ordering::Relaxed) > guest.told.load(Ordering::Relaxed) {
                self.note(&guest, now, 0);
            }
        }
        (std::mem::take(&mut *self.seen.lock()), open.into_iter().collect())
    }

    /// Takes back what could not be carried over.
    pub fn give_back(&self, clients: Vec<ClientDelta>, tenants: Vec<(Arc<str>, TenantDelta)>, v3: Vec<V3Sighting>) {
        let mut seen = self.seen.lock();
        for delta in clients {
            seen.clients
                .entry((delta.tenant.clone(), delta.client.clone()))
                .and_modify(|newer| newer.absorb(&delta))
                .or_insert(delta);
        }
        for (tenant, delta) in tenants {
            seen.tenants.entry(tenant).or_default().absorb(&delta);
        }
        for sighting in v3 {
            // Who was seen again meanwhile is as it was seen last.
            seen.v3.entry((sighting.tenant, sighting.client)).or_insert(sighting.opaque_ids);
        }
    }

    /// Adds what a guest did since it was last told.
    fn note(&self, guest: &Guest, now: i64, opened: u64) {
        let frames = guest.untold();
        guest.told_at.store(now, Ordering::Relaxed);
        let newcomer = &guest.newcomer;
        let mut seen = self.seen.lock();
        let seen = &mut *seen;
        let tenant = tenant(seen, &newcomer.tenant);
        let (at, connections, messages) = match newcomer.protocol() {
            Protocol::V2 => (&mut tenant.v2_seen, &mut tenant.v2_opened, &mut tenant.v2_frames),
            Protocol::V3 => (&mut tenant.v3_seen, &mut tenant.v3_opened, &mut tenant.v3_frames),
        };
        *at = now;
        *connections += opened;
        *messages += frames;
        let Some(legacy) = &guest.legacy else {
            let key = (newcomer.tenant.clone(), newcomer.client.as_str().into());
            match seen.v3.len() < MOST_WAITING || seen.v3.contains_key(&key) {
                true => drop(seen.v3.insert(key, !newcomer.has_integer_id())),
                false => self.metrics.migration_forgotten.only().inc(),
            }
            return;
        };
        let Some(delta) = self.client(seen, newcomer, now, MOST_WAITING) else { return };
        delta.opened += opened;
        delta.frames += frames;
        if opened > 0 {
            delta.last_opened = now;
        }
        delta.wrapped_at = delta.wrapped_at.max(legacy.wrapped_at.load(Ordering::Relaxed));
        delta.unwrapped_at = delta.unwrapped_at.max(legacy.unwrapped_at.load(Ordering::Relaxed));
        for (rule, n) in LintRule::ALL.iter().zip(&legacy.findings) {
            delta.findings.add(*rule, n.swap(0, Ordering::Relaxed).into());
        }
    }

    fn client<'s>(
        &self,
        seen: &'s mut Seen,
        newcomer: &Newcomer,
        now: i64,
        room: usize,
    ) -> Option<&'s mut ClientDelta> {
        let key = (newcomer.tenant.clone(), newcomer.client.as_str().into());
        if seen.clients.len() >= room && !seen.clients.contains_key(&key) {
            self.metrics.migration_forgotten.only().inc();
            return None;
        }
        let (tenant, client) = key.clone();
        let delta = seen.clients.entry(key).or_insert_with(|| ClientDelta {
            tenant,
            client,
            dialect: "".into(),
            group: "".into(),
            user_agent: "".into(),
            origin: "".into(),
            hears_v3: false,
            integer_id: false,
            seen: now,
            last_opened: 0,
            opened: 0,
            refused: 0,
            frames: 0,
            wrapped_at: 0,
            unwrapped_at: 0,
            findings: Findings::default(),
        });
        if *delta.dialect != *newcomer.dialect() {
            delta.dialect = newcomer.dialect().into();
        }
        delta.group = newcomer.group.as_ref().map_or_else(|| "".into(), |group| group.as_str().into());
        (delta.user_agent, delta.origin) = (newcomer.user_agent.clone(), newcomer.origin.clone());
        (delta.hears_v3, delta.integer_id) = (newcomer.hears_v3, newcomer.has_integer_id());
        delta.seen = now;
        Some(delta)
    }
}

impl Seen {
    /// The V3 clients, as a batch wants them.
    pub fn sightings(&mut self) -> Vec<V3Sighting> {
        let all = std::mem::take(&mut self.v3).into_iter();
        all.map(|((tenant, client), opaque_ids)| V3Sighting { tenant, client, opaque_ids }).collect()
    }
}

/// The delta of a tenant; those for whom there is no room are counted together.
fn tenant<'s>(seen: &'s mut Seen, name: &Arc<str>) -> &'s mut TenantDelta {
    let full = seen.tenants.len() >= MOST_TENANTS && !seen.tenants.contains_key(name);
    let name = if full { super::store::OTHERS.into() } else { name.clone() };
    seen.tenants.entry(name).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Spoken;
    use crate::envelope::{ClientId, GroupId};

    fn newcomer(client: &str, spoken: Spoken) -> Newcomer {
        Newcomer {
            tenant: "acme".into(),
            spoken,
            made: None,
            group: GroupId::new("g", 9).ok(),
            client: ClientId::new(client, 9).expect("an id"),
            user_agent: "App/1".into(),
            origin: "".into(),
            hears_v3: false,
        }
    }

    fn roster() -> (Clock, Roster) {
        let clock = Clock::fixed(Timestamp(1_000_000));
        (clock.clone(), Roster::new(clock, Arc::new(Metrics::new(9).expect("metrics"))))
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let (clock, roster) = roster();
        let guest = roster.enter(1, newcomer("c", Spoken::AetherV2), Box::new(|_| {}));
        guest.frame();
        guest.found(LintRule::NotWrapped);
        guest.wrapped(false, clock.now());
        let (seen, open) = roster.take();
        let delta = seen.clients.values().next().expect("a client");
        assert_eq!((delta.opened, delta.frames, delta.last_opened), (1, 1, 1000));
        assert_eq!((delta.findings.get(LintRule::NotWrapped), delta.unwrapped_at), (1, 1000));
        assert_eq!(open, [("acme".into(), Open { v2: 1, v3: 0 })]);
        assert!(roster.take().0.clients.is_empty());
        roster.leave(1);
        let (seen, open) = roster.take();
        let delta = seen.clients.values().next().expect("it was there until now");
        assert_eq!((delta.opened, delta.frames, delta.findings.total()), (0, 0, 0));
        assert_eq!(open, []);
    }

    #[test]
    fn whoever_sits_still_is_told_once_a_minute() {
        let (clock, roster) = roster();
        drop(roster.enter(1, newcomer("c", Spoken::AetherV2), Box::new(|_| {})));
        drop(roster.enter(2, newcomer("n", Spoken::AetherV3), Box::new(|_| {})));
        drop(roster.take());
        clock.set(Timestamp(1_059_000));
        assert!(roster.take().0.clients.is_empty());
        clock.set(Timestamp(1_060_000));
        let (mut seen, open) = roster.take();
        assert_eq!(seen.clients.values().map(|delta| delta.seen).collect::<Vec<_>>(), [1060]);
        assert_eq!(seen.sightings().len(), 1);
        assert_eq!(seen.tenants["acme" as &str].v3_seen, 1060);
        assert_eq!(open, [("acme".into(), Open { v2: 1, v3: 1 })]);
    }

    #[test]
    fn made_up_ids_that_are_refused_leave_room_for_who_is_let_in() {
        let (_, roster) = roster();
        (0..MOST_WAITING).for_each(|n| roster.refused(&newcomer(&format!("x{n}"), Spoken::AetherV2)));
        drop(roster.enter(1, newcomer("c", Spoken::AetherV2), Box::new(|_| {})));
        let (seen, _) = roster.take();
        assert_eq!(seen.clients.len(), MOST_WAITING / 2 + 1);
        assert!(seen.clients.values().any(|delta| &*delta.client == "c"));
    }

    #[test]
    fn a_refusal_is_remembered_without_a_connection() {
        let (_, roster) = roster();
        roster.refused(&newcomer("c", Spoken::AetherV2));
        let (seen, open) = roster.take();
        let delta = seen.clients.values().next().expect("a client");
        assert_eq!((delta.refused, delta.opened, delta.last_opened), (1, 0, 0));
        assert_eq!((seen.tenants["acme" as &str].last_refused, seen.tenants["acme" as &str].v2_seen), (1000, 0));
        assert_eq!(open, []);
    }
}
