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

/// The page changes nothing, so no other site can make an operator's browser do it; and none may read the answers.
#[tokio::test]
async fn no_other_site_can_change_or_read_anything() {
    let proxy = Proxy::start().await;
    let before = ask(&proxy, "/api/v1/migration/tenants").await.body;
    for target in ["/migration", "/api/v1/migration", "/api/v1/migration/tenants", "/metrics", "/livez", "/"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECTX"] {
            let headers = [("Host", "localhost"), ("Origin", "https://evil.example"), ("Content-Length", "0")];
            let answer = ask_with(&proxy, method, target, &headers).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "get, head"), "{method} {target}");
            assert!(!answer.head.contains("access-control-") && !answer.body.contains("evil"), "{answer:?}");
        }
        let headers = [("Host", "localhost"), ("Origin", "https://evil.example"), ("Cookie", "a=b")];
        let read = ask_with(&proxy, "GET", target, &headers).await;
        assert!(read.status == 200 && !read.head.contains("access-control-"), "{target}: {}", read.head);
        assert!(!read.head.contains("set-cookie"), "{target}");
        assert!(read.header("content-security-policy").contains("frame-ancestors 'none'"), "{target}");
    }
    assert_eq!(ask(&proxy, "/api/v1/migration/tenants").await.body, before);
}

/// Files of the page are looked up by their whole name: nothing leaves the folder, and no other spelling of a path that
/// is guarded is answered in its place.
#[tokio::test]
async fn no_spelling_of_a_path_leaves_the_page_or_goes_round_the_guard() {
    let proxy = Proxy::with(|config| config.listen.admin_token = Some(Secret::new(TOKEN))).await;
    let good = format!("Bearer {TOKEN}");
    for target in [
        "/migration/../../../../etc/passwd",
        "/migration/%2e%2e/%2e%2e/etc/passwd",
        "/migration/..%2f..%2fetc/passwd",
        "/migration//etc/passwd",
        "/migration/vendor/../main.js",
        "/migration/./main.js",
        "/migration/main.js%00.css",
        "/migration/vendor/README.md",
        "/migration/vendor/",
        "/migration/index.html",
        "/migration\\..\\x",
    ] {
        assert_eq!(with(&proxy, target, &good).await.status, 404, "{target}");
        assert_eq!(ask(&proxy, target).await.status, if target.contains('\\') { 404 } else { 401 }, "{target}");
    }
    for target in [
        "//migration",
        "/MIGRATION",
        "/%6digration",
        "/./migration",
        "/x/../migration",
        "/migration;x",
        "/Api/v1/migration",
    ] {
        let answer = ask(&proxy, target).await;
        assert!(answer.status == 404 && answer.json()["error"] == "not_found", "{target}: {answer:?}");
    }
    for target in ["/migration/main.js", "/migration?x=/../", "/api/v1/migration#x"] {
        assert_eq!(ask(&proxy, target).await.status, 401, "{target}");
    }
    assert_eq!(with(&proxy, "/migration/main.js", &good).await.status, 200);
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
        let error = app::start(config.clone()).await.expect_err("it does not start");
        assert!(matches!(error, StartError::Access(_)) && error.is_config(), "{error}");
        assert!(error.to_string().contains("listen.admin_token"), "{error}");
    }
}
