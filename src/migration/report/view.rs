//! Owns the shapes in which operators see the migration: the report, a tenant, a client, an hour. They are the JSON of
//! the API, of `aether-proxy report --format json`, and what the page draws. Times are RFC 3339 in UTC, shares 0 to 1.

use crate::migration::record::{Findings, Numbers, Stages, Tally};
use crate::migration::steps::Steps;
use crate::telemetry::labels::Shadowed;
use serde::{Deserialize, Serialize};

/// Everything at a glance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When it was made.
    pub at: String,
    /// `CARGO_PKG_VERSION` of the proxy that made it.
    pub version: String,
    /// How many proxies share the store.
    pub nodes: u64,
    /// Since when something is remembered; none = nothing yet.
    pub since: Option<String>,
    /// How far back the gates look, in seconds (`migration.quiet`).
    pub quiet_seconds: u64,
    /// May V2 be switched off?
    pub verdict: Verdict,
    /// 1. How far are we?
    pub progress: Progress,
    /// 2. Who is left?
    pub left: Left,
    /// 3. Is anything being lost?
    pub loss: Loss,
    /// 4. When can V2 be switched off?
    pub gates: Vec<GateView>,
    /// The same question, as a date.
    pub forecast: Forecast,
    /// What is said to V2 clients meanwhile.
    pub policy: PolicyView,
}

/// May V2 be switched off?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Every gate that counts holds.
    pub safe_to_retire: bool,
    /// In one sentence, why or why not.
    pub text: String,
}

/// How far are we?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Open V2 connections.
    pub v2_open: u64,
    /// Open V3 connections.
    pub v3_open: u64,
    /// Of the open connections; none = there are none.
    pub v3_share_of_connections: Option<f64>,
    /// Of the frames of the last 24 hours.
    pub v3_share_of_messages: Option<f64>,
    /// Of the distinct clients of the last 24 hours.
    pub v3_share_of_clients: Option<f64>,
    /// Distinct V2 clients of the last 24 hours, within 1 %.
    pub v2_clients_24h: u64,
    /// Distinct V3 clients.
    pub v3_clients_24h: u64,
    /// Distinct clients of the last 24 hours that passed each of the guide's steps.
    pub steps: StepCounts,
    /// Tenants by stage.
    pub stages: Stages,
    /// All tenants.
    pub tenants: u64,
}

/// Clients by step of the guide (section 8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCounts {
    /// On a V3 address.
    pub url: u64,
    /// Wrapped frames.
    pub wrap: u64,
    /// Opaque ids.
    pub ids: u64,
    /// Listening for V3.
    pub listen: u64,
}

/// Who is left?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// V2 clients that came within `quiet_seconds`, were let in or not, and have not moved since.
    pub clients: u64,
    /// All V2 clients that are remembered.
    pub inventory: u64,
    /// Tenants that are not yet `v3_only` or `v2_denied`.
    pub tenants: u64,
    /// Those with the most V2 connections first, at most 20.
    pub top: Vec<TenantView>,
    /// Exemptions that are in effect, by name and end.
    pub exemptions: Vec<ExemptionView>,
}

/// A tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantView {
    /// Its name.
    pub tenant: String,
    /// How far it is.
    pub stage: String,
    /// Since when.
    pub stage_since: String,
    /// Open V2 connections.
    pub v2_open: u64,
    /// Open V3 connections.
    pub v3_open: u64,
    /// Its last sign with V2.
    pub last_v2: Option<String>,
    /// Its last sign with V3.
    pub last_v3: Option<String>,
    /// V2 connections let in, in all.
    pub v2_opened: u64,
    /// V3 connections let in, in all.
    pub v3_opened: u64,
    /// Frames from V2 clients, in all.
    pub v2_frames: u64,
    /// Frames from V3 clients, in all.
    pub v3_frames: u64,
    /// V2 handshakes refused, in all.
    pub refused: u64,
    /// When the last was.
    pub last_refused: Option<String>,
}

/// A V2 client of the inventory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientView {
    /// Its tenant.
    pub tenant: String,
    /// Its id.
    pub client: String,
    /// What it speaks.
    pub dialect: String,
    /// The group it was last in.
    pub group: String,
    /// Its last user agent.
    pub user_agent: String,
    /// The host of its page.
    pub origin: String,
    /// When it first came.
    pub first_seen: String,
    /// When it was last there, or was refused.
    pub last_seen: String,
    /// Connections let in.
    pub opened: u64,
    /// Handshakes refused.
    pub refused: u64,
    /// Frames it sent.
    pub frames: u64,
    /// Which of the guide's steps it has done.
    pub steps: Steps,
    /// When the same client last came with V3.
    pub v3_seen: Option<String>,
    /// What lint found, by rule.
    pub findings: Findings,
}

/// A page of clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientsView {
    /// In the order that was asked for.
    pub clients: Vec<ClientView>,
    /// To be given as `cursor` for the next page; none = this was the last.
    pub next: Option<String>,
}

