//! A second agent with the key of the first, on another proxy: it takes over, and nobody else notices.

use super::{Modern, Nodes, balanced, token, unbroken};
use crate::clients::program::Program;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_takes_over_on_another_node_and_is_commanded_from_anywhere() {
    let nodes = Nodes::start(&[]).await;
    let agents = [&nodes.one, &nodes.two].map(|node| node.client_url("/api/v1/agents/ws"));
    let pages = [&nodes.one, &nodes.two].map(|node| node.client_url("/api/v1/ws/metrics/srv-1"));
    let user = token("u1");
    let quiet = [("EVERY_MS", "0")];
    let mut first = Program::start("monitor_agent.py", &[&agents[0], "key-1", "--once"], &quiet);
    let [mut here, mut there] = pages.map(|url| Program::start("monitor_dashboard.mjs", &[&url, &user], &[]));
    first.until("auth").await;
    for page in [&mut here, &mut there] {
        page.until("connected").await;
    }
    let mut asker = Modern::enter(&nodes.one, "srv-1", "a").await;
    let mut other = Modern::enter(&nodes.two, "srv-1", "b").await;
    let ask = async |asker: &mut Modern, other: &mut Modern, id: &str| {
        asker.send("command", &format!(r#"{{"type":"command","command_id":"{id}","command":"ls"}}"#)).await;
        assert_eq!(other.payload().await.1["command_id"], id, "the command, and not the last one's answer");
        // They come by two ways.
        let mut heard = [asker.hear().await, asker.hear().await];
        heard.sort_by_key(|message| message["target"] == "group");
        let [answer, command] = heard.map(|mut message| (message["target"].take(), message["payload"].take()));
        assert_eq!((&answer.0, &answer.1["command_id"]), (&json!("direct"), &json!(id)));
        assert_eq!((&command.0, &command.1["command_id"]), (&json!("group"), &json!(id)));
    };
    first.say(r#"metrics {"cpu_percent": 1}"#).await;
    for modern in [&mut asker, &mut other] {
        assert_eq!(modern.payload().await.1["cpu_percent"], 1);
    }
    // Asked from either node.
    ask(&mut asker, &mut other, "k1").await;
    ask(&mut other, &mut asker, "k2").await;

    let mut second = Program::start("monitor_agent.py", &[&agents[1], "key-1", "--once"], &quiet);
    assert_eq!(second.until("auth").await["server_id"], "srv-1");
    assert_eq!(first.until("closed").await["code"], 4409);
    assert_eq!(first.next().await, None, "it does not come again");
    second.say(r#"metrics {"cpu_percent": 2}"#).await;
    second.until("acknowledged").await;
    for page in [&mut here, &mut there] {
        assert_eq!([page.until("metrics").await, page.until("metrics").await].map(|m| m["cpu"].clone()), [1, 2]);
    }
    for modern in [&mut asker, &mut other] {
        assert_eq!(modern.payload().await.1["cpu_percent"], 2);
    }
    ask(&mut asker, &mut other, "k3").await;
    ask(&mut other, &mut asker, "k4").await;
    second.quit().await;
    for page in [here, there] {
        unbroken(page, &[]).await;
    }
    for node in [&nodes.one, &nodes.two] {
        balanced(node).await;
    }
}
