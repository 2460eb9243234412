//! The store in Redis: for all nodes. What must be changed together is changed by one script; `batch` writes what it
//! takes, `inventory` reads pages, `server` owns the connection.

mod batch;
mod inventory;
mod server;

use super::keys::{Distinct, Keys};
use super::{Bounds, EVENTS, Merged, NODE_KEPT, NODE_LEASE, OTHERS, StoreError, with_open};
use crate::config::{self, Config};
use crate::label::Label;
use crate::migration::record::{
    Batch, Bucket, Count, DAY, Event, EventKind, HOUR, Open, Overview, Span, Stages, Tally, TenantRecord,
};
use crate::redis_client::{Connector, Rarely, StartError};
use crate::telemetry::labels::{GuideStep, Stage};
use batch::json;
use redis::{Pipeline, Script};
use serde::de::DeserializeOwned;
use server::Server;
use std::collections::{BTreeMap, HashMap};

/// Clients, tenants or buckets that are asked for at once.
const STEP: usize = 500;
/// Steps of one trim; what is left waits for the next.
const MOST_STEPS: usize = 100;
/// Seconds for which distinct clients of an hour are kept: the last 24 hours are counted.
const HOUR_SETS: i64 = 26 * HOUR;
/// The same of a day: as long as it is written.
const DAY_SETS: i64 = 2 * DAY;

/// See the module.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    keys: Keys,
    bounds: Bounds,
    scripts: Scripts,
    unreadable: Rarely,
}

#[derive(Debug)]
struct Scripts {
    merge: Script,
    note: Script,
    advance: Script,
    mark: Script,
    seek: Script,
    trim: Script,
}

