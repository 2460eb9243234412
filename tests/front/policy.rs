//! What the migration's policy makes of V2 handshakes: refusals over HTTP and by close code, headers, notices.

use crate::client::Client;
use crate::handshake::request;
use crate::proxy::Proxy;
use aether_proxy::auth::{Mint, SigningKey, mint};
use aether_proxy::clock::{Clock, Timestamp};
use aether_proxy::config::{Config, Date, Exemption, NewTenants, Policy, RefuseWith, Rule, Secret, WebUrl};
use aether_proxy::dialect::Protocol;
use aether_proxy::label::Label;
use aether_proxy::migration::store::{ClientQuery, Order};
use aether_proxy::telemetry::labels::{Handshake, NoticeChannel, Outcome, Path, Policy as Says, PolicyDone};
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

/// 2026-12-01T00:00:00Z, a Tuesday.
pub const DAY: i64 = 1_796_083_200;

/// Rules and exemptions, as in a settings file. Nobody waits for a refusal.
pub fn policy(text: &str) -> Policy {
    #[derive(serde::Deserialize)]
    struct Lists {
        #[serde(default)]
        rules: Vec<Rule>,
        #[serde(default)]
        exemptions: Vec<Exemption>,
    }
    let Lists { rules, exemptions } = toml::from_str(text).expect("rules");
    Policy { rules, exemptions, refuse_delay: Duration::ZERO, ..Policy::default() }
}

/// A rule that blocks everybody.
pub const BLOCK: &str = "[[rules]]\nname = \"end\"\naction = \"block\"\n";

/// One rule an action, for clients that are called so.
const EACH: &str = r#"
    [[rules]]
    name = "brownout"
    action = "brownout"
    clients = ["brownout*"]
    retry_after = "100s"
    [[rules]]
    name = "block"
    action = "block"
    clients = ["block*"]
    [[rules]]
    name = "warn"
    action = "warn"
    clients = ["warn*"]
    [[rules]]
    name = "allow"
    action = "allow"
    clients = ["allow*"]
"#;

fn v2(client: &str) -> String {
    format!("/ws/group/g/client/{client}")
}

/// The status of a V2 handshake: 101 is let in and leaves.
pub async fn status(proxy: &Proxy, path: &str) -> u16 {
    match Client::try_open(proxy.tcp().await, path, &[]).await {
        Ok(_) => 101,
        Err(error) => match *error {
            Error::Http(response) => response.status().as_u16(),
            other => panic!("{other}"),
        },
    }
}

fn decided(proxy: &Proxy, says: Says, done: PolicyDone) -> u64 {
    proxy.metrics().policy_decisions.with((says, done)).get()
}

fn told(proxy: &Proxy, channel: NoticeChannel) -> u64 {
    proxy.metrics().deprecation_notices.with((channel,)).get()
}

/// The value of each header of this name.
fn header<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[tokio::test]
async fn each_action_is_told_over_http() {
    let proxy = Proxy::with(|c| {
        c.policy = policy(EACH);
        c.policy.docs = Some("https://docs.example.com/v3".into());
        c.migration.flush_interval = Duration::from_millis(20);
    })
    .await;
    let (got, head, body) = proxy.http(&request(&v2("block%20me"), &["User-Agent: Old/1"])).await;
    let body: serde_json::Value = serde_json::from_str(&body).expect("json");
    assert_eq!((got, body["error"]["code"].as_str()), (403, Some("v2_retired")));
    assert_eq!(body["error"]["successor"], "/v3/ws/group/g/client/block%20me");
    assert_eq!(body["error"]["docs"], "https://docs.example.com/v3");
    assert!(header(&head, "retry-after").is_empty(), "{head}");
    let (got, head, body) = proxy.http(&request(&v2("brownout"), &[])).await;
    assert_eq!(got, 503);
    assert!(body.contains("\"v2_brownout\""), "{body}");
    let seconds: u64 = header(&head, "retry-after")[0].parse().expect("seconds");
    assert!((100..=150).contains(&seconds), "{seconds}");
    assert_eq!((status(&proxy, &v2("warn")).await, status(&proxy, &v2("allow")).await), (101, 101));
    assert_eq!(status(&proxy, &v2("nobody")).await, 101);
    assert_eq!(status(&proxy, "/v3/ws/group/g/client/block").await, 101);
    assert_eq!(proxy.metrics().handshakes.with((Protocol::V2, Handshake::PolicyRejected)).get(), 2);
    let rows = [
        (Says::Block, PolicyDone::Reject, 1),
        (Says::Brownout, PolicyDone::Reject, 1),
        (Says::Warn, PolicyDone::Notice, 1),
        (Says::Allow, PolicyDone::Accept, 2),
    ];
    for (says, done, n) in rows {
        assert_eq!(decided(&proxy, says, done), n, "{says:?} {done:?}");
    }
    let all: u64 = Says::ALL.iter().flat_map(|s| PolicyDone::ALL.iter().map(|d| decided(&proxy, *s, *d))).sum();
    assert_eq!(all, 5, "V3 is not asked");
    // Whoever knocks is in the inventory, let in or not.
    let all = ClientQuery {
        tenant: None,
        search: None,
        since: None,
        left: false,
        order: Order::Key,
        cursor: None,
        limit: 99,
    };
    let knocked = async || {
        let page = proxy.running.shared.migration.store.clients(&all).await.expect("clients");
        let blocked = page.clients.into_iter().find(|client| client.client == "block me");
        blocked.map(|client| (client.refused, client.opened, client.user_agent))
    };
    let noted = async {
        while knocked().await != Some((1, 0, "Old/1".into())) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::PATIENCE, noted).await.expect("in the inventory");
}

