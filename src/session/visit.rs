//! Owns the beginning and the end of a connection in the house's books: attached to the hub, counted, and,
//! however it ends, detached, counted and told in one line of the log.

use super::settings::Settings;
use crate::clock::Clock;
use crate::close::CloseReason;
use crate::dialect::Protocol;
use crate::hub::{AttachError, Hub, Seat};
use crate::jq::Filters;
use crate::migration::{Migration, Mirror, Newcomer, Stay};
use crate::telemetry::Metrics;
use crate::telemetry::labels::{ByDialect, Closed, Lost};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::Instant;

/// What every session of one version of the settings shares.
#[derive(Debug, Clone)]
pub struct Context {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The migration.
    pub migration: Arc<Migration>,
    /// The calendar.
    pub clock: Clock,
    /// Of the dialects made by filters, by their places in the settings.
    pub filters: Arc<[Option<Filters>]>,
    /// The settings.
    pub settings: Arc<Settings>,
}

/// One connection, from attach to detach.
#[derive(Debug)]
pub struct Visit {
    /// What it shares with others.
    pub context: Arc<Context>,
    /// Its seat.
    pub seat: Arc<Seat>,
    /// Why it ended.
    pub reason: CloseReason,
    /// What went through it.
    pub traffic: Traffic,
    /// What the migration sees of it.
    pub stay: Stay,
    remote: Remote,
    tenant: Arc<str>,
    /// The label under which a V2 connection is counted.
    counted_as: Option<String>,
    since: Instant,
}

/// From where a client comes.
#[derive(Debug, Clone, Copy)]
pub struct Remote {
    /// The other end of the connection: the client, or the proxy in front of us.
    pub peer: SocketAddr,
    /// The client's address, as trusted proxies tell it.
    pub address: IpAddr,
}

/// What went through a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Data frames from the client.
    pub messages_in: u64,
    /// Deliveries and answers to the client.
    pub messages_out: u64,
    /// Bytes read, after the handshake.
    pub bytes_in: u64,
    /// Bytes written, after the handshake.
    pub bytes_out: u64,
}

impl Visit {
    /// Attaches a seat to the hub and opens its books. Dropping it closes them.
    ///
    /// # Errors
    /// The hub did not confirm in time; nothing was opened.
    pub async fn begin(
        context: Arc<Context>,
        seat: Arc<Seat>,
        remote: Remote,
        newcomer: Newcomer,
        mirror: Option<Mirror>,
    ) -> Result<Self, AttachError> {
        context.hub.attach(&seat).await?;
        let (metrics, tenant) = (&context.metrics, newcomer.tenant.clone());
        let closer = seat.clone();
        let closer = Box::new(move |reason| closer.outbox.close(reason));
        let stay = match seat.apart {
            true => context.migration.overlook(seat.id.0, newcomer, closer),
            false => context.migration.enter(seat.id.0, newcomer, mirror, closer),
        };
        let by = ByDialect(seat.spoken);
        metrics.connections.with(by).inc();
        metrics.connections_opened.with(by).inc();
        let legacy = seat.spoken.protocol() == Protocol::V2;
        let counted_as = legacy.then(|| metrics.tenants.opened(&tenant, context.clock.now()));
        // Until somebody knows better: whoever drops it half-way has lost the transport.
        let reason = CloseReason::TransportError;
        Ok(Self {
            context,
            seat,
            reason,
            traffic: Traffic::default(),
            stay,
            remote,
            tenant,
            counted_as,
            since: Instant::now(),
        })
    }

    /// Takes the connection out of the hub, once. What still waits for it is lost.
    pub fn detach(&self) {
        let why = if self.reason == CloseReason::SlowConsumer { Lost::SlowConsumer } else { Lost::Disconnect };
        self.context.hub.detach(&self.seat, why);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.detach();
        let metrics = &self.context.metrics;
        metrics.connections.with(ByDialect(self.seat.spoken)).dec();
        metrics.connections_closed.with(Closed(self.seat.spoken, self.reason)).inc();
        if let Some(label) = &self.counted_as {
            metrics.tenants.closed(label, self.context.clock.now());
        }
        let Traffic { messages_in, messages_out, bytes_in, bytes_out } = self.traffic;
        let origin = &self.seat.origin;
        tracing::info!(
            conn = self.seat.id.0,
            dialect = self.seat.spoken.label(),
            group = origin.group.as_ref().map(|g| g.as_str()),
            client = origin.client.as_str(),
            tenant = &*self.tenant,
            peer = %self.remote.peer,
            address = %self.remote.address,
            reason = self.reason.label(),
            seconds = self.since.elapsed().as_secs_f64(),
            messages_in,
            messages_out,
            bytes_in,
            bytes_out,
            "connection closed"
        );
    }
}
