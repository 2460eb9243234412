//! Owns where log lines go: standard error, as text or JSON, filtered as configured.

use crate::config::{LogFormat, Telemetry};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Sets the log of the whole process, once; a second call changes nothing.
///
/// # Errors
/// A `telemetry.log_level` that is no filter.
pub fn init(config: &Telemetry) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(&config.log_level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that is set already, by a test or by whoever embeds the proxy, stays.
    let _ = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
