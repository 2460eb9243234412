//! Everybody can use it: by keyboard alone, with a screen reader as far as axe-core knows, in light and dark, on a phone.

use crate::browser::{Browser, DESK, Look};
use crate::proxy::Proxy;
use serde_json::{Value, json};

const AXE: &str = include_str!("vendor/axe-core/axe.min.js");
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
/// What has the focus, as a word.
const FOCUS: &str = "const e = document.activeElement; return e.dataset.testid || e.getAttribute('href') || e.getAttribute('aria-label')
    || (e.closest('[data-testid]')?.dataset.testid ?? '') + ' ' + e.tagName.toLowerCase()";

async fn some_proxy() -> (Proxy, Vec<crate::proxy::Client>) {
    let proxy = Proxy::with(|config| {
        let rule = r#"{"name": "evenings", "action": "warn"}"#;
        config.policy.rules.push(serde_json::from_str(rule).expect("a rule"));
    })
    .await;
    let mut open = vec![proxy.v3("web-1", "new.example").await];
    for n in 0..3 {
        let mut client = proxy.v2(&format!("{n}"), &format!("tenant-{n}.example")).await;
        client.text("not wrapped").await;
        open.push(client);
    }
    proxy.until("findings", "/clients", |page| page["clients"][0]["frames"] == 1).await;
    (proxy, open)
}

#[tokio::test]
async fn a_keyboard_is_enough() {
    let (proxy, _open) = some_proxy().await;
    let browser = Browser::open(&proxy.page(), DESK).await;
    browser.drawn().await;
    browser.until("the list", "document.querySelectorAll('[data-client]').length === 3").await;
    let mut met = Vec::new();
    while met.len() < 120 {
        browser.press(TAB).await;
        let focus = browser.run(FOCUS).await.as_str().unwrap_or_default().to_owned();
        let seen =
            browser.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none'").await;
        if met.len() > 1 && met.first() == Some(&focus) {
            break;
        }
        assert_eq!(seen, true, "{focus} has the focus, and nobody sees it");
        // The tenant of the first client: chosen by Enter.
        if focus == "clients button" && !met.contains(&focus) {
            browser.press(ENTER).await;
            browser.until("the chosen tenant", "document.querySelectorAll('[data-client]').length === 1").await;
        }
        if focus == "search" {
            browser.press("tenant").await;
            browser.until("what was typed", "location.search.includes('q=tenant')").await;
        }
        met.push(focus);
        if met.last().is_some_and(|last| last == "api/v1/migration/events") {
            break;
        }
    }
    for wanted in [
        "#who",
        "#far",
        "#lost",
        "#when",
        "search",
        "tenant",
        "order",
        "Tenants",
        "tenants button",
        "clients button",
        "clients summary",
        "api/v1/migration/events",
    ] {
        assert!(met.iter().any(|focus| focus == wanted), "Tab never came to {wanted}: {met:?}");
    }
    assert!(met.iter().any(|focus| focus == "csv"), "{met:?}");
}

#[tokio::test]
async fn axe_finds_nothing_and_a_phone_shows_it_all() {
    let (proxy, _open) = some_proxy().await;
    let browser = Browser::open(&proxy.page(), DESK).await;
    browser.drawn().await;
    browser.until("the list", "document.querySelectorAll('[data-client]').length === 3").await;
    browser.run("document.querySelectorAll('details').forEach((e) => (e.open = true))").await;
    browser.run(&format!("{AXE}; window.axe = axe; return null")).await;
    for look in [
        DESK,
        Look { dark: true, ..DESK },
        Look { width: 375, ..DESK },
        Look { dark: true, width: 375 },
        Look { width: 800, ..DESK },
    ] {
        browser.look(look).await;
        let found = browser
            .run_async("await new Promise((r) => setTimeout(r, 500)); const found = await axe.run(document, { resultTypes: ['violations'] });
                return found.violations.map((v) => [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? ''))])")
            .await;
        assert_eq!(found, json!([]), "dark: {}, width: {}: {found:#}", look.dark, look.width);
        let wide = browser.run("return document.documentElement.scrollWidth").await;
        assert!(wide.as_u64() <= Some(look.width.into()), "{wide} px wide, scrolls sideways at {} px", look.width);
    }
    let headings =
        browser.run("return [...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))").await;
    let levels: Vec<u64> = headings.as_array().expect("headings").iter().filter_map(Value::as_u64).collect();
    assert!(levels.first() == Some(&1) && levels.windows(2).all(|two| two[1] <= two[0] + 1), "{levels:?}");
}
