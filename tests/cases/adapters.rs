//! Owns which adapter a conversation case wants: its settings are those of a mount's table.

use aether_proxy::dialect::Adapter;
use aether_proxy::dialect::server_monitor;
use aether_proxy::dialect::vectra::{Role, Rules, Vectra};
use aether_proxy::envelope::ClientId;
use aether_proxy::label::Label;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// The adapter of a dialect in these settings.
pub fn adapter(dialect: &str, settings: &Map<String, Value>) -> Arc<dyn Adapter> {
    match dialect {
        "server-monitor" => Arc::new(server_monitor::ServerMonitor::new(server_monitor::Rules {
            role: word(settings, "role").expect("a role"),
            compat: word(settings, "compat").unwrap_or(server_monitor::Compat::Guide),
            answers_within: duration(settings, "answers_within").unwrap_or(Duration::from_secs(60)),
        })),
        "valtronics" => super::valtronics::adapter(settings),
        "vectra" => vectra(settings),
        other => panic!("there is no dialect {other} {settings:?}"),
    }
}

/// One of a closed set.
fn word<T: Label>(settings: &Map<String, Value>, key: &str) -> Option<T> {
    let word = settings.get(key)?.as_str().expect("a word");
    Some(T::ALL.iter().copied().find(|one| one.label() == word).unwrap_or_else(|| panic!("{key} is no {word}")))
}

fn duration(settings: &Map<String, Value>, key: &str) -> Option<Duration> {
    let text = settings.get(key)?.as_str().expect("a duration");
    Some(aether_proxy::config::parse_duration(text).expect("a duration"))
}

#[test]
fn agents_and_pages_of_servers_hear_and_say_what_their_guide_promises() {
    super::conversation::play_all("server-monitor");
}

fn vectra(settings: &Map<String, Value>) -> Arc<dyn Adapter> {
    let role = match settings.get("role").and_then(Value::as_str) {
        None | Some("client") => Role::Client,
        Some("worker") => Role::Worker,
        Some(other) => panic!("there is no role {other}"),
    };
    Arc::new(Vectra::new(Rules { role, worker: ClientId::new("worker", 9).expect("an id") }))
}
