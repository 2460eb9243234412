//! Owns how far a tenant is: a plain function from what was seen of it to its stage.
//!
//! `v2_only → mixed → v3_only → v2_denied`; whoever was done and comes with V2 again has `regressed`, until it was
//! quiet once more.

use super::record::TenantRecord;
use crate::telemetry::labels::Stage;

/// What decides beside the record.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Now.
    pub now: i64,
    /// Seconds without V2 after which a tenant has moved.
    pub quiet: i64,
    /// A policy refuses V2 to this tenant for good.
    pub denied: bool,
}

/// The stage a tenant is in now; `tenant.stage` is the one it was in.
pub fn next(tenant: &TenantRecord, evidence: Evidence) -> Stage {
    let recent = |seen: i64| seen > 0 && evidence.now - seen < evidence.quiet;
    let was = tenant.stage();
    if recent(tenant.last_v2) {
        // Done, and somebody was let in with V2 after that.
        let came_back = matches!(was, Stage::V3Only | Stage::V2Denied) && tenant.last_v2 > tenant.stage_since;
        return match was {
            _ if came_back => Stage::Regressed,
            Stage::Regressed => Stage::Regressed,
            // Blocked, though V2 was seen a while ago: nobody can come any more.
            _ if evidence.denied && tenant.last_refused > tenant.last_v2 => Stage::V2Denied,
            Stage::V3Only => was,
            Stage::V2Denied if evidence.denied => was,
            _ if recent(tenant.last_v3) => Stage::Mixed,
            _ => Stage::V2Only,
        };
    }
    match evidence.denied {
        true => Stage::V2Denied,
        // Silent on both sides, and never seen with V3: nothing has moved.
        false if tenant.last_v3 == 0 => Stage::V2Only,
        false => Stage::V3Only,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;
    const NOW: i64 = 100 * DAY;

    fn tenant(stage: Stage, last_v2: i64, last_v3: i64) -> TenantRecord {
        TenantRecord {
            tenant: "acme".into(),
            stage: stage.label().into(),
            stage_since: NOW - 3 * DAY,
            first_v2: last_v2,
            last_v2,
            first_v3: last_v3,
            last_v3,
            v2_opened: 0,
            v3_opened: 0,
            v2_frames: 0,
            v3_frames: 0,
            refused: 0,
            last_refused: 0,
        }
    }

    fn after(was: Stage, v2_days: i64, v3_days: i64, denied: bool) -> Stage {
        let at = |days: i64| if days < 0 { 0 } else { NOW - days * DAY };
        next(&tenant(was, at(v2_days), at(v3_days)), Evidence { now: NOW, quiet: 7 * DAY, denied })
    }

    #[test]
    fn a_tenant_moves_step_by_step() {
        assert_eq!(after(Stage::V2Only, 0, -1, false), Stage::V2Only);
        assert_eq!(after(Stage::V2Only, 0, 0, false), Stage::Mixed);
        assert_eq!(after(Stage::Mixed, 6, 0, false), Stage::Mixed);
        assert_eq!(after(Stage::Mixed, 7, 0, false), Stage::V3Only);
        assert_eq!(after(Stage::V3Only, 9, 0, true), Stage::V2Denied);
        assert_eq!(after(Stage::V2Denied, 9, 0, false), Stage::V3Only);
    }

    #[test]
    fn whoever_comes_back_has_regressed_until_it_was_quiet() {
        assert_eq!(after(Stage::V3Only, 1, 0, false), Stage::Regressed);
        assert_eq!(after(Stage::V2Denied, 1, 0, true), Stage::Regressed);
        assert_eq!(after(Stage::Regressed, 6, 0, false), Stage::Regressed);
        assert_eq!(after(Stage::Regressed, 7, 0, false), Stage::V3Only);
        // `quiet` was made longer: what was seen before it was done is no return.
        assert_eq!(after(Stage::V3Only, 5, 0, false), Stage::V3Only);
    }

    #[test]
    fn a_block_that_holds_is_the_end() {
        let mut blocked = tenant(Stage::Mixed, NOW - 2 * DAY, NOW);
        blocked.last_refused = NOW - DAY;
        let evidence = Evidence { now: NOW, quiet: 7 * DAY, denied: true };
        assert_eq!(next(&blocked, evidence), Stage::V2Denied);
        assert_eq!(next(&blocked, Evidence { denied: false, ..evidence }), Stage::Mixed);
        (blocked.stage, blocked.stage_since) = (Stage::V2Denied.label().into(), NOW - DAY);
        assert_eq!(next(&blocked, evidence), Stage::V2Denied);
        assert_eq!(next(&blocked, Evidence { denied: false, ..evidence }), Stage::Mixed, "the block was lifted");
    }

    #[test]
    fn silence_alone_is_no_progress() {
        assert_eq!(after(Stage::V2Only, 30, -1, false), Stage::V2Only);
    }
}
