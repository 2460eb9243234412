//! Dialects made by settings, through real sockets: a field map and filters in one group with Aether's own two.

use crate::client::Client;
use crate::proxy::{PROGRAM, Proxy};
use aether_proxy::app;
use aether_proxy::clock::Clock;
use aether_proxy::config::{self, Config, DialectName, LoadOptions, Mount};
use aether_proxy::dialect::Spoken;
use aether_proxy::label::Label;
use aether_proxy::telemetry::labels::{Direction, Lost, LostOn, Outcome, Path, Suppressed, Translation};
use std::path::Path as File;
use std::process::Command;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// The settings that are shipped as an example.
fn example() -> Config {
    let file = File::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/own-dialect.toml");
    config::load(&LoadOptions { file: Some(file), ..LoadOptions::default() }).expect("settings")
}

fn dialects(config: &mut Config) {
    let Config { dialects, mounts, .. } = example();
    (config.dialects, config.mounts) = (dialects, mounts);
    // Two busy cores, and whoever else there is.
    config.dialects.iter_mut().filter_map(|d| d.jq.as_mut()).for_each(|jq| jq.time = Duration::from_secs(5));
}

/// The example, changed.
async fn with(change: impl FnOnce(&mut Config)) -> Proxy {
    Proxy::with(|config| {
        dialects(config);
        change(config);
    })
    .await
}

/// A dialect of these filters, mounted at `/name/{group_id}/{client_id}`.
fn add(config: &mut Config, name: &str, to_v3: &str, to_v2: &str, time: Duration) {
    let mut dialect = config.dialects[1].clone();
    (dialect.name, dialect.fixtures) = (name.to_owned(), Vec::new());
    if let Some(jq) = &mut dialect.jq {
        (jq.to_v3, jq.to_v2, jq.time) = (Some(to_v3.to_owned()), Some(to_v2.to_owned()), time);
    }
    config.dialects.push(dialect);
    let path = format!("/{name}/{{group_id}}/{{client_id}}");
    config.mounts.push(Mount::new(&path, DialectName::Custom(name.to_owned())));
}

/// One client of each of the four dialects in one group.
struct Four {
    proxy: Proxy,
    acme: Client,
    kiosk: Client,
    v2: Client,
    v3: Client,
}

impl Four {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let proxy = with(change).await;
        let acme = proxy.connect("/acme/g/a").await;
        let kiosk = proxy.connect("/kiosk/g/k").await;
        let v2 = proxy.v2("g", "two").await;
        let v3 = proxy.v3("g", "three").await;
        proxy.has(4).await;
        Self { proxy, acme, kiosk, v2, v3 }
    }

    /// What each hears next: acme, kiosk, V2, and of V3 the content.
    async fn hear(&mut self) -> [String; 4] {
        [self.acme.next().await, self.kiosk.next().await, self.v2.next().await, content(&self.v3.next().await)]
    }

    /// Once all have gone, everything is booked.
    async fn balance(mut self) -> Proxy {
        for client in [&mut self.acme, &mut self.kiosk, &mut self.v2, &mut self.v3] {
            client.send(Message::Close(None)).await;
        }
        self.proxy.has(0).await;
        self.proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1 && p.ledger().0 > 0).await;
        self.proxy
    }
}

/// An envelope without its stamps.
fn content(envelope: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(envelope).expect("an envelope");
    for name in ["version", "sent_at", "group_id"] {
        value.as_object_mut().expect("an object").remove(name);
    }
    value.to_string()
}

fn lost(proxy: &Proxy) -> u64 {
    Path::ALL.iter().map(|path| proxy.metrics().messages_lost.with(LostOn(*path, Lost::TranslateError)).get()).sum()
}

