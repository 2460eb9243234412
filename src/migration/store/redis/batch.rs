//! Owns how a batch is written for the script that merges it: each delta as the record it would be alone.

use crate::migration::record::{Batch, ClientRecord, Open, Tally, TenantRecord};
use crate::migration::store::StoreError;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Wire<'b> {
    clients: Vec<ClientRecord>,
    tenants: Vec<TenantRecord>,
    v3: Vec<(&'b str, &'b str, bool)>,
    tally: &'b Tally,
}

/// The batch but for its open connections.
pub fn body(batch: &Batch) -> Result<String, StoreError> {
    let clients = batch.clients.iter().map(|delta| {
        let mut record = ClientRecord::new(delta);
        record.add(delta);
        record
    });
    let tenants = batch.tenants.iter().map(|(name, delta)| {
        let mut record = TenantRecord::new(name, batch.at);
        record.add(delta);
        record
    });
    let v3 = batch.v3.iter().map(|sighting| (&*sighting.tenant, &*sighting.client, sighting.opaque_ids));
    json(&Wire { clients: clients.collect(), tenants: tenants.collect(), v3: v3.collect(), tally: &batch.tally })
}

/// A node's open connections. No script looks into this.
pub fn open(open: &[(Arc<str>, Open)]) -> Result<String, StoreError> {
    json(&open)
}

/// Back from there.
pub fn read_open(text: &[u8]) -> Option<Vec<(String, Open)>> {
    serde_json::from_slice(text).ok()
}

/// As scripts and lists take it.
pub fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt)
}
