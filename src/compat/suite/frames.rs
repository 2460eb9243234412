//! Owns a case of one frame: what a client sends or the hub carries, and what becomes of it. The words are those of
//! `compat/README.md`.

use super::written::Written;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What such a case says beside its head.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct FrameCase {
    /// Settings that differ from the defaults.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Whether the sender is allowed to broadcast.
    #[serde(default = "yes")]
    pub may_broadcast: bool,
    /// What is sent.
    pub input: Written,
    /// What becomes of it.
    pub expect: Expected,
}

/// What becomes of a frame; which members stand together is the schema's.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `publish`, `echo`, `heartbeat` or `presence-query`.
    pub intent: Option<String>,
    /// The envelope that V3 clients get; without `from_id`, `group_id` and `sent_at` unless it came from the hub.
    pub v3: Option<Written>,
    /// What the text on the hub carries beside it.
    pub receipt: Option<Kept>,
    /// What legacy clients get.
    pub v2: Option<Legacy>,
    /// What they get when a V3 client sent the same.
    pub flat: Option<Written>,
    /// The sender alone gets this.
    pub answer: Option<Written>,
    /// Why it is refused.
    pub errors: Option<Vec<Wrong>>,
    /// No proxy wrote it.
    pub foreign: Option<bool>,
    /// The account it says it is of.
    pub account: Option<String>,
    /// Its place in the journal.
    pub stamp: Option<Stamped>,
    /// Why the text on the hub is dropped.
    pub error: Option<String>,
}

/// What goes along with an envelope so that legacy clients get the very frame back.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// What sort of frame it was.
    pub kind: String,
    /// Its own text is needed.
    pub raw: bool,
}

/// What legacy clients get.
#[derive(Deserialize, Debug, Clone)]
#[serde(untagged)]
pub enum Legacy {
    /// `exact`: the input; `hidden`: nothing.
    Word(String),
    /// This.
    Frame(Written),
}

/// A place in a journal.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Stamped {
    /// The journal's life.
    pub epoch: String,
    /// The place in it.
    pub seq: u64,
}

/// One thing that is wrong with a frame, as Pydantic's clients know it.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// The member; empty for the frame as a whole.
    pub loc: Vec<String>,
    /// Which rule.
    pub r#type: String,
    /// Words for people; none where they are the server's own.
    pub msg: Option<String>,
}

fn yes() -> bool {
    true
}
