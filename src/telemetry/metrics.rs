//! Owns the declaration of every metric: name, type, labels, and as doc comment its HELP text.
//! Nothing is global: each running proxy has a registry of its own.

use super::family::{Counters, Family, Gauges, Histograms};
use super::labels::{
    ByDialect, Captured, Check, Closed, Direction, Done, Foreign, Gap, Gate, GuideStep, Handshake, InBandAuth, Limit,
    LintRule, Lost, LostOn, NoticeChannel, Outcome, Path, Policy, PolicyDone, Scope, Shadowed, Stage, Suppressed,
    Tampered, Translated,
};
use super::tenants::Tenants;
use crate::clock::Timestamp;
use crate::dialect::{Kind, Protocol};
use prometheus::{IntGauge, Opts, Registry, TextEncoder};

/// Seconds of a handshake.
const HANDSHAKE: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];
/// Bytes of a message.
const SIZE: &[f64] = &[16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0, 65536.0, 1_048_576.0];
/// Seconds of one translation.
const TRANSLATION: &[f64] = &[2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 1e-4, 2.5e-4, 1e-3, 1e-2, 1e-1];
/// Seconds of a delivery.
const DELIVERY: &[f64] = &[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Messages in a queue.
const QUEUE: &[f64] = &[1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0];
/// Seconds of a publish.
const PUBLISH: &[f64] = &[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25, 1.0, 5.0];

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $family:ty = $name:literal [$($label:literal),*] $(in $buckets:ident)?;)+) => {
        /// Every metric with a fixed set of series.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            /// Metrics by tenant: the only ones whose series come and go, within a bound.
            pub tenants: Tenants,
            $($(#[doc = $help])+ pub $field: $family,)+
        }

        impl Metrics {
            /// Registers everything at 0.
            ///
            /// # Errors
            /// Two metrics of one name: a mistake in this file.
            pub fn new(max_tenants: usize) -> prometheus::Result<Self> {
                let registry = Registry::new();
                let tenants = Tenants::register(&registry, max_tenants)?;
                $(let $field = <$family>::register(&registry, $name, concat!($($help),+), &[$($label),*], metrics!(@ $($buckets)?))?;)+
                let metrics = Self { registry, tenants, $($field),+ };
                metrics.register_build()?;
                metrics.register_process()?;
                Ok(metrics)
            }
        }
    };
    (@) => { &[] };
    (@ $buckets:ident) => { $buckets };
}

