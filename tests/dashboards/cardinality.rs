//! However many tenants, groups and clients there are, a proxy has so many series and no more, and none is named after
//! somebody who may not be named.

use crate::client::Client;
use crate::prometheus::get;
use crate::proxy::Proxy;
use aether_proxy::clock::Timestamp;

/// What an installation with two dialects may cost Prometheus, for each proxy.
/// Sockets that are really opened.
const SOCKETS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tenants_clients_and_groups_stay_within_the_bound() {
    let proxy = Proxy::start().await;
    let marked = |what: &str| format!("{what}-{:x}", fastrand::u64(..));
    for n in 0..10_000 {
        proxy.metrics().tenants.opened(&marked("tenant"), Timestamp(n));
    }
    let mut clients = Vec::new();
    for n in 0..SOCKETS {
        let version = if n % 3 == 0 { "/v3" } else { "" };
        let path = format!("{version}/ws/group/{}/client/{}", marked("group"), marked("client"));
        let origin = format!("https://{}.example.com", marked("origin"));
        let agent = marked("agent");
        let headers = [("origin", origin.as_str()), ("user-agent", &agent)];
        let mut client = Client::open(proxy.tcp().await, &path, &headers).await;
        client.text(&format!(r#"{{"msg_type":"msg","target":"group","{}":1}}"#, marked("member"))).await;
        clients.push(client);
    }
    for _ in 0..50 {
        let (status, _, _) =
            proxy.http(&format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", marked("path"))).await;
        assert!(status >= 400);
    }
    proxy.has(SOCKETS).await;
    let (status, text) = get(proxy.running.admin, "/metrics").await;
    assert_eq!(status, 200);
    let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for mark in ["group-", "client-", "origin-", "agent-", "member-", "path-"] {
        let told = series.iter().find(|line| line.contains(mark) && !line.contains("tenant="));
        assert!(told.is_none(), "{told:?}");
    }
    let named = series.iter().filter(|line| line.starts_with("aether_tenant_v2_connections{tenant=\"tenant-")).count();
    assert_eq!(named, 100);
}
