//! Owns what SIGHUP does to a running proxy: new settings are taken by the parts that can, or by none.
//! Which keys those are is `config::reloaded`'s; open connections keep what they began with.

use super::Running;
use crate::auth::AuthError;
use crate::config::{self, Config, ConfigError};
use crate::edge::MountError;
use crate::migration::capture::CaptureError;
use crate::telemetry::labels::Done;
use crate::telemetry::trace::{LogError, LogLevel};

/// What a reload came to.
#[derive(Debug)]
pub struct Reloaded {
    /// The settings now in effect.
    pub config: Config,
    /// Keys that took effect.
    pub applied: Vec<String>,
    /// Keys that take effect at the next start.
    pub restart: Vec<String>,
}

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The settings cannot be read, contradict themselves, or contradict what stays.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log's filter.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Keys and origins.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A mount's account is no id any more, with another `limits.id`.
    #[error("mounts: {0}")]
    Mounts(#[from] MountError),
    /// The capture cannot begin.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

impl ReloadError {
    /// The same word in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            ReloadError::Config(_) => "config",
            ReloadError::Log(error) => error.label(),
            ReloadError::Auth(error) => error.label(),
            ReloadError::Mounts(error) => error.label(),
            ReloadError::Capture(error) => error.label(),
        }
    }
}

impl Running {
    /// Takes what may change of the settings that were read anew, and counts it. Connections that come from now
    /// on live by them; those that are open keep theirs, but for the log's filter. Certificates are read again in any
    /// case: a bad one is logged and changes nothing.
    ///
    /// # Errors
    /// The first reason why not; everything then stays as it was.
    pub async fn reload(
        &self,
        running: &Config,
        read: Result<Config, ConfigError>,
        log: &LogLevel,
    ) -> Result<Reloaded, ReloadError> {
        for tls in &self.certificates {
            tls.reread().await;
        }
        let metrics = &self.shared.metrics;
        let reloaded = match read {
            Ok(new) => self.take(running, &new, log).await,
            Err(problems) => Err(problems.into()),
        };
        match &reloaded {
            Ok(_) => {
                metrics.config_reloads.with((Done::Ok,)).inc();
                metrics.config_last_reload.only().set(self.shared.clock.now().as_secs());
            }
            Err(_) => metrics.config_reloads.with((Done::Error,)).inc(),
        }
        reloaded
    }

    async fn take(&self, running: &Config, new: &Config, log: &LogLevel) -> Result<Reloaded, ReloadError> {
        let mixed = config::reloaded(running, new)?;
        let proved = self.shared.authenticator.proves_accounts();
        // In this order each step can be taken back, or is the last.
        log.set(&mixed.telemetry.log_level)?;
        let taken = self.parts_take(running, &mixed).await;
        if let Err(error) = taken {
            log.set(&running.telemetry.log_level)?;
            return Err(error);
        }
        if proved != self.shared.authenticator.proves_accounts() {
            tracing::warn!(
                "what credentials prove has changed: `tenancy.isolate` = \"auto\" follows at the next start"
            );
        }
        let (applied, restart): (Vec<_>, Vec<_>) = config::diff(running, new).into_iter().partition(|c| c.reloadable);
        let keys = |changes: Vec<config::Reload>| changes.into_iter().map(|change| change.key).collect();
        Ok(Reloaded { config: mixed, applied: keys(applied), restart: keys(restart) })
    }

    async fn parts_take(&self, running: &Config, mixed: &Config) -> Result<(), ReloadError> {
        self.shared.edge.reload(mixed)?;
        if let Err(error) = self.shared.authenticator.reload(&mixed.auth).await {
            self.shared.edge.reload(running)?;
            return Err(error.into());
        }
        // The last, since what a capture has begun to write cannot be taken back.
        if let Err(error) = self.shared.migration.capture.begin(&mixed.capture).await {
            self.shared.authenticator.reload(&running.auth).await?;
            self.shared.edge.reload(running)?;
            return Err(error.into());
        }
        self.shared.migration.policies.reload(&mixed.policy);
        Ok(())
    }
}
