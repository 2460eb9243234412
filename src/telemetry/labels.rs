//! Owns the label sets that belong to no other layer: results, paths and reasons as operators read them.

mod migration;

pub use migration::{Captured, Gate, GuideStep, LintRule, NoticeChannel, Policy, PolicyDone, Shadowed, Stage};

use super::LabelSet;
use crate::close::CloseReason;
use crate::dialect::{Protocol, Spoken};
use crate::label::{Label, labels};

/// Labels `protocol`, `dialect`: the first follows from the second, so they are no product.
#[derive(Debug, Clone, Copy)]
pub struct ByDialect(pub Spoken);

impl LabelSet for ByDialect {
    const COUNT: usize = Spoken::ALL.len();
    fn all() -> Vec<Self> {
        Spoken::ALL.iter().map(|d| ByDialect(*d)).collect()
    }
    fn place(self) -> usize {
        self.0.index()
    }
    fn words(self) -> Vec<&'static str> {
        vec![self.0.protocol().label(), self.0.label()]
    }
}

/// Labels `protocol`, `dialect`, `reason`.
#[derive(Debug, Clone, Copy)]
pub struct Closed(pub Spoken, pub CloseReason);

impl LabelSet for Closed {
    const COUNT: usize = <(Spoken, CloseReason)>::COUNT;
    fn all() -> Vec<Self> {
        <(Spoken, CloseReason)>::all().into_iter().map(|(d, r)| Closed(d, r)).collect()
    }
    fn place(self) -> usize {
        (self.0, self.1).place()
    }
    fn words(self) -> Vec<&'static str> {
        vec![self.0.protocol().label(), self.0.label(), self.1.label()]
    }
}

/// Labels `direction`, `reason`: the four paths in the words of translations, since any may lose.
#[derive(Debug, Clone, Copy)]
pub struct LostOn(pub Path, pub Lost);

impl LabelSet for LostOn {
    const COUNT: usize = <(Path, Lost)>::COUNT;
    fn all() -> Vec<Self> {
        <(Path, Lost)>::all().into_iter().map(|(path, why)| LostOn(path, why)).collect()
    }
    fn place(self) -> usize {
        (self.0, self.1).place()
    }
    fn words(self) -> Vec<&'static str> {
        let direction = match self.0 {
            Path::V2V2 => "v2_to_v2",
            Path::V2V3 => Direction::V2ToV3.label(),
            Path::V3V2 => Direction::V3ToV2.label(),
            Path::V3V3 => "v3_to_v3",
        };
        vec![direction, self.1.label()]
    }
}

/// Labels `direction`, `dialect`, `outcome`.
pub type Translated = (Direction, Spoken, Translation);

labels! {
    /// How a handshake ended.
    pub enum Handshake {
        /// 101.
        Accepted = "accepted",
        /// No mount has this path.
        BadPath = "bad_path",
        /// Not an upgrade, or an id that is none.
        BadRequest = "bad_request",
        /// No valid credential.
        Unauthorized = "unauthorized",
        /// The origin, or a migration policy.
        PolicyRejected = "policy_rejected",
        /// A limit, or too slow.
        Limit = "limit",
        /// No TLS, none that is accepted here, or no valid certificate of the client.
        TlsFailed = "tls_failed",
        /// The hub did not confirm the subscriptions in time.
        HubUnavailable = "hub_unavailable",
        /// The proxy drains.
        ShuttingDown = "shutting_down",
    }
}

labels! {
    /// A limit that was hit, by the name of its setting.
    pub enum Limit {
        /// In all.
        Connections = "connections",
        /// Of one address.
        ConnectionsPerIp = "connections_per_ip",
        /// Of one account or key.
        ConnectionsPerTenant = "connections_per_tenant",
        /// Of one user of a mount that limits users.
        ConnectionsPerUser = "connections_per_user",
        /// Of all users of such a mount.
        ConnectionsOfUsers = "connections_of_users",
        /// Of one user of such a mount, by the minute.
        ConnectsPerMinute = "connects_per_minute",
        /// In all.
        Handshakes = "handshakes_per_second",
        /// Of one address.
        HandshakesPerIp = "handshakes_per_second_per_ip",
        /// Of one account or key.
        HandshakesPerTenant = "handshakes_per_second_per_tenant",
        /// Of one connection, which is closed.
        Messages = "messages_per_second",
        /// Of one address; the connection is read later.
        MessagesPerIp = "messages_per_second_per_ip",
        /// Of one account or key; the same.
        MessagesPerTenant = "messages_per_second_per_tenant",
        /// Of one connection, which is closed.
        Bytes = "bytes_per_second",
        /// Of one address; the connection is read later.
        BytesPerIp = "bytes_per_second_per_ip",
        /// Of one account or key; the same.
        BytesPerTenant = "bytes_per_second_per_tenant",
    }
}

labels! {
    /// How it went with a client that was to prove itself in its first frames.
    pub enum InBand {
        /// It is in.
        Ok = "ok",
        /// What it presented is not valid, or not enough.
        Denied = "denied",
        /// It presented nothing in time.
        Late = "late",
        /// It went before, was shown out for another, or the proxy drains.
        Gone = "gone",
    }
}

