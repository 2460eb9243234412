//! Owns the metrics by tenant: at most so many series, the rest share `_other`, the silent ones go.

use crate::clock::Timestamp;
use parking_lot::Mutex;
use prometheus::{GaugeVec, IntCounter, IntGaugeVec, Opts, Registry, Result};
use std::collections::HashMap;

/// Who has no tenant.
pub const NONE: &str = "_none";
/// Who came after the label limit was reached.
pub const OTHER: &str = "_other";
/// Seconds after which a tenant without V2 connections loses its series.
const FORGET_AFTER: i64 = 7 * 24 * 3600;

/// V2 connections by tenant.
#[derive(Debug)]
pub struct Tenants {
    connections: IntGaugeVec,
    last_seen: GaugeVec,
    overflow: IntCounter,
    most: usize,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    open: u64,
    last_seen: i64,
}

impl Tenants {
    /// Registers the families; `_none` and `_other` exist from the start.
    pub(super) fn register(registry: &Registry, most: usize) -> Result<Self> {
        let connections = IntGaugeVec::new(
            Opts::new(
                "aether_tenant_v2_connections",
                "Open V2 connections by tenant; `_other` gathers those above the limit.",
            ),
            &["tenant"],
        )?;
        let last_seen = GaugeVec::new(
            Opts::new("aether_tenant_v2_last_seen_timestamp_seconds", "When a tenant was last seen on V2."),
            &["tenant"],
        )?;
        let overflow = IntCounter::with_opts(
            Opts::new("aether_metric_label_overflow_total", "Connections counted under `_other` for want of a label.")
                .const_label("label", "tenant"),
        )?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(last_seen.clone()))?;
        registry.register(Box::new(overflow.clone()))?;
        for shared in [NONE, OTHER] {
            connections.get_metric_with_label_values(&[shared])?.set(0);
        }
        Ok(Self { connections, last_seen, overflow, most, known: Mutex::new(HashMap::new()) })
    }

    /// A V2 connection of this tenant opened; returns the label it is counted under, for `closed`.
    pub fn opened(&self, tenant: &str, now: Timestamp) -> String {
        let mut known = self.known.lock();
        let label = if tenant == NONE || known.contains_key(tenant) || known.len() < self.most {
            tenant
        } else {
            self.overflow.inc();
            OTHER
        };
        if label != NONE && label != OTHER {
            let entry = known.entry(label.to_owned()).or_default();
            entry.open += 1;
            entry.last_seen = now.as_secs();
        }
        self.connections.with_label_values(&[label]).inc();
        self.last_seen.with_label_values(&[label]).set(now.as_secs() as f64);
        label.to_owned()
    }

    /// A connection counted under this label closed.
    pub fn closed(&self, label: &str, now: Timestamp) {
        let mut known = self.known.lock();
        if let Some(entry) = known.get_mut(label) {
            entry.open = entry.open.saturating_sub(1);
            entry.last_seen = now.as_secs();
        }
        self.connections.with_label_values(&[label]).dec();
        self.last_seen.with_label_values(&[label]).set(now.as_secs() as f64);
    }

    /// Takes away the series of tenants that have been silent for a week.
    pub fn expire(&self, now: Timestamp) {
        self.known.lock().retain(|tenant, entry| {
            let keep = entry.open > 0 || now.as_secs() - entry.last_seen < FORGET_AFTER;
            if !keep {
                // They exist as long as the entry does.
                let _ = self.connections.remove_label_values(&[tenant.as_str()]);
                let _ = self.last_seen.remove_label_values(&[tenant.as_str()]);
            }
            keep
        });
    }
}
