//! The list of V2 clients: searched, of one tenant, in another order, page by page, as CSV.

use crate::browser::{Browser, DESK};
use crate::proxy::Proxy;
use serde_json::{Value, json};

const NAMES: &str = "[...document.querySelectorAll('[data-client]')].map((e) => e.dataset.client)";

/// Types into a field as a person does, that is with an event.
fn typed(field: &str, text: &str) -> String {
    format!(
        "const e = document.querySelector('[data-testid={field}]'); e.value = {}; e.dispatchEvent(new Event('input', {{ bubbles: true }}))",
        json!(text)
    )
}

async fn names(browser: &Browser) -> Vec<String> {
    serde_json::from_value(browser.run(&format!("return {NAMES}")).await).expect("names")
}

fn clients(answer: &Value) -> Vec<String> {
    let clients = answer["clients"].as_array().expect("clients").iter();
    clients.map(|client| client["client"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn clients_are_searched_filtered_ordered_and_loaded_page_by_page() {
    let proxy = Proxy::start().await;
    let mut open = Vec::new();
    for n in 0..60 {
        let origin = if n % 6 == 0 { "rare.example" } else { "common.example" };
        open.push(proxy.v2(&format!("client-{n:02}"), origin).await);
    }
    proxy.until("all of them", "", |report| report["left"]["clients"] == 60).await;
    let browser = Browser::open(&format!("{}&order=key", proxy.page()), DESK).await;
    browser.drawn().await;

    browser.until("a page", &format!("{NAMES}.length === 50")).await;
    let all = clients(&proxy.api("/clients?order=key&limit=1000").await);
    assert_eq!(names(&browser).await, all[..50]);
    browser.run("document.querySelector('[data-testid=more]').click()").await;
    browser.until("the rest", &format!("{NAMES}.length === 60 && !document.querySelector('[data-testid=more]')")).await;
    assert_eq!(names(&browser).await, all);

    browser.run(&typed("search", "CLIENT-3")).await;
    browser.until("what was searched", &format!("{NAMES}.length === 10")).await;
    assert_eq!(names(&browser).await, clients(&proxy.api("/clients?order=key&q=CLIENT-3").await));
    browser.run(&typed("search", "no such client")).await;
    browser.until("that there is none", "document.body.innerText.includes('No V2 client matches.')").await;
    browser.run(&typed("search", "")).await;
    browser.until("all again", &format!("{NAMES}.length === 50")).await;

    // A click on a tenant shows its clients; the address leads back to them, and the CSV holds the same.
    let click = "[...document.querySelectorAll('[data-testid=tenants] button')].find((e) => e.textContent === 'rare.example').click()";
    browser.run(click).await;
    browser.until("the tenant's", &format!("{NAMES}.length === 10")).await;
    let rare = clients(&proxy.api("/clients?order=key&tenant=rare.example").await);
    assert_eq!(names(&browser).await, rare);
    assert!(browser.run("return location.search").await.as_str().is_some_and(|s| s.contains("tenant=rare.example")));
    let csv =
        browser.run_async("return await (await fetch(document.querySelector('[data-testid=csv]').href)).text()").await;
    let rows: Vec<&str> = csv.as_str().expect("a text").lines().skip(1).collect();
    assert_eq!(rows.len(), rare.len());
    assert!(rows.iter().zip(&rare).all(|(row, name)| row.contains(name)), "{rows:?}");

    browser.run("location.reload()").await;
    browser.drawn().await;
    browser.until("the same after a reload", &format!("{NAMES}.length === 10")).await;

    // The other order: latest first.
    browser.run("const e = document.querySelector('[data-testid=order]'); e.value = 'last_seen'; e.dispatchEvent(new Event('change', { bubbles: true }))").await;
    browser.until("the order in the address", "!location.search.includes('order')").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn clients_are_put_together_by_application_and_a_click_lists_them() {
    let proxy = Proxy::start().await;
    let mut open = Vec::new();
    for n in 0..12 {
        // The id is the time of day, as many legacy pages have it.
        let origin = if n < 9 { "clock.example" } else { "other.example" };
        open.push(proxy.v2(&format!("17320{n:05}"), origin).await);
    }
    proxy.until("all of them", "", |report| report["left"]["clients"] == 12).await;
    let browser = Browser::open(&proxy.page(), DESK).await;
    browser.drawn().await;
    browser.run("const e = document.querySelector('[data-testid=by]'); e.value = 'application'; e.dispatchEvent(new Event('change', { bubbles: true }))").await;
    let rows = "[...document.querySelectorAll('[data-group]')]";
    browser.until("two applications", &format!("{rows}.length === 2")).await;
    let shown = browser.run(&format!("return {rows}.map((e) => [e.dataset.group, e.cells[2].textContent])")).await;
    let api = proxy.api("/groups?by=application&show=left").await;
    let told = api["groups"].as_array().expect("groups").iter();
    let told: Vec<_> = told.map(|group| json!([group["name"], group["clients"].to_string()])).collect();
    assert_eq!(shown, json!(told));
    assert_eq!(told[0], json!(["clock.example", "9"]));
    assert!(browser.run("return location.search").await.as_str().is_some_and(|s| s.contains("by=application")));
    let csv =
        browser.run_async("return await (await fetch(document.querySelector('[data-testid=csv]').href)).text()").await;
    assert_eq!(csv.as_str().expect("a text").lines().count(), 3);

    browser.run(&format!("{rows}[1].querySelector('button').click()")).await;
    browser.until("its clients", &format!("{NAMES}.length === 3")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
