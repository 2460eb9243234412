//! What V2 clients send is linted while they send it, and what V3 clients send is not.

use crate::proxy::Proxy;
use aether_proxy::label::Label;
use aether_proxy::telemetry::labels::LintRule;

fn findings(proxy: &Proxy) -> Vec<(&'static str, u64)> {
    let all = LintRule::ALL.iter().map(|rule| (rule.label(), proxy.metrics().v2_lint_findings.with((*rule,)).get()));
    all.filter(|(_, n)| *n > 0).collect()
}

#[tokio::test]
async fn what_v2_clients_send_is_linted_while_they_send_it() {
    let proxy = Proxy::with(|config| {
        config.limits.message = 1000;
        config.migration.lint_sample = 8;
    })
    .await;
    let mut native = proxy.v3("g", "7").await;
    native.text("no envelope").await;
    assert!(native.next().await.contains("invalid_message"));
    let mut old = proxy.v2("g", "42").await;
    for text in ["{\"a\":1,\"a\":2}", "ping", r#"{"msg_type":"msg","target":"group","msg":"m"}"#] {
        old.text(text).await;
        assert_eq!(old.next().await, text);
    }
    let want = [("V2001", 1), ("V2002", 1), ("V2003", 1), ("V2005", 1), ("V2006", 1), ("V2011", 1)];
    assert_eq!(findings(&proxy), want);
    // The first 32, then one in 8.
    for _ in 3..64 {
        old.text("ping").await;
        old.next().await;
    }
    assert_eq!(proxy.metrics().v2_lint_frames.only().get(), 32 + 4);
    assert_eq!(findings(&proxy)[3], ("V2005", 1 + 29 + 4));
    old.text(&"x".repeat(1001)).await;
    assert_eq!(old.closed().await.0, 1009);
    proxy.eventually("it is known why", |proxy| findings(proxy).contains(&("V2010", 1))).await;
}

#[tokio::test]
async fn lint_can_be_switched_off() {
    let proxy = Proxy::with(|config| config.migration.lint_sample = 0).await;
    let mut old = proxy.v2("g", "c").await;
    old.text("ping").await;
    old.next().await;
    assert_eq!(findings(&proxy), [("V2001", 1)], "an address needs no look at frames");
    assert_eq!(proxy.metrics().v2_lint_frames.only().get(), 0);
}
