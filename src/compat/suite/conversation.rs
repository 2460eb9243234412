//! Owns a conversation: one client of an adapter's dialect and what happens, step by step. The words are those of
//! `compat/README.md`.

use super::written::Written;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What such a case says beside its head.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// Keys of the dialect's table in a mount, with `role`, `group` and `client` beside them.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One thing that happens, or that must have happened; the schema tells the words.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the words of compat/README.md, one each")]
pub struct Step {
    pub client: Option<Written>,
    pub answer: Option<Written>,
    pub published: Option<Written>,
    #[serde(default)]
    pub exact: bool,
    pub to: Option<String>,
    pub announced: Option<Written>,
    pub hub: Option<Written>,
    pub from: Option<String>,
    pub legacy: Option<Written>,
    pub role: Option<String>,
    pub presence: Option<String>,
    pub heard: Option<Written>,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub refused: bool,
    #[serde(default)]
    pub nothing: bool,
    pub wait: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub members: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    pub described: Option<Option<Written>>,
    pub closed: Option<u16>,
    #[serde(default)]
    pub login: bool,
    pub token: Option<String>,
    pub api_key: Option<String>,
    #[serde(default)]
    pub admit: bool,
    pub deny: Option<String>,
}

/// `null` is not the same as nothing.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}
