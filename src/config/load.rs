//! Reads settings: defaults < file < environment < flags, and says what is wrong with all of them.

use super::{Config, env, key::Origin, schema::Schema, sources::Sources, validate};
use figment::Figment;
use std::path::{Path, PathBuf};

/// The file that explains every setting and states its default.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Where settings come from beside the defaults.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--config`; it must exist. Without it `AETHER_CONFIG` may name the file.
    pub file: Option<PathBuf>,
    /// The process environment, name and value; what does not start with `AETHER_` is passed over.
    pub env: Vec<(String, String)>,
    /// `--set key=value`, strongest.
    pub set: Vec<(String, String)>,
}

/// Everything that is wrong with the settings, each with file or variable, key and the nearest valid name.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct ConfigError {
    /// One sentence each.
    pub problems: Vec<String>,
}

/// Reads and checks all settings.
///
/// # Errors
/// Every unknown key, bad value and contradiction at once. A contradiction is not looked for in sections that
/// have another problem: what they were meant to say is not known.
pub fn load(options: &LoadOptions) -> Result<Config, ConfigError> {
    let schema = Schema::new();
    let mut sources = Sources::new(&schema);
    if let Some(file) = options.file.as_deref().or_else(|| env::config_file(&options.env).map(Path::new)) {
        sources.file(file);
    }
    for (name, value) in &options.env {
        if let Some(key) = env::key(name, value) {
            sources.text(&key.split('.').collect::<Vec<_>>(), value, &Origin::Variable(name.clone()));
        }
    }
    for (key, value) in &options.set {
        sources.text(&key.split('.').collect::<Vec<_>>(), value, &Origin::Flag(key.clone()));
    }

    let mut problems: Vec<String> = sources.problems.iter().map(|(origin, text)| format!("{origin}: {text}")).collect();
    let merged = sources.settings.iter().fold(Figment::new(), |merged, setting| merged.merge(setting));
    match merged.extract::<Config>() {
        // Every setting was tried on its own, so this is a mistake of ours; it must not start a proxy all the same.
        Err(error) if problems.is_empty() => {
            problems.extend(error.into_iter().map(|e| format!("`{}`: cannot be read", e.path.join("."))));
        }
        Err(_) => {}
        Ok(mut config) => {
            for finding in validate::findings(&config, &sources.unsound) {
                problems.push(match sources.origin(&finding.key) {
                    Some(origin) => format!("{origin}: {}", finding.text),
                    None => finding.text,
                });
            }
            if problems.is_empty() {
                config.auth.jwt.narrow();
                return Ok(config);
            }
        }
    }
    Err(ConfigError { problems })
}

/// Checks settings that were not read but put together in code.
///
/// # Errors
/// Every contradiction in them.
pub fn validate_config(config: &Config) -> Result<(), ConfigError> {
    let problems: Vec<String> =
        validate::findings(config, &Default::default()).into_iter().map(|finding| finding.text).collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}

/// The settings in effect as TOML, secrets redacted, for `aether-proxy check`.
pub fn effective(config: &Config) -> String {
    toml::to_string_pretty(config).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

#[cfg(test)]
mod files;
#[cfg(test)]
mod mounts;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod tests;
