//! Owns what can be wrong with the settings, key files and key addresses of authentication. Texts name files, lines
//! and settings, never their content.

use std::path::PathBuf;

/// Why the settings of authentication cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file can be read and not used.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and how it should be.
        problem: String,
    },
    /// A setting that contradicts another or means nothing.
    #[error("{setting}: {problem}")]
    Setting {
        /// Its name, `auth.require`.
        setting: &'static str,
        /// What is wrong, and how it should be.
        problem: String,
    },
    /// No certificate roots for an https address.
    #[error("the machine's certificate roots cannot be read, which auth.jwt.jwks_url needs: {0}")]
    Roots(String),
}

impl AuthError {
    /// The same word in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            AuthError::Read { .. } => "auth_read",
            AuthError::File { .. } => "auth_file",
            AuthError::Setting { .. } => "auth_setting",
            AuthError::Roots(_) => "auth_roots",
        }
    }

    pub(super) fn setting(setting: &'static str, problem: impl Into<String>) -> Self {
        AuthError::Setting { setting, problem: problem.into() }
    }
}
