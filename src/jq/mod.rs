//! Filters in jq that translate between a legacy dialect and V3, written by whoever runs the proxy. A filter can be
//! endless, recurse until the stack is gone, or want all memory there is; none of that can be stopped in a thread. So
//! filters run in a child process of the same program, with limits of its own, and a deadline a call here.
//!
//! | file | owns |
//! |---|---|
//! | `functions` | what a filter may call, and what is wrong with its text |
//! | `translate` | one text through one filter |
//! | `json` | what of JSON is looked at before jaq sees it |
//! | `protocol` | what parent and child say to each other |
//! | `worker` | the child |
//! | `child` | the child, as its parent sees it |
//! | `filters` | the queue, its order, and a new child for one that died |
//! | `check` | do the filters do what their author expects? |
//!
//! **What a filter gets and gives.** `to_v3` gets the legacy frame: JSON as what it is, any other text as a string. Each
//! output is one message and must be an object, with members of a V3 draft (`msg_type`, `target`, `to_id`, `cmd`,
//! `msg`, `payload`). `to_v2` gets the envelope as a V3 client would see it. Each output is one legacy frame: a string
//! is that very text (as with `jq -r`; `tojson` makes it a JSON string), all else is JSON. Several outputs are several
//! messages, in order; none (`empty`) drops or hides the message on purpose.
//!
//! Numbers a filter does not compute with keep their text, but for `-0`, which becomes `0`; keys stay in the order the
//! filter makes; of a key that stands twice the last value is taken; strings and white space are written anew.

mod check;
mod child;
mod filters;
mod functions;
mod json;
mod protocol;
mod translate;
mod worker;

pub use check::{Case, Finding, check};
pub use filters::{Filters, StartError};
pub use functions::problems;
pub use worker::{WORKER, work};

use crate::label::labels;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

labels! {
    /// Which of the two filters.
    #[derive(Serialize, Deserialize)]
    pub enum To {
        /// A legacy frame becomes V3.
        V3 = "to_v3",
        /// A V3 envelope becomes a legacy frame.
        V2 = "to_v2",
    }
}

labels! {
    /// Why a text was not translated.
    pub enum JqError {
        /// More brackets in each other than `Limits::depth`.
        TooDeep = "too_deep",
        /// A number nobody can mean, or more output than `Limits::output`.
        TooLong = "too_long",
        /// Not done within `Limits::time`.
        TimedOut = "timed_out",
        /// The filter says so, as with `error`, or what it gives is not JSON.
        Failed = "failed",
        /// `to_v3` gave something that is no object.
        NoObject = "no_object",
        /// The process ended over it: out of memory, or out of stack.
        Died = "died",
        /// There is no process at the moment, or too many calls are waiting.
        Unavailable = "unavailable",
    }
}

impl JqError {
    /// Would the same text fail again, whatever else goes on?
    pub fn is_of_the_text(self) -> bool {
        matches!(self, JqError::TooDeep | JqError::TooLong | JqError::Failed | JqError::NoObject)
    }
}

/// What a call may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Brackets in each other, in what a filter is given and in what it reads with `fromjson`.
    pub depth: usize,
    /// From the call to its answer.
    pub time: Duration,
    /// Bytes of all outputs of a call together.
    pub output: usize,
    /// Bytes the process may take beyond those it starts with.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, time: Duration::from_millis(250), output: 1 << 20, memory: 64 << 20 }
    }
}

/// The filters of one dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name, for the log.
    pub name: String,
    /// The filter from a legacy frame to V3, as text.
    pub to_v3: String,
    /// The filter from a V3 envelope to a legacy frame, as text.
    pub to_v2: String,
    /// What a call may cost.
    pub limits: Limits,
    /// The program that is run as the worker; see `this_program`.
    pub program: PathBuf,
}

/// The program that is running, under a name that still means it after its file was replaced by a newer one.
pub fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// Something wrong with the text of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}, line {line}, column {column}: {text}", .filter.label())]
pub struct Problem {
    /// In which filter.
    pub filter: To,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What.
    pub text: String,
}

/// Why a text was not translated, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{detail}", .error.label(), if .detail.is_empty() { "" } else { ": " })]
pub struct Failure {
    /// The same for programs.
    pub error: JqError,
    /// What the filter says, if anything. It can hold what the message holds: nothing for a log.
    pub detail: String,
}

impl From<JqError> for Failure {
    fn from(error: JqError) -> Self {
        Self { error, detail: String::new() }
    }
}
