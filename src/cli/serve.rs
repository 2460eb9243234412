//! `aether-proxy serve`: the runtime, the log, the signals. What is served is `app`'s.

use super::exit::{Exit, Failure};
use super::out;
use super::settings::Sources;
use crate::app::{self, DialectsError, Running, StartError};
use crate::config::{self, Config};
use crate::telemetry::trace::{self, LogLevel};
use std::io::{IsTerminal, stderr};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves clients until told to stop; what the program does without a command
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "SIGNALS:
  SIGTERM, SIGINT   drain and end; a second one ends at once
  SIGHUP            read the settings again; the log says what took effect and what needs a restart")]
pub struct Serve {}

impl Serve {
    /// Runs it until a signal ends it.
    ///
    /// # Errors
    /// Settings that cannot be used, addresses that cannot be listened on.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let config = config::load(&sources.options())?;
        let log = trace::install(&config.telemetry, stderr().is_terminal() && !out::no_color())
            .map_err(|error| Failure::Other(Exit::Config, error.to_string()))?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if config.listen.workers > 0 {
            runtime.worker_threads(config.listen.workers);
        }
        let runtime = runtime.enable_all().build()?;
        runtime.block_on(until_signal(config, sources, &log))
    }
}

/// The signals a proxy listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What they ask for.
enum Wish {
    /// To end; with the signal's name.
    End(&'static str),
    /// To read the settings again.
    Reload,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End("SIGTERM"),
            _ = self.interrupt.recv() => Wish::End("SIGINT"),
            _ = self.hangup.recv() => Wish::Reload,
        }
    }

    /// The next wish to end: who is ending reads no settings any more.
    async fn end(&mut self) -> &'static str {
        loop {
            match self.next().await {
                Wish::End(signal) => return signal,
                Wish::Reload => tracing::info!("SIGHUP passed over: the proxy is ending"),
            }
        }
    }
}

async fn until_signal(config: Config, sources: &Sources, log: &LogLevel) -> Result<Exit, Failure> {
    // Before anything is served, so that no signal finds the default behaviour.
    let mut signals = Signals::listen()?;
    let mut settings = config.clone();
    let running = app::start(config).await.map_err(|error| {
        let exit = match &error {
            StartError::Listen { .. } | StartError::Dialects(DialectsError::NoProcess(_)) => Exit::Unavailable,
            error if error.is_config() => Exit::Config,
            _ => Exit::Failure,
        };
        Failure::Other(exit, error.to_string())
    })?;
    let Running { clients, admin, .. } = &running;
    tracing::info!(%clients, %admin, version = env!("CARGO_PKG_VERSION"), "listening");
    let signal = loop {
        match signals.next().await {
            Wish::End(signal) => break signal,
            Wish::Reload => reload(&running, &mut settings, sources, log).await,
        }
    };
    tracing::info!(signal, "ending; a second signal ends at once");
    tokio::select! {
        () = running.drain() => tracing::info!("ended"),
        signal = signals.end() => tracing::warn!(signal, "ended at once"),
    }
    Ok(Exit::Ok)
}

/// Reads all sources again and says what came of it, key by key.
async fn reload(running: &Running, settings: &mut Config, sources: &Sources, log: &LogLevel) {
    let options = sources.options();
    match running.reload(settings, config::load(&options), log).await {
        Ok(reloaded) => {
            let (applied, restart) = (reloaded.applied.join(" "), reloaded.restart.join(" "));
            if !restart.is_empty() {
                tracing::warn!(keys = restart, "changed settings that need a restart");
            }
            tracing::info!(keys = applied, "settings reloaded");
            *settings = reloaded.config;
        }
        Err(error) => {
            for problem in error.to_string().lines() {
                tracing::error!(reason = error.label(), problem, "settings not reloaded; the old ones stay");
            }
        }
    }
}
