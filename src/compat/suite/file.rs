//! Owns a file of cases: its head, and the head of each case in it. What a case says beside is `frames`,
//! `conversation` and `scenario`.

use super::{Conversation, FrameCase, Scenario, Source};
use crate::compat::{Capability, hex};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The version of the format that is read.
const FORMAT: u32 = 1;
/// The end of the schema's path, as each file names it.
const SCHEMA: &str = "schema/case.schema.json";
/// Hex digits of a case's hash.
const DIGITS: usize = 16;

/// A file: one topic of one dialect and direction.
#[derive(Debug, Clone)]
pub struct File {
    /// Its folders below the suite's own and its name, with `/`.
    pub path: String,
    /// What the clients speak: `aether-v2`, `aether-v3`, `valtronics` and so on.
    pub dialect: String,
    /// How its cases are to be read.
    pub direction: Direction,
    /// What every one of its cases needs.
    pub needs: BTreeSet<Capability>,
    /// At least one.
    pub cases: Vec<Case>,
}

/// How the cases of a file are to be read.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// One frame of a client.
    ToHub,
    /// One text of the hub.
    FromHub,
    /// One client, step by step.
    Conversation,
    /// Several clients, step by step.
    Scenario,
    /// A scenario whose outcome says whether the server can do something at all.
    Probe,
}

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Never used again for something else.
    pub id: String,
    /// From 1; one more whenever input or expectation changes.
    pub version: u32,
    /// What it shows.
    pub title: String,
    /// Where it comes from.
    pub source: Source,
    /// Hash of what is done and expected: of the same version it is always the same.
    pub hash: String,
    /// What is done and expected.
    pub body: Body,
}

/// What is done and expected.
#[derive(Debug, Clone)]
pub enum Body {
    /// One frame.
    Frame(Box<FrameCase>),
    /// One client.
    Conversation(Conversation),
    /// Several.
    Scenario(Box<Scenario>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(rename = "$schema")]
    schema: String,
    format: u32,
    dialect: String,
    direction: Direction,
    topic: String,
    needs: BTreeSet<Capability>,
    cases: Vec<CaseForm>,
}

#[derive(Deserialize)]
struct CaseForm {
    id: String,
    version: u32,
    title: String,
    source: Source,
    #[serde(flatten)]
    body: Map<String, Value>,
}

impl File {
    /// Reads a file; `path` is where it lies below the suite, with `/` between folders.
    ///
    /// # Errors
    /// What is wrong, with the place.
    pub fn read(path: &str, text: &str) -> Result<Self, serde_json::Error> {
        let form: Form = serde_json::from_str(text)?;
        let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".json"));
        let good = [
            (form.format == FORMAT, "format: this program reads format 1"),
            (form.schema.ends_with(SCHEMA), "$schema: the path of case.schema.json"),
            (name == Some(&form.topic), "topic: the name of the file"),
            (!form.cases.is_empty(), "cases: none"),
        ];
        if let Some((_, wrong)) = good.into_iter().find(|(good, _)| !good) {
            return Err(serde_json::Error::custom(wrong));
        }
        let Form { dialect, direction, needs, .. } = form;
        let cases = form.cases.into_iter().map(|case| case.read(direction)).collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), dialect, direction, needs, cases })
    }
}

impl CaseForm {
    fn read(self, direction: Direction) -> Result<Case, serde_json::Error> {
        let Self { id, version, title, source, body } = self;
        let wrong = |error: serde_json::Error| serde_json::Error::custom(format!("{id}: {error}"));
        if version == 0 || id.is_empty() || title.is_empty() || source.told().is_empty() {
            return Err(wrong(serde_json::Error::custom("an id, a version from 1, a title and a source are needed")));
        }
        // Maps are sorted, so the order in which members are written changes nothing.
        let body = Value::Object(body);
        let mut hash = hex(&Sha256::digest(body.to_string()));
        hash.truncate(DIGITS);
        let body = match direction {
            Direction::ToHub | Direction::FromHub => Body::Frame(serde_json::from_value(body).map_err(wrong)?),
            Direction::Conversation => Body::Conversation(serde_json::from_value(body).map_err(wrong)?),
            Direction::Scenario | Direction::Probe => Body::Scenario(serde_json::from_value(body).map_err(wrong)?),
        };
        Ok(Case { id, version, title, source, hash, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(direction: &str, case: &str) -> Result<File, serde_json::Error> {
        let text = format!(
            r#"{{"$schema":"../schema/case.schema.json","format":1,"dialect":"aether-v2","direction":"{direction}",
                "topic":"t","needs":["v2"],"cases":[{{"id":"a.b","version":1,"title":"x",
                "source":{{"kind":"guide","section":"1"}},{case}}}]}}"#
        );
        File::read("aether/t.json", &text)
    }

    #[test]
    fn a_case_is_read_as_its_direction_says() {
        let frame = r#""input":{"text":"a"},"expect":{"answer":{"text":"b"}}"#;
        assert!(matches!(file("to-hub", frame).unwrap().cases[0].body, Body::Frame(_)));
        let error = file("scenario", frame).unwrap_err().to_string();
        assert!(error.contains("a.b"), "{error}");
        let scenario = r#""clients":{"a":{"speaks":"v2-redis"}},"steps":[{"connect":"a"},{"wait":"1s"},
            {"expect":{"client":"a","what":{"json":{"x":"<any>"}},"within":"2s"}}]"#;
        assert!(matches!(&file("scenario", scenario).unwrap().cases[0].body, Body::Scenario(s) if s.steps.len() == 3));
    }

    #[test]
    fn the_hash_is_of_what_is_done_and_not_of_how_it_is_written() {
        let hash = |case| file("to-hub", case).unwrap().cases[0].hash.clone();
        let one = hash(r#""input":{"text":"a"},"expect":{"answer":{"text":"b"}}"#);
        assert_eq!(one, hash(r#""expect": {"answer": {"text": "b"}}, "input": {"text": "a"}"#));
        assert_ne!(one, hash(r#""input":{"text":"a"},"expect":{"answer":{"text":"c"}}"#));
        assert_eq!(one.len(), DIGITS);
    }

    #[test]
    fn a_file_that_is_none_is_refused_by_name() {
        let good = r#""input":{"text":"a"},"expect":{}"#;
        assert!(file("to-hub", good).is_ok());
        for (bad, named) in [
            (r#""input":{"text":"a"},"expect":{"word":1}"#, "word"),
            (r#""input":{"text":"a"},"expect":{},"more":1"#, "more"),
        ] {
            let error = file("to-hub", bad).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("a.b"), "{error}");
        }
        assert!(File::read("aether/other.json", "{}").is_err());
    }
}
