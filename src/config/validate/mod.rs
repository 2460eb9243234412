//! Settings that are each valid but contradict one another. One plain function a concern; nothing is read here.

mod auth;
mod capture;
mod channels;
mod dialects;
mod echo;
mod limits;
mod migration;
mod mounts;
mod operators;
mod own;
mod policy;
mod server_monitor;
mod shadow;
mod tls;
mod valtronics;
mod vectra;

use super::Config;
use std::collections::BTreeSet;

/// A contradiction, and the key whose origin is named with it.
#[derive(Debug, PartialEq)]
pub(super) struct Finding {
    pub key: String,
    pub text: String,
}

/// Collects findings.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.push(Finding { key: key.into(), text: text.into() });
    }
}

type Check = fn(&Config, &mut Findings);

/// Every check with the sections it reads.
const CHECKS: [(&[&str], Check); 29] = [
    (&["listen", "auth"], auth::open_to_the_network),
    (&["listen"], limits::listeners),
    (&["listen"], tls::files),
    (&["listen"], operators::token),
    (&["listen"], echo::path),
    (&["hub"], limits::hub),
    (&["hub"], channels::url),
    (&["hub"], channels::templates),
    (&["hub", "tenancy"], channels::isolation),
    (&["auth"], auth::api_keys),
    (&["auth"], auth::jwt),
    (&["auth"], auth::requirements),
    (&["mounts"], mounts::check),
    (&["mounts", "dialects"], dialects::check),
    (&["mounts", "limits"], valtronics::check),
    (&["mounts"], server_monitor::check),
    (&["mounts", "limits", "auth"], vectra::check),
    (&["dialects"], own::check),
    (&["limits"], limits::limits),
    (&["limits", "hub"], limits::against_hub),
    (&["shadow"], shadow::check),
    (&["telemetry"], limits::log_level),
    (&["policy"], policy::dates),
    (&["policy"], policy::rules),
    (&["policy"], policy::exemptions),
    (&["policy", "limits"], policy::refuse_delay),
    (&["mounts"], policy::notices),
    (&["migration"], migration::bounds),
    (&["capture"], capture::check),
];

/// Every contradiction, except in `unsound` sections.
pub(super) fn findings(config: &Config, unsound: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Findings::default();
    for (sections, check) in CHECKS {
        if !sections.iter().any(|section| unsound.contains(*section)) {
            check(config, &mut findings);
        }
    }
    findings.0
}

/// The texts of all findings after `change`, for the tests of the checks.
#[cfg(test)]
fn after(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let mut config = Config::default();
    change(&mut config);
    findings(&config, &BTreeSet::new()).into_iter().map(|finding| finding.text).collect()
}

/// Asserts that `change` causes exactly one finding, which contains `text`.
#[cfg(test)]
#[track_caller]
fn assert_refused(text: &str, change: impl FnOnce(&mut Config)) {
    let found = after(change);
    assert!(found.len() == 1 && found[0].contains(text), "expected one finding with {text:?}, got {found:#?}");
}

/// Asserts that nothing is wrong after `change`.
#[cfg(test)]
#[track_caller]
fn assert_accepted(change: impl FnOnce(&mut Config)) {
    assert_eq!(after(change), Vec::<String>::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_contradict_nothing() {
        assert_accepted(|_| {});
    }

    #[test]
    fn nothing_is_concluded_from_unsound_sections() {
        let mut config = Config::default();
        config.mounts.clear();
        let unsound = BTreeSet::from(["mounts".to_owned()]);
        assert_eq!(findings(&config, &unsound), []);
        assert_eq!(findings(&config, &BTreeSet::new()).len(), 1);
    }
}
