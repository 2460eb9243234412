//! Owns the form of a conversation case: one client of a dialect and what happens, step by step. The words are those of
//! `compat/README.md`.

use super::file::{Headed, folder};
use super::source::Source;
use super::written::Written;
use serde::{Deserialize, Deserializer};

/// One conversation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub id: String,
    version: u32,
    title: String,
    source: Source,
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    pub steps: Vec<Step>,
}

/// One thing that happens, or that must have happened.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
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
    pub members: Option<Option<serde_json::Value>>,
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

impl Headed for Case {
    fn head(&self) -> (&str, u32, &str, &Source) {
        (&self.id, self.version, &self.title, &self.source)
    }
}

/// All conversations of a dialect.
pub fn all(dialect: &str) -> Vec<Case> {
    let all: Vec<Case> = folder(dialect, dialect, "conversation");
    for case in &all {
        assert!(case.id.starts_with(&format!("{dialect}.")) && !case.steps.is_empty(), "{}", case.id);
    }
    all
}
