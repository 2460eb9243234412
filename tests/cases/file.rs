//! Owns how files of cases are read: all of one folder, every one in its place and of good form. What a case is, is its
//! reader's.

use super::source::Source;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<C> {
    #[serde(rename = "$schema")]
    schema: String,
    format: u32,
    dialect: String,
    direction: String,
    topic: String,
    needs: Vec<String>,
    cases: Vec<C>,
}

/// What every case says of itself.
pub trait Headed {
    /// Its id, its version, its title and where it comes from.
    fn head(&self) -> (&str, u32, &str, &Source);
}

/// All cases of a folder below `compat/cases`; their dialect begins with this word.
pub fn folder<C: DeserializeOwned + Headed>(name: &str, dialect: &str, direction: &str) -> Vec<C> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/cases").join(name);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&dir).expect("a folder of cases") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let file: File<C> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!((file.format, file.direction.as_str()), (1, direction), "{}", path.display());
        assert_eq!(path.file_stem().and_then(|s| s.to_str()), Some(file.topic.as_str()));
        assert!(dir.join(&file.schema).exists() && file.schema.ends_with("case.schema.json"), "{}", path.display());
        assert!(file.dialect.starts_with(dialect) && !file.needs.is_empty() && !file.cases.is_empty());
        all.extend(file.cases);
    }
    assert!(!all.is_empty(), "{name} holds no case");
    for case in &all {
        let (id, version, title, source) = case.head();
        assert!(version >= 1 && !title.is_empty() && !source.told().is_empty() && !id.is_empty(), "{id}");
    }
    all
}
