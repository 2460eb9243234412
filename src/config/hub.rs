//! Settings of the hub: where Redis is, how messages travel on it, and what happens while it is away.

use super::RedisUrl;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[hub]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hub {
    /// `redis://`, `rediss://`, `redis+sentinel://host:26379,host:26379/master-name` or
    /// `redis+cluster://host:6379,host:6379`. Empty: the in-process hub, for one node.
    pub url: RedisUrl,
    /// The shape of a message on Redis.
    pub wire: Wire,
    /// Keep the last messages of each scope in a stream, so that a link that blips loses nothing.
    /// Needs the extended wire; ignored by the in-process hub, which has no link to lose.
    pub journal: bool,
    /// Messages kept per scope (approximate, as `MAXLEN ~`).
    pub journal_length: u32,
    /// A scope that stays silent this long forgets its journal.
    #[serde(with = "super::human::duration")]
    pub journal_ttl: Duration,
    /// How long a handshake waits until its subscriptions are confirmed; then it is answered 503.
    #[serde(with = "super::human::duration")]
    pub attach_timeout: Duration,
    /// Messages that may wait for Redis.
    pub publish_queue: usize,
    /// Bytes that may wait for Redis.
    #[serde(with = "super::human::size")]
    pub publish_queue_bytes: usize,
    /// How many replicas must have a message before it counts as published (`WAIT`); 0: the master's word is enough.
    pub wait_replicas: u32,
    /// How long a message may wait for Redis before its sender is told that it failed.
    #[serde(with = "super::human::duration")]
    pub publish_deadline: Duration,
    /// Largest hub message in bytes. Redis ends a subscriber whose output buffer passes 32 MiB,
    /// so one giant message would cut off every node.
    #[serde(with = "super::human::size")]
    pub max_message: usize,
    /// Messages of one paused scope that are held while its gap is read from the journal.
    pub repair_buffer: usize,
    /// How often each scope's last message is compared with the journal.
    #[serde(with = "super::human::duration")]
    pub top_check: Duration,
    /// How often a probe travels the publish path of each subscriber link; two misses replace it.
    #[serde(with = "super::human::duration")]
    pub probe_interval: Duration,
    /// Deadline of one Redis command.
    #[serde(with = "super::human::duration")]
    pub command_timeout: Duration,
    /// V2 sender whose message could not be published.
    pub v2_on_unavailable: V2Trouble,
    /// V2 receivers of a scope whose gap could not be repaired.
    pub v2_on_gap: V2Trouble,
    /// Channel names.
    pub channels: Channels,
    /// Presence.
    pub presence: Presence,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            url: RedisUrl::default(),
            wire: Wire::Extended,
            journal: true,
            journal_length: 1000,
            journal_ttl: Duration::from_secs(600),
            attach_timeout: Duration::from_secs(3),
            publish_queue: 8192,
            publish_queue_bytes: 64 * 1024 * 1024,
            wait_replicas: 0,
            publish_deadline: Duration::from_secs(5),
            max_message: 1024 * 1024,
            repair_buffer: 1024,
            top_check: Duration::from_secs(10),
            probe_interval: Duration::from_secs(2),
            command_timeout: Duration::from_secs(2),
            v2_on_unavailable: V2Trouble::Close,
            v2_on_gap: V2Trouble::Count,
            channels: Channels::default(),
            presence: Presence::default(),
        }
    }
}

/// `hub.wire`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// The V3 envelope with one more member, `_hub`, cut off before clients see it.
    Extended,
    /// Nothing but V3: for a Redis shared with strict foreign V3 servers. No gap repair.
    Plain,
}

/// What is done about V2 clients when the hub fails them; V3 clients are told in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum V2Trouble {
    /// Close the connection (1013 for a sender, 1012 for a receiver): V2 clients redial.
    Close,
    /// Only count it.
    Count,
}

/// What stands for the account in a name on Redis.
pub const ACCOUNT: &str = "{account}";

/// `[hub.channels]`: names on Redis. `{group_id}`, `{client_id}` and `{account}` are filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Channels {
    /// Messages to a group.
    pub group: String,
    /// Messages to one client id.
    pub client: String,
    /// Messages to everyone.
    pub broadcast: String,
    /// V2 frames to every V2 client, with `v2.audience = "global"`.
    pub v2: String,
    /// Prefix of the keys for presence, node leases and probes.
    pub prefix: String,
}

impl Default for Channels {
    fn default() -> Self {
        Self {
            group: "ws:group:{group_id}".into(),
            client: "ws:client:{client_id}".into(),
            broadcast: "ws:broadcast".into(),
            v2: "ws:v2".into(),
            prefix: "ws:aether".into(),
        }
    }
}

/// `[hub.presence]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// A group in which nobody is heard of this long is forgotten (guide section 5: one hour).
    #[serde(with = "super::human::duration")]
    pub ttl: Duration,
    /// A client that comes back within this time never left.
    #[serde(with = "super::human::duration")]
    pub grace: Duration,
    /// A node that is silent this long is dead and its clients have left.
    #[serde(with = "super::human::duration")]
    pub lease: Duration,
}

impl Default for Presence {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(3600), grace: Duration::from_secs(2), lease: Duration::from_secs(12) }
    }
}
