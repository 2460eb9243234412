//! Whoever cannot come in whatever it says is told so before there is a WebSocket, in words for programs and people;
//! or, where a page must read it, by a close code.

use super::cast::{HALL, Kind, open};
use crate::handshake::request;
use crate::proxy::Proxy;
use aether_proxy::config::{Config, Guests, RefuseWith, Require};
use aether_proxy::telemetry::labels::{Handshake, InBand, InBandAuth};

use Kind::{Agent, Guide, Logs, Metrics, Page, Real, V2, V3, Worker};

type Change = fn(&mut Config);

/// Settings, whom they keep out and by which address and header, and what it is told: status, word, close code.
struct Case {
    why: &'static str,
    change: Change,
    kinds: &'static [Kind],
    path: fn(Kind) -> String,
    header: Option<&'static str>,
    told: (u16, &'static str, u16),
}

fn usual(kind: Kind) -> String {
    // Without the token of the one that is asked for in the query.
    kind.path(&HALL, "c").split("?jwt=").next().expect("a path").to_owned()
}

fn no_guests(c: &mut Config) {
    c.auth.guests = Guests::Deny;
    c.auth.refuse_delay = std::time::Duration::ZERO;
    c.mounts.iter_mut().for_each(|mount| mount.guests = None);
}

fn nothing_configured(c: &mut Config) {
    no_guests(c);
    c.auth.api_keys.clear();
    c.auth.jwt.secret = None;
}

fn no_secret(c: &mut Config) {
    c.mounts.iter_mut().for_each(|mount| mount.vectra = None);
}

const CASES: [Case; 12] = [
    Case {
        why: "guests denied and nothing configured",
        change: nothing_configured,
        kinds: &[V3, V2, Guide, Real, Agent, Metrics, Logs, Page],
        path: usual,
        header: None,
        told: (403, "guests_denied", 4403),
    },
    Case {
        why: "guests denied",
        change: no_guests,
        kinds: &[V3, V2, Real, Page],
        path: usual,
        header: None,
        told: (401, "credential_missing", 4401),
    },
    Case {
        why: "no keys for agents",
        change: |c| {
            no_guests(c);
            c.auth.api_keys.clear();
        },
        kinds: &[Agent],
        path: usual,
        header: None,
        told: (403, "guests_denied", 4403),
    },
    Case {
        why: "no tokens for pages",
        change: |c| {
            no_guests(c);
            c.auth.jwt.secret = None;
        },
        kinds: &[Guide, Metrics, Logs],
        path: usual,
        header: None,
        told: (403, "guests_denied", 4403),
    },
    Case {
        why: "tokens asked for, where agents present keys",
        change: |c| c.auth.require = Require::Jwt,
        kinds: &[Agent],
        path: usual,
        header: None,
        told: (401, "token_missing", 4401),
    },
    Case {
        why: "both asked for, where a first frame presents one",
        change: |c| c.auth.require = Require::Both,
        kinds: &[Guide, Metrics, Logs],
        path: usual,
        header: None,
        told: (401, "api_key_missing", 4401),
    },
    Case {
        why: "a worker without a secret here",
        change: no_secret,
        kinds: &[Worker],
        path: usual,
        header: None,
        told: (403, "not_the_worker", 1008),
    },
    Case {
        why: "a worker with another secret",
        change: |_| {},
        kinds: &[Worker],
        path: usual,
        header: Some("x-worker-secret: another"),
        told: (403, "not_the_worker", 1008),
    },
    Case {
        why: "an unknown client_type",
        change: |_| {},
        kinds: &[Page],
        path: |_| "/hall/vectra?client_type=admin".to_owned(),
        header: None,
        told: (403, "not_the_worker", 1008),
    },
    Case {
        why: "an origin that is not listed",
        change: |c| c.auth.origins = vec!["https://app.example.com".into()],
        kinds: &Kind::ALL,
        path: usual,
        header: Some("origin: https://evil.example.com"),
        told: (403, "origin_denied", 4403),
    },
    Case {
        why: "an id that is none",
        change: |_| {},
        kinds: &[V3, V2],
        path: |kind| format!("/hall/{}/%ff", kind.name()),
        header: None,
        told: (400, "bad_id", 1008),
    },
    Case {
        why: "the server's own id",
        change: |_| {},
        kinds: &[V3, V2],
        path: |kind| format!("/hall/{}/server", kind.name()),
        header: None,
        told: (400, "bad_id", 1008),
    },
];

async fn proxy(case: &Case, refuse_with: Option<RefuseWith>) -> Proxy {
    open(&[HALL], |c| {
        (case.change)(c);
        c.mounts.iter_mut().for_each(|mount| mount.refuse_with = refuse_with);
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_come_in_is_told_before_the_upgrade() {
    for case in &CASES {
        let proxy = proxy(case, None).await;
        for kind in case.kinds {
            let (status, head, body) = proxy.http(&request(&(case.path)(*kind), case.header.as_slice())).await;
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let told = (status, body["error"]["code"].as_str().expect("a word"));
            assert_eq!(told, (case.told.0, case.told.1), "{kind:?}: {}", case.why);
            assert!(body["error"]["message"].as_str().is_some_and(|text| text.len() > 20), "{body}");
            assert!(head.contains("content-type: application/json"), "{head}");
        }
        let metrics = proxy.metrics();
        assert_eq!(proxy.running.shared.hub.registry().len(), 0);
        let accepted = aether_proxy::dialect::Protocol::V2;
        assert_eq!(metrics.handshakes.with((accepted, Handshake::Accepted)).get(), 0, "{}", case.why);
        for kind in Kind::IN_BAND {
            let denied = metrics.in_band_auth.with(InBandAuth(kind.spoken(), InBand::Denied)).get();
            assert_eq!(denied, 0, "nobody was let wait: {}", case.why);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn or_by_a_close_code_where_the_mount_says_so() {
    for case in &CASES {
        let proxy = proxy(case, Some(RefuseWith::Close)).await;
        for kind in case.kinds {
            let header = case.header.map(|header| header.split_once(": ").expect("a header"));
            let mut refused =
                crate::client::Client::open(proxy.tcp().await, &(case.path)(*kind), header.as_slice()).await;
            assert_eq!(refused.closed().await.0, case.told.2, "{kind:?}: {}", case.why);
        }
    }
}
