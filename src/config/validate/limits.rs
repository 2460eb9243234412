//! Contradictions of numbers: bounds that are zero, too large, or too small for one another.

use super::Findings;
use crate::config::{Config, Wire, problems::nearest_word};
use std::time::Duration;

/// Redis cuts off a subscriber whose output buffer passes 32 MiB; half of that leaves room for a second message.
const LARGEST_HUB_MESSAGE: usize = 16 * 1024 * 1024;
/// Room for ids, `_hub` and the member names around a message on the hub.
const ENVELOPE_ROOM: usize = 4096;

/// The longest time a shutdown may take; orchestrators kill long before.
const LONGEST_DRAIN: Duration = Duration::from_secs(3600);

pub(super) fn positive<const N: usize>(findings: &mut Findings, values: [(&str, usize); N]) {
    for (key, _) in values.iter().filter(|(_, value)| *value == 0) {
        findings.add(*key, format!("`{key}` must be greater than 0"));
    }
}

fn lasting<const N: usize>(findings: &mut Findings, values: [(&str, Duration); N]) {
    for (key, _) in values.iter().filter(|(_, value)| value.is_zero()) {
        findings.add(*key, format!("`{key}` must be longer than 0"));
    }
}

/// `[listen]`
pub(super) fn listeners(config: &Config, findings: &mut Findings) {
    let listen = &config.listen;
    if listen.clients == listen.admin && listen.clients.port() != 0 {
        findings.add("listen.admin", "`listen.admin` must not be the address of `listen.clients`");
    }
    if listen.backlog == 0 || i32::try_from(listen.backlog).is_err() {
        findings.add("listen.backlog", format!("`listen.backlog` must be between 1 and {}", i32::MAX));
    }
    for (key, value) in [("listen.drain_delay", listen.drain_delay), ("listen.drain_window", listen.drain_window)] {
        if value > LONGEST_DRAIN {
            findings.add(key, format!("`{key}` must not be longer than 1h"));
        }
    }
}

/// `[hub]`
pub(super) fn hub(config: &Config, findings: &mut Findings) {
    let hub = &config.hub;
    positive(
        findings,
        [
            ("hub.journal_length", hub.journal_length as usize),
            ("hub.publish_queue", hub.publish_queue),
            ("hub.publish_queue_bytes", hub.publish_queue_bytes),
            ("hub.repair_buffer", hub.repair_buffer),
            ("hub.max_message", hub.max_message),
        ],
    );
    lasting(
        findings,
        [
            ("hub.journal_ttl", hub.journal_ttl),
            ("hub.attach_timeout", hub.attach_timeout),
            ("hub.publish_deadline", hub.publish_deadline),
            ("hub.top_check", hub.top_check),
            ("hub.probe_interval", hub.probe_interval),
            ("hub.command_timeout", hub.command_timeout),
            ("hub.presence.ttl", hub.presence.ttl),
            ("hub.presence.lease", hub.presence.lease),
        ],
    );
    if hub.max_message > LARGEST_HUB_MESSAGE {
        let text =
            "`hub.max_message` must not be larger than 16MiB: Redis cuts off subscribers that fall 32 MiB behind";
        findings.add("hub.max_message", text);
    }
    // Else few large messages are a queue, and one that waits for its room holds up all others.
    if hub.publish_queue_bytes / 4 < hub.max_message.min(LARGEST_HUB_MESSAGE) {
        let text = "`hub.publish_queue_bytes` must be at least 4 times `hub.max_message`";
        findings.add("hub.publish_queue_bytes", text);
    }
    if hub.wait_replicas > 0 && (!hub.journal || hub.wire == Wire::Plain) {
        let text = "`hub.wait_replicas` needs `hub.journal` and `hub.wire` = \"extended\": without a journal replicas \
                    keep nothing, and a message that is sent again is there twice";
        findings.add("hub.wait_replicas", text);
    }
    if hub.presence.ttl < hub.presence.lease {
        findings.add("hub.presence.ttl", "`hub.presence.ttl` must not be shorter than `hub.presence.lease`");
    }
}

/// `[limits]`
pub(super) fn limits(config: &Config, findings: &mut Findings) {
    let limits = &config.limits;
    positive(
        findings,
        [
            ("limits.url", limits.url),
            ("limits.headers", limits.headers),
            ("limits.id", limits.id),
            ("limits.message", limits.message),
            ("limits.outbound_queue", limits.outbound_queue),
        ],
    );
    lasting(
        findings,
        [
            ("limits.handshake_timeout", limits.handshake_timeout),
            ("limits.write_timeout", limits.write_timeout),
            ("limits.ping_interval", limits.ping_interval),
        ],
    );
}

/// `[limits]` and `[hub]` together.
pub(super) fn against_hub(config: &Config, findings: &mut Findings) {
    let (limits, hub) = (&config.limits, &config.hub);
    let needed = limits.message.div_ceil(3).saturating_mul(4).saturating_add(ENVELOPE_ROOM);
    if needed > hub.max_message {
        let text = format!(
            "`limits.message` = {} bytes is too large for `hub.max_message` = {} bytes: a binary message grows by 4/3 \
             (base64) and the envelope needs {ENVELOPE_ROOM} bytes, so at least {needed} bytes are needed there",
            limits.message, hub.max_message
        );
        findings.add("limits.message", text);
    }
    if limits.outbound_queue < hub.max_message {
        let text = "`limits.outbound_queue` must not be smaller than `hub.max_message`: \
                    one large message would close everyone who receives it";
        findings.add("limits.outbound_queue", text);
    }
    if hub.presence.ttl < limits.ping_interval.saturating_mul(2) {
        let text = "`hub.presence.ttl` must be at least twice `limits.ping_interval`, whose answers keep a quiet client present";
        findings.add("hub.presence.ttl", text);
    }
}

