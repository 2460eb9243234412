//! Contradictions of `[shadow]`: addresses that are none, shares and times that make no sense.

use super::Findings;
use crate::config::Config;
use hyper::Uri;
use std::time::Duration;

/// Shorter, and a legacy server that is merely busy would seem to lose messages.
const SHORTEST: Duration = Duration::from_millis(100);
/// Longer, and too much would have to be remembered.
const LONGEST: Duration = Duration::from_secs(60);

/// `[shadow]`
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let shadow = &config.shadow;
    for (key, url) in [("shadow.url", &shadow.url), ("shadow.noise_url", &shadow.noise_url)] {
        if let Some(why) = url.as_deref().and_then(wrong) {
            // The address itself is not repeated: it may hold a password.
            findings.add(key, format!("`{key}` {why}"));
        }
    }
    if shadow.noise_url.is_some() && shadow.url.is_none() {
        findings.add("shadow.noise_url", "`shadow.noise_url` is a second instance of `shadow.url`, which is not set");
    }
    if shadow.percent > 100 {
        findings.add("shadow.percent", "`shadow.percent` must be between 0 and 100");
    }
    if !(SHORTEST..=LONGEST).contains(&shadow.window) {
        findings.add("shadow.window", "`shadow.window` must be between 100ms and 60s");
    }
    for (at, pointer) in shadow.ignore.iter().enumerate().filter(|(_, pointer)| !pointer.starts_with('/')) {
        let key = format!("shadow.ignore[{at}]");
        findings.add(&key, format!("`{key}` = \"{pointer}\" must begin with `/`, such as \"/sent_at\""));
    }
}

/// What is wrong with an address.
fn wrong(url: &str) -> Option<&'static str> {
    let Ok(uri) = url.parse::<Uri>() else { return Some("is not an address: write \"ws://host:port\"") };
    if !matches!(uri.scheme_str(), Some("ws" | "wss")) || uri.host().is_none_or(str::is_empty) {
        return Some("must begin with ws:// or wss:// and a host");
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Some("must not hold a user or password: clients bring their own");
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // The parser passes over what stands behind `#`.
    (path != "/" || url.contains('#')).then_some("must be a host alone: path and query are the client's")
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        let with = |url: &str| {
            let url = Some(url.to_owned());
            move |c: &mut Config| c.shadow.url = url
        };
        for good in ["ws://10.0.0.5:8000", "wss://legacy.internal", "ws://[::1]:1/"] {
            assert_accepted(with(good));
        }
        assert_refused("not an address", with("ws://"));
        assert_refused("ws:// or wss://", with("http://legacy"));
        assert_refused("ws:// or wss://", with("legacy:8000"));
        assert_refused("ws:// or wss://", with("/ws"));
        assert_refused("user or password", with("ws://me:s3cret@legacy"));
        assert_refused("must be a host alone", with("ws://legacy/ws"));
        assert_refused("must be a host alone", with("ws://legacy/?a=b"));
        assert_refused("must be a host alone", with("ws://legacy/#a"));
    }

    #[test]
    fn a_second_instance_needs_a_first() {
        let url = || Some("ws://legacy:1".to_owned());
        assert_refused("which is not set", |c| c.shadow.noise_url = url());
        assert_accepted(|c| (c.shadow.url, c.shadow.noise_url) = (url(), url()));
    }

    #[test]
    fn numbers_and_pointers_make_sense() {
        assert_refused("between 0 and 100", |c| c.shadow.percent = 101);
        assert_refused("between 100ms and 60s", |c| c.shadow.window = Duration::from_millis(99));
        assert_refused("between 100ms and 60s", |c| c.shadow.window = Duration::from_secs(61));
        assert_refused("`shadow.ignore[1]` = \"ts\" must begin", |c| {
            c.shadow.ignore = vec!["/a/*".into(), "ts".into()];
        });
    }
}
