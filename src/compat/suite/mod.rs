//! The cases: data that knows nothing of any server. Owns how they are read, from the program itself or from a folder;
//! what their words mean is told in `compat/README.md`. How they are played is not here.

mod conversation;
mod file;
mod frames;
mod scenario;
mod source;
mod written;

pub use conversation::{Conversation, Step};
pub use file::{Body, Case, Direction, File};
pub use frames::{Expected, FrameCase, Kept, Legacy, Stamped, Wrong};
pub use scenario::{Act, Cast, Channel, Credential, Expect, Name, Pattern, Scenario, Speaks};
pub use source::Source;
pub use written::Written;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/compat/cases");

/// Why the cases cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The folder, or a file in it.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What about it.
        error: io::Error,
    },
    /// A file is not of the form.
    #[error("{0}: {1}")]
    Form(String, serde_json::Error),
    /// Two cases of one id.
    #[error("{0}: this id is given twice")]
    Twice(String),
    /// No case at all.
    #[error("{}: no case is in it", .0.display())]
    Empty(PathBuf),
}

/// All cases.
#[derive(Debug, Clone)]
pub struct Suite {
    /// In order of their paths.
    pub files: Vec<File>,
}

impl Suite {
    /// The cases this program was built with.
    ///
    /// # Errors
    /// None that a test has not seen before.
    pub fn built_in() -> Result<Self, SuiteError> {
        let mut texts = Vec::new();
        collect(&BUILT_IN, &mut texts);
        Self::of(texts, Path::new("compat/cases"))
    }

    /// The cases of a folder, as `compat/cases` is one.
    ///
    /// # Errors
    /// What cannot be read, and why.
    pub fn folder(root: &Path) -> Result<Self, SuiteError> {
        let mut texts = Vec::new();
        walk(root, "", &mut texts)?;
        Self::of(texts, root)
    }

    fn of(mut texts: Vec<(String, String)>, root: &Path) -> Result<Self, SuiteError> {
        texts.sort();
        let files = texts
            .iter()
            .map(|(path, text)| File::read(path, text).map_err(|error| SuiteError::Form(path.clone(), error)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(case) = files.iter().flat_map(|file| &file.cases).find(|case| !seen.insert(&case.id)) {
            return Err(SuiteError::Twice(case.id.clone()));
        }
        if files.is_empty() { Err(SuiteError::Empty(root.into())) } else { Ok(Self { files }) }
    }

    /// Every case, with its file.
    pub fn cases(&self) -> impl Iterator<Item = (&File, &Case)> {
        self.files.iter().flat_map(|file| file.cases.iter().map(move |case| (file, case)))
    }

    /// One hash for all: of ids, versions, and what is done and expected.
    pub fn hash(&self) -> String {
        let mut all: Vec<_> = self.cases().map(|(_, case)| (&case.id, case.version, &case.hash)).collect();
        all.sort();
        let mut digest = Sha256::new();
        all.iter().for_each(|(id, version, hash)| digest.update(format!("{id} {version} {hash}\n")));
        super::hex(&digest.finalize())
    }
}

fn collect(dir: &Dir<'_>, into: &mut Vec<(String, String)>) {
    for file in dir.files() {
        if let Some(text) = file.contents_utf8() {
            let parts: Vec<_> = file.path().iter().map(|part| part.to_string_lossy()).collect();
            into.push((parts.join("/"), text.to_owned()));
        }
    }
    dir.dirs().for_each(|dir| collect(dir, into));
}

fn walk(root: &Path, below: &str, into: &mut Vec<(String, String)>) -> Result<(), SuiteError> {
    let dir = root.join(below);
    let wrong = |error| SuiteError::Io { path: dir.clone(), error };
    for entry in std::fs::read_dir(&dir).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.path().is_dir() {
            walk(root, &path, into)?;
        } else if name.ends_with(".json") {
            let read = std::fs::read_to_string(entry.path());
            let text = read.map_err(|error| SuiteError::Io { path: entry.path(), error })?;
            into.push((path, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_what_lies_in_the_folder() {
        let folder = Suite::folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/cases")).unwrap();
        let own = Suite::built_in().unwrap();
        assert_eq!(own.hash(), folder.hash());
        assert!(own.cases().count() >= 670, "cases were lost: {}", own.cases().count());
    }

    #[test]
    fn an_id_stands_once_and_a_folder_is_not_empty() {
        let text = r#"{"$schema":"schema/case.schema.json","format":1,"dialect":"aether-v2","direction":"to-hub","topic":"T",
            "needs":["v2"],"cases":[{"id":"a","version":1,"title":"x","source":{"kind":"proxy","why":"so"},
            "input":{"text":"a"},"expect":{}}]}"#;
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Suite::folder(dir.path()), Err(SuiteError::Empty(_))));
        std::fs::create_dir(dir.path().join("f")).unwrap();
        std::fs::write(dir.path().join("f/one.json"), text.replace("\"T\"", "\"one\"")).unwrap();
        assert_eq!(Suite::folder(dir.path()).unwrap().files[0].path, "f/one.json");
        std::fs::write(dir.path().join("two.json"), text.replace("\"T\"", "\"two\"")).unwrap();
        assert!(matches!(Suite::folder(dir.path()), Err(SuiteError::Twice(id)) if id == "a"));
    }
}