/// The level of each directive of `telemetry.log_level`; targets and spans are the log's own business.
pub(super) fn log_level(config: &Config, findings: &mut Findings) {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let key = "telemetry.log_level";
    let filter = &config.telemetry.log_level;
    if filter.trim().is_empty() {
        return findings.add(key, format!("`{key}` is empty; to log nothing say \"off\""));
    }
    // Directives with spans (`[…]`) may hold commas.
    for directive in filter.split(',').map(str::trim).filter(|_| !filter.contains('[')) {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        // A word alone would be taken for a target, and nothing else would be logged.
        if !LEVELS.contains(&level.to_lowercase().as_str()) {
            let near = nearest_word(level, &LEVELS).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
            let text = format!("`{key}`: `{directive}` must be a level ({}) or target=level{near}", LEVELS.join(", "));
            findings.add(key, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{after, assert_accepted, assert_refused};
    use super::*;

    #[test]
    fn a_message_fits_the_hub_even_when_it_is_binary() {
        assert_refused("grows by 4/3", |c| c.limits.message = 1024 * 1024);
        // 786,432 bytes of base64 need exactly 1 MiB, the envelope not counted.
        assert_refused("grows by 4/3", |c| c.limits.message = 786_432);
        assert_accepted(|c| c.limits.message = 786_432 - 3072);
        assert_refused("grows by 4/3", |c| c.limits.message = usize::MAX);
    }

    #[test]
    fn a_hub_message_stays_below_the_buffers_of_redis() {
        let both = |size: usize| {
            move |c: &mut Config| {
                c.hub.max_message = size;
                c.limits.outbound_queue = size;
            }
        };
        assert_accepted(both(LARGEST_HUB_MESSAGE));
        assert_refused("larger than 16MiB", both(LARGEST_HUB_MESSAGE + 1));
        assert_refused("outbound_queue` must not be smaller", |c| c.limits.outbound_queue = 512 * 1024);
    }

    #[test]
    fn replicas_are_waited_for_only_where_they_keep_something() {
        assert_accepted(|c| c.hub.wait_replicas = 1);
        assert_refused("`hub.wait_replicas` needs `hub.journal`", |c| {
            (c.hub.wait_replicas, c.hub.journal) = (1, false);
        });
        assert_refused("`hub.wait_replicas` needs `hub.journal`", |c| {
            (c.hub.wait_replicas, c.hub.wire) = (1, Wire::Plain);
        });
    }

    #[test]
    fn deadlines_and_queues_are_not_zero() {
        assert_refused("`hub.probe_interval` must be longer than 0", |c| c.hub.probe_interval = Duration::ZERO);
        assert_refused("`limits.write_timeout` must be longer than 0", |c| c.limits.write_timeout = Duration::ZERO);
        assert_refused("`hub.publish_queue` must be greater than 0", |c| c.hub.publish_queue = 0);
        assert_refused("at least 4 times `hub.max_message`", |c| c.hub.publish_queue_bytes = 4 * c.hub.max_message - 1);
        assert_accepted(|c| c.hub.publish_queue_bytes = 4 * c.hub.max_message);
        assert_refused("`limits.id` must be greater than 0", |c| c.limits.id = 0);
        assert_accepted(|c| {
            c.limits.idle_timeout = Duration::ZERO;
            c.limits.messages_per_second = 0;
            c.listen.drain_delay = Duration::ZERO;
            c.hub.presence.grace = Duration::ZERO;
        });
    }

    #[test]
    fn presence_outlives_leases_and_pings() {
        assert_eq!(after(|c| c.hub.presence.ttl = Duration::from_secs(5)).len(), 2);
        assert_refused("twice `limits.ping_interval`", |c| c.limits.ping_interval = Duration::from_secs(1801));
    }

    #[test]
    fn the_two_listeners_differ() {
        assert_refused("`listen.admin` must not be", |c| c.listen.admin = c.listen.clients);
        assert_accepted(|c| {
            c.listen.clients.set_port(0);
            c.listen.admin.set_port(0);
        });
        assert_refused("between 1 and", |c| c.listen.backlog = 0);
        assert_refused("longer than 1h", |c| c.listen.drain_window = Duration::from_secs(3601));
    }

    #[test]
    fn a_log_filter_names_levels() {
        for good in ["info", "OFF", "aether_proxy::hub=debug,info", "warn, hyper=error", "[session{id=1}]=trace,info"] {
            assert_accepted(|c| c.telemetry.log_level = good.into());
        }
        assert_refused("did you mean `info`?", |c| c.telemetry.log_level = "inf".into());
        assert_refused("`hyper=loud`", |c| c.telemetry.log_level = "info,hyper=loud".into());
        assert_refused("is empty", |c| c.telemetry.log_level = " ".into());
    }
}
