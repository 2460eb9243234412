//! Contradictions of `[migration]`.

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

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;

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
}
