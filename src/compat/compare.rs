//! Owns what is told of two certificates: every difference in behaviour, what a client would notice first. It is certain
//! only of checks that were the same on both sides; of the others it says so.

use super::certificate::{Certificate, Outcome, Seen, SeenWhat, Status};
use super::judge::{alike, diff, values};
use crate::dialect::OwnedFrame;
use crate::label::{Label, labels, written_as_words};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of what one client got that are looked at.
const MOST_LINES: usize = 1000;

labels! {
    /// What sort of difference it is, the gravest first.
    pub enum Sort {
        /// A client gets something else, at another place, or not at all.
        Seen = "seen",
        /// Clients get the same; the verdict is another.
        Verdict = "verdict",
        /// The same values, written otherwise: only who compares texts notices.
        Written = "written",
        /// It was played on one side alone, as the other cannot do it, or is set otherwise.
        Unplayed = "unplayed",
        /// The check has changed, so nothing can be said.
        Incomparable = "incomparable",
        /// Only the old certificate has it.
        Gone = "gone",
        /// Only the new certificate has it.
        New = "new",
    }
}

written_as_words!(Sort);

/// What is not the same of one check.
#[derive(Serialize, Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The check's.
    pub id: String,
    /// The case's.
    pub title: String,
    /// How grave it is.
    pub sort: Sort,
    /// In one line.
    pub why: String,
    /// What each client got then (`-`) and now (`+`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// How it ended in the old certificate, if it is there.
    pub old: Option<Status>,
    /// And in the new.
    pub new: Option<Status>,
}

/// All differences, the gravest first; of one sort in the order of the suite.
pub fn certificates(old: &Certificate, new: &Certificate) -> Vec<Difference> {
    let by_id: BTreeMap<&str, &Outcome> = new.results.iter().map(|one| (one.id.as_str(), one)).collect();
    let known: BTreeSet<&str> = old.results.iter().map(|one| one.id.as_str()).collect();
    let mut all: Vec<_> = old
        .results
        .iter()
        .filter_map(|old| match by_id.get(old.id.as_str()) {
            Some(new) => outcomes(old, new),
            None => Some(Difference::of(Sort::Gone, Some(old), None, "only the old certificate has it")),
        })
        .collect();
    let fresh = new.results.iter().filter(|new| !known.contains(new.id.as_str()));
    all.extend(fresh.map(|new| Difference::of(Sort::New, None, Some(new), "only the new certificate has it")));
    all.sort_by_key(|one| Sort::ALL.iter().position(|sort| *sort == one.sort));
    all
}

impl Difference {
    fn of(sort: Sort, old: Option<&Outcome>, new: Option<&Outcome>, why: impl Into<String>) -> Self {
        let (id, title) = new.or(old).map(|one| (one.id.clone(), one.title.clone())).unwrap_or_default();
        let status = |one: Option<&Outcome>| one.map(|one| one.status);
        Self { id, title, sort, why: why.into(), diff: None, old: status(old), new: status(new) }
    }
}

/// The difference between two outcomes of one check, if there is one.
fn outcomes(old: &Outcome, new: &Outcome) -> Option<Difference> {
    let found = |sort, why: String| Some(Difference::of(sort, Some(old), Some(new), why));
    if old.version != new.version {
        return found(Sort::Incomparable, format!("version {} was played, and now {}", old.version, new.version));
    }
    if old.hash != new.hash {
        return found(Sort::Incomparable, format!("two cases call themselves version {}", old.version));
    }
    let verdict = verdict(old, new);
    if !was_played(old) || !was_played(new) {
        return verdict.and_then(|why| found(Sort::Unplayed, why));
    }
    let clients: BTreeSet<&str> = old.seen.iter().chain(&new.seen).map(|seen| seen.client.as_str()).collect();
    let (mut others, mut otherwise, mut diffs) = (Vec::new(), Vec::new(), Vec::new());
    for client in clients {
        let (then, now) = (of_client(old, client), of_client(new, client));
        if then == now {
            continue;
        }
        let same = then.len() == now.len() && then.iter().zip(&now).all(|(one, other)| is_same(one, other));
        if same { &mut otherwise } else { &mut others }.push(client);
        diffs.push(format!(" {client}:\n{}", diff::of_lines(&lines(&then), &lines(&now))));
    }
    let diff = (!diffs.is_empty()).then(|| diffs.join("\n"));
    let mut why = Vec::new();
    why.extend((!others.is_empty()).then(|| format!("{} sees something else", others.join(", "))));
    why.extend((!otherwise.is_empty()).then(|| format!("{} sees the same, written otherwise", otherwise.join(", "))));
    let sort = match (others.is_empty(), otherwise.is_empty(), &verdict) {
        (false, ..) => Sort::Seen,
        // Another verdict over this is about the bytes.
        (_, false, _) => Sort::Written,
        (_, true, Some(_)) => Sort::Verdict,
        (_, true, None) => return None,
    };
    why.extend(verdict);
    Some(Difference { diff, ..Difference::of(sort, Some(old), Some(new), why.join("; ")) })
}