#[tokio::test]
async fn each_refusal_is_told_by_a_close_code() {
    let proxy = Proxy::with(|c| {
        c.policy = policy(EACH);
        c.policy.refuse_with = RefuseWith::Close;
    })
    .await;
    let mut blocked = proxy.v2("g", "block").await;
    assert_eq!(blocked.closed().await, (4412, "the V2 protocol is retired here, use /v3/ws/".into()));
    let mut later = proxy.v2("g", "brownout").await;
    let (code, text) = later.closed().await;
    let seconds = text.strip_prefix("V2 is paused, retry after ").and_then(|t| t.strip_suffix(" s or move to /v3/ws/"));
    assert!(code == 4413 && seconds.is_some_and(|s| (100..=150).contains(&s.parse().expect("seconds"))), "{text}");
    assert_eq!(told(&proxy, NoticeChannel::Close), 2);
    assert_eq!(proxy.running.shared.hub.registry().len(), 0);
    assert_eq!(proxy.metrics().handshakes.with((Protocol::V2, Handshake::PolicyRejected)).get(), 2);
}

#[tokio::test]
async fn every_v2_answer_says_when_v2_ends_and_where_v3_is() {
    let proxy = Proxy::with(|c| {
        c.policy = policy(EACH);
        c.policy.deprecation = Some(Date::from_secs(DAY));
        c.policy.sunset = Some(Date::from_secs(DAY + 90 * 86_400));
        c.policy.docs = Some("https://docs.example.com/V3".into());
        c.policy.refuse_with = RefuseWith::Http;
        c.limits.id = 20;
    })
    .await;
    let docs = "<https://docs.example.com/v3>; rel=\"deprecation\"; type=\"text/html\"";
    let own = |id: &str| format!("</v3/ws/group/g/client/{id}>; rel=\"successor-version\"");
    let dates = |head: &str| {
        assert_eq!(header(head, "deprecation"), ["@1796083200"], "{head}");
        assert_eq!(header(head, "sunset"), ["mon, 01 mar 2027 00:00:00 gmt"], "{head}");
    };
    let refusals = [
        (request(&format!("{}?api_key=s3cret", v2("block")), &[]), 403, Some("block")),
        (request(&v2("brownout"), &[]), 503, Some("brownout")),
        (request(&v2("c"), &["-Upgrade"]), 426, Some("c")),
        (request(&v2("123456789012345678901"), &[]), 400, None),
    ];
    for (request, want, id) in refusals {
        let (got, head, _) = proxy.http(&request).await;
        assert_eq!(got, want);
        dates(&head);
        let links = header(&head, "link");
        assert_eq!(links, id.map(own).iter().map(String::as_str).chain([docs]).collect::<Vec<_>>(), "{head}");
        assert!(!head.contains("s3cret"), "{head}");
    }
    let client = proxy.v2("g", "%c3%a4%2fb").await;
    let headers = client.response.headers();
    assert_eq!(
        (&headers["deprecation"], &headers["sunset"]),
        (&"@1796083200".parse().expect("value"), &"Mon, 01 Mar 2027 00:00:00 GMT".parse().expect("value"))
    );
    let links: Vec<_> = headers.get_all("link").iter().map(|link| link.to_str().expect("text")).collect();
    assert_eq!(
        links,
        [own("%C3%A4%2Fb").as_str(), "<https://docs.example.com/V3>; rel=\"deprecation\"; type=\"text/html\""]
    );
    assert_eq!(told(&proxy, NoticeChannel::Header), 5);
    let modern = proxy.v3("g", "c").await;
    for name in ["deprecation", "sunset", "link"] {
        assert!(modern.response.headers().get(name).is_none(), "{name}");
    }
    assert_eq!(proxy.metrics().deprecation_at.only().get(), DAY);
    assert_eq!(proxy.metrics().sunset_at.only().get(), DAY + 90 * 86_400);
}

