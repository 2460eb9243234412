//! Owns what the settings of a mount mean to the dialects that are adapters: their rules, one adapter a mount, and a
//! second where a mount lets in two kinds of clients.

use crate::config::{self, Config, DialectName, Mount};
use crate::dialect::lens::Annotate;
use crate::dialect::{Adapter, Filtered, Manner, custom, server_monitor, valtronics, vectra};
use crate::envelope::ClientId;
use std::sync::Arc;

/// The adapter of a mount, for its clients. None: nobody here speaks its dialect.
pub fn adapter(mount: &Mount, config: &Config) -> Option<Arc<dyn Adapter>> {
    match &mount.dialect {
        DialectName::ServerMonitor => {
            Some(Arc::new(server_monitor::ServerMonitor::new(monitor_rules(mount.server_monitor.as_ref()?))))
        }
        DialectName::Vectra => vectra(mount, config, vectra::Role::Client),
        DialectName::Valtronics => {
            let settings = mount.valtronics.clone().unwrap_or_default();
            Some(Arc::new(valtronics::Valtronics::new(valtronics_rules(&settings))))
        }
        DialectName::AetherV2 | DialectName::AetherV3 | DialectName::Custom(_) => None,
    }
}

/// The same for the worker of a mount, which has an id of its own.
pub fn worker(mount: &Mount, config: &Config) -> Option<Arc<dyn Adapter>> {
    match &mount.dialect {
        DialectName::Vectra => vectra(mount, config, vectra::Role::Worker),
        _ => None,
    }
}

/// A dialect made by settings: a field map, or filters. Its place in the settings names it to everybody.
pub fn made(name: &str, config: &Config) -> Option<Manner> {
    let (place, dialect) = config.dialects.iter().enumerate().find(|(_, dialect)| dialect.name == name)?;
    // Settings were checked when they were read.
    match dialect.lens().ok()? {
        Some(lens) => {
            let hears = custom::Hears { annotate: Annotate::Off, presence: false };
            Some(Manner::Adapter(Arc::new(custom::Mapped::new(name, place, lens, hears))))
        }
        None => Some(Manner::Filtered(Filtered { name: name.into(), place })),
    }
}

fn vectra(mount: &Mount, config: &Config, role: vectra::Role) -> Option<Arc<dyn Adapter>> {
    let settings = mount.vectra.clone().unwrap_or_default();
    let worker = ClientId::claimed(&settings.worker, config.limits.id).ok()?;
    Some(Arc::new(vectra::Vectra::new(vectra::Rules { role, worker })))
}

fn monitor_rules(settings: &config::ServerMonitor) -> server_monitor::Rules {
    server_monitor::Rules {
        role: match settings.role {
            config::Role::Agent => server_monitor::Role::Agent,
            config::Role::Metrics => server_monitor::Role::Metrics,
            config::Role::Logs => server_monitor::Role::Logs,
        },
        compat: match settings.compat {
            config::Compat::Guide => server_monitor::Compat::Guide,
            config::Compat::Server => server_monitor::Compat::Server,
        },
        answers_within: settings.answers_within,
    }
}

fn valtronics_rules(settings: &config::Valtronics) -> valtronics::Rules {
    valtronics::Rules {
        compat: match settings.compat {
            config::Compat::Guide => valtronics::Compat::Guide,
            config::Compat::Server => valtronics::Compat::Server,
        },
        channel: settings.channel.map(|channel| match channel {
            config::Channel::Telemetry => valtronics::Channel::Telemetry,
            config::Channel::Alerts => valtronics::Channel::Alerts,
            config::Channel::System => valtronics::Channel::System,
            config::Channel::Devices => valtronics::Channel::Devices,
        }),
        batch: settings.batch,
        message: settings.message,
        messages_per_second: settings.messages_per_second,
    }
}