impl Redis {
    /// On the Redis of the hub. It is connected to when it is first asked.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(config: &Config) -> Result<Self, StartError> {
        let config::Hub { url, command_timeout, channels, .. } = &config.hub;
        let connector = Connector::new(url, *command_timeout)?;
        Ok(Self {
            server: Server::new(connector, *command_timeout),
            keys: Keys::new(channels),
            bounds: Bounds::from(&config.migration),
            scripts: Scripts {
                merge: Script::new(include_str!("../lua/merge.lua")),
                note: Script::new(include_str!("../lua/note.lua")),
                advance: Script::new(include_str!("../lua/advance.lua")),
                mark: Script::new(include_str!("../lua/mark.lua")),
                seek: Script::new(include_str!("../lua/seek.lua")),
                trim: Script::new(include_str!("../lua/trim.lua")),
            },
            unreadable: Rarely::default(),
        })
    }

    /// See `Store::merge`.
    pub async fn merge(&self, batch: &Batch) -> Result<Merged, StoreError> {
        let keys = &self.keys;
        let (hour, day) = (Span::Hour.start(batch.at), Span::Day.start(batch.at));
        let of = |span, start| move |which| keys.distinct(span, start, which);
        let (of_hour, of_day) = (of(Span::Hour, hour), of(Span::Day, day));
        let mut script = self.scripts.merge.prepare_invoke();
        for key in [keys.clients(), keys.index(), keys.seen(), keys.tenants()] {
            script.key(key);
        }
        for key in [keys.nodes(), keys.numbers(), keys.open(), keys.since()] {
            script.key(key);
        }
        script.key(keys.buckets(Span::Hour)).key(keys.buckets(Span::Day));
        script.key(keys.bucket(Span::Hour, hour)).key(keys.bucket(Span::Day, day));
        script.key(of_hour(Distinct::V2)).key(of_hour(Distinct::V3));
        for step in GuideStep::ALL {
            script.key(of_hour(Distinct::Step(*step)));
        }
        script.key(of_day(Distinct::V2)).key(of_day(Distinct::V3)).key(keys.left()).key(keys.never());
        script.arg(&*batch.node).arg(batch.number).arg(batch.at);
        script.arg(batch::body(batch)?).arg(batch::open(&batch.open)?);
        script.arg(self.bounds.clients).arg(self.bounds.tenants).arg(OTHERS).arg(hour).arg(day);
        script.arg(lasts(Span::Hour)).arg(lasts(Span::Day)).arg(HOUR_SETS).arg(DAY_SETS);
        let evicted = self.server.ask::<u64>(&script).await?;
        Ok(Merged { evicted })
    }

    /// See `Store::overview`.
    pub async fn overview(&self, now: i64) -> Result<Overview, StoreError> {
        let keys = &self.keys;
        // An hour that has begun on a node whose clock is ahead counts, too.
        let first = Span::Hour.start(now - 24 * HOUR - 1) + HOUR;
        let hours: Vec<i64> = (0..26).map(|n| first + n * HOUR).collect();
        let mut pipe = Pipeline::with_capacity(9);
        pipe.cmd("GET").arg(keys.since()).cmd("ZCARD").arg(keys.index());
        pipe.cmd("ZCOUNT").arg(keys.left()).arg("-inf").arg(self.bounds.quiet.saturating_sub(now));
        let steps = GuideStep::ALL.iter().map(|step| Distinct::Step(*step));
        for which in [Distinct::V2, Distinct::V3].into_iter().chain(steps) {
            pipe.cmd("PFCOUNT");
            for hour in &hours {
                pipe.arg(keys.distinct(Span::Hour, *hour, which));
            }
        }
        type Answer = (Option<i64>, u64, u64, u64, u64, u64, u64, u64, u64);
        let (since, inventory, left, v2_clients, v3_clients, url, wrap, ids, listen) =
            self.server.ask::<Answer>(&pipe).await?;
        let nodes = self.nodes(now).await?;
        Ok(Overview {
            since: since.unwrap_or(0),
            nodes: nodes.len() as u64,
            open: nodes.iter().flatten().fold(Open::default(), |sum, (_, open)| sum + *open),
            inventory,
            left,
            v2_clients,
            v3_clients,
            steps: [url, wrap, ids, listen],
        })
    }

    /// The open connections of each node that lives.
    async fn nodes(&self, now: i64) -> Result<Vec<Vec<(String, Open)>>, StoreError> {
        let mut live = Pipeline::with_capacity(1);
        live.cmd("ZRANGEBYSCORE").arg(self.keys.nodes()).arg(now - NODE_LEASE).arg("+inf");
        let (names,) = self.server.ask::<(Vec<String>,)>(&live).await?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut open = Pipeline::with_capacity(1);
        open.cmd("HMGET").arg(self.keys.open()).arg(&names);
        let (texts,) = self.server.ask::<(Vec<Option<Vec<u8>>>,)>(&open).await?;
        let read = |text: Option<Vec<u8>>| match text.map(|text| batch::read_open(&text)) {
            Some(Some(open)) => open,
            Some(None) => {
                self.unreadable("open connections");
                Vec::new()
            }
            None => Vec::new(),
        };
        Ok(texts.into_iter().map(read).collect())
    }

    /// See `Store::tenants`.
    pub async fn tenants(&self, now: i64) -> Result<Vec<(TenantRecord, Open)>, StoreError> {
        let mut tenants = BTreeMap::new();
        let mut cursor = 0;
        loop {
            let mut scan = Pipeline::with_capacity(1);
            scan.cmd("HSCAN").arg(self.keys.tenants()).arg(cursor).arg("COUNT").arg(STEP);
            type Page = (u64, Vec<(Vec<u8>, Vec<u8>)>);
            let ((next, page),) = self.server.ask::<(Page,)>(&scan).await?;
            for record in page.iter().filter_map(|(_, text)| self.read::<TenantRecord>(text, "a tenant")) {
                tenants.insert(record.tenant.clone(), record);
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let nodes = self.nodes(now).await?;
        Ok(with_open(tenants, nodes.iter().flatten().map(|(tenant, open)| (tenant.as_str(), *open))))
    }

    /// See `Store::history`.
    pub async fn history(&self, span: Span, from: i64, to: i64) -> Result<Vec<Bucket>, StoreError> {
        let starts = self.starts(span, from, to).await?;
        let mut all = Vec::with_capacity(starts.len());
        for starts in starts.chunks(STEP) {
            let mut pipe = Pipeline::with_capacity(starts.len());
            for start in starts {
                pipe.cmd("HGETALL").arg(self.keys.bucket(span, *start));
            }
            let found = self.server.ask::<Vec<HashMap<String, String>>>(&pipe).await?;
            let found = starts.iter().zip(found).filter(|(_, fields)| !fields.is_empty());
            all.extend(found.map(|(start, fields)| bucket(*start, &fields)));
        }
        Ok(all)
    }

    async fn starts(&self, span: Span, from: i64, to: i64) -> Result<Vec<i64>, StoreError> {
        let mut pipe = Pipeline::with_capacity(1);
        pipe.cmd("ZRANGEBYSCORE").arg(self.keys.buckets(span)).arg(from).arg(to);
        Ok(self.server.ask::<(Vec<i64>,)>(&pipe).await?.0)
    }

    /// See `Store::events`.
    pub async fn events(&self, most: usize) -> Result<Vec<Event>, StoreError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let mut pipe = Pipeline::with_capacity(1);
        pipe.cmd("LRANGE").arg(self.keys.events()).arg(0).arg(most.min(EVENTS) - 1);
        let (texts,) = self.server.ask::<(Vec<Vec<u8>>,)>(&pipe).await?;
        Ok(texts.iter().filter_map(|text| self.read(text, "an event")).collect())
    }

    /// See `Store::note`.
    pub async fn note(&self, event: &Event) -> Result<bool, StoreError> {
        let mut script = self.scripts.note.prepare_invoke();
        script.key(self.keys.latest()).key(self.keys.events());
        script.arg(format!("{}\u{1f}{}", event.kind, event.subject)).arg(json(event)?).arg(&event.to).arg(EVENTS);
        self.server.ask(&script).await
    }

    /// See `Store::advance`.
    pub async fn advance(&self, tenant: &str, from: Stage, to: Stage, at: i64) -> Result<bool, StoreError> {
        let mut read = Pipeline::with_capacity(1);
        read.cmd("HGET").arg(self.keys.tenants()).arg(tenant);
        let (text,) = self.server.ask::<(Option<Vec<u8>>,)>(&read).await?;
        let record = text.and_then(|text| self.read::<TenantRecord>(&text, "a tenant"));
        // A word nobody knows counts as a stage, too; the script compares words.
        let Some(record) = record.filter(|record| record.stage() == from) else { return Ok(false) };
        let kind = EventKind::Stage.label().into();
        let event = Event { at, kind, subject: tenant.into(), from: from.label().into(), to: to.label().into() };
        let mut script = self.scripts.advance.prepare_invoke();
        script.key(self.keys.tenants()).key(self.keys.events());
        script.arg(tenant).arg(record.stage).arg(to.label()).arg(at).arg(json(&event)?).arg(EVENTS);
        self.server.ask(&script).await
    }

    /// See `Store::mark`.
    pub async fn mark(&self, at: i64, stages: &Stages, open: Open) -> Result<(), StoreError> {
        let stages = json(stages)?;
        for span in [Span::Hour, Span::Day] {
            let start = span.start(at);
            let mut script = self.scripts.mark.prepare_invoke();
            script.key(self.keys.buckets(span)).key(self.keys.bucket(span, start));
            script.arg(start).arg(open.v2).arg(open.v3).arg(&stages).arg(lasts(span));
            self.server.ask::<u8>(&script).await?;
        }
        Ok(())
    }

    /// See `Store::trim`.
    pub async fn trim(&self, now: i64) -> Result<u64, StoreError> {
        let keys = &self.keys;
        let oldest = now.saturating_sub(self.bounds.forget_after);
        let mut script = self.scripts.trim.prepare_invoke();
        for key in [keys.clients(), keys.index(), keys.seen(), keys.nodes(), keys.numbers(), keys.open()] {
            script.key(key);
        }
        script.key(keys.left()).key(keys.never());
        script.arg(oldest.saturating_neg()).arg(STEP).arg(now - NODE_LEASE).arg(now - NODE_KEPT);
        let mut forgotten = 0;
        for _ in 0..MOST_STEPS {
            let gone = self.server.ask::<u64>(&script).await?;
            forgotten += gone;
            if gone < STEP as u64 {
                break;
            }
        }
        let mut pipe = Pipeline::new();
        for span in [Span::Hour, Span::Day] {
            let oldest = span.start(now) - span.kept() * span.seconds();
            for start in self.starts(span, i64::MIN, oldest - 1).await? {
                pipe.cmd("DEL").arg(keys.bucket(span, start)).ignore();
            }
            pipe.cmd("ZREMRANGEBYSCORE").arg(keys.buckets(span)).arg("-inf").arg(oldest - 1).ignore();
        }
        // Should nobody ever write again, nothing stays for ever.
        for key in keys.lasting() {
            pipe.cmd("EXPIRE").arg(key).arg(lasts(Span::Day)).ignore();
        }
        self.server.ask::<()>(&pipe).await?;
        Ok(forgotten)
    }

    /// A record, unless it is none: one that cannot be read must not hide the others.
    fn read<T: DeserializeOwned>(&self, text: &[u8], what: &'static str) -> Option<T> {
        let read = serde_json::from_slice(text).ok();
        if read.is_none() {
            self.unreadable(what);
        }
        read
    }

    fn unreadable(&self, what: &'static str) {
        self.unreadable
            .say(|unsaid| tracing::warn!(what, unsaid, "what the store of the migration holds is passed over"));
    }
}

/// Seconds after which a bucket nobody writes any more goes by itself.
fn lasts(span: Span) -> i64 {
    (span.kept() + 1) * span.seconds()
}

fn bucket(at: i64, fields: &HashMap<String, String>) -> Bucket {
    let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut tally = Tally::default();
    for word in Count::ALL {
        tally.set(*word, number(word.label()));
    }
    Bucket {
        at,
        tally,
        v2_open: number("v2_open"),
        v3_open: number("v3_open"),
        v2_clients: number("v2_clients"),
        v3_clients: number("v3_clients"),
        stages: fields.get("stages").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
    }
}
