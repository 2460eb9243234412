//! aether-proxy lets V2 and V3 WebSocket clients talk through one hub while a team moves from one to the other.
//! This is the map of the house. A layer uses only what stands above it; `tests/architecture.rs` holds it to that.
//!
//! | layer | owns |
//! |---|---|
//! | [`label`] | closed sets of words: the same in metrics, logs and on the wire |
//! | [`envelope`] | `WS_Message_V3` as a value: ids, draft, [`envelope::seal`] (the only stamp), route |
//! | [`close`] | every way a connection ends |
//! | [`clock`] | what time it is |
//! | [`config`] | every setting, its default, and what is wrong with it |
//! | [`tls`] | TLS of the listeners: the handshake, certificates and their successors |
//! | [`auth`] | credentials become a principal or a refusal |
//! | [`dialect`] | pure translators: the lens between V2 and V3, and the text of the hub |
//! | [`jq`] | filters of custom dialects, run by a child process |
//! | [`telemetry`] | metrics in one declaration, logs without secrets |
//! | [`redis_client`] | how Redis is reached: its address, connections, who is master |
//! | [`dial`] | how this program opens a WebSocket to another server |
//! | [`compat`] | the compatibility suite: cases, and the runner that holds any server against them |
//! | [`migration`] | who still speaks V2, who may, and when V2 can go: inventory, policy, report |
//! | [`hub`] | who is here, and how an envelope reaches them: registry, fan-out, journal, presence; Redis or the process |
//! | [`session`] | one client after its handshake: the machine decides, one loop does |
//! | [`edge`] | from a TCP connection to a session: listener, mounts, admission, handshake |
//! | [`admin`] | the operators' listener |
//! | [`app`] | the composition root: the only place where parts are made and joined |
//! | [`cli`] | arguments, commands, exit codes, signals |
//!
//! One message's way: `edge` (mount, credential, 101) → `session::machine` (frame) → `dialect` (intent) →
//! `envelope::seal` → `hub` (publish) → Redis → `hub` (line, cursor) → `hub::Fanout` (one rendering a view, by
//! `dialect`) → the receiver's outbox → its `session` (one flush for all that waits). `docs/ARCHITECTURE.md`
//! walks it in detail.

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod close;
pub mod compat;
pub mod config;
pub mod dial;
pub mod dialect;
pub mod edge;
pub mod envelope;
pub mod hub;
pub mod jq;
pub mod label;
pub mod migration;
pub mod redis_client;
pub mod session;
pub mod telemetry;
pub mod tls;
