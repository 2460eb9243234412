//! Owns the certificate: what a run found, in a form that is kept and compared. How it is shown is the command's.

use super::Capability;
use super::suite::Source;
use crate::label::{labels, written_as_words};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of this form.
pub const FORMAT: u32 = 1;

/// What a run found.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Certificate {
    /// `FORMAT`.
    pub format: u32,
    /// What was played.
    pub suite: SuiteInfo,
    /// Against what.
    pub target: TargetInfo,
    /// When it began: RFC 3339, UTC.
    pub at: String,
    /// How long it took.
    pub seconds: f64,
    /// What the server can do.
    pub capabilities: BTreeMap<Capability, Has>,
    /// How many checks ended how; every status is there.
    pub counts: BTreeMap<Status, usize>,
    /// In the suite's order.
    pub results: Vec<Outcome>,
}

/// What was played.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct SuiteInfo {
    /// Of the program.
    pub version: String,
    /// Of all cases, whether they were played or not.
    pub hash: String,
    /// How many there are.
    pub cases: usize,
    /// Which of them were to be played, as ids or dialects; none said: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// Against what it was played.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct TargetInfo {
    /// Its address, without credentials.
    pub url: String,
    /// What it calls itself in the handshake (`Server`), if it does.
    pub server: Option<String>,
    /// Its settings, as far as they were told.
    pub settings: Map<String, Value>,
}

/// Whether a server can do something.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Has {
    /// It can.
    pub has: bool,
    /// How that is known.
    pub why: String,
}

/// What became of one check.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The check's.
    pub id: String,
    /// The case's.
    pub version: u32,
    /// The case's.
    pub hash: String,
    /// The case's.
    pub title: String,
    /// The file's.
    pub dialect: String,
    /// Promise or choice.
    pub source: Source,
    /// How it ended.
    pub status: Status,
    /// Everything came as it is written; else the same values, written otherwise. Of `passed` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Why it did not pass: one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What was wanted and what came, in lines that begin with `-`, `+` or a blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// What each client got, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
    /// How long it took.
    pub seconds: f64,
}

/// One thing a client got. Ids of the run are names again, and digits of times are 0, so that two runs can be compared.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub client: String,
    /// What.
    #[serde(flatten)]
    pub what: SeenWhat,
}

/// What a client got.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SeenWhat {
    /// It was let in.
    Connected,
    /// It was not.
    Refused(u16),
    /// A text; of a long one the beginning, its length and its hash.
    Text(String),
    /// A binary frame, in hex; of a long one likewise.
    Binary(String),
    /// Its ping came back.
    Pong,
    /// The end, and how; 1006: without a close frame.
    Ended(u16),
}

labels! {
    /// How a check ended.
    pub enum Status {
        /// As expected.
        Passed = "passed",
        /// A promise is not kept.
        Failed = "failed",
        /// The proxy's own choice is done otherwise: no fault.
        Differs = "differs",
        /// The server cannot do what it needs.
        Lacking = "lacking",
        /// Not played: it needs other settings, or more time, or cannot be played from outside.
        Skipped = "skipped",
    }
}

labels! {
    /// How exactly a check passed.
    pub enum Grade {
        /// Byte for byte.
        Exact = "exact",
        /// The same values, but not the same bytes.
        Equal = "equal",
    }
}

written_as_words!(Status, Grade);

impl Certificate {
    /// How many checks ended so.
    pub fn count(&self, status: Status) -> usize {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    /// No promise is broken.
    pub fn is_good(&self) -> bool {
        self.count(Status::Failed) == 0
    }
}
