//! Plays the conversations of Valtronics, and owns how a case's settings become its rules.

use aether_proxy::dialect::Adapter;
use aether_proxy::dialect::valtronics::{Channel, Compat, Rules, Valtronics};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The adapter in these settings.
pub fn adapter(settings: &Map<String, Value>) -> Arc<dyn Adapter> {
    let mut rules = Rules::default();
    for (name, value) in settings {
        let (word, number) = (value.as_str().unwrap_or_default(), value.as_u64().unwrap_or_default());
        match name.as_str() {
            "compat" if word == "server" => rules.compat = Compat::Server,
            "compat" if word == "guide" => {}
            "channel" => rules.channel = Some(Channel::parse(word).expect("a channel")),
            "batch" => rules.batch = number as usize,
            "message" => rules.message = number as usize,
            "messages_per_second" => rules.messages_per_second = number as u32,
            "role" | "group" | "client" => {}
            other => panic!("there is no setting {other} = {value}"),
        }
    }
    Arc::new(Valtronics::new(rules))
}

#[test]
fn conversations_of_valtronics_go_as_expected() {
    super::conversation::play_all("valtronics");
}
