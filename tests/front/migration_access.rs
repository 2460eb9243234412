//! Who sees the migration: whoever has the token; without one, whoever sits at this machine and asks for it by its name.

use crate::asking::{Answer, ask, ask_with};
use crate::proxy::Proxy;
use aether_proxy::app::{self, StartError};
use aether_proxy::config::{Config, Secret};
use serde_json::json;
use std::time::{Duration, Instant};

const TOKEN: &str = "operators-only";
const GUARDED: [&str; 6] = [
    "/migration",
    "/migration/nope",
    "/api/v1/migration",
    "/api/v1/migration/clients?format=csv",
    "/api/v1/openapi.json",
    "/api/nope",
];

async fn with(proxy: &Proxy, target: &str, authorization: &str) -> Answer {
    ask_with(proxy, "GET", target, &[("Host", "proxy.example"), ("Authorization", authorization)]).await
}

#[tokio::test]
async fn with_a_token_nobody_else_is_answered_wherever_it_listens() {
    let proxy = Proxy::with(|config| {
        config.listen.admin = ([0, 0, 0, 0], 0).into();
        config.listen.admin_token = Some(Secret::new(TOKEN));
    })
    .await;
    for target in GUARDED {
        let asked = Instant::now();
        let answer = ask(&proxy, target).await;
        assert!(asked.elapsed() >= Duration::from_millis(300), "guessing takes time");
        assert_eq!((answer.status, answer.json()["error"].clone()), (401, json!("unauthorized")), "{target}");
        assert_eq!(answer.header("www-authenticate"), "basic realm=\"aether-proxy\", charset=\"utf-8\"");
        let known = !target.contains("nope");
        for good in [format!("Bearer {TOKEN}"), "Basic OTpvcGVyYXRvcnMtb25seQ==".into()] {
            assert_eq!(with(&proxy, target, &good).await.status, if known { 200 } else { 404 }, "{target}");
        }
    }
    for bad in ["Bearer operators-onl", "Bearer operators-only2", "Basic b3BlcmF0b3JzLW9ubHk=", "Digest x"] {
        assert_eq!(with(&proxy, "/migration", bad).await.status, 401, "{bad}");
    }
    for open in ["/", "/metrics", "/livez", "/readyz"] {
        let answer = ask_with(&proxy, "GET", open, &[("Host", "proxy.example")]).await;
        assert_eq!(answer.status, 200, "{open}");
        assert!(!answer.body.contains(TOKEN));
    }
}

#[tokio::test]
async fn without_a_token_another_address_than_loopback_answers_nobody() {
    let proxy = Proxy::with(|config| config.listen.admin = ([0, 0, 0, 0], 0).into()).await;
    for target in GUARDED {
        let answer = ask(&proxy, target).await;
        assert_eq!((answer.status, answer.json()["error"].clone()), (403, json!("token_needed")), "{target}");
        assert!(answer.body.contains("listen.admin_token"), "it says which setting: {}", answer.body);
    }
    assert_eq!(ask(&proxy, "/metrics").await.status, 200);
}

#[tokio::test]
async fn without_a_token_a_page_that_points_its_name_here_gets_nothing() {
    let proxy = Proxy::start().await;
    for target in GUARDED {
        let foreign = ask_with(&proxy, "GET", target, &[("Host", "evil.example:9090")]).await;
        assert_eq!((foreign.status, foreign.json()["error"].clone()), (403, json!("foreign_host")), "{target}");
        assert_eq!(ask_with(&proxy, "GET", target, &[]).await.status, 403, "no host at all");
        let absolute = format!("http://evil.example{target}");
        assert_eq!(ask_with(&proxy, "GET", &absolute, &[("Host", "localhost")]).await.status, 403);
    }
    for here in ["localhost:1", "127.0.0.1:9090", "[::1]:9090"] {
        assert_eq!(ask_with(&proxy, "GET", "/migration", &[("Host", here)]).await.status, 200, "{here}");
    }
    assert_eq!(ask_with(&proxy, "GET", "/metrics", &[("Host", "evil.example")]).await.status, 200);
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let proxy = Proxy::start().await;
    for target in ["/", "/metrics", "/nope", "/migration", "/api/v1/migration", "/api/v1/migration/clients?format=csv"]
    {
        let answer = ask(&proxy, target).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{target}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{target}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{target}");
        let cache = if target == "/migration" { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), cache, "{target}");
    }
}

#[tokio::test]
async fn a_token_is_read_from_its_file_and_one_that_is_no_good_keeps_it_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let proxy = Proxy::with(|config| config.listen.admin_token_file = Some(file.clone())).await;
    assert_eq!(with(&proxy, "/migration", &format!("Bearer {TOKEN}")).await.status, 200);
    assert_eq!(ask(&proxy, "/migration").await.status, 401);
    let mut config = Config::default();
    config.listen.clients = ([127, 0, 0, 1], 0).into();
    config.listen.admin = ([127, 0, 0, 1], 0).into();
    for text in [Some(" \n"), None] {
        match text {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        config.listen.admin_token_file = Some(file.clone());
        let error = app::start(config.clone()).await.err().expect("it does not start");
        assert!(matches!(error, StartError::Access(_)) && error.is_config(), "{error}");
        assert!(error.to_string().contains("listen.admin_token"), "{error}");
    }
}
