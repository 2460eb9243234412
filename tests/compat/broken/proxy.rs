//! A good proxy in this process, whose clients have to present a key.

use aether_proxy::app::{self, Running};
use aether_proxy::clock::Clock;
use aether_proxy::config::{ApiKey, Config, Secret};
use std::path::Path;
use std::time::Duration;

/// The key.
pub const KEY: &str = "a-good-key";

pub async fn start() -> Running {
    let mut config = Config::default();
    config.listen.clients = ([127, 0, 0, 1], 0).into();
    config.listen.admin = ([127, 0, 0, 1], 0).into();
    config.listen.drain_delay = Duration::ZERO;
    config.listen.drain_window = Duration::from_millis(50);
    config.auth.api_keys = vec![ApiKey {
        name: "all".to_owned(),
        key: Some(Secret::new(KEY)),
        sha256: None,
        account: None,
        group: None,
        broadcast: false,
    }];
    let program = Path::new(env!("CARGO_BIN_EXE_aether-proxy"));
    app::start_as(config, Clock::system(), program).await.expect("the proxy starts")
}
