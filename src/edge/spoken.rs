//! Owns what the settings of a mount mean to the dialects: what is spoken there, and what is heard.

use super::adapters;
use crate::config::{self, Config, DialectName, Mount};
use crate::dialect::{Dialect, Manner, Shaped, View, aether_v2, aether_v3, lens};

/// The dialect and view of a mount, what it does not say itself taken from `[v2]` and `[envelope]`; None where it
/// takes an adapter, or nobody here speaks it.
pub fn spoken_and_heard(mount: &Mount, config: &Config) -> Option<(Dialect, View)> {
    match mount.dialect {
        DialectName::AetherV3 => {
            let reject_unknown = config.envelope.unknown_members == config::UnknownMembers::Reject;
            Some((Dialect::AetherV3(aether_v3::Speaks { reject_unknown }), View::AetherV3))
        }
        DialectName::AetherV2 => Some(v2(mount, &config.v2)),
        DialectName::Valtronics | DialectName::ServerMonitor | DialectName::Vectra | DialectName::Custom(_) => None,
    }
}

fn v2(mount: &Mount, v2: &config::V2) -> (Dialect, View) {
    let speaks = aether_v2::Speaks {
        shaped: match mount.v3_shaped.unwrap_or(v2.v3_shaped) {
            config::V3Shaped::Routing => Shaped::Routing,
            config::V3Shaped::Content => Shaped::Content,
            config::V3Shaped::Opaque => Shaped::Opaque,
        },
        keepalive: mount.keepalive.unwrap_or(v2.keepalive),
    };
    let hears = aether_v2::Hears {
        annotate: match mount.annotate.unwrap_or(v2.annotate) {
            config::Annotate::Full => lens::Annotate::Full,
            config::Annotate::Min => lens::Annotate::Min,
            config::Annotate::Off => lens::Annotate::Off,
        },
        as_envelope: mount.render.unwrap_or(v2.render) == config::Render::Envelope,
        presence: mount.presence.unwrap_or(v2.presence),
    };
    (Dialect::AetherV2(speaks), View::AetherV2(hears))
}

/// The same for any dialect, with its adapter where it has one.
pub(super) fn manner(mount: &Mount, config: &Config) -> Option<Manner> {
    match spoken_and_heard(mount, config) {
        Some((dialect, view)) => Some(Manner::Plain(dialect, view)),
        None => match &mount.dialect {
            DialectName::Custom(name) => adapters::made(name, config),
            _ => adapters::adapter(mount, config).map(Manner::Adapter),
        },
    }
}