metrics! {
    /// 1 while /readyz says yes, as of this scrape.
    ready: Gauges<()> = "aether_ready" [];
    /// Open client connections.
    connections: Gauges<ByDialect> = "aether_connections" ["protocol", "dialect"];
    /// Client connections opened.
    connections_opened: Counters<ByDialect> = "aether_connections_opened_total" ["protocol", "dialect"];
    /// Client connections closed, by reason.
    connections_closed: Counters<Closed> = "aether_connections_closed_total" ["protocol", "dialect", "reason"];
    /// Handshakes, by how they ended. A path that belongs to no mount counts as v3.
    handshakes: Counters<(Protocol, Handshake)> = "aether_handshakes_total" ["protocol", "result"];
    /// Seconds from the request to its answer.
    handshake_duration: Histograms<(Protocol,)> = "aether_handshake_duration_seconds" ["protocol"] in HANDSHAKE;
    /// Clients that were to prove themselves in their first frames, by how it went.
    in_band_auth: Counters<InBandAuth> = "aether_in_band_auth_total" ["dialect", "result"];
    /// Connections that have yet to prove themselves, or failed to and are kept from coming again at once.
    in_band_waiting: Gauges<()> = "aether_in_band_waiting" [];
    /// Connections, handshakes and frames above a limit, by the name of the setting in `[limits]` or of a mount.
    limit_hits: Counters<(Limit,)> = "aether_limit_hits_total" ["limit"];
    /// Data frames accepted from clients.
    messages_received: Counters<ByDialect> = "aether_messages_received_total" ["protocol", "dialect"];
    /// What V2 frames are: JSON objects, other JSON, text, binary.
    v2_frames: Counters<(Kind,)> = "aether_v2_frames_total" ["kind"];
    /// Bytes of a client's message.
    message_size: Histograms<(Protocol,)> = "aether_message_size_bytes" ["protocol"] in SIZE;
    /// V3 messages answered with an error envelope.
    invalid_messages: Counters<ByDialect> = "aether_invalid_messages_total" ["protocol", "dialect"];
    /// Members that V3 clients may not set (overridden) or that the schema does not know (unknown).
    tampered_members: Counters<(Tampered,)> = "aether_v3_members_dropped_total" ["kind"];
    /// Connections whose group or client id looks like a database integer (guide section 8, step 3).
    integer_ids: Counters<(Protocol,)> = "aether_integer_ids_total" ["protocol"];
    /// Translations; receipt = exact with the help of a receipt.
    translations: Counters<Translated> = "aether_translations_total" ["direction", "dialect", "outcome"];
    /// Seconds of one translation.
    translation_duration: Histograms<(Direction,)> = "aether_translation_duration_seconds" ["direction"] in TRANSLATION;
    /// Online law checks: is the V2 frame exactly what V2 peers will get?
    roundtrip_checks: Counters<(Direction, Check)> = "aether_roundtrip_checks_total" ["direction", "result"];
    /// Deliveries owed: one a receiver, counted when a message reaches this node.
    deliveries_expected: Counters<(Path,)> = "aether_deliveries_expected_total" ["path"];
    /// Deliveries by what became of them; at rest their sum is what was expected.
    deliveries: Counters<(Path, Outcome)> = "aether_deliveries_total" ["path", "outcome"];
    /// Messages and deliveries lost. Must be 0.
    messages_lost: Counters<LostOn> = "aether_messages_lost_total" ["direction", "reason"];
    /// Deliveries not shown on purpose.
    messages_suppressed: Counters<(Suppressed,)> = "aether_messages_suppressed_total" ["reason"];
    /// Seconds from a message's arrival at this node (from the hub, or from its sender where the hub is
    /// the process itself) to the receiver's socket.
    delivery_duration: Histograms<(Path,)> = "aether_delivery_duration_seconds" ["path"] in DELIVERY;
    /// Messages already waiting for a receiver when one more is queued.
    send_queue_length: Histograms<()> = "aether_send_queue_length" [] in QUEUE;
    /// 1 while the hub takes messages and delivers them.
    hub_up: Gauges<()> = "aether_hub_up" [];
    /// Messages published on the hub.
    hub_publishes: Counters<(Scope, Done)> = "aether_hub_publishes_total" ["scope", "result"];
    /// Seconds from a message's turn in the publish queue to the hub's answer.
    hub_publish_duration: Histograms<()> = "aether_hub_publish_duration_seconds" [] in PUBLISH;
    /// Messages waiting for the hub.
    hub_publish_queue: Gauges<()> = "aether_hub_publish_queue_length" [];
    /// Bytes of the messages waiting for the hub, and of those on their way to it.
    hub_publish_queue_bytes: Gauges<()> = "aether_hub_publish_queue_bytes" [];
    /// Messages published while fewer replicas than hub.wait_replicas had them: lost if the master dies now.
    hub_unreplicated: Counters<()> = "aether_hub_unreplicated_total" [];
    /// Messages the hub had taken and lost again (a master died, or was replaced), published once more.
    hub_republished: Counters<()> = "aether_hub_republished_total" [];
    /// Links to the hub that had to be made again.
    hub_reconnects: Counters<()> = "aether_hub_reconnects_total" [];
    /// Channels subscribed on this node.
    hub_subscriptions: Gauges<(Scope,)> = "aether_hub_subscriptions" ["scope"];
    /// Holes found in a scope's sequence, by how they ended.
    hub_gaps: Counters<(Gap,)> = "aether_hub_gaps_total" ["result"];
    /// Messages that came twice from the hub and were delivered once.
    hub_duplicates: Counters<()> = "aether_hub_duplicates_total" [];
    /// Messages of publishers that are no proxy.
    hub_foreign: Counters<(Foreign,)> = "aether_hub_foreign_messages_total" ["result"];
    /// Connections this node keeps present.
    presence_members: Gauges<()> = "aether_presence_members" [];
    /// Refreshes of presence on the hub.
    presence_refreshes: Counters<(Done,)> = "aether_presence_refreshes_total" ["result"];
    /// V2 frames that were linted: the first of each connection, then one in `migration.lint_sample`.
    v2_lint_frames: Counters<()> = "aether_v2_lint_frames_total" [];
    /// What lint found in V2 connections and in those frames, by rule.
    v2_lint_findings: Counters<(LintRule,)> = "aether_v2_lint_findings_total" ["rule"];
    /// Rules that say this at this moment, on this node.
    policy_active: Gauges<(Policy,)> = "aether_policy_active" ["policy"];
    /// V2 handshakes, by what the policy said and what came of it.
    policy_decisions: Counters<(Policy, PolicyDone)> = "aether_policy_decisions_total" ["policy", "action"];
    /// V2 connections a rule closed while they were open.
    policy_closes: Counters<(Policy,)> = "aether_policy_closes_total" ["policy"];
    /// How often V2 clients were told that V2 ends.
    deprecation_notices: Counters<(NoticeChannel,)> = "aether_deprecation_notices_total" ["channel"];
    /// When V2 was or will be deprecated; 0 = no date is set.
    deprecation_at: Gauges<()> = "aether_migration_deprecation_timestamp_seconds" [];
    /// When V2 is meant to end; 0 = no date is set.
    sunset_at: Gauges<()> = "aether_migration_sunset_timestamp_seconds" [];
    /// Tenants by stage, of all nodes: take the max over instances, never the sum.
    migration_tenants: Gauges<(Stage,)> = "aether_migration_tenants" ["stage"];
    /// Distinct clients of the last 24 hours that passed a step of the guide, of all nodes: take the max.
    migration_clients: Gauges<(GuideStep,)> = "aether_migration_clients" ["step"];
    /// Distinct clients of the last 24 hours, V2 and V3, of all nodes: take the max.
    migration_clients_seen: Gauges<(Protocol,)> = "aether_migration_clients_seen" ["protocol"];
    /// V2 clients in the inventory, of all nodes: take the max.
    migration_inventory: Gauges<()> = "aether_migration_inventory_clients" [];
    /// V2 clients that came within `migration.quiet` and have not moved since, of all nodes: take the max.
    migration_left: Gauges<()> = "aether_migration_left_clients" [];
    /// V2 clients this node could not remember: its memory, or the inventory, was full.
    migration_forgotten: Counters<()> = "aether_migration_forgotten_total" [];
    /// Writes of what this node has seen to the inventory.
    migration_flushes: Counters<(Done,)> = "aether_migration_flushes_total" ["result"];
    /// 1 where the gate holds; `aether-proxy report` says why not. Of all nodes: take the min.
    migration_gate: Gauges<(Gate,)> = "aether_migration_gate" ["gate"];
    /// Comparisons with the legacy server.
    shadow_comparisons: Counters<(Shadowed,)> = "aether_shadow_comparisons_total" ["result"];
    /// Open connections to the legacy server.
    shadow_connections: Gauges<()> = "aether_shadow_connections" [];
    /// Records for the capture.
    capture_records: Counters<(Captured,)> = "aether_capture_records_total" ["result"];
    /// Reloads of the configuration.
    config_reloads: Counters<(Done,)> = "aether_config_reloads_total" ["result"];
    /// When the configuration was last loaded with success.
    config_last_reload: Gauges<()> = "aether_config_last_reload_success_timestamp_seconds" [];
}

