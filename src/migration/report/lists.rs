//! Owns how records become what operators see: clients, tenants, hours and days, events.

use super::view::{BucketView, ClientView, ClientsView, EventView, EventsView, HistoryView, TenantView, TenantsView};
use super::words::{at, seen};
use crate::migration::record::{Bucket, ClientRecord, Event, Open, Span, TenantRecord};
use crate::migration::steps::Steps;

/// A page of clients. `next` is given as the store gave it.
pub fn clients(clients: &[ClientRecord], next: Option<String>) -> ClientsView {
    ClientsView { clients: clients.iter().map(client).collect(), next }
}

/// A client.
pub fn client(client: &ClientRecord) -> ClientView {
    ClientView {
        tenant: client.tenant.clone(),
        client: client.client.clone(),
        dialect: client.dialect.clone(),
        group: client.group.clone(),
        user_agent: client.user_agent.clone(),
        origin: client.origin.clone(),
        first_seen: at(client.first_seen),
        last_seen: at(client.last_seen),
        opened: client.opened,
        refused: client.refused,
        frames: client.frames,
        steps: Steps::of(client),
        v3_seen: seen(client.v3_seen),
        findings: client.findings.clone(),
    }
}

/// All tenants.
pub fn tenants(tenants: &[(TenantRecord, Open)]) -> TenantsView {
    TenantsView { tenants: tenants.iter().map(|(record, open)| tenant(record, *open)).collect() }
}

/// A tenant, with its open connections.
pub fn tenant(tenant: &TenantRecord, open: Open) -> TenantView {
    TenantView {
        tenant: tenant.tenant.clone(),
        stage: tenant.stage().label().into(),
        stage_since: at(tenant.stage_since),
        v2_open: open.v2,
        v3_open: open.v3,
        last_v2: seen(tenant.last_v2),
        last_v3: seen(tenant.last_v3),
        v2_opened: tenant.v2_opened,
        v3_opened: tenant.v3_opened,
        v2_frames: tenant.v2_frames,
        v3_frames: tenant.v3_frames,
        refused: tenant.refused,
        last_refused: seen(tenant.last_refused),
    }
}

/// Hours or days.
pub fn history(span: Span, buckets: &[Bucket]) -> HistoryView {
    let span = match span {
        Span::Hour => "hour",
        Span::Day => "day",
    };
    HistoryView { span: span.into(), buckets: buckets.iter().map(bucket).collect() }
}

fn bucket(bucket: &Bucket) -> BucketView {
    BucketView {
        at: at(bucket.at),
        tally: bucket.tally.clone(),
        v2_open: bucket.v2_open,
        v3_open: bucket.v3_open,
        v2_clients: bucket.v2_clients,
        v3_clients: bucket.v3_clients,
        stages: bucket.stages.clone(),
    }
}

/// The journal.
pub fn events(events: Vec<Event>) -> EventsView {
    let view = |event: Event| EventView {
        at: at(event.at),
        kind: event.kind,
        subject: event.subject,
        from: event.from,
        to: event.to,
    };
    EventsView { events: events.into_iter().map(view).collect() }
}
