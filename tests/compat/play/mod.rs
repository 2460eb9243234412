//! The runner itself: each act on a server that does well, each failure on one that does badly, and what a run makes of
//! many checks. Scripts are written here, so that nothing depends on which cases there are.

mod acts;
mod faults;
mod rogue;
mod runs;

use aether_proxy::app::{self, Running};
use aether_proxy::clock::Clock;
use aether_proxy::compat::play::{Options, run};
use aether_proxy::compat::suite::Suite;
use aether_proxy::compat::{Certificate, Outcome, Profile, Status};
use aether_proxy::config::Config;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A proxy in this process.
async fn proxy(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::default();
    config.listen.clients = ([127, 0, 0, 1], 0).into();
    config.listen.admin = ([127, 0, 0, 1], 0).into();
    config.listen.drain_delay = Duration::ZERO;
    config.listen.drain_window = Duration::from_millis(50);
    change(&mut config);
    let program = Path::new(env!("CARGO_BIN_EXE_aether-proxy"));
    app::start_as(config, Clock::system(), program).await.expect("the proxy starts")
}

/// A case: a promise, if nothing else is said in `more`.
fn case(id: &str, clients: &Value, steps: &Value, more: &Value) -> Value {
    let mut case = json!({"id": id, "version": 1, "title": id, "source": {"kind": "guide", "section": "1"}});
    case["clients"] = clients.clone();
    case["steps"] = steps.clone();
    let object = case.as_object_mut().expect("an object");
    object.extend(more.as_object().expect("an object").clone());
    case
}

/// A suite of these scenarios and probes.
fn suite(scenarios: &[Value], probes: &[Value]) -> Suite {
    let dir = tempfile::tempdir().unwrap();
    for (direction, cases) in [("scenario", scenarios), ("probe", probes)].iter().filter(|(_, cases)| !cases.is_empty())
    {
        let file = json!({"$schema": "schema/case.schema.json", "format": 1, "dialect": "aether", "direction": direction,
            "topic": direction, "needs": [], "cases": cases});
        std::fs::write(dir.path().join(format!("{direction}.json")), file.to_string()).unwrap();
    }
    Suite::folder(dir.path()).unwrap()
}

fn profile(url: &str) -> Profile {
    Profile { url: url.to_owned(), ..Profile::default() }
}

/// Long enough for a busy machine where something must come; short where nothing does.
fn options() -> Options {
    Options { quiet: Duration::from_millis(100), patience: Duration::from_secs(10), ..Options::default() }
}

async fn certificate(suite: &Suite, profile: &Profile, options: &Options) -> Certificate {
    run(suite, profile, options, &|_| {}).await.expect("a certificate")
}

fn outcome<'c>(certificate: &'c Certificate, id: &str) -> &'c Outcome {
    certificate.results.iter().find(|outcome| outcome.id == id).expect("the check was played")
}

#[track_caller]
fn assert_all_passed(certificate: &Certificate) {
    let not: Vec<_> = certificate.results.iter().filter(|outcome| outcome.status != Status::Passed).collect();
    assert!(not.is_empty(), "{not:#?}\n{:#?}", certificate.capabilities);
}
