//! The store in memory: for one node without Redis. It forgets everything when the process ends.

use super::{Bounds, ClientPage, ClientQuery, EVENTS, Merged, NODE_KEPT, NODE_LEASE, OTHERS, with_open};
use crate::label::Label;
use crate::migration::record::{
    Batch, Bucket, ClientRecord, Event, EventKind, HOUR, Open, Overview, Span, Stages, TenantRecord,
};
use crate::telemetry::labels::{GuideStep, Stage};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Tenant, then client.
type Key = (String, String);

/// See the module.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: i64,
    clients: BTreeMap<Key, ClientRecord>,
    tenants: BTreeMap<String, TenantRecord>,
    nodes: HashMap<Arc<str>, Node>,
    hours: BTreeMap<i64, Entry>,
    days: BTreeMap<i64, Entry>,
    events: VecDeque<Event>,
    latest: HashMap<(String, String), String>,
}

#[derive(Debug, Default)]
struct Node {
    number: u64,
    at: i64,
    open: Vec<(Arc<str>, Open)>,
}

/// A bucket and the clients in it.
#[derive(Debug, Default)]
struct Entry {
    bucket: Bucket,
    v2: HashSet<Key>,
    v3: HashSet<Key>,
    /// In the order of `GuideStep`.
    steps: [HashSet<Key>; 4],
}

