//! Owns a scenario: several clients, what they do in turn, and what each must get. Every case is played as one of
//! these (`check`); those that are more than one frame are written so. The words are those of `compat/README.md`.

use super::frames::Wrong;
use super::written::Written;
use crate::compat::Capability;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a client is called in a case.
pub type Name = String;

/// What such a case says beside its head.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the server must be able to do, beside what the file says.
    #[serde(default)]
    pub needs: BTreeSet<Capability>,
    /// Settings that differ from the defaults.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Nothing else may be played at the same time, as with broadcasts, which everybody gets.
    #[serde(default)]
    pub alone: bool,
    /// Who takes part.
    pub clients: BTreeMap<Name, Cast>,
    /// In order.
    pub steps: Vec<Act>,
}

/// One who takes part.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Cast {
    /// Which of the server's ways in.
    pub speaks: Speaks,
    /// Its id in the address. Absent: its name and something that nobody else has.
    pub id: Option<String>,
    /// Its group, a name too: in the address stands something that no other case has.
    #[serde(default = "g1")]
    pub group: String,
    /// It is told of others that come and go. Without this, such messages are passed over.
    #[serde(default)]
    pub presence: bool,
    /// What it comes with.
    #[serde(default)]
    pub credential: Credential,
    /// Another path than that of its way in, with `{group}` and `{client}`.
    pub path: Option<String>,
    /// More of the address, behind `?` or `&`.
    pub query: Option<String>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Of a dialect beside Aether's own: which of the target's ways in, by what it is set to.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Nobody looks at what it gets, but where it is expected.
    #[serde(default)]
    pub deaf: bool,
}

impl Cast {
    /// One who says nothing but what it speaks.
    pub fn new(speaks: Speaks) -> Self {
        Self {
            speaks,
            id: None,
            group: g1(),
            presence: false,
            credential: Credential::Good,
            path: None,
            query: None,
            headers: BTreeMap::new(),
            settings: Map::new(),
            deaf: false,
        }
    }
}

/// A way in.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// `/ws/group/{group}/client/{client}`.
    V2,
    /// The same through Redis: `/ws_redis/…`.
    V2Redis,
    /// `/ws/{client}`.
    V2Bare,
    /// `/v3/ws/group/{group}/client/{client}`.
    V3,
    /// Of another legacy protocol; which path, the settings of the case say.
    Valtronics,
    /// Agents and pages.
    ServerMonitor,
    /// Dashboards and their worker.
    Vectra,
}

/// What a client comes with.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// Whatever the target wants, if anything.
    #[default]
    Good,
    /// The same, in headers instead of the query: `x-api-key`, `authorization`, `x-account-id`.
    Header,
    /// One that nobody issued.
    Wrong,
    /// None.
    None,
}

/// One thing that happens, or that must happen.
#[derive(Deserialize, Debug, Clone)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// It connects and is let in.
    Connect(Name),
    /// It tries and is not let in: by this status, or let in and ended at once by this code.
    Refused {
        /// Who.
        client: Name,
        /// Any of these.
        #[serde(default)]
        status: Vec<u16>,
        /// Any of these.
        #[serde(default)]
        codes: Vec<u16>,
    },
    /// It sends a frame. `{name}` of a client or a group in it is the id of that one.
    Send {
        /// Who.
        client: Name,
        /// What.
        frame: Written,
        /// More often than once; `{n}` in it counts from 0.
        #[serde(default = "once")]
        times: usize,
    },
    /// It gets this next.
    Expect(Expect),
    /// Each of these comes, in any order between clients and for one client.
    AnyOrder(Vec<Expect>),
    /// Nothing comes to these.
    Nothing(Vec<Name>),
    /// It says goodbye, and is answered with the same code.
    Close {
        /// Who.
        client: Name,
        /// How.
        #[serde(default = "normal")]
        code: u16,
    },
    /// Its connection is gone without a word.
    Drop(Name),
    /// The server ends it with one of these codes.
    Ended {
        /// Who.
        client: Name,
        /// Any of these; 1006: without a close frame.
        codes: Vec<u16>,
    },
    /// It sends a ping and gets the same back.
    Ping {
        /// Who.
        client: Name,
        /// Hex of what it carries.
        #[serde(default)]
        hex: String,
    },
    /// So much time passes.
    Wait(#[serde(deserialize_with = "duration")] Duration),
    /// Somebody else writes on the hub.
    Publish {
        /// To whom.
        on: Channel,
        /// What.
        frame: Written,
    },
}

/// A channel of the hub.
#[derive(Deserialize, Debug, Clone)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// Of a group.
    Group(String),
    /// Of a client.
    Client(Name),
    /// Of all.
    Broadcast,
}

/// What a client must get.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Who.
    pub client: Name,
    /// What.
    pub what: Pattern,
    /// More often than once, in order; `{n}` in it counts from 0.
    #[serde(default = "once")]
    pub times: usize,
    /// How long it may take; absent: as long as the run allows.
    #[serde(default, deserialize_with = "some_duration")]
    pub within: Option<Duration>,
}

/// How a frame must look.
#[derive(Deserialize, Debug, Clone)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pattern {
    /// This very frame.
    Frame(Written),
    /// This very frame, in which the server tells its own time; see `judge`. Only conversations have such.
    #[serde(skip)]
    Now(Written),
    /// A V3 envelope of this content, stamped by the server.
    Envelope {
        /// The envelope without `from_id`, `group_id` and `sent_at`.
        content: Written,
        /// Who sent it: a name, or `server`.
        from: Name,
    },
    /// What legacy clients get of a V3 client's message.
    Flat {
        /// The frame, in whose `_v3` the stamps are left out.
        content: Written,
        /// Who sent it.
        from: Name,
    },
    /// A V3 error to the sender alone, with these problems.
    Errors(Vec<Wrong>),
    /// Somebody came or went (V3).
    Presence {
        /// `join` or `leave`.
        event: String,
        /// Who.
        of: Name,
    },
    /// A JSON object that has these members at least. `"<any>"` stands for any value, `"<string>"`, `"<number>"` and
    /// `"<time>"` (RFC 3339 in UTC) for one of that sort, `"<absent>"` for none; arrays have as many items.
    Json(Map<String, Value>),
}

fn g1() -> String {
    "g1".to_owned()
}

fn once() -> usize {
    1
}

fn normal() -> u16 {
    1000
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    crate::config::parse_duration(&text).map_err(serde::de::Error::custom)
}

fn some_duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}
