//! That the programs in Node do what pages do: those of Valtronics, of the server monitor and of Vectra.

use super::program::Program;
use super::script::Door;
use serde_json::json;

#[tokio::test]
async fn the_page_of_valtronics_spreads_its_filters_and_forgets_them_when_it_comes_again() {
    let door = Door::open().await;
    let mut page = Program::start("valtronics.mjs", &[&door.url("/ws"), "a-token"], &[("RETRY_MS", "20")]);
    let mut guest = door.guest().await;
    assert_eq!(guest.hear().await, r#"{"type":"auth","token":"a-token"}"#);
    guest.say(r#"{"type":"auth_response","success":true}"#).await;
    assert_eq!(page.until("auth").await["success"], true);
    page.say(r#"subscribe alerts {"severity":["critical","warning"],"device_id":1}"#).await;
    let subscription = r#"{"type":"subscribe","channel":"alerts","severity":["critical","warning"],"device_id":1}"#;
    assert_eq!(guest.hear().await, subscription);
    // In one piece, so that they are ten before a tenth of a second is over.
    page.say(&(0..10).map(|n| format!("batch {{\"n\":{n}}}")).collect::<Vec<_>>().join("\n")).await;
    assert_eq!(guest.hear_json().await["messages"].as_array().map(Vec::len), Some(10));
    page.say(r#"batch {"n":10}"#).await;
    assert_eq!(guest.hear().await, r#"{"type":"batch","messages":[{"n":10}]}"#);
    let alert = r#"{"type":"alert","severity":"critical","title":"hot","n":1.10}"#;
    guest.say(alert).await;
    assert_eq!(page.frame().await, alert);
    assert_eq!(page.until("alert").await["title"], "hot");
    guest.say("no JSON").await;
    assert_eq!(page.until("uncaught").await["name"], "SyntaxError");
    page.say("disconnect").await;
    guest.close(1000, "").await;
    assert_eq!(page.until("reconnecting").await["attempt"], 1);
    let mut guest = door.guest().await;
    assert_eq!(guest.hear_json().await["type"], "auth");
    page.say("ping").await;
    assert_eq!(guest.hear_json().await["type"], "ping", "nothing is subscribed again");
    page.quit().await;
}

#[tokio::test]
async fn the_page_of_valtronics_gives_up_where_it_is_never_let_in() {
    let door = Door::open().await;
    let mut page = Program::start("valtronics.mjs", &[&door.url("/ws"), "a-token"], &[("RETRY_MS", "1")]);
    for attempt in 1..=5 {
        door.turn_away().await;
        assert_eq!(page.until("closed").await["code"], 1006);
        assert_eq!(page.until("reconnecting").await["attempt"], attempt);
    }
    door.turn_away().await;
    page.until("given_up").await;
    page.quit().await;
}

#[tokio::test]
async fn the_page_of_the_monitor_is_connected_once_it_is_told_and_breaks_on_bare_metrics() {
    let door = Door::open().await;
    let mut page = Program::start("monitor_dashboard.mjs", &[&door.url("/api/v1/ws/metrics/srv-1"), "a-token"], &[]);
    let mut guest = door.guest().await;
    assert_eq!(guest.request.uri().path(), "/api/v1/ws/metrics/srv-1");
    assert_eq!(guest.hear().await, r#"{"type":"auth","token":"a-token"}"#);
    guest.say(r#"{"type":"auth_success","message":"Authenticated successfully"}"#).await;
    page.until("connected").await;
    guest.say(r#"{"type":"metrics","data":{"cpu_percent":45.2}}"#).await;
    assert_eq!(page.until("metrics").await["cpu"], 45.2);
    guest.say(r#"{"type":"metrics","cpu_percent":45.2}"#).await;
    assert_eq!(page.until("uncaught").await["name"], "TypeError");
    guest.say(r#"{"type":"log","data":{"level":"INFO","message":"m"}}"#).await;
    assert_eq!(page.until("log").await["message"], "m");
    guest.say(r#"{"type":"ping"}"#).await;
    assert_eq!(guest.hear().await, r#"{"type":"pong"}"#);
    guest.close(1008, "Invalid token").await;
    let closed = page.until("closed").await;
    assert_eq!((&closed["code"], &closed["reason"]), (&json!(1008), &json!("Invalid token")));
    let said = page.quit().await;
    assert!(said.last().is_some_and(|line| line.contains("closed")), "it never comes again: {said:?}");
}

#[tokio::test]
async fn the_dashboard_of_vectra_asks_when_it_comes_and_comes_again() {
    let door = Door::open().await;
    let mut page = Program::start("vectra_dashboard.mjs", &[&door.url("/ws")], &[("RETRY_MS", "20")]);
    for _ in 0..2 {
        let mut guest = door.guest().await;
        assert_eq!(guest.request.uri().query(), Some("client_type=client"));
        assert_eq!(guest.hear().await, "get_worker_status");
        guest.say(r#"{"type":"WORKER_STATUS","status":"online","metadata":{"v":1}}"#).await;
        assert_eq!(page.until("status").await["metadata"], json!({"v": 1}));
        page.say("ping").await;
        assert_eq!(guest.hear().await, "ping");
        guest.say("pong").await;
        page.until("pong").await;
        guest.say("Pong").await;
        page.until("uncaught").await;
        guest.say(r#"{"type":"SYNC_PROGRESS"}"#).await;
        assert_eq!(page.until("heard").await["type"], "SYNC_PROGRESS");
        guest.close(1012, "").await;
        assert_eq!(page.until("closed").await["code"], 1012);
        page.until("reconnecting").await;
    }
    page.quit().await;
}
