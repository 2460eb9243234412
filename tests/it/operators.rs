//! What operators do to a running proxy: probe it, scrape it, reload it, end it.

use crate::harness::client::Dial;
use crate::harness::eventually::eventually;
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::scrape::Scrape;
use crate::harness::{PATIENCE, http};

/// May a page of this origin connect?
async fn lets_in(proxy: &ProxyProcess, origin: &str) -> bool {
    let url = proxy.client_url("/ws/group/g/client/c");
    Dial::new(&url).header("origin", origin).connect().await.is_ok()
}

/// Reloads that were taken, and that were not.
pub async fn reloads(proxy: &ProxyProcess) -> (f64, f64) {
    let scrape = Scrape::of(proxy.admin()).await;
    let result = |word: &str| scrape.value("aether_config_reloads_total", &[("result", word)]);
    (result("ok"), result("error"))
}

#[tokio::test]
async fn probes_tell_a_drain_from_a_death() {
    let options = ["listen.drain_delay = \"3s\"", "listen.drain_window = \"0s\""];
    let mut proxy = ProxyProcess::start(&options).await;
    let get = async |path: &str| http::get(&proxy.admin_url(path)).await;
    assert_eq!((get("/livez").await.status, get("/readyz").await.status), (200, 200));
    let scrape = Scrape::of(proxy.admin()).await;
    assert_eq!((scrape.sum("aether_ready"), scrape.sum("aether_hub_up")), (1.0, 1.0));
    assert!(scrape.sum("aether_config_last_reload_success_timestamp_seconds") > 1e9);
    proxy.signal("TERM");
    let reply = eventually!(PATIENCE, get("/readyz").await, |reply| reply.status == 503);
    assert_eq!(reply.json()["reasons"], serde_json::json!(["draining"]));
    assert_eq!(get("/livez").await.status, 200);
    assert_eq!(proxy.wait_exit(PATIENCE).await.code(), Some(0), "{}", proxy.output());
}

#[tokio::test]
async fn a_hangup_takes_what_can_be_taken_and_says_what_cannot() {
    let proxy = ProxyOptions::default().line("auth.origins = [\"https://a.example\"]").start().await;
    assert!(lets_in(&proxy, "https://a.example").await && !lets_in(&proxy, "https://b.example").await);
    proxy.configure("auth.origins = [\"https://b.example\"]\nhub.publish_queue = 7\ntelemetry.log_level = \"debug\"\n");
    proxy.signal("HUP");
    eventually!(PATIENCE, reloads(&proxy).await == (1.0, 0.0));
    assert!(!lets_in(&proxy, "https://a.example").await && lets_in(&proxy, "https://b.example").await);
    let output = proxy.output();
    let line =
        |text: &str| output.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text} in {output}"));
    assert!(line("settings reloaded").contains("keys=\"auth.origins telemetry.log_level\""), "{output}");
    assert!(line("need a restart").contains("keys=\"hub.publish_queue\""), "{output}");
    // The log's filter is another one: this request is told now.
    http::get(&proxy.admin_url("/livez")).await;
    eventually!(PATIENCE, proxy.output().contains("DEBUG"));

    // Nothing of a bad file is taken, and the reason is said.
    for (bad, said) in [
        ("auth.origins = [\"https://c.example\"]\nlimits.mesage = 1\n", "did you mean `limits.message`?"),
        ("auth.origins = [\"https://c.example\"]\nauth.api_keys_file = \"/nonexistent\"\n", "/nonexistent"),
        ("auth.origins = [\"https://c.example\"]\ntelemetry.log_level = \"a[b=info\"\n", "log_level"),
        (
            "auth.origins = [\"https://c.example\"]\ncapture.file = \"/nonexistent/x\"\n",
            "capture.file = /nonexistent/x",
        ),
    ] {
        let (_, before) = reloads(&proxy).await;
        proxy.configure(bad);
        proxy.signal("HUP");
        eventually!(PATIENCE, reloads(&proxy).await == (1.0, before + 1.0));
        eventually!(PATIENCE, proxy.output().contains(said));
        assert!(!lets_in(&proxy, "https://c.example").await && lets_in(&proxy, "https://b.example").await, "{bad}");
    }
    // And it still learns: a good file after the bad ones, back to quiet.
    proxy.configure("");
    proxy.signal("HUP");
    eventually!(PATIENCE, reloads(&proxy).await == (2.0, 4.0));
    assert!(lets_in(&proxy, "https://anything.example").await);
}

#[tokio::test]
async fn an_address_in_use_and_wrong_settings_have_exit_codes_of_their_own() {
    let proxy = ProxyProcess::start(&[]).await;
    for (name, address) in [("CLIENTS", proxy.clients()), ("ADMIN", proxy.admin())] {
        let second = ProxyOptions::default().env(&format!("AETHER_LISTEN__{name}"), &address.to_string());
        let problem = second.try_start().await.err().expect("it cannot start");
        let key = format!("listen.{}", name.to_lowercase());
        assert!(problem.contains("exit status: 69") && problem.contains(&key), "{problem}");
    }
    let problem = ProxyOptions::default().line("limits.id = 0").try_start().await.err().expect("it cannot start");
    assert!(problem.contains("exit status: 78") && problem.contains("`limits.id`"), "{problem}");
    let keys = ProxyOptions::default().line("auth.api_keys_file = \"/nonexistent\"");
    let problem = keys.try_start().await.err().expect("it cannot start");
    assert!(problem.contains("exit status: 78") && problem.contains("/nonexistent"), "{problem}");
}

#[tokio::test]
async fn json_logs_are_json_from_the_first_line_to_the_last() {
    let mut proxy = ProxyProcess::start(&["telemetry.log_format = \"json\"", "listen.drain_delay = \"0s\""]).await;
    assert!(lets_in(&proxy, "https://a.example?api_key=hush").await);
    proxy.signal("TERM");
    proxy.wait_exit(PATIENCE).await;
    let output = proxy.output();
    assert!(output.lines().count() >= 3, "{output}");
    for line in output.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    assert!(!output.contains("hush"), "{output}");
}

#[tokio::test]
async fn the_log_tells_the_address_that_a_trusted_proxy_tells() {
    let proxy = ProxyOptions::default().line("listen.trusted_proxies = [\"127.0.0.0/8\"]").start().await;
    let dial = Dial::new(&proxy.client_url("/ws/group/g/client/c"));
    let client = dial.header("x-forwarded-for", "198.51.100.7, 203.0.113.9").connect().await.expect("let in");
    client.close().await;
    let line = |output: String| output.lines().find(|line| line.contains("connection closed")).map(str::to_owned);
    let line = eventually!(PATIENCE, line(proxy.output()), |line| line.is_some()).expect("a line");
    assert!(line.contains("address=203.0.113.9") && line.contains("peer=127.0.0.1:"), "{line}");
    assert!(!line.contains("198.51.100.7"), "{line}");
}
