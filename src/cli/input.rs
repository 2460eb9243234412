//! Owns how commands read files line by line: `-` is standard input, and every line has a name for people.

use super::exit::{Exit, Failure};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file's name.
    pub file: &'a str,
    /// From 1.
    pub line: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Hands on each line of all files, without its end.
///
/// # Errors
/// A file that cannot be read, by its name; whatever the visitor says.
pub fn each_line(
    files: &[PathBuf],
    mut visit: impl FnMut(Place<'_>, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for path in files {
        let (name, mut input) = open(path)?;
        let (mut line, mut number) = (Vec::new(), 0);
        while input.read_until(b'\n', &mut line).map_err(|error| unreadable(&name, &error))? > 0 {
            number += 1;
            visit(Place { file: &name, line: number }, line.strip_suffix(b"\n").unwrap_or(&line))?;
            line.clear();
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<(String, Box<dyn BufRead>), Failure> {
    if path.as_os_str() == "-" {
        return Ok(("-".into(), Box::new(BufReader::new(io::stdin()))));
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    Ok((name, Box::new(BufReader::new(file))))
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::Other(Exit::Failure, format!("{name}: {error}"))
}
