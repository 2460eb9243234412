//! What the page shows is what the API says, also a moment later, and what clients say of themselves stays text.

use crate::PATIENCE;
use crate::browser::{Browser, DESK};
use crate::proxy::Proxy;
use crate::written::{at, written};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// `<img src=x onerror="window.hacked=1">` in an address.
const HOSTILE: &str = "%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D1%22%3E";
const FIELDS: &str = "return [...document.querySelectorAll('[data-field]')].filter((e) => e.dataset.as !== 'time')
    .map((e) => [e.dataset.field, e.dataset.as, e.textContent])";

/// What differs between page and report.
async fn differences(browser: &Browser, report: &Value) -> Vec<String> {
    let shown = browser.run(FIELDS).await;
    let shown = shown.as_array().expect("a list");
    assert!(shown.len() > 30, "only {} values on the page", shown.len());
    let texts = shown.iter().map(|one| [0, 1, 2].map(|i| one[i].as_str().expect("a text")));
    let wrong = texts.filter_map(|[field, kind, text]| {
        let expected = written(at(report, field), kind);
        (text != expected).then(|| format!("{field}: {text}, the API says {expected}"))
    });
    wrong.collect()
}

/// Waits until they agree; what still differs then is told.
async fn agree(browser: &Browser, proxy: &Proxy) -> Value {
    let mut last = Vec::new();
    let look = async {
        loop {
            let report = proxy.api("").await;
            last = differences(browser, &report).await;
            if last.is_empty() {
                return report;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let agreed = timeout(PATIENCE, look).await;
    agreed.unwrap_or_else(|_| panic!("page and API differ: {last:#?}"))
}

#[tokio::test]
async fn every_number_is_the_apis_and_follows_it() {
    let proxy = Proxy::start().await;
    let mut old = proxy.v2("till-1", "shop.example").await;
    let mut hostile = proxy.v2(HOSTILE, "shop.example").await;
    let mut new = proxy.v3("web-1", "shop.example").await;
    for n in 0..7 {
        old.text(&format!(r#"{{"msg":"sale {n}","total":{n}}}"#)).await;
        new.hears(&format!("sale {n}")).await;
        hostile.hears(&format!("sale {n}")).await;
    }
    new.text(r#"{"msg_type":"msg","target":"group","msg":"thanks"}"#).await;
    old.hears("thanks").await;
    let browser = Browser::open(&proxy.page(), DESK).await;
    browser.drawn().await;

    let report = agree(&browser, &proxy).await;
    assert_eq!(report["progress"]["v2_open"], 2);
    assert!(report["loss"]["expected"].as_u64() >= Some(24), "{}", report["loss"]);

    // Gates, as states and details.
    let gates = "return [...document.querySelectorAll('[data-gate]')].map((e) => [e.dataset.gate, e.dataset.state,
        e.querySelector('b').textContent, e.querySelector('[data-testid=detail]').textContent])";
    let said = report["gates"].as_array().expect("gates").iter();
    let said: Vec<Value> = said.map(|g| json!([g["gate"], g["state"], g["title"], g["detail"]])).collect();
    assert_eq!(browser.run(gates).await, Value::Array(said));

    // The list of clients, with what lint found.
    let listed = "return [...document.querySelectorAll('[data-client]')].map((e) => [e.dataset.client,
        e.querySelector('[data-label=frames]').textContent, [...e.querySelectorAll('.findings li b')].map((b) => b.textContent)])";
    let page = proxy.api("/clients?order=last_seen").await;
    let said = page["clients"].as_array().expect("clients").iter().map(|client| {
        let rules: Vec<_> = client["findings"].as_object().expect("findings").keys().collect();
        json!([client["client"], written(&client["frames"], "count"), rules])
    });
    let said: Vec<Value> = said.collect();
    assert!(said.iter().any(|client| client[2].to_string().contains("V2002")), "{said:?}");
    assert_eq!(browser.run(listed).await, Value::Array(said));

    // The ledger adds up to what is owed.
    let open = "const e = document.querySelector('[data-testid=open]'); return e ? Number(e.textContent.replaceAll(',', '')) : 0";
    let sum: i64 =
        ["delivered", "suppressed", "lost"].iter().map(|k| report["loss"][k].as_i64().expect("a number")).sum();
    assert_eq!(browser.run(open).await.as_i64().map(|open| sum + open), report["loss"]["expected"].as_i64());

    // A chart's table says what history says. It is only asked for now and then: opened again until it is there.
    browser.run("document.querySelectorAll('.as-table').forEach((e) => (e.open = true))").await;
    let hour =
        proxy.api("/history?span=day").await["buckets"].as_array().expect("buckets").last().expect("today").clone();
    assert_eq!(hour["v2_clients"], 2);
    browser
        .until(
            "today's V2 clients",
            "[...document.querySelectorAll('#who .as-table tbody td')].map((e) => e.textContent)[0] === '2'",
        )
        .await;

    // Another client comes, and the page notices by itself.
    let _late = proxy.v2("till-2", "other.example").await;
    browser.until("the new client", "document.querySelector('[data-client=till-2]')").await;
    let report = agree(&browser, &proxy).await;
    assert_eq!(report["left"]["clients"], 3);
    browser
        .until("its tenant", "[...document.querySelectorAll('[data-testid=tenants] th button')].some((e) => e.textContent === 'other.example')")
        .await;

    // What a client says of itself is text.
    let names =
        browser.run("return [...document.querySelectorAll('[data-client]')].map((e) => e.dataset.client)").await;
    let hostile = r#"<img src=x onerror="window.hacked=1">"#;
    assert!(names.as_array().expect("names").contains(&json!(hostile)), "{names}");
    assert!(
        browser
            .run("return document.querySelector('.clients').innerText")
            .await
            .to_string()
            .contains("<b>Old</b>App/1.4")
    );
    assert_eq!(
        browser
            .run("return [window.hacked ?? null, document.querySelectorAll('#app img, .clients .clip b').length]")
            .await,
        json!([null, 0])
    );
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_said_and_the_last_values_stay() {
    let mut proxy = Proxy::start().await;
    let _old = proxy.v2("till-1", "shop.example").await;
    let browser = Browser::open(&proxy.page(), DESK).await;
    browser.drawn().await;
    let shown = "document.querySelector('[data-field=\"left.clients\"]').textContent === '1'";
    browser.until("the client", shown).await;
    let admin = proxy.running.admin;
    proxy.running.shutdown().await;
    browser.until("that it is gone", "document.querySelector('[role=status] [data-testid=silent]')").await;
    // The class follows after the words are painted.
    browser.until("that it looks so", "document.documentElement.className === 'stale'").await;
    assert_eq!(browser.run(&format!("return {shown}")).await, json!(true));
    // And back.
    proxy = Proxy::with(|config| config.listen.admin = admin).await;
    browser
        .until(
            "that it is back",
            "!document.querySelector('[data-testid=silent]') && !document.documentElement.className",
        )
        .await;
    drop(proxy);
}
