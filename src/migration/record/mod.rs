//! Owns the shapes of what is remembered: V2 clients, tenants, hours and days, events. How they are stored is `store`'s;
//! what they mean is `stage`'s, `steps`' and `report`'s. Times are seconds since 1970.

mod client;
mod numbers;
mod tenant;

pub use client::{ClientDelta, ClientRecord};
pub use numbers::Numbers;
pub use tenant::{TenantDelta, TenantRecord};

use crate::label::labels;
use crate::telemetry::labels::{LintRule, Stage};
use std::sync::Arc;

/// Seconds of an hour.
pub const HOUR: i64 = 3600;
/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;

labels! {
    /// What is added up, by the hour and by the day.
    pub enum Count {
        /// V2 connections let in.
        V2Opened = "v2_opened",
        /// V3 connections let in.
        V3Opened = "v3_opened",
        /// Frames from V2 clients.
        V2Frames = "v2_frames",
        /// Frames from V3 clients.
        V3Frames = "v3_frames",
        /// V2 handshakes a policy refused.
        V2Refused = "v2_refused",
        /// V2 handshakes a policy would have refused.
        V2WouldRefuse = "v2_would_refuse",
        /// Deliveries owed.
        Expected = "expected",
        /// Deliveries made.
        Delivered = "delivered",
        /// Deliveries left out on purpose.
        Suppressed = "suppressed",
        /// Messages and deliveries lost.
        Lost = "lost",
        /// Law checks made.
        Checks = "checks",
        /// Law checks that found a difference.
        Mismatches = "mismatches",
        /// Comparisons with the legacy server that found the same.
        ShadowMatch = "shadow_match",
        /// Those that found a difference.
        ShadowMismatch = "shadow_mismatch",
        /// Seconds in which some V2 clients were browned out or blocked, of one node.
        BrownoutSeconds = "brownout_seconds",
    }
}

/// What was counted.
pub type Tally = Numbers<Count>;
/// Tenants by stage.
pub type Stages = Numbers<Stage>;
/// Lint findings by rule.
pub type Findings = Numbers<LintRule>;

/// A client seen with V3. Only counted, and noted where the inventory knows it from V2.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct V3Sighting {
    /// Who.
    pub tenant: Arc<str>,
    /// Its id.
    pub client: Arc<str>,
    /// Neither of its ids looks like a database integer.
    pub opaque_ids: bool,
}

/// Connections of one tenant that are open on one node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Open {
    /// With V2.
    pub v2: u64,
    /// With V3.
    pub v3: u64,
}

impl std::ops::Add for Open {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { v2: self.v2 + other.v2, v3: self.v3 + other.v3 }
    }
}

/// What one node has seen since its last batch, and how it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which node.
    pub node: Arc<str>,
    /// Counts up by 1; a number that was merged already is not merged again.
    pub number: u64,
    /// When.
    pub at: i64,
    /// Nobody stands in it twice.
    pub clients: Vec<ClientDelta>,
    /// By tenant.
    pub tenants: Vec<(Arc<str>, TenantDelta)>,
    /// Nobody stands in it twice.
    pub v3: Vec<V3Sighting>,
    /// What was counted.
    pub tally: Tally,
    /// All connections of the node that are open now, by tenant.
    pub open: Vec<(Arc<str>, Open)>,
}

/// An hour or a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bucket {
    /// Its first second.
    pub at: i64,
    /// What was counted in it.
    pub tally: Tally,
    /// Most V2 connections open at once, of all nodes.
    pub v2_open: u64,
    /// Most V3 connections.
    pub v3_open: u64,
    /// Distinct clients with V2, within 1 %.
    pub v2_clients: u64,
    /// Distinct clients with V3, within 1 %.
    pub v3_clients: u64,
    /// Tenants by stage, as of its last minute.
    pub stages: Stages,
}

/// Which buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Kept for 15 days.
    Hour,
    /// Kept for 400 days.
    Day,
}

impl Span {
    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Span::Hour => HOUR,
            Span::Day => DAY,
        }
    }

    /// How many are kept.
    pub fn kept(self) -> i64 {
        match self {
            Span::Hour => 15 * 24,
            Span::Day => 400,
        }
    }

    /// The first second of the one this moment is in.
    pub fn start(self, at: i64) -> i64 {
        at.div_euclid(self.seconds()) * self.seconds()
    }
}

labels! {
    /// What is written into the journal of the migration.
    pub enum EventKind {
        /// A tenant is in another stage.
        Stage = "stage",
        /// A rule began or ended to say something.
        Policy = "policy",
        /// The policy was changed by a reload or a start.
        PolicyChanged = "policy_changed",
    }
}

/// Something that happened, once for all nodes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// When.
    pub at: i64,
    /// `EventKind`'s word.
    pub kind: String,
    /// Whose: a tenant's or a rule's name.
    pub subject: String,
    /// What it was before; empty where there is no before.
    #[serde(default)]
    pub from: String,
    /// What it is now.
    pub to: String,
}

/// How it stands, in a few numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// When the store was first written to; 0 = never.
    pub since: i64,
    /// Nodes that wrote within the last minute.
    pub nodes: u64,
    /// Open connections, of all nodes.
    pub open: Open,
    /// V2 clients in the inventory.
    pub inventory: u64,
    /// Of them, those that came within `Bounds::quiet` and have not moved since.
    pub left: u64,
    /// Distinct V2 clients in the last 24 hours.
    pub v2_clients: u64,
    /// Distinct V3 clients in the last 24 hours.
    pub v3_clients: u64,
    /// Distinct clients in the last 24 hours that passed a step: in the order of `GuideStep`.
    pub steps: [u64; 4],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_one_hour_and_one_day() {
        assert_eq!(Span::Hour.start(7_199), 3_600);
        assert_eq!(Span::Day.start(-1), -DAY);
    }
}
