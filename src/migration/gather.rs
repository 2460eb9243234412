//! Owns the reading of all that a report is made from, for the API and for the keeper's gauges. What it means is
//! `report`'s.

use super::Migration;
use super::policy::Policies;
use super::record::{DAY, HOUR, Open, Span, TenantRecord};
use super::report::view::Report;
use super::report::{Facts, build};
use super::store::{Store, StoreError};
use crate::config;

/// Days that are read at least: a brownout counts for so long.
const LEAST_DAYS: i64 = 31;

impl Migration {
    /// The report of this moment.
    ///
    /// # Errors
    /// The store's.
    pub async fn report(&self) -> Result<Report, StoreError> {
        let now = self.clock.now().as_secs();
        let tenants = self.store.tenants(now).await?;
        Ok(build(&facts(&self.store, &self.policies, &self.config, now, tenants).await?))
    }
}

/// Reads it all but the tenants: whoever asks may have them already.
pub(super) async fn facts(
    store: &Store,
    policies: &Policies,
    config: &config::Migration,
    now: i64,
    tenants: Vec<(TenantRecord, Open)>,
) -> Result<Facts, StoreError> {
    let twice = i64::try_from(config.quiet.as_secs()).unwrap_or(i64::MAX).saturating_mul(2) / DAY + 2;
    let days = twice.clamp(LEAST_DAYS, Span::Day.kept());
    Ok(Facts {
        now,
        overview: store.overview(now).await?,
        tenants,
        hours: store.history(Span::Hour, now - Span::Hour.kept() * HOUR, now).await?,
        days: store.history(Span::Day, now - days * DAY, now).await?,
        policy: policies.view(),
        config: config.clone(),
    })
}
