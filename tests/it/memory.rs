//! What a proxy still holds for its clients when nothing happens any more.

use crate::harness::client::Client;
use crate::harness::process::resident;
use crate::harness::proxy::ProxyProcess;

/// Each connection kept a buffer as large as the largest message it had ever heard: one of 400 kB to 400 clients cost
/// 152 MiB until they left.
#[tokio::test]
async fn what_everybody_heard_is_not_kept_for_everybody() {
    const LISTENERS: usize = 100;
    const LENGTH: usize = 400_000;
    let proxy = ProxyProcess::start(&[]).await;
    let mut listeners = Vec::new();
    for n in 0..LISTENERS {
        let url = proxy.client_url(&format!("/ws/group/g/client/c{n}"));
        listeners.push(Client::connect(&url).await.unwrap());
    }
    let before = resident(proxy.pid());
    listeners[0].send_text("x".repeat(LENGTH)).await;
    for listener in &mut listeners {
        assert_eq!(listener.expect_text().await.len(), LENGTH);
    }
    let grown = resident(proxy.pid()).saturating_sub(before);
    assert!(grown < (LISTENERS * LENGTH / 4) as u64, "{grown} bytes more");
}
