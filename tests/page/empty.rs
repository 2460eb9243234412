//! A proxy that nobody has come to yet: the page says so, and what to do.

use crate::browser::{Browser, DESK};
use crate::proxy::Proxy;

#[tokio::test]
async fn an_empty_install_says_what_to_do_and_begins_by_itself() {
    let proxy = Proxy::start().await;
    let browser = Browser::open(&proxy.page(), DESK).await;
    browser.drawn().await;
    let text = browser.run("return document.body.innerText").await;
    let text = text.as_str().expect("a text");
    for wanted in ["/ws/group/demo/client/alice", "No rule", "no forecast", "No V2 client is known."] {
        assert!(text.contains(wanted), "no {wanted} in:\n{text}");
    }
    assert!(!text.contains("NaN") && !text.contains("undefined") && !text.contains("null"), "{text}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    // The very addresses it names.
    let _alice = proxy.connect("/ws/group/demo/client/alice", "demo.example").await;
    let _bob = proxy.connect("/v3/ws/group/demo/client/bob", "demo.example").await;
    browser.until("the first client", "document.querySelector('[data-client=alice]')").await;
    browser.until("no advice any more", "!document.querySelector('[data-testid=start]')").await;
    browser.until("charts", "document.querySelectorAll('.canvas canvas').length === 3").await;
}
