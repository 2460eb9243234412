//! Settings of dialects of your own: a field map or two jq filters, and examples of what they do.

mod step;

use crate::dialect::custom;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

pub use step::{MapStep, Scalar};

/// `[[dialects]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomDialect {
    /// What mounts, policies, logs and metrics call it.
    pub name: String,
    /// A field map; either this or `jq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<FieldMap>,
    /// Two jq filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jq: Option<Jq>,
    /// Examples; the laws are checked on them whenever settings are read.
    #[serde(default)]
    pub fixtures: Vec<Fixture>,
}

/// `[dialects.map]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldMap {
    /// Frames that are no JSON object.
    pub non_objects: NonObjects,
    /// What a client is answered whose frame is refused; empty = nothing.
    pub refusal: String,
    /// What V3 clients say and no step leads to a legacy member.
    pub unmapped: Unmapped,
    /// From legacy to V3.
    pub steps: Vec<MapStep>,
}

impl Default for FieldMap {
    fn default() -> Self {
        Self {
            non_objects: NonObjects::Take,
            refusal: r#"{"type":"error","message":"invalid message"}"#.into(),
            unmapped: Unmapped::Note,
            steps: Vec::new(),
        }
    }
}

/// `dialects.map.non_objects`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NonObjects {
    /// Text in `msg`, other JSON in `payload.value`, binary in `payload.data_b64`, as in Aether V2.
    Take,
    /// They get the `refusal`.
    Refuse,
}

/// `dialects.map.unmapped`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmapped {
    /// It stands in a member `_v3`.
    Note,
    /// It is left out.
    Drop,
    /// Legacy clients do not get such a message.
    Hide,
}

/// `[dialects.jq]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jq {
    /// The filter from legacy to V3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_v3: Option<String>,
    /// A file with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_v3_file: Option<PathBuf>,
    /// The filter from V3 to legacy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_v2: Option<String>,
    /// A file with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_v2_file: Option<PathBuf>,
    /// Objects and lists within one another.
    pub depth: usize,
    /// How long one frame may take.
    #[serde(with = "super::human::duration")]
    pub time: Duration,
    /// Bytes of what comes out.
    #[serde(with = "super::human::size")]
    pub output: usize,
    /// Bytes of values at work.
    #[serde(with = "super::human::size")]
    pub memory: usize,
}

impl Default for Jq {
    fn default() -> Self {
        Self {
            to_v3: None,
            to_v3_file: None,
            to_v2: None,
            to_v2_file: None,
            depth: 64,
            time: Duration::from_millis(250),
            output: 1 << 20,
            memory: 64 << 20,
        }
    }
}

/// `[[dialects.fixtures]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// A frame as a client sends it.
    pub legacy: String,
    /// What V3 clients see of it, without what the server adds.
    pub v3: String,
    /// Said by a V3 client, it may come to legacy clients as another frame.
    #[serde(default)]
    pub lossy: bool,
}

impl CustomDialect {
    /// Names that are taken.
    pub const BUILT_IN: [&str; 6] = ["aether-v2", "aether-v3", "valtronics", "server-monitor", "vectra", "echo"];

    /// The names that mounts and policies may use beside those of the built-in dialects.
    pub fn names(dialects: &[Self]) -> impl Iterator<Item = &str> {
        dialects.iter().map(|dialect| dialect.name.as_str())
    }

    /// The lens of its field map, if that is what it has. Its fixtures are not looked at.
    ///
    /// # Errors
    /// All that is wrong with the steps, each with its number.
    pub fn lens(&self) -> Result<Option<custom::Lens>, Vec<custom::Problem>> {
        self.map.as_ref().map(FieldMap::lens).transpose()
    }

    /// Its examples, as lenses want them.
    pub fn fixtures(&self) -> Vec<custom::Fixture> {
        let fixture = |f: &Fixture| custom::Fixture { legacy: f.legacy.clone(), v3: f.v3.clone(), lossy: f.lossy };
        self.fixtures.iter().map(fixture).collect()
    }
}

impl FieldMap {
    fn lens(&self) -> Result<custom::Lens, Vec<custom::Problem>> {
        let (mut steps, mut problems) = (Vec::new(), Vec::new());
        for (at, step) in self.steps.iter().enumerate() {
            match step.read() {
                Ok(step) => steps.push(step),
                Err(why) => problems.push(custom::Problem::step(at, why)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let others = match self.non_objects {
            NonObjects::Take => custom::Others::Take,
            NonObjects::Refuse => custom::Others::Refuse(self.refusal.clone()),
        };
        let unmapped = match self.unmapped {
            Unmapped::Note => custom::Unmapped::Note,
            Unmapped::Drop => custom::Unmapped::Drop,
            Unmapped::Hide => custom::Unmapped::Hide,
        };
        custom::Lens::new(custom::Map { steps, others, unmapped })
    }
}