#[tokio::test]
async fn without_dates_there_is_only_the_way() {
    let proxy = Proxy::start().await;
    let client = proxy.v2("g", "c").await;
    let headers = client.response.headers();
    assert_eq!(headers["link"], "</v3/ws/group/g/client/c>; rel=\"successor-version\"");
    assert!(headers.get("deprecation").is_none() && headers.get("sunset").is_none());
    assert_eq!(told(&proxy, NoticeChannel::Header), 0);
}

#[tokio::test]
async fn a_warned_client_hears_the_notice_first_and_alone() {
    const NOTICE: &str = r#"{"type":"notice","msg":"please reload"}"#;
    let proxy = Proxy::with(|c| {
        c.policy = policy(EACH);
        c.mounts[1].notice = Some(NOTICE.into());
    })
    .await;
    let mut allowed = proxy.v2("g", "allow").await;
    let mut warned = proxy.v2("g", "warn").await;
    let mut elsewhere = proxy.connect("/ws_redis/group/g/client/warn2").await;
    let mut half_way = proxy.connect("/ws/group/g/client/warn3?recv=v3").await;
    allowed.text("hello").await;
    assert_eq!(warned.message().await, Message::text(NOTICE));
    assert!(half_way.next().await.contains(r#""msg":"hello""#));
    for client in [&mut allowed, &mut warned, &mut elsewhere] {
        assert_eq!(client.message().await, Message::text("hello"));
    }
    assert_eq!(told(&proxy, NoticeChannel::InBand), 1);
    assert_eq!(decided(&proxy, Says::Warn, PolicyDone::Notice), 3);
    proxy.eventually("balance", |p| p.ledger().0 == p.ledger().1).await;
    let to_v2 = |path| proxy.metrics().deliveries.with((path, Outcome::Delivered)).get();
    assert_eq!(to_v2(Path::V2V2), 3, "a notice is no delivery");
}

#[tokio::test]
async fn a_pause_and_a_dry_run_let_everybody_in() {
    let paused = Proxy::with(|c| c.policy = Policy { pause: true, ..policy(BLOCK) }).await;
    assert_eq!(status(&paused, &v2("c")).await, 101);
    assert_eq!(decided(&paused, Says::Allow, PolicyDone::Accept), 1);
    let dry = Proxy::with(|c| {
        c.policy = Policy { dry_run: true, ..policy(BLOCK) };
        c.mounts[1].notice = Some("notice".into());
    })
    .await;
    let mut client = dry.v2("g", "c").await;
    client.text("x").await;
    assert_eq!(client.message().await, Message::text("x"), "no notice");
    assert_eq!(decided(&dry, Says::Block, PolicyDone::WouldReject), 1);
    assert_eq!(dry.metrics().handshakes.with((Protocol::V2, Handshake::PolicyRejected)).get(), 0);
}

#[tokio::test]
async fn an_exemption_ends_and_a_window_begins_by_themselves() {
    let clock = Clock::fixed(Timestamp((DAY + 8 * 3600) * 1000));
    let proxy = Proxy::at(clock.clone(), |c| {
        c.policy = policy(
            "[[rules]]\nname = \"tuesdays\"\naction = \"brownout\"\nwindows = [\"Tue 09:00-09:30\"]\n\
             [[exemptions]]\nname = \"kiosks\"\nuntil = \"2026-12-01T09:10:00Z\"\nclients = [\"kiosk-*\"]\n",
        );
    })
    .await;
    for (minute, other, kiosk) in [(479, 101, 101), (540, 503, 101), (549, 503, 101), (550, 503, 503), (570, 101, 101)]
    {
        clock.set(Timestamp((DAY + minute * 60) * 1000));
        assert_eq!((status(&proxy, &v2("c")).await, status(&proxy, &v2("kiosk-1")).await), (other, kiosk), "{minute}");
    }
    // Two minutes before its end, and up to half as long on top.
    clock.set(Timestamp((DAY + 568 * 60) * 1000));
    let (_, head, _) = proxy.http(&request(&v2("c"), &[])).await;
    let seconds: u64 = header(&head, "retry-after")[0].parse().expect("seconds");
    assert!((120..=180).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_share_is_always_the_same_clients_and_grows_with_a_reload() {
    let share = |percent: u8| policy(&format!("{BLOCK}percent = {percent}\n"));
    let proxy = Proxy::with(|c| c.policy = share(30)).await;
    let refused = async || {
        let mut refused = Vec::new();
        for n in 0..60 {
            if status(&proxy, &v2(&format!("c{n}"))).await == 403 {
                refused.push(n);
            }
        }
        refused
    };
    let few = refused().await;
    assert!((5..35).contains(&few.len()), "{few:?}");
    assert_eq!(refused().await, few);
    proxy.reload(|c| c.policy = share(70)).await;
    let many = refused().await;
    assert!(many.len() > few.len() && few.iter().all(|n| many.contains(n)), "{few:?} {many:?}");
    proxy.reload(|c| c.policy = share(100)).await;
    assert_eq!(refused().await.len(), 60);
    proxy.reload(|c| c.policy = Policy { sunset: Some(Date::from_secs(DAY)), ..Policy::default() }).await;
    let client = proxy.v2("g", "c").await;
    assert!(client.response.headers().contains_key("sunset"));
}

#[tokio::test]
async fn a_claim_neither_opens_the_door_nor_shuts_it_on_others() {
    const SECRET: &str = "a shared secret of more than thirty-two bytes";
    let proxy = Proxy::with(|c| {
        c.auth.jwt.secret = Some(Secret::new(SECRET));
        c.auth.jwt.algorithms = vec!["HS256".into()];
        c.policy =
            policy(&format!("{BLOCK}[[exemptions]]\nname = \"vip\"\nuntil = \"2099-01-01\"\ntenants = [\"vip\"]\n"));
    })
    .await;
    let path = |account: &str, secret: &str| {
        let what = Mint { account: Some(account.into()), ttl: Some(Duration::from_secs(60)), ..Mint::default() };
        let token = mint(&what, SigningKey::Secret(&Secret::new(secret)), Clock::system().now()).expect("a token");
        format!("{}?jwt={}", v2("c"), token.expose())
    };
    let forger = "another secret of more than thirty-two bytes";
    // Exempted by its own word, it must prove it, and cannot.
    assert_eq!(status(&proxy, &path("vip", forger)).await, 401);
    assert_eq!(status(&proxy, &path("acme", forger)).await, 403);
    assert_eq!(status(&proxy, &path("acme", SECRET)).await, 403);
    assert_eq!(status(&proxy, &path("vip", SECRET)).await, 101);
    // A name that nobody proved does not come into the list of tenants.
    let (seen, _) = proxy.running.shared.migration.roster.take();
    let stored = proxy.running.shared.migration.store.tenants(0).await.expect("tenants");
    let tenants =
        seen.tenants.keys().map(ToString::to_string).chain(stored.into_iter().map(|(tenant, _)| tenant.tenant));
    assert!(tenants.collect::<Vec<_>>().iter().all(|name| name == "vip" || name == "_none"));
    // Its word about itself counts nothing beside what a token says.
    assert_eq!(status(&proxy, &format!("{}&x_account_id=vip", path("acme", SECRET))).await, 403);
    assert_eq!(status(&proxy, &format!("{}&x_account_id=acme", path("vip", SECRET))).await, 101);
    assert_eq!(status(&proxy, &format!("{}?x_account_id=vip", v2("c"))).await, 403);
}

#[tokio::test]
async fn a_tenant_that_begins_with_v2_too_late_is_refused() {
    let proxy = Proxy::with(|c| {
        c.policy = Policy { new_tenants: NewTenants::Block, new_since: Some(Date::from_secs(0)), ..policy("") };
    })
    .await;
    // Not before the store was asked who is known.
    let refused = async {
        while status(&proxy, &v2("c")).await != 403 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::PATIENCE, refused).await.expect("refused");
    assert_eq!(status(&proxy, "/v3/ws/group/g/client/c").await, 101);
}

#[tokio::test]
async fn a_refusal_needs_neither_the_hub_nor_the_keys() {
    // Somebody has both addresses, and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let at = silent.local_addr().expect("an address");
    let closed =
        { tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound").local_addr().expect("an address") };
    let configure = |c: &mut Config| {
        c.hub.url = aether_proxy::config::RedisUrl::new(format!("redis://{at}"));
        c.hub.attach_timeout = Duration::from_secs(3);
        c.auth.jwt.jwks_url = Some(WebUrl::new(format!("http://{closed}/jwks")));
        c.auth.jwt.algorithms = vec!["RS256".into()];
        c.policy = policy(&format!("{BLOCK}clients = [\"old*\"]\n"));
    };
    let proxy = Proxy::with(configure).await;
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJhY2NvdW50X2lkIjoiYWNtZSJ9.c2ln";
    let began = Instant::now();
    for n in 0..50 {
        assert_eq!(status(&proxy, &format!("{}?jwt={token}", v2(&format!("old{n}")))).await, 403);
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Whoever is not refused needs the keys, which are not there.
    assert_eq!(status(&proxy, &format!("{}?jwt={token}", v2("new"))).await, 503);
}
