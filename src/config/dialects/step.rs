//! Settings of one step of a field map: a table whose first key says what it does.

use crate::config::problems::nearest_word;
use crate::dialect::custom::Step;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[[dialects.map.steps]]`: exactly one of `rename`, `hoist`, `wrap`, `default`, with the keys that belong to it. Which
/// those are is told with the number of the step, so nothing is refused before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapStep {
    /// Legacy path of a member that stands somewhere else in V3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rename: Option<String>,
    /// Its V3 path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Legacy path of an object whose members come up into the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hoist: Option<String>,
    /// Which; left out = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// Legacy paths of members that do not go back into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Vec<String>>,
    /// Legacy paths of members that go into an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap: Option<Vec<String>>,
    /// Its V3 path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Legacy path of a member that has a value even where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The value: a text, a whole number, true or false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Scalar>,
    /// Any other value, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Keys nobody knows.
    #[serde(flatten)]
    pub other: BTreeMap<String, Anything>,
}

/// `dialects.map.steps.value`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Any other number, which is told to be written as `json`.
    Fraction(f64),
    /// A text.
    Text(String),
}

/// What stands behind a key nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anything;

impl Serialize for Anything {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("")
    }
}

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

const OPERATIONS: [&str; 4] = ["rename", "hoist", "wrap", "default"];
const KEYS: [&str; 10] = ["rename", "to", "hoist", "members", "keep", "wrap", "into", "default", "value", "json"];

impl MapStep {
    /// What it says.
    ///
    /// # Errors
    /// Why it says nothing, or more than one thing.
    pub(super) fn read(&self) -> Result<Step, String> {
        if let Some(unknown) = self.other.keys().next() {
            let near = nearest_word(unknown, &KEYS).map(|word| format!("; did you mean `{word}`?"));
            let near = near.unwrap_or_else(|| format!("; there is `{}`", OPERATIONS.join("`, `")));
            return Err(format!("unknown operation or key `{unknown}`{near}"));
        }
        match (&self.rename, &self.hoist, &self.wrap, &self.default) {
            (Some(from), None, None, None) => {
                self.only("rename", &["to"])?;
                Ok(Step::Rename { from: from.clone(), to: needed("rename", "to", self.to.as_ref())? })
            }
            (None, Some(from), None, None) => {
                self.only("hoist", &["members", "keep"])?;
                if self.members.as_ref().is_some_and(Vec::is_empty) {
                    return Err("`members` is empty: leave it out to hoist all".into());
                }
                let list = |names: &Option<Vec<String>>| names.clone().unwrap_or_default();
                Ok(Step::Hoist { from: from.clone(), members: list(&self.members), keep: list(&self.keep) })
            }
            (None, None, Some(members), None) => {
                self.only("wrap", &["into"])?;
                Ok(Step::Wrap { members: members.clone(), into: needed("wrap", "into", self.into.as_ref())? })
            }
            (None, None, None, Some(of)) => {
                self.only("default", &["value", "json"])?;
                Ok(Step::Default { of: of.clone(), token: self.token()? })
            }
            (None, None, None, None) => Err(format!("says nothing: it needs one of `{}`", OPERATIONS.join("`, `"))),
            _ => Err("says more than one thing: make a step of each".into()),
        }
    }

    /// Keys that belong to another operation.
    fn only(&self, operation: &str, keys: &[&str]) -> Result<(), String> {
        let given = [
            ("to", self.to.is_some()),
            ("members", self.members.is_some()),
            ("keep", self.keep.is_some()),
            ("into", self.into.is_some()),
            ("value", self.value.is_some()),
            ("json", self.json.is_some()),
        ];
        match given.iter().find(|(key, is)| *is && !keys.contains(key)) {
            Some((key, _)) => Err(format!("`{key}` does not belong to `{operation}`")),
            None => Ok(()),
        }
    }

    /// The default, as a JSON token.
    fn token(&self) -> Result<String, String> {
        match (&self.value, &self.json) {
            (Some(Scalar::Flag(flag)), None) => Ok(flag.to_string()),
            (Some(Scalar::Number(number)), None) => Ok(number.to_string()),
            (Some(Scalar::Fraction(number)), None) => {
                Err(format!("`value` is {number}: write it as `json = \"…\"`, digit by digit as it is to be compared"))
            }
            (Some(Scalar::Text(text)), None) => {
                let mut token = String::new();
                crate::envelope::json::write_str(&mut token, text);
                Ok(token)
            }
            (None, Some(json)) => Ok(json.clone()),
            (None, None) => Err("`default` needs a `value`, or `json`".into()),
            (Some(_), Some(_)) => Err("has `value` and `json`: take one of them out".into()),
        }
    }
}

fn needed(operation: &str, key: &str, value: Option<&String>) -> Result<String, String> {
    value.cloned().ok_or_else(|| format!("`{operation}` needs `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Step, String> {
        toml::from_str::<MapStep>(text).expect("a table").read()
    }

    #[test]
    fn a_step_says_one_thing() {
        let default = |token: &str| Ok(Step::Default { of: "a".into(), token: token.into() });
        assert_eq!(read("rename = 'a'\nto = 'msg'"), Ok(Step::Rename { from: "a".into(), to: "msg".into() }));
        assert_eq!(read("default = 'a'\nvalue = 'x\"'"), default(r#""x\"""#));
        assert_eq!(read("default = 'a'\nvalue = 7"), default("7"));
        assert_eq!(read("default = 'a'\nvalue = true"), default("true"));
        assert_eq!(read("default = 'a'\njson = '1.10'"), default("1.10"));
        for (text, why) in [
            ("renam = 'a'\nto = 'msg'", "unknown operation or key `renam`; did you mean `rename`?"),
            ("transmogrify = ['a']", "unknown operation or key `transmogrify`; there is `rename`"),
            ("to = 'a'", "says nothing"),
            ("rename = 'a'\nhoist = 'b'", "more than one thing"),
            ("rename = 'a'", "`rename` needs `to`"),
            ("wrap = ['a']", "`wrap` needs `into`"),
            ("rename = 'a'\nto = 'msg'\nkeep = []", "`keep` does not belong to `rename`"),
            ("hoist = 'a'\nmembers = []", "leave it out"),
            ("default = 'a'", "needs a `value`"),
            ("default = 'a'\nvalue = 1.5", "write it as `json"),
            ("default = 'a'\nvalue = 1\njson = '1'", "take one of them out"),
        ] {
            assert!(read(text).expect_err(text).contains(why), "{text}: {:?}", read(text));
        }
    }
}