/// All tenants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantsView {
    /// By name.
    pub tenants: Vec<TenantView>,
}

/// Is anything being lost? Over `quiet_seconds`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Deliveries owed.
    pub expected: u64,
    /// Deliveries made.
    pub delivered: u64,
    /// Left out on purpose.
    pub suppressed: u64,
    /// Messages and deliveries lost.
    pub lost: u64,
    /// Law checks made.
    pub checks: u64,
    /// Of them, differences.
    pub mismatches: u64,
    /// Comparisons with the legacy server that found the same.
    pub shadow_matches: u64,
    /// Those that found a difference.
    pub shadow_mismatches: u64,
}

/// One gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GateView {
    /// Its name, as in `migration.gates`.
    pub gate: String,
    /// What it asks, as a sentence.
    pub title: String,
    /// `pass`, `fail`, or `unknown`: not enough was seen yet.
    pub state: String,
    /// Does it count for the verdict?
    pub counts: bool,
    /// What was found.
    pub detail: String,
}

/// When will the last V2 client be gone?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The day; none = no forecast.
    pub date: Option<String>,
    /// Days from now.
    pub days: Option<f64>,
    /// V2 clients a day, less or more: the slope of the line.
    pub per_day: Option<f64>,
    /// Days it is drawn through.
    pub based_on_days: u64,
    /// In one sentence; it begins with "no forecast" where there is none.
    pub text: String,
}

/// The policy in effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyView {
    /// `policy.pause`
    pub paused: bool,
    /// `policy.dry_run`
    pub dry_run: bool,
    /// `policy.new_tenants` = "block"
    pub new_tenants_blocked: bool,
    /// `policy.deprecation`
    pub deprecation: Option<String>,
    /// `policy.sunset`
    pub sunset: Option<String>,
    /// In the order in which they are tried.
    pub rules: Vec<RuleView>,
    /// In the order in which they are tried.
    pub exemptions: Vec<ExemptionView>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// What it says: `allow`, `warn`, `brownout`, `block`.
    pub action: String,
    /// What it says at this moment: the same, `warn` outside of its windows, `off` outside of its dates.
    pub now: String,
    /// Whom it means, in words.
    pub who: String,
    /// Of how many of a hundred clients.
    pub percent: u8,
    /// It only counts.
    pub dry_run: bool,
    /// Its dates and windows, in words.
    pub when: String,
    /// When `now` will next change.
    pub next_change: Option<String>,
    /// When it says its `action` from now to 30 days ahead, at most 100 pieces: for a timeline.
    pub periods: Vec<Period>,
}

/// From a moment up to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first moment.
    pub from: String,
    /// The first moment after it.
    pub until: String,
}

/// One exemption.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExemptionView {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Whom it means, in words.
    pub who: String,
    /// When it ends.
    pub until: String,
    /// It has not ended.
    pub active: bool,
}

/// What happened in each hour, or on each day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryView {
    /// `hour` or `day`.
    pub span: String,
    /// Oldest first; those in which nothing was seen are left out.
    pub buckets: Vec<BucketView>,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BucketView {
    /// Its first moment.
    pub at: String,
    /// What was counted.
    pub tally: Tally,
    /// Most V2 connections open at once.
    pub v2_open: u64,
    /// Most V3 connections open at once.
    pub v3_open: u64,
    /// Distinct V2 clients, within 1 %.
    pub v2_clients: u64,
    /// Distinct V3 clients.
    pub v3_clients: u64,
    /// Tenants by stage, as of its last minute.
    pub stages: Stages,
}

/// The journal of the migration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventsView {
    /// Latest first.
    pub events: Vec<EventView>,
}

/// One thing that happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// When.
    pub at: String,
    /// `stage`, `policy`, `policy_changed`.
    pub kind: String,
    /// Whose: a tenant or a rule.
    pub subject: String,
    /// What it was before.
    pub from: String,
    /// What it is now.
    pub to: String,
}

/// The comparison with the legacy server, as this node sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowView {
    /// There is one.
    pub on: bool,
    /// `shadow.percent`
    pub percent: u8,
    /// Connections to the legacy server, and to its second instance.
    pub connections: u64,
    /// Comparisons since the start, by result.
    pub comparisons: Numbers<Shadowed>,
    /// The last differences, latest first, at most 20.
    pub findings: Vec<ShadowFinding>,
}

/// A recipient got something else from the legacy server. What it was is the client's and not told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowFinding {
    /// When it was found.
    pub at: String,
    /// The recipient's tenant.
    pub tenant: String,
    /// Its group.
    pub group: String,
    /// Its id.
    pub recipient: String,
    /// `missing_here`, `missing_there`, `order`.
    pub difference: String,
    /// `text` or `binary`.
    pub kind: String,
    /// How long the frame was.
    pub bytes: u64,
    /// The same for equal frames, on this node until its next start.
    pub hash: String,
}
