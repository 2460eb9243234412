//! Valtronics with its guide's two clients, one in JavaScript, which spreads its filters and forgets them, and one in
//! Python, which nests them.

use super::{Modern, forged, house, started, token};
use crate::clients::program::Program;
use crate::harness::proxy::ProxyProcess;
use crate::harness::scrape::Scrape;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

fn telemetry(device: &str, values: &str) -> String {
    format!(r#"{{"type":"telemetry_update","channel":"telemetry","device_id":{device},"telemetry":{{{values}}}}}"#)
}

fn alert(device: u32, severity: &str) -> String {
    format!(r#"{{"type":"alert","channel":"alerts","device_id":{device},"severity":"{severity}","title":"hot"}}"#)
}

fn device(device: u32, status: &str) -> String {
    format!(r#"{{"type":"device_status_update","device_id":{device},"old_status":"x","new_status":"{status}"}}"#)
}

fn system(metrics: &str) -> String {
    format!(r#"{{"type":"system_status_update","channel":"system","metrics":{{{metrics}}},"timestamp":"t"}}"#)
}

/// A client that is in.
async fn inside(proxy: &ProxyProcess, name: &str, retry: &str) -> Program {
    let mut program = started(name, &[&proxy.client_url("/ws"), &token("u1")], &[("RETRY_MS", retry)]).await;
    let first = program.frame().await;
    assert!(first.starts_with(r#"{"type":"auth_response","success":true"#), "{first}");
    program
}

/// Subscribes and hears that it is done.
async fn subscribe(program: &mut Program, channel: &str, filters: &str) {
    program.say(&format!("subscribe {channel} {filters}")).await;
    let confirmed: Value = serde_json::from_str(&program.frame().await).expect("JSON");
    assert_eq!((&confirmed["type"], &confirmed["channel"]), (&json!("subscription_confirmed"), &json!(channel)));
}

async fn hears(program: &mut Program, frames: &[String]) {
    for frame in frames {
        assert_eq!(program.frame().await, *frame);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_class_hears_what_it_asked_for_cut_and_filtered() {
    let proxy = house(None, &[]).start().await;
    let (mut page, mut watcher) =
        tokio::join!(inside(&proxy, "valtronics.mjs", "1000"), inside(&proxy, "valtronics.py", "1000"));
    let mut modern = Modern::enter(&proxy, "valtronics", "m").await;
    subscribe(&mut page, "telemetry", r#"{"device_id":1,"metrics":["t"]}"#).await;
    subscribe(&mut page, "alerts", r#"{"severity":["critical","warning"],"device_id":[1,"2"]}"#).await;
    subscribe(&mut watcher, "telemetry", r#"{"device_id": ["1", 2], "metrics": ["h", "u"]}"#).await;
    subscribe(&mut watcher, "devices", r#"{"status_types": ["offline"]}"#).await;
    subscribe(&mut watcher, "system", r#"{"metrics": ["cpu"]}"#).await;
    for frame in [
        telemetry("1", r#""t":23.50,"h":45.2,"p":null"#),
        telemetry(r#""1""#, r#""t":{"value":1e2},"p":1"#),
        telemetry("2", r#""t":2,"u":12345678901234567890"#),
        telemetry("3", r#""t":3,"h":3"#),
        telemetry("1", r#""p":1"#),
        alert(1, "critical"),
        alert(2, "warning"),
        alert(1, "info"),
        alert(3, "critical"),
        device(7, "offline"),
        device(7, "online"),
        system(r#""cpu":45.20,"disk":1"#),
        system(r#""disk":1"#),
        r#"{"type":"chat","text":"not of any channel"}"#.to_owned(),
        telemetry("1", r#""t":"last","h":"last""#),
    ] {
        modern.say(&frame).await;
    }
    let t = [telemetry("1", r#""t":23.50"#), telemetry(r#""1""#, r#""t":{"value":1e2}"#)];
    hears(&mut page, &t).await;
    hears(&mut page, &[alert(1, "critical"), alert(2, "warning"), telemetry("1", r#""t":"last""#)]).await;
    let h = [telemetry("1", r#""h":45.2"#), telemetry("2", r#""u":12345678901234567890"#)];
    hears(&mut watcher, &h).await;
    hears(&mut watcher, &[device(7, "offline"), system(r#""cpu":45.20"#)]).await;
    hears(&mut watcher, &[telemetry("1", r#""h":"last""#)]).await;

    // The latest of a period: the first at once, the last in the end, and few between.
    page.say("unsubscribe telemetry").await;
    assert!(page.frame().await.contains("unsubscription_confirmed"));
    subscribe(&mut page, "telemetry", r#"{"frequency":"1s"}"#).await;
    let began = Instant::now();
    for n in 1..=40 {
        modern.say(&telemetry("5", &format!("\"n\":{n}"))).await;
    }
    let mut heard = vec![page.until("telemetry").await["telemetry"]["n"].as_u64()];
    while heard.last() != Some(&Some(40)) {
        heard.push(page.until("telemetry").await["telemetry"]["n"].as_u64());
    }
    assert!(heard[0] == Some(1) && heard.is_sorted(), "{heard:?}");
    let periods = began.elapsed().as_secs() as usize + 1;
    assert!(heard.len() <= periods + 1 && began.elapsed() >= Duration::from_secs(1), "{heard:?} in {periods}");

    // Pings come back as they are, and a batch in its order.
    for program in [&mut page, &mut watcher] {
        program.say("ping").await;
        assert!(program.until("pong").await["timestamp"].as_str().is_some_and(|said| said.contains('T')));
    }
    page.say(&(0..12).map(|n| format!("batch {{\"type\":\"reading\",\"n\":{n}}}")).collect::<Vec<_>>().join("\n"))
        .await;
    for n in 0..12 {
        assert_eq!(modern.payload().await, ("u1".into(), json!({"type": "reading", "n": n})));
    }
    watcher
        .say(r#"send {"type": "batch", "messages": [{"type": "subscribe", "channel": "alerts"}, {"type": "x"}]}"#)
        .await;
    assert_eq!(watcher.frame().await, r#"{"type":"subscription_confirmed","channel":"alerts"}"#);
    assert_eq!(modern.payload().await.1, json!({"type": "x"}));
    watcher.quit().await;
    page.quit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_comes_again_hears_nothing_until_it_subscribes_again() {
    let proxy = house(None, &[]).start().await;
    let mut page = inside(&proxy, "valtronics.mjs", "20").await;
    let mut modern = Modern::enter(&proxy, "valtronics", "m").await;
    subscribe(&mut page, "alerts", "{}").await;
    modern.say(&alert(1, "info")).await;
    assert_eq!(page.frame().await, alert(1, "info"));
    page.say("disconnect").await;
    page.until("reconnecting").await;
    assert!(page.frame().await.contains(r#""success":true"#));
    modern.say(&alert(2, "info")).await;
    page.say("ping").await;
    assert!(page.frame().await.starts_with(r#"{"type":"pong""#), "the connection is healthy");
    page.say(r#"raw {"type":"reading"}"#).await;
    assert_eq!(modern.payload().await.1, json!({"type": "reading"}));
    subscribe(&mut page, "alerts", "{}").await;
    modern.say(&alert(3, "info")).await;
    assert_eq!(page.frame().await, alert(3, "info"));
    page.quit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_told_first_and_closed_late_and_nobody_storms() {
    let delay = Duration::from_millis(400);
    let proxy = house(None, &["auth.refuse_delay=400ms"]).start().await;
    let (url, began) = (proxy.client_url("/ws"), Instant::now());
    // It would come again at once, for ever: its counter starts anew on each open.
    let mut page = Program::start("valtronics.mjs", &[&url, &forged()], &[("RETRY_MS", "1")]);
    let mut watcher = Program::start("valtronics.py", &[&url, &forged()], &[]);
    for attempt in 1..=4 {
        let first: Value = serde_json::from_str(&page.frame().await).expect("JSON");
        let told = (&first["type"], &first["success"], &first["error"]);
        assert_eq!(told, (&json!("auth_response"), &json!(false), &json!("invalid_token")));
        assert_eq!(page.until("closed").await["code"], 1008);
        assert!(began.elapsed() >= delay * attempt, "attempt {attempt} after {:?}", began.elapsed());
    }
    let first: Value = serde_json::from_str(&watcher.frame().await).expect("JSON");
    assert_eq!((&first["success"], &first["error"]), (&json!(false), &json!("invalid_token")));
    assert_eq!(watcher.until("failed").await["kind"], "NotIn");
    let denied = [("dialect", "valtronics"), ("result", "denied")];
    let counted = Scrape::of(proxy.admin()).await.value("aether_in_band_auth_total", &denied);
    let most = began.elapsed().as_secs_f64() / delay.as_secs_f64() + 2.0;
    assert!((5.0..=most).contains(&counted), "{counted} within {most}");
    page.quit().await;
}
