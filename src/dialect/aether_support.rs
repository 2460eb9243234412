//! Owns what the two Aether dialects keep of their guide.

use super::Spoken;
use super::support::{Support, Table, row};

/// Aether V2.
pub const V2: Table = {
    use Support::{Approximated, Supported, Suppressed};
    Table {
        spoken: Spoken::AetherV2,
        features: &[
            row("Loose JSON objects", Supported, "byte for byte to other V2 clients", "1", "aether.v2.guide.wrapped"),
            row("Text and binary", Supported, "byte for byte, with its opcode", "1", "aether.v2.binary.bytes"),
            row(
                "Every client hears every message",
                Approximated,
                "the group by default; `v2.audience = \"global\"`: all of the account",
                "1",
                "a_v2_frame_reaches_all_v2_clients_where_the_audience_is_global",
            ),
            row("Commands", Supported, "a string `cmd` becomes a V3 command", "5", "aether.v2.guide.cmd"),
            row(
                "Presence",
                Suppressed,
                "V2 has none; `v2.presence` shows join and leave",
                "1",
                "a_legacy_client_hears_presence_where_it_asked_to",
            ),
        ],
    }
};

/// Aether V3.
pub const V3: Table = {
    use Support::{Refused, Supported};
    Table {
        spoken: Spoken::AetherV3,
        features: &[
            row("Group messages", Supported, "the sender hears them too", "4 A", "aether.v3.guide.group"),
            row(
                "Direct messages",
                Supported,
                "whatever the addressee's group, within the account",
                "4 B",
                "aether.v3.guide.direct",
            ),
            row(
                "System broadcast",
                Supported,
                "of the account where accounts are kept apart",
                "4 C",
                "aether.v3.guide.broadcast",
            ),
            row("Echo", Supported, "without the hub", "4 D", "aether.v3.guide.echo"),
            row("Commands", Supported, "", "5", "aether.v3.guide.command"),
            row("Heartbeats", Supported, "presence is refreshed, then it comes back", "5", "aether.v3.guide.heartbeat"),
            row(
                "Presence query",
                Supported,
                "join and leave are told to the group",
                "1",
                "aether.v3.guide.presence-query",
            ),
            row(
                "A sender's own from_id, group_id, sent_at",
                Refused,
                "overridden by the server's, and counted",
                "3",
                "aether.v3.guide.all-fields",
            ),
        ],
    }
};