fn failed(proxy: &Proxy, direction: Direction) -> u64 {
    proxy.metrics().translations.with((direction, Spoken::Custom, Translation::Failed)).get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hears_the_others_in_its_own_words() {
    let mut four = Four::start(|c| c.v2.annotate = config::Annotate::Off).await;
    // White space comes back to those who speak so, and to nobody else.
    let said = r#"{ "type":"say","body":{"text":"hi","lang":"de"},"room":7 }"#;
    four.acme.text(said).await;
    let [acme, kiosk, v2, v3] = four.hear().await;
    assert_eq!((acme.as_str(), kiosk.as_str()), (said, "SAY hi"));
    assert_eq!(v2, r#"{"msg":"hi","cmd":"say","lang":"de","room":7}"#);
    assert_eq!(
        v3,
        r#"{"cmd":"say","from_id":"a","msg":"hi","msg_type":"cmd","payload":{"lang":"de","room":7},"target":"group"}"#
    );

    four.kiosk.text("SAY  two  blanks ").await;
    let [acme, kiosk, v2, v3] = four.hear().await;
    assert_eq!((kiosk.as_str(), v2.as_str()), ("SAY  two  blanks ", r#"{"msg":" two  blanks "}"#));
    assert_eq!(acme, r#"{"body":{"text":" two  blanks "}}"#);
    assert_eq!(v3, r#"{"from_id":"k","msg":" two  blanks ","msg_type":"msg","target":"group"}"#);

    // Of several messages of one frame those who speak so get the frame, once.
    let log = r#"{ "op": "log", "lines": ["a", "b"] }"#;
    four.kiosk.text(log).await;
    assert_eq!(four.kiosk.next().await, log);
    four.v2.text(r#"{"msg":"from two"}"#).await;
    assert_eq!(four.kiosk.next().await, "SAY from two");
    for line in ["a", "b"] {
        assert!(four.v3.next().await.contains(&format!(r#""msg":"{line}","payload":{{"log":true}}"#)));
        assert_eq!(four.v2.next().await, format!(r#"{{"msg":"{line}","log":true}}"#));
        assert_eq!(four.acme.next().await, format!(r#"{{"body":{{"text":"{line}","log":true}}}}"#));
    }
    let [acme, v2, v3] = [four.acme.next().await, four.v2.next().await, content(&four.v3.next().await)];
    assert_eq!((acme.as_str(), v2.as_str()), (r#"{"body":{"text":"from two"}}"#, r#"{"msg":"from two"}"#));
    assert_eq!(v3, r#"{"from_id":"two","msg":"from two","msg_type":"msg","target":"group"}"#);

    four.v3.text(r#"{"msg_type":"msg","target":"direct","to_id":"k","msg":"psst"}"#).await;
    assert_eq!(four.kiosk.next().await, "TELL k psst");
    four.kiosk.text("TELL three what").await;
    assert!(four.v3.next().await.contains(r#""from_id":"k","to_id":"three""#));
    let proxy = four.balance().await;
    assert_eq!((lost(&proxy), proxy.outcome(Outcome::Lost)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_of_theirs_costs_clients_nothing_but_the_frame() {
    let mut four = Four::start(|_| {}).await;
    four.acme.text("no object").await;
    assert_eq!(four.acme.next().await, r#"{"type":"error","text":"what?"}"#);
    for junk in ["junk", "[1]", r#"{"op":"log","lines":[1]}"#, "TELL nobody", "TELL "] {
        four.kiosk.text(junk).await;
    }
    four.kiosk.send(Message::binary(vec![0, 255])).await;
    four.kiosk.text("PING").await;
    four.kiosk.text("SAY end").await;
    assert_eq!(four.kiosk.next().await, "SAY end");
    assert!(four.v3.next().await.contains(r#""msg":"end""#));
    assert_eq!(four.acme.next().await, r#"{"body":{"text":"end"}}"#);
    // `TELL nobody` is a message with an empty text, and `TELL ` one to nobody.
    assert_eq!((failed(&four.proxy, Direction::V2ToV3), lost(&four.proxy)), (4, 4));
    four.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_messages_stay_in_order() {
    let mut four = Four::start(|_| {}).await;
    let half = 1000;
    let (kiosk, v3) = (&mut four.kiosk, &mut four.v3);
    for n in 0..half {
        // Taken back by their receipts, and translated, in turn.
        kiosk.text(&format!("SAY  k{n}")).await;
        v3.text(&format!(r#"{{"msg_type":"msg","target":"group","msg":"v{n}"}}"#)).await;
    }
    for client in [&mut four.kiosk, &mut four.v3, &mut four.v2, &mut four.acme] {
        let (mut k, mut v) = (0, 0);
        while k + v < 2 * half {
            let text = client.next().await;
            let (k_next, v_next) = (format!(" k{k}"), format!("v{v}"));
            let is = |word: &str| text.ends_with(word) || text.contains(&format!("{word}\""));
            match (is(&k_next), is(&v_next)) {
                (true, false) => k += 1,
                (false, true) => v += 1,
                _ => panic!("{text} after {k} and {v}"),
            }
        }
        assert_eq!((k, v), (half, half));
    }
    let proxy = four.balance().await;
    assert_eq!((lost(&proxy), proxy.outcome(Outcome::Lost)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_never_ends_stops_nobody_else() {
    let mut four = Four::start(|config| {
        config.hub.v2_on_unavailable = config::V2Trouble::Count;
        add(
            config,
            "endless",
            "if . == \"ok\" then {msg_type:\"msg\",target:\"group\",msg:.} else last(repeat(1)) end",
            "last(repeat(1))",
            Duration::from_millis(200),
        );
    })
    .await;
    let mut endless = four.proxy.connect("/endless/g/e").await;
    four.proxy.has(5).await;
    for n in 0..5 {
        endless.text("never").await;
        four.kiosk.text(&format!("SAY {n}")).await;
        for (client, text) in
            [(&mut four.kiosk, format!("SAY {n}")), (&mut four.acme, format!(r#"{{"body":{{"text":"{n}"}}}}"#))]
        {
            assert_eq!(client.next().await, text);
        }
        assert!(four.v3.next().await.contains(&format!(r#""msg":"{n}""#)));
        four.v2.next().await;
    }
    // Five frames of its own, and five of the kiosk that it was to hear.
    four.proxy.eventually("lost", |p| lost(p) == 10).await;
    assert_eq!(failed(&four.proxy, Direction::V2ToV3), 5);
    assert_eq!(failed(&four.proxy, Direction::V3ToV2), 5);
    // Its client is still there, and is heard once a process is.
    let again = async {
        loop {
            endless.text("ok").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        heard = four.kiosk.next() => assert_eq!(heard, "SAY ok"),
        () = again => {}
    }
    endless.send(Message::Close(None)).await;
    four.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_loses_nothing_that_is_not_booked() {
    let mut four = Four::start(|_| {}).await;
    let filters = four.proxy.running.shared.filters[1].clone().expect("filters");
    let n = 300;
    for at in 0..n {
        four.v3.text(&format!(r#"{{"msg_type":"msg","target":"group","msg":"{at}"}}"#)).await;
        if at % 100 == 50
            && let Some(pid) = filters.pid()
        {
            // It may have ended just now, by an earlier one.
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
        }
    }
    four.v3.text(r#"{"msg_type":"msg","target":"group","msg":"end"}"#).await;
    let heard = four.kiosk.until("SAY end").await;
    let heard: Vec<u64> = heard.iter().map(|m| m.to_text().expect("text")[4..].parse().expect("a number")).collect();
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.len() as u64 + lost(&four.proxy), n);
    four.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_forges_a_frame() {
    for wire in [config::Wire::Extended, config::Wire::Plain] {
        let mut four = Four::start(|c| c.hub.wire = wire).await;
        for receipt in [
            r#"{"k":"json","d":"kiosk","raw":"SAY forged"}"#,
            r#"{"k":"json","d":"acme","raw":"{ \"body\":{\"text\":\"forged\"} }"}"#,
            r#"{"k":"json","d":"kiosk"}"#,
        ] {
            four.v3.text(&format!(r#"{{"msg_type":"msg","target":"group","msg":"true","payload":{{"_v2":{receipt}}},"_hub":{receipt}}}"#)).await;
            assert_eq!(four.kiosk.next().await, "SAY true");
            let acme = four.acme.next().await;
            assert!(acme.starts_with(r#"{"body":{"text":"true""#), "{acme}");
            four.v3.next().await;
        }
        four.balance().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_balances_whatever_filters_do() {
    let proxy = with(|config| {
        // By the text: nothing, itself, three, an error, out of stack.
        let to_v3 = r#"if . == "none" then empty elif . == "bad" then error("no") elif . == "deep" then [recurse([.])]
            elif . == "many" then (1, 2, 3 | {msg_type: "msg", target: "group", msg: "\(.)"})
            else {msg_type: "msg", target: "group", msg: .} end"#;
        let to_v2 = r#"if .msg == "hidden" then empty elif .msg == "two" then "one", "more" elif .msg == "fails" then
            error("no") else .msg end"#;
        add(config, "odd", to_v3, to_v2, Duration::from_secs(3));
        config.dialects[2].jq.as_mut().expect("filters").memory = 32 << 20;
    })
    .await;
    let mut odd = proxy.connect("/odd/g/o").await;
    let mut other = proxy.connect("/odd/g/p").await;
    let mut v3 = proxy.v3("g", "v").await;
    proxy.has(3).await;
    for text in ["none", "plain", "bad", "many", "deep", "fin"] {
        odd.text(text).await;
    }
    for text in ["hidden", "two", "fails", "end"] {
        v3.text(&format!(r#"{{"msg_type":"msg","target":"group","msg":"{text}"}}"#)).await;
    }
    let mut heard = Vec::new();
    let ends = ["end".to_owned(), "fin".to_owned()];
    while !ends.iter().all(|end| heard.contains(end)) {
        heard.push(other.next().await);
    }
    // Two sockets: either may be the first.
    heard.sort();
    assert_eq!(heard, ["end", "fin", "many", "more", "one", "plain"]);
    for client in [&mut odd, &mut other, &mut v3] {
        client.send(Message::Close(None)).await;
    }
    proxy.has(0).await;
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1).await;
    let metrics = proxy.metrics();
    assert!(metrics.messages_suppressed.with((Suppressed::DialectRule,)).get() >= 3);
    assert_eq!(failed(&proxy, Direction::V3ToV2), 1);
    proxy.running.shutdown().await;
    assert_eq!(proxy.running.shared.filters[2].as_ref().and_then(|filters| filters.pid()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_may_be_the_mounts_and_the_client_needs_no_id() {
    let proxy = with(|_| {}).await;
    let mut kiosk = proxy.connect("/kiosk").await;
    let mut v3 = proxy.v3("lobby", "v").await;
    proxy.has(2).await;
    kiosk.text("SAY hi").await;
    assert_eq!(kiosk.next().await, "SAY hi");
    assert!(v3.next().await.contains(r#""from_id":"custom-"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aether_client_with_the_widest_audience_hears_them_too() {
    let mut four = Four::start(|config| {
        config.v2.audience = config::Audience::Global;
        config.v2.annotate = config::Annotate::Off;
    })
    .await;
    four.kiosk.text("SAY hi").await;
    assert_eq!(four.v2.next().await, r#"{"msg":"hi"}"#);
    four.acme.text(r#"{"body":{"text":"ho","lang":"de"}}"#).await;
    assert_eq!(four.v2.next().await, r#"{"msg":"ho","lang":"de"}"#);
    four.v2.text(r#"{"msg":"end"}"#).await;
    assert_eq!(four.v2.next().await, r#"{"msg":"end"}"#);
    four.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_means_the_dialect_it_names() {
    let proxy = with(|config| {
        let rule = "name = \"r\"\naction = \"block\"\ndialects = [\"kiosk\"]";
        config.policy.rules = vec![toml::from_str(rule).expect("a rule")];
    })
    .await;
    proxy.connect("/acme/g/a").await;
    let refused = Client::try_open(proxy.tcp().await, "/kiosk/g/k", &[]).await;
    assert!(refused.is_err(), "a kiosk comes in");
}

#[tokio::test]
async fn a_proxy_does_not_start_with_filters_that_do_not_keep_to_their_examples() {
    for (change, told) in [
        (
            (|c| c.dialects[1].fixtures[0].legacy = "SAY hallo".into()) as fn(&mut Config),
            "`dialects[1].fixtures[0]` (kiosk): to_v3 gives",
        ),
        (
            |c| c.dialects[1].fixtures[3].lossy = false,
            "`dialects[1].fixtures[3]` (kiosk): to_v2 gives\n  nothing\nand not\n  PING",
        ),
        (
            |c| c.dialects[1].jq.as_mut().expect("filters").to_v2 = Some(".msg | nope".into()),
            "`dialects[1].jq` (kiosk): to_v2, line 1, column 8",
        ),
    ] {
        let mut config = Config::default();
        (config.listen.clients, config.listen.admin) = (([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into());
        dialects(&mut config);
        change(&mut config);
        let error = app::start_as(config, Clock::system(), File::new(PROGRAM)).await.expect_err("refused");
        assert!(error.is_config() && error.to_string().contains(told), "{error}");
    }
}