impl Memory {
    /// Empty.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default() }
    }

    /// See `Store::merge`.
    pub fn merge(&self, batch: &Batch) -> Merged {
        let mut state = self.state.lock();
        let node = state.nodes.entry(batch.node.clone()).or_default();
        if batch.number <= node.number {
            return Merged::default();
        }
        *node = Node { number: batch.number, at: batch.at, open: batch.open.clone() };
        if state.since == 0 {
            state.since = batch.at;
        }
        for (tenant, delta) in &batch.tenants {
            state.tenant(tenant, self.bounds.tenants, batch.at).add(delta);
        }
        let mut passed: Vec<(Key, GuideStep)> = Vec::new();
        let v2: Vec<Key> = batch.clients.iter().map(|delta| key(&delta.tenant, &delta.client)).collect();
        for (delta, key) in batch.clients.iter().zip(&v2) {
            let record = state.clients.entry(key.clone()).or_insert_with(|| ClientRecord::new(delta));
            record.add(delta);
            let steps = crate::migration::steps::Steps::of(record);
            passed.extend(GuideStep::ALL.iter().filter(|step| steps.done(**step)).map(|step| (key.clone(), *step)));
        }
        let mut v3 = Vec::new();
        for sighting in &batch.v3 {
            let key = key(&sighting.tenant, &sighting.client);
            if let Some(record) = state.clients.get_mut(&key) {
                record.v3_seen = record.v3_seen.max(batch.at);
            }
            let steps = GuideStep::ALL.iter().filter(|step| **step != GuideStep::Ids || sighting.opaque_ids);
            passed.extend(steps.map(|step| (key.clone(), *step)));
            v3.push(key);
        }
        for span in [Span::Hour, Span::Day] {
            let entry = state.entry(span, batch.at);
            entry.bucket.tally.merge(&batch.tally);
            for (key, step) in &passed {
                keep(&mut entry.steps[step.index()], key, self.bounds.clients);
            }
            v2.iter().for_each(|key| keep(&mut entry.v2, key, self.bounds.clients));
            v3.iter().for_each(|key| keep(&mut entry.v3, key, self.bounds.clients));
        }
        let mut evicted = 0;
        if state.clients.len() > self.bounds.clients {
            // Anybody can make up ids and be refused: those go first, whoever was let in stays as long as it can.
            let mut by_age: Vec<((bool, i64), Key)> =
                state.clients.iter().map(|(key, c)| ((c.was_let_in(), c.last_seen), key.clone())).collect();
            // Those who stand last among the latest.
            by_age.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
            for (_, key) in by_age.into_iter().take(state.clients.len() - self.bounds.clients) {
                state.clients.remove(&key);
                evicted += 1;
            }
        }
        Merged { evicted }
    }

    /// See `Store::overview`.
    pub fn overview(&self, now: i64) -> Overview {
        let state = self.state.lock();
        let live: Vec<_> = state.nodes.values().filter(|node| now - node.at <= NODE_LEASE).collect();
        let day = now - 24 * HOUR;
        let hours: Vec<_> = state.hours.range(day..).map(|(_, entry)| entry).collect();
        let distinct = |pick: &dyn Fn(&Entry) -> &HashSet<Key>| {
            hours.iter().flat_map(|entry| pick(entry)).collect::<HashSet<_>>().len() as u64
        };
        Overview {
            since: state.since,
            nodes: live.len() as u64,
            open: live.iter().flat_map(|node| &node.open).fold(Open::default(), |sum, (_, open)| sum + *open),
            inventory: state.clients.len() as u64,
            left: state.clients.values().filter(|c| !c.has_moved() && c.last_seen >= now - self.bounds.quiet).count()
                as u64,
            v2_clients: distinct(&|entry| &entry.v2),
            v3_clients: distinct(&|entry| &entry.v3),
            steps: [0, 1, 2, 3].map(|step| distinct(&|entry| &entry.steps[step])),
        }
    }

    /// See `Store::tenants`.
    pub fn tenants(&self, now: i64) -> Vec<(TenantRecord, Open)> {
        let state = self.state.lock();
        let live = state.nodes.values().filter(|node| now - node.at <= NODE_LEASE);
        with_open(state.tenants.clone(), live.flat_map(|node| &node.open).map(|(tenant, open)| (&**tenant, *open)))
    }

    /// See `Store::clients`.
    pub fn clients(&self, query: &ClientQuery) -> ClientPage {
        let state = self.state.lock();
        let mut all: Vec<(String, &ClientRecord)> = state
            .clients
            .values()
            .filter(|client| query.matches(client))
            .map(|client| (query.position(client), client))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let after = all.partition_point(|(at, _)| query.cursor.as_ref().is_some_and(|cursor| at <= cursor));
        let page: Vec<_> = all[after..].iter().take(query.limit).collect();
        let more = all.len() - after > page.len();
        ClientPage {
            next: page.last().filter(|_| more).map(|(at, _)| at.clone()),
            clients: page.into_iter().map(|(_, client)| (*client).clone()).collect(),
        }
    }

    /// See `Store::history`.
    pub fn history(&self, span: Span, from: i64, to: i64) -> Vec<Bucket> {
        if from > to {
            return Vec::new();
        }
        let mut state = self.state.lock();
        let buckets = state.buckets(span).range(from..=to);
        buckets
            .map(|(_, entry)| Bucket {
                v2_clients: entry.v2.len() as u64,
                v3_clients: entry.v3.len() as u64,
                ..entry.bucket.clone()
            })
            .collect()
    }

    /// See `Store::events`.
    pub fn events(&self, most: usize) -> Vec<Event> {
        self.state.lock().events.iter().take(most).cloned().collect()
    }

    /// See `Store::note`.
    pub fn note(&self, event: &Event) -> bool {
        let mut state = self.state.lock();
        let latest = state.latest.insert((event.kind.clone(), event.subject.clone()), event.to.clone());
        if latest.as_ref() == Some(&event.to) {
            return false;
        }
        state.events.push_front(Event { from: latest.unwrap_or_else(|| event.from.clone()), ..event.clone() });
        state.events.truncate(EVENTS);
        true
    }

    /// See `Store::advance`.
    pub fn advance(&self, tenant: &str, from: Stage, to: Stage, at: i64) -> bool {
        let mut state = self.state.lock();
        let Some(record) = state.tenants.get_mut(tenant).filter(|record| record.stage() == from) else { return false };
        record.stage = to.label().into();
        record.stage_since = at;
        let (from, to) = (from.label().into(), to.label().into());
        state.events.push_front(Event { at, kind: EventKind::Stage.label().into(), subject: tenant.into(), from, to });
        state.events.truncate(EVENTS);
        true
    }

    /// See `Store::mark`.
    pub fn mark(&self, at: i64, stages: &Stages, open: Open) {
        let mut state = self.state.lock();
        for span in [Span::Hour, Span::Day] {
            let bucket = &mut state.entry(span, at).bucket;
            bucket.stages = stages.clone();
            bucket.v2_open = bucket.v2_open.max(open.v2);
            bucket.v3_open = bucket.v3_open.max(open.v3);
        }
    }

    /// See `Store::trim`.
    pub fn trim(&self, now: i64) -> u64 {
        let mut state = self.state.lock();
        let before = state.clients.len();
        let oldest = now.saturating_sub(self.bounds.forget_after);
        state.clients.retain(|_, client| client.last_seen >= oldest);
        for span in [Span::Hour, Span::Day] {
            let oldest = span.start(now) - span.kept() * span.seconds();
            state.buckets(span).retain(|at, _| *at >= oldest);
        }
        state.nodes.retain(|_, node| now - node.at <= NODE_KEPT);
        (before - state.clients.len()) as u64
    }
}

impl State {
    fn tenant(&mut self, name: &str, most: usize, at: i64) -> &mut TenantRecord {
        let full = self.tenants.len() >= most && !self.tenants.contains_key(name);
        let name = if full { OTHERS } else { name };
        self.tenants.entry(name.to_owned()).or_insert_with(|| TenantRecord::new(name, at))
    }

    fn buckets(&mut self, span: Span) -> &mut BTreeMap<i64, Entry> {
        match span {
            Span::Hour => &mut self.hours,
            Span::Day => &mut self.days,
        }
    }

    fn entry(&mut self, span: Span, at: i64) -> &mut Entry {
        let start = span.start(at);
        let entry = self.buckets(span).entry(start).or_default();
        entry.bucket.at = start;
        entry
    }
}

fn key(tenant: &str, client: &str) -> Key {
    (tenant.to_owned(), client.to_owned())
}

/// A set of clients is bounded as the inventory is.
fn keep(set: &mut HashSet<Key>, key: &Key, most: usize) {
    if set.len() < most {
        set.insert(key.clone());
    }
}
