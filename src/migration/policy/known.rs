//! Owns which tenants are known from V2, as the store told last: the others are new. While it never answered, and for
//! those it has no room to remember one by one, everybody counts as known, so that a store that is away refuses nobody.

use crate::migration::record::TenantRecord;
use crate::migration::store::OTHERS;
use arc_swap::ArcSwapOption;
use std::collections::HashMap;
use std::sync::Arc;

/// When each tenant was first let in with V2; 0 = never.
#[derive(Debug, Default)]
pub(super) struct Known(ArcSwapOption<HashMap<Box<str>, i64>>);

impl Known {
    /// Takes what the store says.
    pub fn learn<'t>(&self, tenants: impl Iterator<Item = &'t TenantRecord>) {
        self.0.store(Some(Arc::new(tenants.map(|tenant| (tenant.tenant.as_str().into(), tenant.first_v2)).collect())));
    }

    /// Was anything ever seen of it?
    pub fn has(&self, tenant: &str) -> bool {
        self.0.load().as_deref().is_some_and(|known| known.contains_key(tenant))
    }

    /// Did it come with V2 before this second?
    pub fn before(&self, tenant: &str, since: i64) -> bool {
        let known = self.0.load();
        let Some(known) = known.as_deref() else { return true };
        // Those above `migration.max_tenants` are remembered together: it may be one of them.
        [tenant, OTHERS].iter().filter_map(|name| known.get(*name)).any(|first| (1..since).contains(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_new_before_the_store_has_answered() {
        let known = Known::default();
        assert!(known.before("acme", 100));
        let tenant = |name: &str, first_v2| TenantRecord { first_v2, ..TenantRecord::new(name, 0) };
        let all = [tenant("old", 99), tenant("young", 100), tenant("modern", 0)];
        known.learn(all.iter());
        let before = ["old", "young", "modern", "stranger"].map(|name| known.before(name, 100));
        assert_eq!(before, [true, false, false, false]);
        known.learn(all.iter().chain([&tenant(OTHERS, 50)]));
        assert!(known.before("stranger", 100) && !known.before("stranger", 50));
        assert!(known.has("modern") && !known.has("stranger"));
    }
}
