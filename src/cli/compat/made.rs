//! Owns a certificate made by hand, with something of everything, for the tests of all forms.

use crate::compat::suite::Source;
use crate::compat::{
    Capability, Certificate, FORMAT, Grade, Has, Outcome, Seen, SeenWhat, Status, SuiteInfo, TargetInfo,
};
use crate::label::Label;

/// A check that ended so.
pub(super) fn outcome(id: &str, dialect: &str, status: Status) -> Outcome {
    Outcome {
        id: id.to_owned(),
        version: 1,
        hash: "0123456789abcdef".to_owned(),
        title: format!("the title of {id}"),
        dialect: dialect.to_owned(),
        source: Source::Guide { section: "4.B".to_owned() },
        status,
        grade: (status == Status::Passed).then_some(Grade::Exact),
        why: None,
        diff: None,
        seen: Vec::new(),
        seconds: 0.25,
    }
}

/// What these make.
pub(super) fn of(results: Vec<Outcome>) -> Certificate {
    let count = |status| results.iter().filter(|outcome| outcome.status == status).count();
    let has = |has, why: &str| Has { has, why: why.to_owned() };
    Certificate {
        format: FORMAT,
        suite: SuiteInfo {
            version: "0.1.0".to_owned(),
            hash: "a1b2c3d4e5f60718".to_owned(),
            cases: 7,
            only: Vec::new(),
        },
        target: TargetInfo {
            url: "ws://127.0.0.1:8080".to_owned(),
            server: Some("uvicorn".to_owned()),
            settings: serde_json::from_str(r#"{"v2.annotate":"min"}"#).unwrap(),
        },
        at: "2026-03-11T12:34:56Z".to_owned(),
        seconds: 12.5,
        capabilities: [
            (Capability::V2, has(true, "a client was let in")),
            (Capability::V3, has(true, "a client was let in")),
            (Capability::Bridge, has(false, "bob: nothing came within 5s")),
        ]
        .into(),
        counts: Status::ALL.iter().map(|status| (*status, count(*status))).collect(),
        results,
    }
}

/// Something of everything.
pub(super) fn certificate() -> Certificate {
    let equal = Outcome { grade: Some(Grade::Equal), ..outcome("aether.v2.b#v2", "aether-v2", Status::Passed) };
    let failed = Outcome {
        why: Some("bob: another frame\u{1b}[2J came".to_owned()),
        diff: Some(" {\n-  \"to_id\": \"bob\"\n+  \"to_id\": \"<e&\u{7}```>\"\n }".to_owned()),
        seen: vec![
            Seen { client: "bob".to_owned(), what: SeenWhat::Connected },
            Seen { client: "bob".to_owned(), what: SeenWhat::Text("{\"a\":1}".to_owned()) },
        ],
        ..outcome("aether.direct.across-groups", "aether", Status::Failed)
    };
    let differs = Outcome {
        source: Source::Proxy { why: "tokens stand verbatim in the envelope".to_owned() },
        why: Some("the same values, other bytes".to_owned()),
        diff: Some("-1.0\n+1".to_owned()),
        ..outcome("aether.v2.c#v3", "aether-v2", Status::Differs)
    };
    let lacking = |id| Outcome { why: Some("needs bridge".to_owned()), ..outcome(id, "aether-v2", Status::Lacking) };
    let skipped = Outcome {
        why: Some("needs v2.annotate = off".to_owned()),
        ..outcome("aether.v2.f#v2", "aether-v2", Status::Skipped)
    };
    of(vec![
        outcome("aether.v2.a#v2", "aether-v2", Status::Passed),
        equal,
        failed,
        differs,
        lacking("aether.v2.d#v3"),
        lacking("aether.v2.e#v3"),
        skipped,
    ])
}
