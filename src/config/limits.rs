//! Settings that bound what a client can make grow or wait.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open client connections; 0 = as many as the descriptor limit allows, less a reserve.
    pub connections: usize,
    /// Open connections of one client address (IPv6: one /64); 0 = no limit. More get 429.
    pub connections_per_ip: usize,
    /// Open connections of one account, and of one API key; 0 = no limit. More get 429.
    pub connections_per_tenant: usize,
    /// Handshakes a second in all, with a burst of twice that; 0 = no limit. More get 503.
    pub handshakes_per_second: u32,
    /// The same for one client address (IPv6: one /64); 0 = no limit. More get 429.
    pub handshakes_per_second_per_ip: u32,
    /// The same for one account, and for one API key; 0 = no limit. More get 429.
    pub handshakes_per_second_per_tenant: u32,
    /// From the first byte to the end of the handshake.
    #[serde(with = "super::human::duration")]
    pub handshake_timeout: Duration,
    /// Longest request line in bytes.
    #[serde(with = "super::human::size")]
    pub url: usize,
    /// Longest request header block in bytes.
    #[serde(with = "super::human::size")]
    pub headers: usize,
    /// Longest group or client id in bytes, decoded.
    pub id: usize,
    /// Largest message a client may send, in bytes; larger ones close with 1009.
    #[serde(with = "super::human::size")]
    pub message: usize,
    /// Bytes that may wait for a client that reads slowly.
    #[serde(with = "super::human::size")]
    pub outbound_queue: usize,
    /// What happens when they are full.
    pub slow_consumer: SlowConsumer,
    /// A write that makes no progress this long ends the connection.
    #[serde(with = "super::human::duration")]
    pub write_timeout: Duration,
    /// Ping every so often; a peer that misses two is dead.
    #[serde(with = "super::human::duration")]
    pub ping_interval: Duration,
    /// A client that sends no message this long is closed with 4408; 0 = never.
    #[serde(with = "super::human::duration")]
    pub idle_timeout: Duration,
    /// Invalid V3 messages a minute before 4400.
    pub errors_per_minute: u32,
    /// Messages a second a connection may send, with a burst of twice that; 0 = no limit.
    /// A faster one is closed with 4429.
    pub messages_per_second: u32,
    /// Bytes a second a connection may send in messages, pings and pongs; 0 = no limit. The burst is twice that,
    /// or `message` if that is more. A faster one is closed with 4429.
    #[serde(with = "super::human::size")]
    pub bytes_per_second: usize,
    /// Messages a second all connections of one client address (IPv6: one /64) may send to this proxy, with a burst
    /// of twice that; 0 = no limit. What comes faster is read later.
    pub messages_per_second_per_ip: u32,
    /// The same in bytes; the burst is twice that, or `message` if that is more.
    #[serde(with = "super::human::size")]
    pub bytes_per_second_per_ip: usize,
    /// As for one address: for one account, and for one API key.
    pub messages_per_second_per_tenant: u32,
    /// The same in bytes.
    #[serde(with = "super::human::size")]
    pub bytes_per_second_per_tenant: usize,
    /// A second connection with the same client id.
    pub duplicate_client: DuplicateClient,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 0,
            connections_per_ip: 0,
            connections_per_tenant: 0,
            handshakes_per_second: 0,
            handshakes_per_second_per_ip: 0,
            handshakes_per_second_per_tenant: 0,
            handshake_timeout: Duration::from_secs(10),
            url: 8 * 1024,
            headers: 16 * 1024,
            id: 256,
            message: 512 * 1024,
            outbound_queue: 1024 * 1024,
            slow_consumer: SlowConsumer::Close,
            write_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            idle_timeout: Duration::ZERO,
            errors_per_minute: 60,
            messages_per_second: 0,
            bytes_per_second: 0,
            messages_per_second_per_ip: 0,
            bytes_per_second_per_ip: 0,
            messages_per_second_per_tenant: 0,
            bytes_per_second_per_tenant: 0,
            duplicate_client: DuplicateClient::Allow,
        }
    }
}

/// `limits.slow_consumer`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlowConsumer {
    /// Close with 4508: the client knows that it missed something.
    Close,
    /// Forget the oldest message, counted.
    DropOldest,
}

/// `limits.duplicate_client`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicateClient {
    /// Both live.
    Allow,
    /// The newest wins, on whatever node; the older is closed with 4409.
    Replace,
}
