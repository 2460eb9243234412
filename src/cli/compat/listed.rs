//! Owns the list of cases: what there is to play, before anything is played.

use super::selection::Selection;
use super::words;
use crate::compat::Capability;
use crate::compat::suite::{Body, Case, Direction, File, Source, Suite};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A case as it is listed for programs.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    version: u32,
    title: &'a str,
    dialect: &'a str,
    file: &'a str,
    source: &'a Source,
    needs: BTreeSet<Capability>,
    hash: &'a str,
}

fn listed<'a>(suite: &'a Suite, selection: &Selection) -> Vec<Listed<'a>> {
    let cases = suite
        .cases()
        .filter(|(file, case)| file.direction != Direction::Probe && selection.has(&file.dialect, &case.id));
    cases.map(|(file, case)| Listed::of(file, case)).collect()
}

impl<'a> Listed<'a> {
    fn of(file: &'a File, case: &'a Case) -> Self {
        let mut needs = file.needs.clone();
        if let Body::Scenario(scenario) = &case.body {
            needs.extend(&scenario.needs);
        }
        let Case { id, version, title, source, hash, .. } = case;
        Self { id, version: *version, title, dialect: &file.dialect, file: &file.path, source, needs, hash }
    }
}

/// A line each, in columns.
pub(super) fn text(suite: &Suite, selection: &Selection) -> String {
    let mut out = String::new();
    let cases = listed(suite, selection);
    let wide = |of: fn(&Listed<'_>) -> usize| cases.iter().map(of).max().unwrap_or_default();
    let needs = |case: &Listed<'_>| case.needs.iter().map(Capability::to_string).collect::<Vec<_>>().join(" ");
    let (id, needed) = (wide(|case| case.id.chars().count()), cases.iter().map(|c| needs(c).len()).max().unwrap_or(0));
    for case in &cases {
        let (name, source) = (words::line(case.id), words::source(case.source));
        let _ = writeln!(out, "{name:id$}  {:>2}  {:needed$}  {source}", case.version, needs(case));
    }
    let _ = writeln!(out, "{} cases; suite {}", cases.len(), suite.hash());
    out
}

/// One array.
///
/// # Errors
/// None that a test has not seen before.
pub(super) fn json(suite: &Suite, selection: &Selection) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&listed(suite, selection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_listed() {
        let scenario = |id: &str, source: &str, needs: &str| {
            format!(
                r#"{{"id":"{id}","version":2,"title":"t","source":{source},"needs":[{needs}],"clients":{{}},"steps":[]}}"#
            )
        };
        let file = format!(
            r#"{{"$schema":"schema/case.schema.json","format":1,"dialect":"aether","direction":"scenario","topic":"own",
                "needs":["v3"],"cases":[{},{},{}]}}"#,
            scenario("a.one", r#"{"kind":"guide","section":"4.B"}"#, ""),
            scenario("a.third", r#"{"kind":"proxy","why":"so"}"#, r#""bridge""#),
            scenario("b", r#"{"kind":"proxy","why":"so"}"#, ""),
        );
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("own.json"), file).unwrap();
        let suite = Suite::folder(dir.path()).unwrap();
        let some = Selection { dialects: Vec::new(), only: vec!["a.*".to_owned()] };
        let want = format!(
            "a.one     2  v3         promise of the guide, section 4.B\n\
             a.third   2  v3 bridge  choice of the proxy: so\n2 cases; suite {}\n",
            suite.hash()
        );
        assert_eq!(text(&suite, &some), want);
        let json: serde_json::Value = serde_json::from_str(&json(&suite, &some).unwrap()).unwrap();
        assert_eq!((&json[1]["needs"][1], &json[1]["file"]), (&"bridge".into(), &"own.json".into()));
        assert_eq!(json.as_array().map(Vec::len), Some(2));
    }
}
