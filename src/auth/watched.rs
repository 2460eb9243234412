//! Owns one file that is read again when it changes. What it holds is the caller's business.

use super::AuthError;
use crate::config::Secret;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

/// No key file is larger, in bytes.
const MAX: u64 = 8 << 20;

/// A file and how it looked when it was last read.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    seen: Mutex<Option<Look>>,
}

/// When it was written and how long it is; None where there is no file.
type Look = (SystemTime, u64);

impl WatchedFile {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: Mutex::new(None) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file, whether it changed or not.
    ///
    /// # Errors
    /// Unreadable, no plain file, too large, or not UTF-8.
    pub async fn read(&self) -> Result<Secret, AuthError> {
        // Looked at before it is read: what is written in between shows as a change at the next look.
        let look = self.look().await;
        *self.seen.lock() = look.as_ref().ok().copied();
        self.read_text(look).await
    }

    /// Reads the file if it looks different; the same bad file is reported once.
    pub async fn changed(&self) -> Option<Result<Secret, AuthError>> {
        let look = self.look().await;
        {
            let mut seen = self.seen.lock();
            let now = look.as_ref().ok().copied();
            if *seen == now {
                return None;
            }
            *seen = now;
        }
        Some(self.read_text(look).await)
    }

    async fn look(&self) -> std::io::Result<Look> {
        let meta = tokio::fs::metadata(&self.path).await?;
        // A pipe or device could block the reader for ever.
        if !meta.is_file() {
            return Err(std::io::Error::other("not a file"));
        }
        Ok((meta.modified()?, meta.len()))
    }

    async fn read_text(&self, look: std::io::Result<Look>) -> Result<Secret, AuthError> {
        let unreadable = |source| AuthError::Read { path: self.path.clone(), source };
        look.map_err(unreadable)?;
        let file = tokio::fs::File::open(&self.path).await.map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
        if bytes.len() as u64 > MAX {
            return Err(self.problem("larger than 8 MiB"));
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => Err(self.problem("empty")),
            Ok(text) => Ok(Secret::new(text)),
            Err(_) => Err(self.problem("not UTF-8 text")),
        }
    }

    /// An error about what the file holds.
    pub fn problem(&self, problem: impl Into<String>) -> AuthError {
        AuthError::File { path: self.path.clone(), problem: problem.into() }
    }
}
