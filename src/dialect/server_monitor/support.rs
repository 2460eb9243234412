//! Owns what the server monitor's dialect keeps of its guide.

use crate::dialect::Spoken;
use crate::dialect::support::{Support, Table, row};

const ENDPOINTS: &str = "Endpoints";
const AGENTS: &str = "Agent WebSocket Protocol";
const PAGES: &str = "Frontend WebSocket Protocol";
const TYPES: &str = "Message Types";
const ERRORS: &str = "Error Handling";
const PRACTICES: &str = "Best Practices";

/// The server monitor.
pub const SUPPORT: Table = {
    use Support::{Approximated, Refused, Supported, Suppressed};
    Table {
        spoken: Spoken::ServerMonitor,
        features: &[
            row(
                "An agent's API key, a page's token",
                Supported,
                "in the first frame; until then a connection hears nobody and nobody hears it",
                ENDPOINTS,
                "server-monitor.auth.agent",
            ),
            row(
                "Pages of one server",
                Supported,
                "metrics or logs, and alerts; servers are kept apart by their groups",
                ENDPOINTS,
                "server-monitor.page.logs-hide-metrics",
            ),
            row(
                "Metrics of an agent",
                Supported,
                "flat or nested; each is answered `metrics_received`, which the real agent waits for",
                AGENTS,
                "server-monitor.agent.metrics",
            ),
            row(
                "`server_id` in a frame",
                Refused,
                "the API key says which server it is; pages are shown that one, and it is counted",
                AGENTS,
                "server-monitor.hostile.forged-server",
            ),
            row(
                "Commands and docker commands",
                Supported,
                "`cmd` messages of V3 clients, with any type and any id",
                AGENTS,
                "server-monitor.commands.command",
            ),
            row(
                "Answers to commands",
                Supported,
                "to the client that asked, by `command_id` or `request_id`; after `answers_within` to the group",
                AGENTS,
                "server-monitor.commands.stream",
            ),
            row(
                "Two commands with one id",
                Approximated,
                "nothing tells whose the answers are: both clients get them",
                AGENTS,
                "server-monitor.commands.same-id",
            ),
            row(
                "Metrics and logs below `data`",
                Supported,
                "wrapped once, tokens as they are; those of V3 clients alike",
                PAGES,
                "server-monitor.page.metrics",
            ),
            row(
                "Alerts and errors",
                Supported,
                "as they are; errors only where metrics are shown",
                TYPES,
                "server-monitor.page.alert",
            ),
            row(
                "What a page says",
                Refused,
                "nothing but `ping` is answered; it is counted, and the page stays",
                TYPES,
                "server-monitor.hostile.page-junk",
            ),
            row(
                "Chat, presence, commands of others",
                Suppressed,
                "there are no frames for them",
                TYPES,
                "server-monitor.page.hides-the-rest",
            ),
            row(
                "Authentication failed",
                Supported,
                "the error frame, then close 1008 with its words",
                ERRORS,
                "server-monitor.auth.bad-key",
            ),
            row(
                "Invalid message",
                Supported,
                "an agent is told and stays; `compat = \"server\"`: close 1011, as the real server does",
                ERRORS,
                "server-monitor.hostile.not-json",
            ),
            row(
                "Heartbeat",
                Supported,
                "`ping` is answered `pong`, beside the protocol's own pings",
                PRACTICES,
                "server-monitor.agent.ping",
            ),
        ],
    }
};
