//! Names: ids and accounts made of what separates parts of a channel's name on Redis, or of what only looks like another.

use super::stage::{Ear, Hub, Stage, deaf_to};
use crate::harness::http;
use futures_util::future::join_all;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Ids that would be somebody else's, were they anything but opaque. `g` is the group that is attacked.
const IDS: [&str; 22] = [
    "*",
    "?",
    "g*",
    "[g]",
    "{g}",
    "g}",
    "{account}",
    "{group_id}",
    "acme:group:g",
    "x:group:g",
    "group:g",
    "ws:broadcast",
    "ws:acme:group:g",
    "g:j",
    "g ",
    "G",
    "\u{ff47}",
    "g\u{200b}",
    "%67",
    "../g",
    "_",
    "control",
];

fn path(group: &str, client: &str) -> String {
    let coded = |id| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    format!("/v3/ws/group/{}/client/{}", coded(group), coded(client))
}

fn said(text: &str) -> String {
    format!(r#"{{"msg_type":"msg","target":"group","msg":"{text}"}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_made_of_channel_syntax_names_nothing_but_itself() {
    for hub in Hub::ALL {
        let stage = Stage::start(hub, &["tenancy.isolate = true"]).await;
        let mut victims = vec![Ear::of("acme", stage.here(), &path("g", "vic")).await];
        let mut owners = Vec::new();
        // Somebody of the same account, for whom only the name is in the way; and one of another.
        for account in ["acme", "evil"] {
            for id in IDS {
                let mut owner = Ear::of(account, stage.here(), &path(id, "owner")).await;
                let mut other = Ear::of(account, stage.there(), &path(id, id)).await;
                other.says(said("EVIL group")).await;
                owner.hears("EVIL group").await;
                let to = serde_json::to_string(id).unwrap();
                let direct = format!(r#"{{"msg_type":"msg","target":"direct","to_id":{to},"msg":"EVIL direct"}}"#);
                owner.says(direct).await;
                other.hears("EVIL direct").await;
                owners.extend([owner, other]);
            }
        }
        let mut speaker = Ear::of("acme", stage.there(), &path("g", "speaker")).await;
        speaker.says(said("ACME g")).await;
        victims[0].hears("ACME g").await;
        deaf_to(&mut victims, &["EVIL"]).await;
        deaf_to(&mut owners, &["ACME"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_cannot_be_one_is_refused() {
    let stage = Stage::start(Hub::Memory, &[]).await;
    let token = super::stage::token("evil");
    let long = "a".repeat(257);
    for id in
        ["%00", "a%00b", "%0A", "%0d%0aSet-Cookie:x", "%1f", "%7F", "%C2%85", "%ff", "%C0%AE", "server", "", &long]
    {
        let refused = Ear::of_or_refused(&stage, &format!("/v3/ws/group/g/client/{id}?jwt={token}")).await;
        assert_eq!(refused, 400, "client {id}");
        if id != "server" {
            let refused = Ear::of_or_refused(&stage, &format!("/v3/ws/group/{id}/client/c?jwt={token}")).await;
            assert_eq!(refused, 400, "group {id}");
        }
    }
    let long = "a".repeat(256);
    assert_eq!(Ear::of_or_refused(&stage, &format!("/v3/ws/group/{long}/client/c?jwt={token}")).await, 101);
    // Nothing of it came back as a header.
    let reply = http::get(&format!("http://{}/v3/ws/group/g/client/%0d%0aSet-Cookie:x", stage.here().clients())).await;
    assert!(reply.headers.get("set-cookie").is_none(), "{:?}", reply.headers);
}

/// Where the account stands in the name, as `ws:{account}:group:{group_id}`: who chooses the account `a` and the group
/// `b:group:c` once had the very channel of account `a:group:b`; and the account `_` that of all who have none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_and_an_id_together_name_no_other_accounts_channel() {
    for hub in [Hub::Named, Hub::Plain, Hub::Shared, Hub::Memory] {
        let stage = Stage::start(hub, &["tenancy.isolate = true"]).await;
        let mut pairs = Vec::new();
        for (n, (victim, its_group, attacker, own_group)) in [
            ("acme:group:x", "g", "acme", "x:group:g"),
            ("acme", "x:group:h", "acme:group:x", "h"),
            ("", "g", "_", "g"),
            ("_", "h", "", "h"),
            ("_", "i", "%5F", "i"),
            ("a:b", "g", "a%3Ab", "g"),
            ("acme", "j", "ACME", "j"),
            ("acme", "k", "acme ", "k"),
            ("acme", "l", "\u{430}cme", "l"),
        ]
        .into_iter()
        .enumerate()
        {
            // The attacker is there first, on the same node and on another.
            let mut attackers = vec![
                Ear::of(attacker, stage.here(), &path(own_group, &format!("eve{n}"))).await,
                Ear::of(attacker, stage.there(), &path(own_group, &format!("eve{n}."))).await,
            ];
            let mut victims = vec![
                Ear::of(victim, stage.here(), &path(its_group, &format!("vic{n}"))).await,
                Ear::of(victim, stage.there(), &path(its_group, &format!("vic{n}."))).await,
            ];
            attackers[0].says(said(&format!("EVIL{n} group"))).await;
            victims[0].says(said(&format!("ACME{n} group"))).await;
            for at in [0, 1] {
                attackers[at].hears(&format!("EVIL{n} group")).await;
                victims[at].hears(&format!("ACME{n} group")).await;
            }
            attackers[1].says(said(&format!("EVIL{n} other")).replace("group\"", "broadcast\"")).await;
            attackers[0].hears(&format!("EVIL{n} other")).await;
            pairs.push((victims, attackers));
        }
        join_all(pairs.iter_mut().flat_map(|(one, other)| one.iter_mut().chain(other)).map(Ear::all)).await;
        for (n, (victims, attackers)) in pairs.iter().enumerate() {
            for (ears, marks) in [(victims, ["EVIL", "\"from_id\":\"eve"]), (attackers, ["ACME", "\"from_id\":\"vic"])]
            {
                for (ear, mark) in ears.iter().flat_map(|ear| marks.map(|mark| (ear, format!("{mark}{n}")))) {
                    assert!(!ear.ever_hears_already(&mark), "{hub:?}: {} heard {mark}", ear.name);
                }
            }
        }
    }
}
