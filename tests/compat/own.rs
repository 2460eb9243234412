//! The proxy itself as a target: `compat/targets`, in this process and on free ports.

use crate::harness::redis::RedisServer;
use aether_proxy::app::{self, Running};
use aether_proxy::clock::Clock;
use aether_proxy::compat::play::{Options, run};
use aether_proxy::compat::suite::Suite;
use aether_proxy::compat::{Certificate, Profile, Status};
use aether_proxy::config::{self, LoadOptions, RedisUrl};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A proxy that runs, and what is known of it.
pub struct Own {
    profile: Profile,
    running: Running,
    _redis: Option<RedisServer>,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/targets").join(name)
}

/// What a profile says of how its target is started, behind `--set` in its first lines.
fn sets(text: &str) -> Vec<(String, String)> {
    let words: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).flat_map(str::split_whitespace).collect();
    let sets = words.windows(2).filter(|two| two[0] == "--set").filter_map(|two| two[1].split_once('='));
    sets.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

impl Own {
    /// With a way in for every conversation, alone or on a Redis.
    pub async fn start(redis: Option<RedisServer>) -> Self {
        Self::of("aether-proxy.toml", Some("aether-proxy.proxy.toml"), redis).await
    }

    /// Set as this profile says.
    pub async fn set_as(profile: &str, redis: RedisServer) -> Self {
        Self::of(profile, None, Some(redis)).await
    }

    async fn of(profile: &str, settings: Option<&str>, redis: Option<RedisServer>) -> Self {
        let text = std::fs::read_to_string(file(profile)).expect("a profile");
        let mut profile: Profile = toml::from_str(&text).expect("a good profile");
        let options = LoadOptions { file: settings.map(file), set: sets(&text), ..LoadOptions::default() };
        let mut config = config::load(&options).expect("good settings");
        config.listen.clients = ([127, 0, 0, 1], 0).into();
        config.listen.admin = ([127, 0, 0, 1], 0).into();
        if let Some(redis) = &redis {
            (config.hub.url, profile.redis) = (RedisUrl::new(redis.url()), Some(RedisUrl::new(redis.url())));
        }
        let program = Path::new(env!("CARGO_BIN_EXE_aether-proxy"));
        let running = app::start_as(config, Clock::system(), program).await.expect("the proxy starts");
        profile.url = format!("ws://{}", running.clients);
        Self { profile, running, _redis: redis }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.running.clients
    }

    /// What is known of it, if it is reached by another address.
    pub fn profile_at(&self, address: SocketAddr) -> Profile {
        Profile { url: format!("ws://{address}"), ..self.profile.clone() }
    }

    /// From now on whoever comes this way comes another.
    pub fn redirect(&mut self, path: &str, other: &str) {
        let mounts = self.profile.mounts.iter_mut().filter(|mount| mount.path == path);
        mounts.for_each(|mount| other.clone_into(&mut mount.path));
    }

    /// Plays what is asked for, and tells what did not pass.
    pub async fn play(&self, only: &[&str], longest: Duration) -> Certificate {
        let only = only.iter().map(|&one| one.to_owned()).collect();
        // Long, because a busy machine is no fault; nothing waits so long when all is well.
        let options = Options { only, longest, patience: Duration::from_secs(30), ..Options::default() };
        let suite = Suite::built_in().expect("the suite");
        let certificate = run(&suite, &self.profile, &options, &|_| {}).await.expect("it is played");
        let bad = [Status::Failed, Status::Differs];
        for outcome in certificate.results.iter().filter(|outcome| bad.contains(&outcome.status)) {
            let [why, diff] = [&outcome.why, &outcome.diff].map(|text| text.as_deref().unwrap_or_default());
            eprintln!("{} {:?}: {why}\n{diff}", outcome.id, outcome.status);
        }
        eprintln!("{:?} in {} s", certificate.counts, certificate.seconds);
        certificate
    }
}

/// How many are of this status, by reason.
pub fn reasons(certificate: &Certificate, status: Status) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    for outcome in certificate.results.iter().filter(|outcome| outcome.status == status) {
        *all.entry(outcome.why.as_deref().unwrap_or_default()).or_default() += 1;
    }
    all
}

/// Nothing is otherwise than the cases say.
pub fn is_kept(certificate: &Certificate) -> bool {
    certificate.count(Status::Failed) + certificate.count(Status::Differs) == 0
}
