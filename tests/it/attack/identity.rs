//! Identity: credentials of one account beside claims about another, and a client id that is somebody else's.

use super::stage::{Ear, Hub, Stage, deaf_to, token};
use futures_util::future::join_all;

/// A mount for guests, and one of an account.
const MOUNTS: &str = "mounts = [{ path = \"/v3/ws/group/{group_id}/client/{client_id}\", dialect = \"aether-v3\" }, \
    { path = \"/open/{group_id}/{client_id}\", dialect = \"aether-v3\", guests = true }, \
    { path = \"/acme/{group_id}/{client_id}\", dialect = \"aether-v3\", guests = true, account = \"acme\" }, \
    { path = \"/old/{group_id}/{client_id}\", dialect = \"aether-v2\", guests = true }]";

/// Path, headers, and where whoever comes so belongs: 0 acme, 1 evil, 2 nowhere.
type Attempt<'a> = (String, &'a [(&'a str, &'a str)], usize);

/// Somebody comes with this path and these headers, and says so; returns the connection.
async fn comes(stage: &Stage, path: &str, headers: &[(&str, &str)], say: &str) -> Ear {
    let mut ear = Ear::with(stage.there(), path, headers).await.expect("let in");
    for target in ["group", "broadcast", r#"direct","to_id":"vic"#] {
        ear.says(format!(r#"{{"msg_type":"msg","target":"{target}","msg":"{say}"}}"#)).await;
    }
    ear
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_claim_beside_a_credential_opens_another_account() {
    for hub in Hub::ALL {
        let stage = Stage::start(hub, &["tenancy.isolate = true", MOUNTS]).await;
        let acme = Ear::of("acme", stage.here(), "/v3/ws/group/g/client/vic").await;
        let evil = Ear::of("evil", stage.here(), "/v3/ws/group/g/client/vic").await;
        let shared = [("x-api-key", "shared-key")];
        let nobody = Ear::with(stage.here(), "/v3/ws/group/g/client/vic", &shared).await.expect("let in");
        let mut homes = [acme, evil, nobody];
        let (evil, acme) = (token("evil"), token("acme"));
        let bearer = format!("Bearer {evil}");
        let v3 = "/v3/ws/group/g/client/eve";
        let all: &[Attempt<'_>] = &[
            (format!("{v3}?api_key=acme-key&jwt={evil}"), &[], 1),
            (format!("{v3}?api_key=acme-key"), &[("authorization", &bearer)], 1),
            (format!("{v3}?jwt={evil}&x_account_id=acme"), &[("x-account-id", "acme")], 1),
            (format!("{v3}?jwt={acme}&jwt={evil}"), &[], 1),
            (format!("{v3}?jwt={evil}"), &[("authorization", &format!("Bearer {acme}"))], 1),
            (format!("{v3}?x_account_id=acme"), &shared, 2),
            (v3.to_owned(), &[shared[0], ("x-account-id", "acme")], 2),
            ("/open/g/eve?x_account_id=acme".to_owned(), &[], 2),
            ("/old/g/eve?x_account_id=acme&recv=v3".to_owned(), &[("x-account-id", "acme")], 2),
            // The operator gives a mount to an account: to those who prove no other.
            (format!("/acme/g/eve?jwt={evil}"), &[], 1),
            ("/acme/g/eve?x_account_id=evil".to_owned(), &[], 0),
            (format!("{v3}?api_key=acme-key&x_account_id=evil"), &[], 0),
            // No cookie is a credential.
            ("/open/g/eve".to_owned(), &[("cookie", &format!("jwt={acme}; api_key=acme-key; x_account_id=acme"))], 2),
        ];
        let mut came = Vec::new();
        for (n, (path, headers, home)) in all.iter().enumerate() {
            let mark = format!("MARK{n}.");
            let mut ear = comes(&stage, path, headers, &mark).await;
            homes[*home].hears(&mark).await;
            // And it hears its own account alone.
            for (at, one) in homes.iter_mut().enumerate() {
                let text = format!("HOME{at}-{n}.");
                one.says(format!(r#"{{"msg_type":"msg","target":"group","msg":"{text}"}}"#)).await;
                one.hears(&text).await;
            }
            ear.hears(&format!("HOME{home}-{n}.")).await;
            came.push((ear, *home, n));
        }
        join_all(came.iter_mut().map(|(ear, ..)| ear.all())).await;
        for (ear, home, n) in &came {
            for other in (0..3).filter(|at| at != home) {
                assert!(!ear.ever_hears_already(&format!("HOME{other}-{n}.")), "{hub:?} {}", ear.name);
            }
        }
        for (at, home) in homes.iter_mut().enumerate() {
            for (n, (path, _, own)) in all.iter().enumerate() {
                let heard = home.ever_hears_already(&format!("MARK{n}."));
                assert_eq!(heard, *own == at, "{hub:?} {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_id_of_another_account_replaces_nobody_there() {
    for hub in Hub::ALL {
        let stage = Stage::start(hub, &["tenancy.isolate = true", "limits.duplicate_client = \"replace\""]).await;
        let path = "/v3/ws/group/g/client/vic";
        let shared = [("x-api-key", "shared-key")];
        let mut victims =
            vec![Ear::of("acme", stage.here(), path).await, Ear::with(stage.here(), path, &shared).await.expect("in")];
        let mut zeroth = Ear::of("evil", stage.there(), path).await;
        let mut first = Ear::of("evil", stage.here(), path).await;
        // Both proxies have now heard of the first, so that it cannot be taken for the newer one.
        assert_eq!(zeroth.end().await, 4409, "{hub:?}");
        let second = Ear::of("evil", stage.there(), path).await;
        assert_eq!(first.end().await, 4409, "{hub:?}: within an account the newer one takes over");
        deaf_to(&mut victims, &["4409"]).await;
        for victim in &mut victims {
            victim.says(r#"{"msg_type":"msg","target":"direct","to_id":"vic","msg":"still here"}"#).await;
            victim.hears("still here").await;
        }
        deaf_to(&mut [second], &["still here"]).await;
    }
}
