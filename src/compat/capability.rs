//! Owns what a server may be able to do and another may not: what a case needs, and what a target has.

use crate::label::{Label, labels, written_as_words};
use std::fmt;

labels! {
    /// Something that not every server has. What every server of a protocol must do is none of these: whoever leaks
    /// messages does not lack a capability.
    pub enum Capability {
        /// Legacy Aether clients can connect: `/ws/…`.
        V2 = "v2",
        /// The same through Redis: `/ws_redis/…`.
        V2Redis = "v2-redis",
        /// And without a group: `/ws/{client}`.
        V2Bare = "v2-bare",
        /// V3 clients can connect.
        V3 = "v3",
        /// V2 and V3 clients of a group hear each other.
        Bridge = "bridge",
        /// `?recv=v3`: a V2 client that already gets envelopes.
        RecvV3 = "recv-v3",
        /// A V2 frame reaches its group alone. Without it: everybody who speaks V2, as the old server did.
        V2Groups = "v2-groups",
        /// V2 frames that are no JSON objects.
        V2AnyFrame = "v2-any-frame",
        /// V3 clients are told who comes and goes.
        PresenceEvents = "presence-events",
        /// V3 clients may ask who is there.
        PresenceQuery = "presence-query",
        /// Errors come as an envelope `cmd: ERROR`.
        ErrorEnvelope = "error-envelope",
        /// Credentials are asked for.
        Credentials = "credentials",
        /// The runner can publish on the hub itself (`--redis`).
        Hub = "hub",
        /// Valtronics.
        Valtronics = "valtronics",
        /// The server monitor.
        ServerMonitor = "server-monitor",
        /// Vectra.
        Vectra = "vectra",
    }
}

impl Capability {
    /// The capability of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| Self::label(*one) == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::label(*self))
    }
}

written_as_words!(Capability);
