//! Owns how much of Vectra's guide is kept.

use crate::dialect::Spoken;
use crate::dialect::support::{Support, Table, row};

/// Vectra, in its guide's order.
pub const SUPPORT: Table = {
    use Support::{Approximated, Supported, Suppressed};
    Table {
        spoken: Spoken::Vectra,
        features: &[
            row(
                "WORKER_STATUS on connect",
                Approximated,
                "a client that comes is told alone, where the guide tells everyone again",
                "Connection Phase: register_worker",
                "vectra.status.on_open",
            ),
            row(
                "WORKER_STATUS when the worker comes",
                Supported,
                "also where it takes over from another; a worker that speaks V3 is told by its presence",
                "Connection Phase: register_worker",
                "vectra.status.worker_comes",
            ),
            row("`ping`", Supported, "`pong`; neither is JSON", "Communication Loop", "vectra.keepalive.ping"),
            row(
                "`get_worker_status`",
                Supported,
                "told to everyone, and alike by every node; the worker's connection corrects an answer that came too late",
                "Communication Loop",
                "vectra.status.asked",
            ),
            row(
                "`get_worker_status` while the hub is away",
                Approximated,
                "the asker alone is told `offline`: nobody could reach the worker",
                "Communication Loop",
                "vectra.status.hub_away",
            ),
            row(
                "Worker broadcast",
                Supported,
                "any JSON object, byte for byte, to all clients and to the worker itself",
                "Communication Loop",
                "vectra.worker.broadcast",
            ),
            row(
                "REGISTER_WORKER",
                Supported,
                "its metadata, up to 16 KiB, stands in WORKER_STATUS from then on",
                "Communication Loop",
                "vectra.worker.register",
            ),
            row(
                "A worker's frame that is no JSON object",
                Suppressed,
                "dropped and counted, `NaN` included; the connection stays",
                "Communication Loop",
                "vectra.worker.dropped",
            ),
            row(
                "Any other text of a client",
                Suppressed,
                "ignored and counted, binary frames included; the connection stays",
                "Communication Loop",
                "vectra.client.ignored",
            ),
            row(
                "WORKER_STATUS when the worker goes",
                Approximated,
                "once the presence grace is over: a worker that comes back at once was never gone",
                "Cleanup Phase",
                "vectra.status.leave",
            ),
            row(
                "Commands to the worker",
                Supported,
                "a V3 `cmd` with a payload, such as TRIGGER_DOC_SYNC, for the worker alone",
                "Protocol",
                "vectra.hub.command",
            ),
            row(
                "Messages to the clients",
                Supported,
                "the payload of a V3 `msg`, byte for byte; without one there is no frame",
                "Protocol",
                "vectra.hub.message",
            ),
            row(
                "WORKER_STATUS from V3 clients",
                Suppressed,
                "only the server and the worker speak of it",
                "Protocol",
                "vectra.status.forged",
            ),
        ],
    }
};
