//! Contradictions of `[migration]`, and of what operators must show to look at it.

use super::{Findings, limits::positive};
use crate::config::Config;
use std::time::Duration;

/// More often would only burden the store.
const SHORTEST_FLUSH: Duration = Duration::from_millis(10);
/// What a node has seen waits in its memory meanwhile.
const LONGEST_FLUSH: Duration = Duration::from_secs(300);
/// A shorter silence proves nothing.
const SHORTEST_QUIET: Duration = Duration::from_secs(3600);

/// Bounds that are too small or too large.
pub(super) fn bounds(config: &Config, findings: &mut Findings) {
    let migration = &config.migration;
    if !(SHORTEST_FLUSH..=LONGEST_FLUSH).contains(&migration.flush_interval) {
        findings.add("migration.flush_interval", "`migration.flush_interval` must be between 10ms and 5m");
    }
    if migration.quiet < SHORTEST_QUIET {
        findings.add("migration.quiet", "`migration.quiet` must not be shorter than 1h");
    }
    let most = [("migration.max_clients", migration.max_clients), ("migration.max_tenants", migration.max_tenants)];
    positive(findings, most);
}

/// The operators' token is said once, and is one.
pub(super) fn operators(config: &Config, findings: &mut Findings) {
    let listen = &config.listen;
    if listen.admin_token.is_some() && listen.admin_token_file.is_some() {
        let text = "`listen.admin_token` and `listen.admin_token_file` are both set: take one of them out";
        findings.add("listen.admin_token_file", text);
    }
    if listen.admin_token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
        findings.add("listen.admin_token", "`listen.admin_token` must not be empty: leave it out to have none");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;
    use crate::config::Secret;

    #[test]
    fn bounds_are_kept_within_reason() {
        assert_refused("between 10ms and 5m", |c| c.migration.flush_interval = Duration::from_millis(9));
        assert_refused("between 10ms and 5m", |c| c.migration.flush_interval = Duration::from_secs(301));
        assert_refused("not be shorter than 1h", |c| c.migration.quiet = Duration::from_secs(3599));
        assert_refused("`migration.max_clients` must be greater than 0", |c| c.migration.max_clients = 0);
        assert_refused("`migration.max_tenants` must be greater than 0", |c| c.migration.max_tenants = 0);
        assert_accepted(|c| {
            c.migration.flush_interval = SHORTEST_FLUSH;
            c.migration.quiet = SHORTEST_QUIET;
        });
    }

    #[test]
    fn the_operators_token_is_said_once() {
        let token = |text: &str| Some(Secret::new(text));
        assert_accepted(|c| c.listen.admin_token = token("t"));
        assert_accepted(|c| c.listen.admin_token_file = Some("t".into()));
        assert_refused("must not be empty", |c| c.listen.admin_token = token(" "));
        assert_refused("both set", |c| {
            c.listen.admin_token = token("t");
            c.listen.admin_token_file = Some("t".into());
        });
    }
}
