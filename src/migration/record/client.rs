//! Owns what is remembered of a V2 client, and how what a node has newly seen is added.

use super::Findings;
use std::sync::Arc;

/// A V2 client, as the inventory knows it. A client is a client id of a tenant.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClientRecord {
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
    /// The host of the page it last came from.
    pub origin: String,
    /// When it first came with V2.
    pub first_seen: i64,
    /// When it was last connected with V2, to about a minute; or was refused.
    pub last_seen: i64,
    /// When it was last let in with V2; 0 = never.
    pub last_opened: i64,
    /// How often.
    pub opened: u64,
    /// How often a policy refused it.
    pub refused: u64,
    /// Frames it sent.
    pub frames: u64,
    /// It listens for V3 (`recv=v3`), as of its last connection.
    pub hears_v3: bool,
    /// One of its ids looks like a database integer, as of its last connection.
    pub integer_id: bool,
    /// When it last sent a wrapped frame to a V2 address; 0 = never.
    pub wrapped_at: i64,
    /// When it last sent another one; 0 = never.
    pub unwrapped_at: i64,
    /// When the same client last came with V3; 0 = never.
    pub v3_seen: i64,
    /// What lint found.
    #[serde(default)]
    pub findings: Findings,
}

impl ClientRecord {
    /// Of a client that was never seen before; nothing is added yet.
    pub fn new(delta: &ClientDelta) -> Self {
        Self {
            tenant: delta.tenant.as_ref().into(),
            client: delta.client.as_ref().into(),
            dialect: delta.dialect.as_ref().into(),
            group: String::new(),
            user_agent: String::new(),
            origin: String::new(),
            first_seen: delta.seen,
            last_seen: 0,
            last_opened: 0,
            opened: 0,
            refused: 0,
            frames: 0,
            hears_v3: false,
            integer_id: false,
            wrapped_at: 0,
            unwrapped_at: 0,
            v3_seen: 0,
            findings: Findings::default(),
        }
    }

    /// Did it come with V3 after it was last seen with V2?
    pub fn has_moved(&self) -> bool {
        self.v3_seen > self.last_seen
    }

    /// Was it ever let in with V2? Whoever was not may be a made-up id.
    pub fn was_let_in(&self) -> bool {
        self.last_opened > 0
    }

    /// Adds what a node has newly seen.
    pub fn add(&mut self, delta: &ClientDelta) {
        if delta.seen >= self.last_seen {
            self.dialect = delta.dialect.as_ref().into();
            self.group = delta.group.as_ref().into();
            self.user_agent = delta.user_agent.as_ref().into();
            self.origin = delta.origin.as_ref().into();
            (self.hears_v3, self.integer_id) = (delta.hears_v3, delta.integer_id);
        }
        self.last_seen = self.last_seen.max(delta.seen);
        self.last_opened = self.last_opened.max(delta.last_opened);
        self.wrapped_at = self.wrapped_at.max(delta.wrapped_at);
        self.unwrapped_at = self.unwrapped_at.max(delta.unwrapped_at);
        self.opened += delta.opened;
        self.refused += delta.refused;
        self.frames += delta.frames;
        self.findings.merge(&delta.findings);
    }
}

/// What one node has newly seen of a V2 client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDelta {
    /// Who.
    pub tenant: Arc<str>,
    /// Its id.
    pub client: Arc<str>,
    /// What it speaks, by name.
    pub dialect: Arc<str>,
    /// As of its last connection.
    pub group: Arc<str>,
    /// The same.
    pub user_agent: Arc<str>,
    /// The same.
    pub origin: Arc<str>,
    /// The same.
    pub hears_v3: bool,
    /// The same.
    pub integer_id: bool,
    /// The latest sign of it.
    pub seen: i64,
    /// When it was last let in; 0 = not since the last delta.
    pub last_opened: i64,
    /// Connections since the last delta.
    pub opened: u64,
    /// Refusals since.
    pub refused: u64,
    /// Frames since.
    pub frames: u64,
    /// As in the record; 0 = not since.
    pub wrapped_at: i64,
    /// As in the record; 0 = not since.
    pub unwrapped_at: i64,
    /// Findings since.
    pub findings: Findings,
}

impl ClientDelta {
    /// Adds an older one of the same client.
    pub fn absorb(&mut self, older: &Self) {
        self.last_opened = self.last_opened.max(older.last_opened);
        self.wrapped_at = self.wrapped_at.max(older.wrapped_at);
        self.unwrapped_at = self.unwrapped_at.max(older.unwrapped_at);
        self.opened += older.opened;
        self.refused += older.refused;
        self.frames += older.frames;
        self.findings.merge(&older.findings);
    }
}