impl Metrics {
    /// Books deliveries that were owed and did not arrive: in the ledger, and by reason.
    pub fn book_lost(&self, path: Path, why: Lost, n: u64) {
        self.deliveries.with((path, Outcome::Lost)).inc_by(n);
        self.messages_lost.with(LostOn(path, why)).inc_by(n);
    }

    /// The text exposition.
    ///
    /// # Errors
    /// None that is known; the encoder's signature has one.
    pub fn render(&self, now: Timestamp) -> prometheus::Result<String> {
        self.tenants.expire(now);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// `aether_build_info`: always 1, the labels tell what runs.
    fn register_build(&self) -> prometheus::Result<()> {
        let info = IntGauge::with_opts(
            Opts::new("aether_build_info", "Always 1; the labels tell what runs.")
                .const_label("version", env!("CARGO_PKG_VERSION"))
                .const_label("revision", option_env!("AETHER_REVISION").unwrap_or("unknown")),
        )?;
        info.set(1);
        self.registry.register(Box::new(info))
    }

    #[cfg(target_os = "linux")]
    fn register_process(&self) -> prometheus::Result<()> {
        self.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
    }

    #[cfg(not(target_os = "linux"))]
    fn register_process(&self) -> prometheus::Result<()> {
        Ok(())
    }
}
