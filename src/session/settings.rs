//! Owns what one version of the settings means for sessions; a session keeps the version it began with.

use crate::config::{Config, V2Trouble};
use crate::dialect::Wire;
use crate::envelope::Nulls;
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Bytes read from the socket at once; every idle connection holds so many.
const READ_BUFFER: usize = 1024;
/// Bytes gathered before they are written without being asked to. The buffer exists only where something was
/// sent, and doubles as it grows: 7 KiB and one message of 1 KiB still fit into 8.
const WRITE_BUFFER: usize = 7 * 1024;

/// What sessions are told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How sealed members without a value are written.
    pub nulls: Nulls,
    /// The hub's wire, for the online law check.
    pub wire: Wire,
    /// One of so many V2 frames is checked; 0 = none.
    pub roundtrip_check: u32,
    /// Longest id, in bytes.
    pub id: usize,
    /// A write without progress ends the connection.
    pub write_timeout: Duration,
    /// Ping after so long a silence.
    pub ping_interval: Duration,
    /// Idle after so long without a message; 0 = never.
    pub idle_timeout: Duration,
    /// Invalid messages a minute.
    pub errors_per_minute: u32,
    /// Messages a second; 0 = no limit.
    pub messages_per_second: u32,
    /// Bytes a second; 0 = no limit.
    pub bytes_per_second: usize,
    /// A V2 sender whose message was not published.
    pub v2_on_unavailable: V2Trouble,
    /// A V2 receiver that missed messages.
    pub v2_on_gap: V2Trouble,
    /// Buffers and limits of the WebSocket.
    pub socket: WebSocketConfig,
}

impl Settings {
    /// From the settings of the proxy.
    pub fn new(config: &Config) -> Self {
        let limits = &config.limits;
        // The largest message on the hub can grow when it is rendered for V2 (clashing members stand twice).
        let largest_out = config.hub.max_message.max(limits.message).saturating_mul(2).saturating_add(64 * 1024);
        Self {
            nulls: config.envelope.nulls.into(),
            wire: config.hub.wire.into(),
            roundtrip_check: config.telemetry.roundtrip_check,
            id: limits.id,
            write_timeout: limits.write_timeout,
            ping_interval: limits.ping_interval,
            idle_timeout: limits.idle_timeout,
            errors_per_minute: limits.errors_per_minute,
            messages_per_second: limits.messages_per_second,
            bytes_per_second: limits.bytes_per_second,
            v2_on_unavailable: config.hub.v2_on_unavailable,
            v2_on_gap: config.hub.v2_on_gap,
            socket: WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(WRITE_BUFFER)
                .max_write_buffer_size(WRITE_BUFFER.saturating_add(largest_out))
                .max_message_size(Some(limits.message))
                .max_frame_size(Some(limits.message)),
        }
    }
}
