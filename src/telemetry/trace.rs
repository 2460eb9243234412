//! Owns where log lines go and what they look like: standard error, text or JSON, a filter that can be
//! changed while the proxy runs. Every line passes `redact::mask`. What is logged is said where it happens.

use super::redact;
use crate::config::{LogFormat, Telemetry};
use std::io::{self, Write};
use tracing::Dispatch;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, reload};

/// Why logs are not as asked for.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `telemetry.log_level` cannot be read.
    #[error("`telemetry.log_level` cannot be read: {0}")]
    Filter(#[from] ParseError),
    /// Something else in this process has set up logs before.
    #[error("logs are set up already")]
    Taken,
    /// The logs have gone.
    #[error("the log's filter cannot be changed any more")]
    Gone,
}

impl LogError {
    /// The same word in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            LogError::Filter(_) => "log_filter",
            LogError::Taken => "log_taken",
            LogError::Gone => "log_gone",
        }
    }
}

/// Changes what is logged, while the proxy runs. Clones change the same.
#[derive(Debug, Clone)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Takes another `telemetry.log_level`.
    ///
    /// # Errors
    /// It cannot be read; the old one then stays.
    pub fn set(&self, filter: &str) -> Result<(), LogError> {
        let filter = parse(filter)?;
        self.0.reload(filter).map_err(|_| LogError::Gone)
    }
}

/// Sends what the whole process logs to standard error.
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn install(config: &Telemetry, colours: bool) -> Result<LogLevel, LogError> {
    let (dispatch, level) = subscriber(config, colours, io::stderr)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Taken)?;
    Ok(level)
}

/// What `install` makes the default of the process, for any writer.
///
/// # Errors
/// A filter that cannot be read.
pub fn subscriber<W>(config: &Telemetry, colours: bool, to: W) -> Result<(Dispatch, LogLevel), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(&config.log_level)?);
    // A line that cannot be written is dropped: `eprintln!` about it would panic on the same closed pipe.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(Masked(to));
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok((Dispatch::new(tracing_subscriber::registry().with(filter).with(lines)), LogLevel(handle)))
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(filter)
}

/// A writer of lines in which credentials are masked.
#[derive(Debug)]
struct Masked<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Masked<W> {
    type Writer = MaskedLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        MaskedLine(self.0.make_writer())
    }
}

/// Takes one line at a time, as the formatter writes them.
#[derive(Debug)]
struct MaskedLine<W>(W);

impl<W: Write> Write for MaskedLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&redact::mask(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;
    use tracing::{debug, info, info_span, warn};

    /// Lines kept in memory.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock())).expect("utf-8")
        }
    }

    fn logged(config: &Telemetry, colours: bool, log: impl FnOnce(&LogLevel, &Kept)) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let (dispatch, level) = subscriber(config, colours, move || writer.clone()).expect("a filter");
        tracing::dispatcher::with_default(&dispatch, || log(&level, &kept));
        kept.take()
    }

    fn settings(log_format: LogFormat, log_level: &str) -> Telemetry {
        Telemetry { log_format, log_level: log_level.into(), ..Telemetry::default() }
    }

    #[test]
    fn no_line_shows_a_credential_in_any_format() {
        for (format, colours) in [(LogFormat::Text, false), (LogFormat::Text, true), (LogFormat::Json, false)] {
            let text = logged(&settings(format, "info"), colours, |_, _| {
                let _span = info_span!("session", jwt = "hush-span").entered();
                info!(api_key = "hush-field", url = "/ws?jwt=hush-url&b=1", "asked with Bearer hush-text");
                warn!(header = ?("x-worker-secret: hush-header"), "redis://u:hush-url@h");
            });
            assert!(!text.contains("hush"), "{text}");
            assert_eq!(text.matches("[redacted]").count(), 7, "{text}");
            assert_eq!(text.contains('\u{1b}'), colours);
        }
    }

    #[test]
    fn json_lines_are_json_with_fields_at_the_top() {
        let text = logged(&settings(LogFormat::Json, "info"), true, |_, _| {
            let _span = info_span!("session", client = "c1").entered();
            info!(frames = 3, jwt = "a\"b", "closed\n");
        });
        let line: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!((&line["message"], &line["frames"]), (&"closed\n".into(), &3.into()));
        assert_eq!((&line["level"], &line["span"]["client"]), (&"INFO".into(), &"c1".into()));
        assert!(line["jwt"].as_str().expect("text").starts_with("[redacted]"));
    }

    #[test]
    fn the_filter_changes_while_the_proxy_runs_and_a_bad_one_changes_nothing() {
        let text = logged(&settings(LogFormat::Text, "info"), false, |level, kept| {
            debug!("early");
            assert_eq!(kept.take(), "");
            level.set("aether_proxy=debug,off").expect("a filter");
            debug!("then");
            assert!(level.set("=====").is_err());
            debug!("still");
            level.set("off").expect("a filter");
            warn!("late");
        });
        assert!(text.contains("then") && text.contains("still") && !text.contains("late"), "{text}");
    }

    #[test]
    fn a_closed_pipe_ends_nothing() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let (dispatch, _level) = subscriber(&Telemetry::default(), false, || Closed).expect("a filter");
        tracing::dispatcher::with_default(&dispatch, || info!("nobody hears"));
    }
}
