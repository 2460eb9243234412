//! Settings of a mount that speaks Vectra.

use super::{Auth, Mount, Secret};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[mounts.vectra]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vectra {
    /// What the worker must present. Without it and `worker_secret_file` no worker is let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_secret: Option<Secret>,
    /// File with that secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_secret_file: Option<PathBuf>,
    /// The client id under which V3 clients reach the worker.
    pub worker: String,
}

impl Default for Vectra {
    fn default() -> Self {
        Self { worker_secret: None, worker_secret_file: None, worker: "worker".into() }
    }
}

impl Vectra {
    /// As a mount has it; a mount without a secret has that of `[auth]`.
    pub fn of(mount: &Mount, auth: &Auth) -> Self {
        let own = mount.vectra.clone().unwrap_or_default();
        if own.takes_workers() {
            return own;
        }
        let (worker_secret, worker_secret_file) = (auth.worker_secret.clone(), auth.worker_secret_file.clone());
        Self { worker_secret, worker_secret_file, ..own }
    }

    /// Can a worker come in at all?
    pub fn takes_workers(&self) -> bool {
        self.worker_secret.is_some() || self.worker_secret_file.is_some()
    }
}
