//! Owns the label sets of the migration: what is found, decided, told and compared on the way from V2 to V3.

use crate::config::GateName;
use crate::label::labels;

labels! {
    /// What is wrong, or worth knowing, about a V2 client's traffic on its way to V3. The numbers are stable: reports,
    /// tickets and CI settings name them.
    pub enum LintRule {
        /// It came to a V2 address.
        V2Url = "V2001",
        /// The frame is not wrapped in `msg_type` and `target`.
        NotWrapped = "V2002",
        /// A group or client id looks like a database integer.
        IntegerId = "V2003",
        /// A key means something else in an envelope: `target`, `payload`, `to_id`, `msg_type`; or `msg`, `cmd` hold no text.
        EnvelopeKey = "V2004",
        /// Not a JSON object.
        NotAnObject = "V2005",
        /// The same key twice.
        DuplicateKey = "V2006",
        /// An integer that JavaScript cannot hold (beyond 2^53).
        BigInteger = "V2007",
        /// A binary frame.
        Binary = "V2008",
        /// A member only the server may set: `version`, `from_id`, `group_id`, `sent_at`.
        ServerMember = "V2009",
        /// Larger than a message may be.
        TooLarge = "V2010",
        /// A V3 message on a V2 address: the client is half-way.
        HalfMigrated = "V2011",
    }
}

labels! {
    /// What a policy says about a V2 handshake.
    pub enum Policy {
        /// Let in.
        Allow = "allow",
        /// Let in, and told.
        Warn = "warn",
        /// Refused for now.
        Brownout = "brownout",
        /// Refused for good.
        Block = "block",
    }
}

labels! {
    /// What came of it.
    pub enum PolicyDone {
        /// Let in.
        Accept = "accept",
        /// Let in with a notice.
        Notice = "notice",
        /// Refused.
        Reject = "reject",
        /// Let in, because the rule only counts.
        WouldReject = "would_reject",
    }
}

labels! {
    /// How a V2 client was told that V2 ends.
    pub enum NoticeChannel {
        /// `Deprecation`, `Sunset`, `Link` on the handshake.
        Header = "header",
        /// A frame of its mount.
        InBand = "in_band",
        /// A close code.
        Close = "close",
    }
}

labels! {
    /// How far a tenant is.
    pub enum Stage {
        /// Nobody speaks V3 yet.
        V2Only = "v2_only",
        /// Some do.
        Mixed = "mixed",
        /// Nobody has spoken V2 for `migration.quiet`.
        V3Only = "v3_only",
        /// The same, and V2 is refused.
        V2Denied = "v2_denied",
        /// It was done, and V2 came back.
        Regressed = "regressed",
    }
}

labels! {
    /// The four steps of the guide's section 8.
    pub enum GuideStep {
        /// The address begins with `/v3/`.
        Url = "url",
        /// Messages have `msg_type` and `target`.
        Wrap = "wrap",
        /// Ids are opaque texts.
        Ids = "ids",
        /// It listens for `msg_type`.
        Listen = "listen",
    }
}

labels! {
    /// What a comparison with the legacy server came to.
    pub enum Shadowed {
        /// The recipient got it from both.
        Match = "match",
        /// From one only, or in another order.
        Mismatch = "mismatch",
        /// The two legacy servers differ from one another.
        Noise = "noise",
        /// Not comparable: said by V3, or while a shadow was not connected.
        Ignored = "ignored",
        /// The shadow failed.
        Error = "error",
    }
}

labels! {
    /// What became of a record for the capture.
    pub enum Captured {
        /// Written.
        Written = "written",
        /// The disk was too slow.
        Dropped = "dropped",
        /// The file is full.
        Full = "full",
        /// It could not be written.
        Error = "error",
    }
}

labels! {
    /// What must hold before V2 can be switched off; `migration.gates` chooses.
    pub enum Gate {
        /// No V2 connection was open for `migration.quiet`.
        NoV2Connections = "no_v2_connections",
        /// No V2 handshake was tried for twice as long, refused ones included.
        NoV2Handshakes = "no_v2_handshakes",
        /// Nothing was lost for `migration.quiet`.
        NoLoss = "no_loss",
        /// Every law check matched for `migration.quiet`.
        NoRoundtripMismatch = "no_roundtrip_mismatch",
        /// Every tenant speaks V3 only.
        AllTenantsV3Only = "all_tenants_v3_only",
        /// V2 was refused for an hour or more, and nobody came who was not let in.
        BrownoutPassed = "brownout_passed",
        /// The legacy server gave recipients the same for `migration.quiet`.
        ShadowClean = "shadow_clean",
    }
}

impl From<GateName> for Gate {
    fn from(name: GateName) -> Self {
        match name {
            GateName::NoV2Connections => Gate::NoV2Connections,
            GateName::NoV2Handshakes => Gate::NoV2Handshakes,
            GateName::NoLoss => Gate::NoLoss,
            GateName::NoRoundtripMismatch => Gate::NoRoundtripMismatch,
            GateName::AllTenantsV3Only => Gate::AllTenantsV3Only,
            GateName::BrownoutPassed => Gate::BrownoutPassed,
            GateName::ShadowClean => Gate::ShadowClean,
        }
    }
}