/// Labels `dialect`, `result`: of the dialects whose clients prove themselves in their first frames.
#[derive(Debug, Clone, Copy)]
pub struct InBandAuth(pub Spoken, pub InBand);

impl InBandAuth {
    /// Those dialects.
    const DIALECTS: [Spoken; 2] = [Spoken::Valtronics, Spoken::ServerMonitor];
}

impl LabelSet for InBandAuth {
    const COUNT: usize = Self::DIALECTS.len() * InBand::ALL.len();
    fn all() -> Vec<Self> {
        Self::DIALECTS.iter().flat_map(|d| InBand::ALL.iter().map(|r| InBandAuth(*d, *r))).collect()
    }
    fn place(self) -> usize {
        let dialect = Self::DIALECTS.iter().position(|dialect| *dialect == self.0).unwrap_or_default();
        dialect * InBand::ALL.len() + self.1.index()
    }
    fn words(self) -> Vec<&'static str> {
        vec![self.0.label(), self.1.label()]
    }
}

labels! {
    /// Which way a translation goes.
    pub enum Direction {
        /// A legacy frame becomes an envelope.
        V2ToV3 = "v2_to_v3",
        /// An envelope becomes a legacy frame.
        V3ToV2 = "v3_to_v2",
    }
}

labels! {
    /// How a translation came out.
    pub enum Translation {
        /// It comes back by itself.
        Exact = "exact",
        /// It comes back with a receipt.
        Receipt = "receipt",
        /// Not a message of the dialect.
        Refused = "refused",
        /// The translator failed; a bug.
        Failed = "failed",
    }
}

labels! {
    /// Outcome of the online law check.
    pub enum Check {
        /// Bytes and opcode came back.
        Match = "match",
        /// They did not; a bug.
        Mismatch = "mismatch",
    }
}

labels! {
    /// From which generation to which.
    pub enum Path {
        /// Legacy to legacy.
        V2V2 = "v2_v2",
        /// Legacy to V3.
        V2V3 = "v2_v3",
        /// V3 to legacy.
        V3V2 = "v3_v2",
        /// V3 to V3.
        V3V3 = "v3_v3",
    }
}

impl Path {
    /// The path between two generations.
    pub fn between(from: Protocol, to: Protocol) -> Self {
        match (from, to) {
            (Protocol::V2, Protocol::V2) => Path::V2V2,
            (Protocol::V2, Protocol::V3) => Path::V2V3,
            (Protocol::V3, Protocol::V2) => Path::V3V2,
            (Protocol::V3, Protocol::V3) => Path::V3V3,
        }
    }
}

labels! {
    /// What became of one delivery.
    pub enum Outcome {
        /// Written to the socket.
        Delivered = "delivered",
        /// Not shown on purpose.
        Suppressed = "suppressed",
        /// Neither; it should not happen.
        Lost = "lost",
    }
}

labels! {
    /// Why a message or a delivery was lost.
    pub enum Lost {
        /// The receiver did not read in time.
        SlowConsumer = "slow_consumer",
        /// The hub could not take it before its deadline, or its gap could not be repaired.
        HubUnavailable = "hub_unavailable",
        /// Above `hub.max_message`.
        TooLarge = "too_large",
        /// The translator failed; a bug.
        TranslateError = "translate_error",
        /// The receiver went while it was queued.
        Disconnect = "disconnect",
    }
}

labels! {
    /// Why a delivery was not shown on purpose.
    pub enum Suppressed {
        /// Legacy clients do not know presence.
        PresenceToV2 = "presence_to_v2",
        /// A heartbeat is its sender's alone.
        Heartbeat = "heartbeat",
        /// Another account, or a copy meant for others.
        NotForYou = "direct_not_for_you",
        /// The dialect has no shape for it, or the client did not ask for it.
        DialectRule = "dialect_rule",
        /// A newer one of its kind came before its time (a subscription's frequency).
        Sampled = "sampled",
    }
}

labels! {
    /// The three kinds of channel, and that of `v2.audience = "global"`.
    pub enum Scope {
        /// A group's.
        Group = "group",
        /// A client id's.
        Client = "client",
        /// Everyone's.
        Broadcast = "broadcast",
        /// Every V2 client's.
        V2 = "v2",
    }
}

labels! {
    /// How something went.
    pub enum Done {
        /// It worked.
        Ok = "ok",
        /// It did not.
        Error = "error",
    }
}

labels! {
    /// How a hole in a scope's sequence ended.
    pub enum Gap {
        /// Filled from the journal: nothing was lost.
        Repaired = "repaired",
        /// The journal no longer held it.
        Unrepaired = "unrepaired",
        /// The scope began anew (flush, fail-over, expiry).
        EpochReset = "epoch_reset",
    }
}

labels! {
    /// What came on a hub channel without a proxy's receipt.
    pub enum Foreign {
        /// A valid V3 message, delivered.
        Valid = "valid",
        /// Not a V3 message, dropped.
        Invalid = "invalid",
    }
}

labels! {
    /// What a client set or sent that V3 does not allow.
    pub enum Tampered {
        /// A server-owned member.
        Overridden = "overridden",
        /// A member the schema does not know.
        Unknown = "unknown",
    }
}