fn verdict(old: &Outcome, new: &Outcome) -> Option<String> {
    if old.status == new.status {
        return None;
    }
    let mut why = format!("it {}, and now it {}", word(old.status), word(new.status));
    if let Some(reason) = new.why.as_ref().or(old.why.as_ref()) {
        why.push_str(": ");
        why.push_str(reason);
    }
    Some(why)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Differs => "differed",
        Status::Lacking => "was lacking",
        Status::Skipped => "was skipped",
    }
}

/// What a server lacks may have been played all the same, to see who gets what.
fn was_played(one: &Outcome) -> bool {
    matches!(one.status, Status::Passed | Status::Failed | Status::Differs) || !one.seen.is_empty()
}

fn of_client<'a>(outcome: &'a Outcome, client: &str) -> Vec<&'a SeenWhat> {
    outcome.seen.iter().filter(|seen: &&Seen| seen.client == client).map(|seen| &seen.what).collect()
}

fn is_same(one: &SeenWhat, other: &SeenWhat) -> bool {
    match (one, other) {
        (SeenWhat::Text(one), SeenWhat::Text(other)) => one == other || values::equal(one, other) || alike(one, other),
        _ => one == other,
    }
}

fn lines(seen: &[&SeenWhat]) -> Vec<String> {
    let one = |what: &&SeenWhat| match what {
        SeenWhat::Connected => vec!["connected".to_owned()],
        SeenWhat::Refused(status) => vec![format!("refused: {status}")],
        SeenWhat::Text(text) => diff::lines(&OwnedFrame::Text(text.clone())),
        SeenWhat::Binary(hex) => vec![format!("binary: {hex}")],
        SeenWhat::Pong => vec!["pong".to_owned()],
        SeenWhat::Ended(code) => vec![format!("ended: {code}")],
    };
    seen.iter().flat_map(one).take(MOST_LINES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn certificate(results: &Value) -> Certificate {
        let mut whole = json!({
            "format": 1, "suite": {"version": "1", "hash": "x", "cases": 1}, "at": "x", "seconds": 0.0, "counts": {},
            "target": {"url": "ws://x", "server": null, "settings": {}}, "capabilities": {},
        });
        whole["results"] = results.clone();
        serde_json::from_value(whole).unwrap()
    }

    fn outcome(id: &str, status: &str, change: &Value) -> Value {
        let mut one = json!({
            "id": id, "version": 1, "hash": "h", "title": "t", "dialect": "aether-v2", "status": status, "seconds": 0.1,
            "source": {"kind": "guide", "section": "1"},
            "seen": [{"client": "bo", "connected": null}, {"client": "bo", "text": "{\"a\":1}"}],
        });
        let (into, from) = (one.as_object_mut().unwrap(), change.as_object().unwrap().clone());
        into.extend(from);
        one
    }

    fn compared(old: &Value, new: &Value) -> Vec<Difference> {
        certificates(&certificate(&json!([old])), &certificate(&json!([new])))
    }

    fn one(old: &Value, new: &Value) -> Difference {
        let mut all = compared(old, new);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn what_is_the_same_is_not_told() {
        let same = || outcome("a", "passed", &json!({}));
        assert_eq!(compared(&same(), &outcome("a", "passed", &json!({"seconds": 9.0, "title": "other words"}))), []);
        let lacking = || outcome("a", "lacking", &json!({"seen": []}));
        assert_eq!(compared(&lacking(), &lacking()), []);
    }

    #[test]
    fn a_client_that_sees_something_else_comes_first() {
        let seen = |text: &str| json!({"seen": [{"client": "bo", "connected": null}, {"client": "bo", "text": text}]});
        let found = one(&outcome("a", "passed", &json!({})), &outcome("a", "failed", &seen("{\"a\":2}")));
        assert_eq!((found.sort, found.old, found.new), (Sort::Seen, Some(Status::Passed), Some(Status::Failed)));
        assert_eq!(found.why, "bo sees something else; it passed, and now it failed");
        assert_eq!(found.diff.as_deref(), Some(" bo:\n connected\n {\n-  \"a\": 1\n+  \"a\": 2\n }"));
        let found = one(&outcome("a", "passed", &json!({})), &outcome("a", "passed", &seen("{ \"a\": 1.0 }")));
        assert_eq!((found.sort, found.why.as_str()), (Sort::Written, "bo sees the same, written otherwise"));
        // As Pydantic writes an envelope, and as the proxy does.
        let envelope = |more: &str| seen(&format!(r#"{{"version":"3","msg_type":"msg","target":"echo",{more}}}"#));
        let pydantic = || envelope(r#""msg":"x","payload":null,"sent_at":"0000-00-00T00:00:00.000000+00:00""#);
        let sort = |now| one(&outcome("a", "passed", &pydantic()), &outcome("a", "passed", &envelope(now))).sort;
        assert_eq!(sort(r#""msg":"x","sent_at":"0000-00-00T00:00:00.000Z""#), Sort::Written);
        for other in [r#""msg":"x""#, r#""msg":null,"sent_at":"0""#, r#""msg":"x","more":1,"sent_at":"0""#] {
            assert_eq!(sort(other), Sort::Seen, "{other}");
        }
        let ended = json!({"seen": [{"client": "bo", "connected": null}, {"client": "bo", "ended": 1006}]});
        let found = one(&outcome("a", "failed", &json!({})), &outcome("a", "failed", &ended));
        assert!(found.diff.unwrap().contains("+ended: 1006"));
    }

    #[test]
    fn another_verdict_over_the_same_is_told_after() {
        let found = one(&outcome("a", "passed", &json!({})), &outcome("a", "failed", &json!({"why": "too late"})));
        assert_eq!((found.sort, found.why.as_str()), (Sort::Verdict, "it passed, and now it failed: too late"));
        // What was not played shows nothing of what clients see.
        let found =
            one(&outcome("a", "lacking", &json!({"seen": [], "why": "no v3"})), &outcome("a", "passed", &json!({})));
        assert_eq!((found.sort, found.diff), (Sort::Unplayed, None));
    }

    #[test]
    fn other_cases_are_named_and_not_compared() {
        let old = || outcome("a", "passed", &json!({}));
        let found = one(&old(), &outcome("a", "failed", &json!({"version": 2, "hash": "i"})));
        assert_eq!((found.sort, found.why.as_str()), (Sort::Incomparable, "version 1 was played, and now 2"));
        assert_eq!(one(&old(), &outcome("a", "failed", &json!({"hash": "i"}))).sort, Sort::Incomparable);
        let all = compared(&old(), &outcome("b", "passed", &json!({})));
        let told: Vec<_> = all.iter().map(|one| (one.id.as_str(), one.sort, one.old, one.new)).collect();
        let passed = Some(Status::Passed);
        assert_eq!(told, [("a", Sort::Gone, passed, None), ("b", Sort::New, None, passed)]);
    }

    #[test]
    fn the_gravest_come_first_and_else_the_suite_orders() {
        let failed = |id| outcome(id, "failed", &json!({}));
        let other = |id| outcome(id, "passed", &json!({"seen": []}));
        let passed = |id| outcome(id, "passed", &json!({}));
        let old = certificate(&json!([passed("z"), passed("y"), passed("x"), passed("w")]));
        let new =
            certificate(&json!([failed("z"), other("y"), other("x"), outcome("w", "passed", &json!({"version": 3}))]));
        let told: Vec<_> = certificates(&old, &new).into_iter().map(|one| one.id).collect();
        assert_eq!(told, ["y", "x", "z", "w"]);
    }
}
