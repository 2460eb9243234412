//! `aether-proxy serve`: the runtime, the log, the signals. What is served is `app`'s.

use super::Failure;
use crate::app::{self, Running};
use crate::config::Config;
use crate::telemetry::trace;
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves until a signal ends it.
///
/// # Errors
/// Settings that cannot be used, addresses that cannot be listened on.
pub fn serve(config: Config) -> Result<(), Failure> {
    trace::init(&config.telemetry).map_err(|error| Failure::Settings(format!("telemetry.log_level: {error}")))?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if config.listen.workers > 0 {
        runtime.worker_threads(config.listen.workers);
    }
    let runtime = runtime.enable_all().build().context("the runtime cannot start")?;
    runtime.block_on(until_signal(config))
}

/// The signals a proxy listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next wish to end. A wish to reload is told and passed over.
    async fn end(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => tracing::warn!("SIGHUP: settings are not read again yet"),
            }
        }
    }
}

async fn until_signal(config: Config) -> Result<(), Failure> {
    // Before anything is served, so that no signal finds the default behaviour.
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let running = app::start(config).await.map_err(|error| {
        if error.is_config() { Failure::Settings(error.to_string()) } else { Failure::Other(error.into()) }
    })?;
    let Running { clients, admin, .. } = &running;
    let admin = admin.map(tracing::field::display);
    tracing::info!(%clients, admin, "listening");
    let signal = signals.end().await;
    tracing::info!(signal, "ending; a second signal ends at once");
    tokio::select! {
        () = running.drain() => tracing::info!("ended"),
        signal = signals.end() => tracing::warn!(signal, "ended at once"),
    }
    Ok(())
}
