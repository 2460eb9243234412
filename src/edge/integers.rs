//! Owns the warning about ids that look like database integers (guide section 8, step 3): counted each
//! time, told once a tenant.

use crate::dialect::Protocol;
use crate::envelope::ids::looks_like_integer;
use crate::envelope::{ClientId, GroupId};
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::collections::HashSet;

/// Tenants that are remembered; later ones are only counted.
const MOST: usize = 1000;

/// Who was warned.
#[derive(Debug, Default)]
pub struct Integers(Mutex<HashSet<Box<str>>>);

impl Integers {
    /// Looks at the ids of a new connection.
    pub fn look(&self, group: &GroupId, client: &ClientId, tenant: &str, protocol: Protocol, metrics: &Metrics) {
        let (group_is, client_is) = (looks_like_integer(group.as_str()), looks_like_integer(client.as_str()));
        if !group_is && !client_is {
            return;
        }
        metrics.integer_ids.with((protocol,)).inc();
        let first = {
            let mut warned = self.0.lock();
            warned.len() < MOST && warned.insert(tenant.into())
        };
        if first {
            tracing::warn!(
                tenant,
                group = group.as_str(),
                client = client.as_str(),
                "ids look like database integers; V3 wants opaque ids such as UUIDs (told once a tenant)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_is_counted_and_a_tenant_is_remembered_once() {
        let metrics = Metrics::new(1).expect("metrics");
        let integers = Integers::default();
        let group = GroupId::new("g", 9).expect("id");
        for (client, tenant) in [("1", "a"), ("2", "a"), ("c", "b"), ("3", "b")] {
            let client = ClientId::new(client, 9).expect("id");
            integers.look(&group, &client, tenant, Protocol::V2, &metrics);
        }
        assert_eq!(metrics.integer_ids.with((Protocol::V2,)).get(), 3);
        assert_eq!(integers.0.lock().len(), 2);
    }
}
