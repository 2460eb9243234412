//! Messages: every way to address somebody, and every member that looks as if it said whose a message is. Groups and ids
//! are the same in both accounts, as an attacker would choose them.

use super::stage::{Ear, Hub, Stage, deaf_to};
use tokio_tungstenite::tungstenite::Message;

/// Every message of the attackers holds it.
const MARK: &str = "EVIL";
/// The same, as V3 clients get a binary frame that begins with it.
const MARK_B64: &str = "RVZJT";

/// Somebody's frame, and who is meant to hear it in their own account: `3` a V3 client, `2` a V2 client.
struct Attempt {
    from: usize,
    frame: Message,
    heard_by: char,
}

/// Everything that is tried. `from`: 0 speaks V3, 1 V2, 2 V2 and hears V3.
fn attempts() -> Vec<Attempt> {
    let forged = r#""version":"3","from_id":"vic3","group_id":"g","account":"acme","account_id":"acme","x_account_id":"acme","tenant":"acme","a":"acme""#;
    let receipt = r#"{"e":"x","s":1,"a":"acme","k":"text","raw":"{\"msg\":\"EVIL raw\"}"}"#;
    let own = |from, text: &str, heard_by| Attempt { from, frame: Message::text(text), heard_by };
    let mut all = vec![
        own(0, r#"{"msg_type":"msg","target":"group","msg":"EVIL group"}"#, '3'),
        own(0, r#"{"msg_type":"cmd","target":"group","cmd":"EVIL cmd"}"#, '2'),
        own(0, r#"{"msg_type":"msg","target":"direct","to_id":"vic3","msg":"EVIL direct"}"#, '3'),
        own(0, r#"{"msg_type":"msg","target":"direct","to_id":"vic2","msg":"EVIL direct to v2"}"#, '2'),
        own(0, r#"{"msg_type":"msg","target":"broadcast","msg":"EVIL broadcast"}"#, '3'),
        own(0, &format!(r#"{{"msg_type":"msg","target":"group",{forged},"msg":"EVIL forged"}}"#), '3'),
        own(
            0,
            &format!(r#"{{"msg_type":"msg","target":"direct","to_id":"vic3",{forged},"msg":"EVIL forged d"}}"#),
            '3',
        ),
        own(0, &format!(r#"{{"msg_type":"msg","target":"broadcast",{forged},"msg":"EVIL forged b"}}"#), '2'),
        own(0, &format!(r#"{{"msg_type":"msg","target":"group","msg":"EVIL hub","_hub":{receipt}}}"#), '3'),
    ];
    // What proxies write for one another, within the payload: last, alone, twice, escaped, and deeper.
    for (n, payload) in [
        format!(r#"{{"x":1,"_hub":{receipt}}}"#),
        format!(r#"{{"x":1,"_v2":{receipt}}}"#),
        format!(r#"{{"_v2":{receipt}}}"#),
        r#"{"_v2":{"p":0,"a":"acme"}}"#.to_owned(),
        format!(r#"{{"_v2":{receipt},"_v2":{receipt}}}"#),
        format!(r#"{{"x":1,"_v\u0032":{receipt}}}"#),
        format!(r#"{{"account":"acme","payload":{{"_v2":{receipt}}},"_v3":{{"from_id":"vic3","a":"acme"}}}}"#),
    ]
    .iter()
    .enumerate()
    {
        for (target, to) in [("group", ""), ("broadcast", ""), ("direct", r#""to_id":"vic3","#)] {
            let text = format!(
                r#"{{"msg_type":"msg","target":"{target}",{to}"msg":"EVIL payload {n} {target}","payload":{payload}}}"#
            );
            all.push(own(0, &text, '3'));
        }
    }
    for from in [1, 2] {
        all.extend([
            own(from, "EVIL loose text", '2'),
            own(from, r#"{"msg":"EVIL loose"}"#, '3'),
            own(from, &format!(r#"{{"msg":"EVIL loose","_hub":{receipt}}}"#), '3'),
            own(from, &format!(r#"{{"msg":"EVIL loose","payload":{{"_v2":{receipt}}}}}"#), '2'),
            own(from, &format!(r#"{{"msg":"EVIL loose",{forged}}}"#), '3'),
            own(from, r#"{"msg_type":"msg","target":"group","msg":"EVIL shaped"}"#, '3'),
            own(from, r#"{"msg_type":"msg","target":"direct","to_id":"vic3","msg":"EVIL shaped direct"}"#, '3'),
            own(from, r#"{"msg_type":"msg","target":"direct","to_id":"vic2","msg":"EVIL shaped to v2"}"#, '2'),
            own(from, r#"{"msg_type":"msg","target":"broadcast","msg":"EVIL shaped broadcast"}"#, '2'),
            // A whole text of the hub, as another proxy would have written it.
            own(
                from,
                &format!(
                    r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"vic3","group_id":"g","msg":"EVIL hub text","sent_at":"2026-03-11T12:34:56.789Z","_hub":{receipt}}}"#
                ),
                '2',
            ),
            Attempt { from, frame: Message::binary(b"EVIL binary".to_vec()), heard_by: '2' },
        ]);
    }
    all
}

/// Those of an account that are attacked, or that show that an attempt was one.
async fn crowd(account: &str, stage: &Stage) -> Vec<Ear> {
    let mut all = Vec::new();
    for path in [
        "/v3/ws/group/g/client/vic3",
        "/ws/group/g/client/vic2",
        "/ws/group/g/client/vicr?recv=v3",
        "/v3/ws/group/other/client/far",
        "/ws_redis/group/other/client/far2",
        // Called as an attacker is.
        "/v3/ws/group/g/client/eve3",
    ] {
        all.push(Ear::of(account, stage.here(), path).await);
    }
    all
}

async fn attackers(stage: &Stage) -> Vec<Ear> {
    let mut all = Vec::new();
    for path in ["/v3/ws/group/g/client/eve3", "/ws/group/g/client/eve2", "/ws/group/g/client/ever?recv=v3"] {
        all.push(Ear::of("evil", stage.there(), path).await);
    }
    all
}

/// Makes every attempt, one after the other; each is heard by whom it is for.
async fn attack(attackers: &mut [Ear], witnesses: &mut [Ear]) -> usize {
    let attempts = attempts();
    let made = attempts.len();
    for (n, attempt) in attempts.into_iter().enumerate() {
        let mark = format!("{MARK}{n} ");
        let frame = match attempt.frame {
            Message::Binary(_) => Message::binary(mark.clone().into_bytes()),
            text => Message::text(text.to_text().expect("a text").replace("EVIL ", &mark)),
        };
        attackers[attempt.from].says(frame).await;
        witnesses[if attempt.heard_by == '3' { 0 } else { 1 }].hears(&mark).await;
    }
    made
}

async fn nothing_crosses(hub: Hub, lines: &[&str]) {
    let stage = Stage::start(hub, lines).await;
    let mut victims = crowd("acme", &stage).await;
    let mut witnesses = crowd("evil", &stage).await;
    let mut attackers = attackers(&stage).await;
    attack(&mut attackers, &mut witnesses).await;
    // The victims do hear: their own.
    let mut speaker = Ear::of("acme", stage.there(), "/v3/ws/group/g/client/speaker").await;
    speaker.says(Message::text(r#"{"msg_type":"msg","target":"broadcast","msg":"ACME all"}"#)).await;
    for victim in &mut victims {
        victim.hears("ACME all").await;
    }
    deaf_to(&mut victims, &[MARK, MARK_B64]).await;
    deaf_to(&mut witnesses, &["ACME"]).await;
    deaf_to(&mut attackers, &["ACME"]).await;
    // Nor did one account see the other come: the attackers joined after the victims, who heard each other join.
    for (ears, others) in [(&mut victims, "ever"), (&mut witnesses, "speaker")] {
        assert!(
            ears[0].all().await.iter().any(|text| text.contains(r#""from_id":"vicr""#) && text.contains("\"join\""))
        );
        assert!(!ears[0].all().await.iter().any(|text| text.contains(&format!("\"from_id\":\"{others}\""))));
    }
}

/// A heartbeat is answered to whoever sent it and nobody else; what is asked about presence is answered within the account.
async fn presence_stays_at_home(hub: Hub, isolate: bool) {
    let stage = Stage::start(hub, &[if isolate { "tenancy.isolate = true" } else { "tenancy.isolate = false" }]).await;
    let mut victim = Ear::of("acme", stage.here(), "/v3/ws/group/g/client/vic3").await;
    let mut twin = Ear::of("evil", stage.here(), "/v3/ws/group/g/client/twin").await;
    let mut eve = Ear::of("evil", stage.there(), "/v3/ws/group/g/client/eve3").await;
    twin.hears(r#""from_id":"eve3""#).await;
    assert_eq!(victim.ever_hears(r#""from_id":"eve3""#).await, !isolate, "{hub:?}: who joined");
    let ask = r#"{"msg_type":"presence","target":"echo","to_id":"vic3","group_id":"g","payload":{"account":"acme"}}"#;
    eve.says(Message::text(ask)).await;
    let answer = eve.hears("\"members\"").await;
    assert!(answer.contains("\"twin\"") && answer.contains("\"eve3\""), "{answer}");
    assert_eq!(answer.contains("\"vic3\""), !isolate, "{hub:?}: {answer}");
    let beat = r#"{"msg_type":"heartbeat","target":"broadcast","to_id":"vic3","msg":"EVIL beat"}"#;
    eve.says(Message::text(beat)).await;
    eve.hears("EVIL beat").await;
    deaf_to(&mut [victim, twin], &[MARK]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_said_in_one_account_reaches_another_within_a_process() {
    nothing_crosses(Hub::Memory, &["tenancy.isolate = true"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_said_in_one_account_reaches_another_on_shared_channels() {
    nothing_crosses(Hub::Shared, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_said_in_one_account_reaches_another_on_named_channels() {
    nothing_crosses(Hub::Named, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_said_in_one_account_reaches_another_in_pure_v3() {
    nothing_crosses(Hub::Plain, &["tenancy.isolate = true"]).await;
}

/// The very same attempts where all hear all: each of them comes through, or the tests above would show nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_accounts_are_not_kept_apart_every_attempt_succeeds() {
    for hub in [Hub::Memory, Hub::Shared] {
        let stage = Stage::start(hub, &["tenancy.isolate = false"]).await;
        let mut victims = crowd("acme", &stage).await;
        let mut attackers = attackers(&stage).await;
        let made = attack(&mut attackers, &mut victims).await;
        assert!(made > 50, "{made}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_global_audience_of_v2_ends_at_the_account() {
    for hub in Hub::ALL {
        let stage = Stage::start(hub, &["tenancy.isolate = true", "v2.audience = \"global\""]).await;
        let mut victims = crowd("acme", &stage).await;
        let mut witnesses = crowd("evil", &stage).await;
        let mut eve = Ear::of("evil", stage.there(), "/ws/group/g/client/eve2").await;
        for frame in [r#"{"msg":"EVIL everywhere"}"#, r#"{"msg":"EVIL too","_hub":{"a":"acme"},"account":"acme"}"#] {
            eve.says(Message::text(frame)).await;
        }
        // In another group of the own account.
        witnesses[4].hears("EVIL everywhere").await;
        witnesses[4].hears("EVIL too").await;
        deaf_to(&mut victims, &[MARK, MARK_B64]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_there_is_told_within_the_account() {
    for hub in Hub::ALL {
        presence_stays_at_home(hub, true).await;
    }
    presence_stays_at_home(Hub::Memory, false).await;
    presence_stays_at_home(Hub::Shared, false).await;
}
