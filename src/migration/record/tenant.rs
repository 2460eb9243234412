//! Owns what is remembered of a tenant, and how what a node has newly seen is added.

use crate::label::Label;
use crate::telemetry::labels::Stage;

/// A tenant, as the store knows it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TenantRecord {
    /// Its name.
    pub tenant: String,
    /// How far it is; see `stage`.
    pub stage: String,
    /// Since when.
    pub stage_since: i64,
    /// When a V2 client of it was first let in; 0 = never.
    pub first_v2: i64,
    /// When one was last connected, to about a minute; 0 = never.
    pub last_v2: i64,
    /// The same of V3.
    pub first_v3: i64,
    /// The same of V3.
    pub last_v3: i64,
    /// V2 connections let in.
    pub v2_opened: u64,
    /// V3 connections let in.
    pub v3_opened: u64,
    /// Frames from its V2 clients.
    pub v2_frames: u64,
    /// Frames from its V3 clients.
    pub v3_frames: u64,
    /// V2 handshakes a policy refused.
    pub refused: u64,
    /// When it last did; 0 = never.
    pub last_refused: i64,
}

impl TenantRecord {
    /// The stage; a word nobody knows counts as mixed, which claims least.
    pub fn stage(&self) -> Stage {
        Stage::ALL.iter().copied().find(|stage| stage.label() == self.stage).unwrap_or(Stage::Mixed)
    }
}

impl TenantRecord {
    /// Of a tenant that was never seen before.
    pub fn new(tenant: &str, at: i64) -> Self {
        Self {
            tenant: tenant.into(),
            stage: Stage::V2Only.label().into(),
            stage_since: at,
            first_v2: 0,
            last_v2: 0,
            first_v3: 0,
            last_v3: 0,
            v2_opened: 0,
            v3_opened: 0,
            v2_frames: 0,
            v3_frames: 0,
            refused: 0,
            last_refused: 0,
        }
    }

    /// Adds what a node has newly seen. Who begins with V3 has nothing to move.
    pub fn add(&mut self, delta: &TenantDelta) {
        if self.last_v2 == 0 && self.last_v3 == 0 && delta.v2_seen == 0 && delta.v3_seen > 0 {
            self.stage = Stage::V3Only.label().into();
        }
        let first = |was: i64, seen: i64| if was == 0 { seen } else { was };
        self.first_v2 = first(self.first_v2, delta.v2_seen);
        self.first_v3 = first(self.first_v3, delta.v3_seen);
        self.last_v2 = self.last_v2.max(delta.v2_seen);
        self.last_v3 = self.last_v3.max(delta.v3_seen);
        self.last_refused = self.last_refused.max(delta.last_refused);
        self.v2_opened += delta.v2_opened;
        self.v3_opened += delta.v3_opened;
        self.v2_frames += delta.v2_frames;
        self.v3_frames += delta.v3_frames;
        self.refused += delta.refused;
    }
}

/// What one node has newly seen of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantDelta {
    /// The latest V2 sign; 0 = none since.
    pub v2_seen: i64,
    /// The latest V3 sign; 0 = none since.
    pub v3_seen: i64,
    /// V2 connections let in.
    pub v2_opened: u64,
    /// V3 connections let in.
    pub v3_opened: u64,
    /// Frames of V2 clients.
    pub v2_frames: u64,
    /// Frames of V3 clients.
    pub v3_frames: u64,
    /// V2 handshakes refused by a policy.
    pub refused: u64,
    /// The latest of them; 0 = none since.
    pub last_refused: i64,
}

impl TenantDelta {
    /// Adds another of the same tenant.
    pub fn absorb(&mut self, other: &Self) {
        self.v2_seen = self.v2_seen.max(other.v2_seen);
        self.v3_seen = self.v3_seen.max(other.v3_seen);
        self.last_refused = self.last_refused.max(other.last_refused);
        self.v2_opened += other.v2_opened;
        self.v3_opened += other.v3_opened;
        self.v2_frames += other.v2_frames;
        self.v3_frames += other.v3_frames;
        self.refused += other.refused;
    }
}
