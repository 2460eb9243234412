//! Cases that need other settings than the defaults, each against one of the proxies that are set so: `compat/targets`.

use crate::harness::redis::RedisServer;
use crate::own::{Own, is_kept};
use aether_proxy::compat::Status;
use aether_proxy::compat::suite::{Body, Suite};
use std::collections::BTreeSet;
use std::time::Duration;

const PROFILES: [&str; 5] = ["annotate-min.toml", "annotate-off.toml", "presence.toml", "envelope.toml", "opaque.toml"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_with_settings_is_kept_by_a_proxy_that_is_set_so() {
    let suite = Suite::built_in().expect("the suite");
    let cases = suite.cases().filter_map(|(_, case)| match &case.body {
        Body::Frame(frame) if !frame.settings.is_empty() => Some(case.id.as_str()),
        _ => None,
    });
    let cases: Vec<_> = cases.collect();
    let mut kept = BTreeSet::new();
    for profile in PROFILES {
        let own = Own::set_as(profile, RedisServer::start().await).await;
        let certificate = own.play(&cases, Duration::ZERO).await;
        assert!(is_kept(&certificate), "{profile}");
        let passed = certificate.results.iter().filter(|outcome| outcome.status == Status::Passed);
        let played: Vec<_> = passed.filter_map(|outcome| outcome.id.split('#').next().map(str::to_owned)).collect();
        assert!(!played.is_empty(), "{profile}");
        kept.extend(played);
    }
    assert_eq!(cases.iter().filter(|id| !kept.contains(**id)).collect::<Vec<_>>(), Vec::<&&str>::new());
}
