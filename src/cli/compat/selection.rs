//! Owns which cases are meant (`--dialect`, `--only`), and that there are any: who mistypes an id must not take nothing
//! for a good certificate.

use crate::cli::exit::Failure;
use crate::compat::suite::{Direction, Suite};
use crate::compat::{Certificate, Status};
use crate::label::Label;
use std::collections::BTreeSet;
use strsim::jaro_winkler;
use wildmatch::WildMatch;

/// Ids that are offered in the place of one that nobody has.
const OFFERED: usize = 3;

/// Flags.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Selection {
    /// Only cases of this dialect, such as aether-v2; may be repeated
    #[arg(long = "dialect", value_name = "NAME")]
    pub dialects: Vec<String>,
    /// Only the case of this id, or those whose ids begin so, as in 'aether.v2.*'; may be repeated
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,
}

impl Selection {
    /// Holds that everything that is asked for exists.
    ///
    /// # Errors
    /// What does not, and what there is.
    pub fn check(&self, suite: &Suite) -> Result<(), Failure> {
        let cases = || suite.cases().filter(|(file, _)| file.direction != Direction::Probe);
        let dialects: BTreeSet<&str> = cases().map(|(file, _)| file.dialect.as_str()).collect();
        if let Some(unknown) = self.dialects.iter().find(|dialect| !dialects.contains(dialect.as_str())) {
            let known: Vec<_> = dialects.into_iter().collect();
            return Err(Failure::Usage(format!(
                "--dialect: no case is of {unknown:?}; there are {}",
                known.join(", ")
            )));
        }
        for only in &self.only {
            if !cases().any(|(_, case)| matches(only, &case.id)) {
                let near = nearest(only, cases().map(|(_, case)| case.id.as_str()));
                return Err(Failure::Usage(format!("--only: no case is {only:?}; near are {}", near.join(", "))));
            }
        }
        if !cases().any(|(file, case)| self.has(&file.dialect, &case.id)) {
            return Err(Failure::Usage("--only: no such case is of this dialect".to_owned()));
        }
        Ok(())
    }

    /// Whether this case, or this check of one, is meant.
    pub fn has(&self, dialect: &str, id: &str) -> bool {
        (self.dialects.is_empty() || self.dialects.iter().any(|one| one == dialect))
            && (self.only.is_empty() || self.only.iter().any(|one| matches(one, id)))
    }

    /// What the runner is to play of these cases, in its words.
    pub fn patterns(&self, suite: &Suite) -> Vec<String> {
        match (self.dialects.is_empty(), self.only.is_empty()) {
            (true, _) => self.only.clone(),
            (_, true) => self.dialects.clone(),
            // To the runner one word is enough to be meant.
            _ => {
                let cases = || suite.cases().filter(|(file, _)| self.dialects.contains(&file.dialect));
                let meant = |only: &String| {
                    let side = only.split_once('#').map(|(_, side)| format!("#{side}")).unwrap_or_default();
                    let cases = cases().filter(|(_, case)| matches(only, &case.id));
                    cases.map(|(_, case)| format!("{}{side}", case.id)).collect::<Vec<_>>()
                };
                self.only.iter().flat_map(meant).collect()
            }
        }
    }

    /// Leaves on a certificate what is meant.
    pub fn narrow(&self, certificate: &mut Certificate) {
        certificate.results.retain(|outcome| self.has(&outcome.dialect, &outcome.id));
        let count = |status| certificate.results.iter().filter(|outcome| outcome.status == status).count();
        certificate.counts = Status::ALL.iter().map(|status| (*status, count(*status))).collect();
    }
}

/// Whether this id is meant. A check's is that of its case, `#` and the side that looks; either may name the other.
fn matches(only: &str, id: &str) -> bool {
    let case = |id: &str| id.split('#').next().map(str::to_owned).unwrap_or_default();
    let matches = |only: &str, id: &str| WildMatch::new(only).matches(id);
    matches(only, id) || matches(only, &case(id)) || !id.contains('#') && matches(&case(only), id)
}

fn nearest<'a>(wanted: &str, ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ids: Vec<_> = ids.map(|id| (jaro_winkler(wanted, id), id)).collect();
    ids.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ids.into_iter().take(OFFERED).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::made::certificate;
    use super::*;

    #[test]
    fn an_id_means_its_checks_and_a_star_what_begins_so() {
        for (only, id, meant) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b#v2", true),
            ("a.b#v2", "a.b#v2", true),
            ("a.b#v2", "a.b#v3", false),
            ("a.b#v2", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.b*", "a.bc#v3", true),
            ("a.b.*", "a.bc", false),
            ("*", "x", true),
            ("a.*#v2", "a.b", true),
            ("a.*#v2", "a.b#v3", false),
        ] {
            assert_eq!(matches(only, id), meant, "{only} {id}");
        }
    }

    #[test]
    fn the_runner_plays_what_is_of_the_dialect_and_of_the_id() {
        let suite = Suite::built_in().unwrap();
        let patterns = |dialects: &[&str], only: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
            Selection { dialects: owned(dialects), only: owned(only) }.patterns(&suite)
        };
        assert_eq!(patterns(&["vectra"], &[]), ["vectra"]);
        assert_eq!(patterns(&[], &["vectra.*", "x"]), ["vectra.*", "x"]);
        let both = patterns(&["vectra"], &["*broadcast*"]);
        assert!(
            both.contains(&"vectra.worker.broadcast".to_owned()) && both.iter().all(|id| id.starts_with("vectra."))
        );
        assert_eq!(patterns(&["vectra", "aether-v2"], &["vectra.worker.broad*#v3"]), ["vectra.worker.broadcast#v3"]);
    }

    #[test]
    fn what_nobody_has_is_said_with_what_there_is() {
        let suite = Suite::built_in().unwrap();
        let check = |dialects: &[&str], only: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
            let checked = Selection { dialects: owned(dialects), only: owned(only) }.check(&suite);
            checked.map_err(|failure| failure.to_string())
        };
        assert_eq!(check(&["aether-v2", "vectra"], &["aether.v2.*"]), Ok(()));
        let known = check(&["aether-v4"], &[]).unwrap_err();
        assert!(known.contains("\"aether-v4\"; there are aether") && known.contains("vectra"), "{known}");
        let near = check(&[], &["vectra.worker.brodcast"]).unwrap_err();
        assert!(near.contains("near are vectra.worker.broadcast, "), "{near}");
        assert!(check(&["vectra"], &["aether.v2.*"]).is_err_and(|why| why.contains("of this dialect")));
    }

    #[test]
    fn a_certificate_is_narrowed_with_its_counts() {
        let mut narrow = certificate();
        Selection { dialects: vec!["aether".to_owned()], only: Vec::new() }.narrow(&mut narrow);
        assert_eq!((narrow.results.len(), narrow.count(Status::Failed), narrow.count(Status::Passed)), (1, 1, 0));
    }
}
