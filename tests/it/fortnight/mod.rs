//! A migration in fast motion: two proxies on one real Redis, two hundred frontends of twenty tenants with real sockets,
//! three weeks in half a minute. What the person who runs the migration is told on each day must be what the plan did.
//!
//! `AETHER_FORTNIGHT_STAY=600 cargo test --test it fortnight` stays for ten minutes at the end of the fortnight, so that a
//! person can look at the page; `AETHER_FORTNIGHT_METRICS=file` writes every scrape as OpenMetrics, to be looked at in
//! Prometheus.

mod crowd;
mod plan;

use crate::harness::http;
use crate::harness::redis::RedisServer;

use aether_proxy::app::{self, Running};
use aether_proxy::clock::{Clock, Timestamp};
use aether_proxy::config::{self, Config, Date, PolicyAction, RedisUrl, Rule, Window};
use aether_proxy::label::Label;
use aether_proxy::migration::report::view::{ClientsView, EventsView, HistoryView, Report};
use aether_proxy::telemetry::labels::{Done, Gate, Outcome, Path};
use crowd::Frontend;

use plan::{BEGIN, BROWNOUT, HOURS, LAST_CALL, TENANTS, Who};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

const DAY: i64 = 24 * 3600;
const PATIENCE: Duration = Duration::from_secs(20);

/// The stage on which it plays.
struct World {
    nodes: Vec<Running>,
    clock: Clock,
    crowd: Vec<Frontend>,
    turn: i64,
    /// Every scrape, with its time, if somebody wants it.
    scrapes: Option<String>,
    _redis: RedisServer,
}

impl World {
    async fn new() -> Self {
        let redis = RedisServer::start().await;
        let clock = Clock::fixed(Timestamp(begin() * 1000));
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let running = app::start_with(settings(&redis.url()), clock.clone()).await.expect("a proxy");
            nodes.push(running);
        }
        for node in &nodes {
            until("the hub is up", || node.shared.hub.is_up()).await;
        }
        let crowd = Who::everyone().map(Frontend::new).collect();
        let scrapes = std::env::var_os("AETHER_FORTNIGHT_METRICS").map(|_| String::new());
        Self { nodes, clock, crowd, turn: 0, scrapes, _redis: redis }
    }

    /// One day, hour by hour. The proxies look at every hour; something happens only in some.
    async fn day(&mut self, day: i64) {
        for hour in 0..24 {
            self.clock.set(Timestamp((begin() + day * DAY + hour * 3600) * 1000));
            match HOURS.contains(&hour) {
                true => self.hour(day, hour).await,
                false => self.settled().await,
            }
            self.scrape();
        }
    }

    /// One hour: whoever has to reconnects, three of each tenant say something, everybody hears it.
    async fn hour(&mut self, day: i64, hour: i64) {
        // The policy is looked at every second, and the last hour's connections may be the ones it ends.
        if day == BROWNOUT && (hour == 10 || hour == 13) {
            tokio::time::sleep(Duration::from_millis(2500)).await;
        }
        self.turn += 1;
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.clients).collect();
        for (at, frontend) in self.crowd.iter_mut().enumerate() {
            frontend.read();
            let phase = frontend.who.phase(day);
            frontend.be(phase, addresses[at % addresses.len()]).await;
        }
        let turn = self.turn;
        for frontend in self.crowd.iter_mut().filter(|f| (f.who.n as i64 + turn) % 3 == 0 || f.who.is_forgotten()) {
            frontend.say(turn).await;
        }
        self.settled().await;
        for frontend in &mut self.crowd {
            frontend.read();
        }
        if day == BROWNOUT && hour == 10 {
            let out: BTreeSet<_> = self.crowd.iter().filter(|f| !f.is_connected()).map(|f| f.who.to_string()).collect();
            assert_eq!(forgotten(), out, "the brownout meets those who still speak V2, and nobody else");
        }
    }

    /// Every delivery is booked on both nodes, and both have carried over what they saw.
    async fn settled(&self) {
        let all = Path::ALL.iter().flat_map(|p| Outcome::ALL.iter().map(|o| (*p, *o)));
        let labels: Vec<_> = all.collect();
        let metrics = || self.nodes.iter().map(|node| &node.shared.metrics);
        until("all deliveries are booked", || {
            metrics().all(|metrics| {
                let expected: u64 = Path::ALL.iter().map(|p| metrics.deliveries_expected.with((*p,)).get()).sum();
                expected == labels.iter().map(|labels| metrics.deliveries.with(*labels).get()).sum::<u64>()
            })
        })
        .await;
        let flushes = || metrics().map(|metrics| metrics.migration_flushes.with((Done::Ok,)).get());
        // One may have begun before.
        let wanted: Vec<_> = flushes().map(|n| n + 2).collect();
        until("what was seen is carried over", || flushes().zip(&wanted).all(|(n, wanted)| n >= *wanted)).await;
    }

    fn scrape(&mut self) {
        let Some(scrapes) = &mut self.scrapes else { return };
        let at = self.clock.now().as_secs();
        for (n, node) in self.nodes.iter().enumerate() {
            let text = node.shared.metrics.render(self.clock.now()).expect("metrics");
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let comma = if labels == "}" { "" } else { "," };
                let own = format!("job=\"aether-proxy\",instance=\"node-{n}\"{comma}{labels}");
                writeln!(scrapes, "{name}{{{own} {value} {at}").expect("a text");
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = http::get(&format!("http://{}{path}", self.nodes[0].admin)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }

    async fn report(&self) -> Report {
        self.get("/api/v1/migration").await
    }

    /// Clients that were seen with V2 within so many seconds, as `tenant/client`.
    async fn who(&self, within: i64) -> BTreeSet<String> {
        let since = self.clock.now().as_secs() - within;
        let since = jiff::Timestamp::from_second(since).expect("a time");
        let (mut all, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page: ClientsView =
                self.get(&format!("/api/v1/migration/clients?show=left&limit=37&since={since}{cursor}")).await;
            all.extend(page.clients.into_iter().map(|client| format!("{}/{}", client.tenant, client.client)));
            match page.next {
                Some(next) => {
                    cursor = format!("&cursor={next}");
                }
                None => return all,
            }
        }
    }
}

/// The five that nobody thought of.
fn forgotten() -> BTreeSet<String> {
    Who::everyone().filter(|who| who.is_forgotten()).map(|who| who.to_string()).collect()
}

fn begin() -> i64 {
    Date::parse(BEGIN).expect("a date").secs()
}

fn date(day: i64, hour: i64) -> Date {
    Date::from_secs(begin() + day * DAY + hour * 3600)
}

/// As a team would set it: a warning from the second week on, one brownout, and a date.
fn settings(redis: &str) -> Config {
    let mut config = Config::default();
    config.listen.clients = ([127, 0, 0, 1], 0).into();
    config.listen.admin = ([127, 0, 0, 1], 0).into();
    config.listen.drain_delay = Duration::ZERO;
    config.listen.drain_window = Duration::ZERO;
    config.hub.url = RedisUrl::new(redis);
    config.telemetry.roundtrip_check = 1;
    config.migration.flush_interval = Duration::from_millis(10);
    config.migration.quiet = Duration::from_secs(3 * 24 * 3600);
    config.migration.lint_sample = 1;
    config.policy.refuse_delay = Duration::ZERO;
    config.policy.close_window = Duration::from_millis(200);
    config.policy.deprecation = Some(date(7, 0));
    config.policy.sunset = Some(date(28, 0));
    let rule = |name: &str, action| Rule {
        name: name.into(),
        action,
        who: config::Who::default(),
        from: None,
        until: None,
        windows: vec![],
        percent: 100,
        retry_after: None,
        dry_run: false,
    };
    let window = Window::Once { from: date(BROWNOUT, 10), until: date(BROWNOUT, 11) };
    let brownout = Rule { windows: vec![window], ..rule("Friday's hour", PolicyAction::Brownout) };
    let warning = Rule { from: Some(date(7, 0)), ..rule("the second week", PolicyAction::Warn) };
    config.policy.rules =
        vec![Rule { from: Some(date(BROWNOUT, 9)), until: Some(date(BROWNOUT, 12)), ..brownout }, warning];
    config
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let look = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, look).await.is_ok(), "never: {what}");
}

fn gate(report: &Report, gate: Gate) -> &str {
    report.gates.iter().find(|view| view.gate == gate.label()).map_or("absent", |view| view.state.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_on_each_day_is_what_happened() {
    let mut world = World::new().await;
    for day in 0..LAST_CALL {
        world.day(day).await;
        let report = world.report().await;
        let on_v2 = Who::everyone().filter(|who| who.phase(day) != plan::Phase::Moved).count() as u64;
        assert_eq!((report.progress.v2_open, report.progress.v3_open), (on_v2, 200 - on_v2), "day {day}");
        assert!(!report.verdict.safe_to_retire, "day {day}: {}", report.verdict.text);
        assert_eq!(report.loss.lost, 0, "day {day}");
        assert_eq!(report.nodes, 2);
        match day {
            4 => the_first_friday(&world, &report).await,
            8 => {
                let days = report.forecast.days.expect("a forecast, now that it falls clearly");
                assert!((1.0..30.0).contains(&days), "{}", report.forecast.text);
            }
            _ => {}
        }
    }
    the_end_of_the_fortnight(&world).await;
    if let (Some(scrapes), Some(file)) = (&world.scrapes, std::env::var_os("AETHER_FORTNIGHT_METRICS")) {
        std::fs::write(file, format!("{scrapes}# EOF\n")).expect("written");
    }
    if let Some(seconds) = std::env::var("AETHER_FORTNIGHT_STAY").ok().and_then(|s| s.parse().ok()) {
        println!("http://{}/migration", world.nodes[0].admin);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    for day in LAST_CALL..LAST_CALL + 8 {
        world.day(day).await;
    }
    let report = world.report().await;
    for gate in &report.gates {
        assert!(gate.state == "pass" || !gate.counts, "{gate:?}");
    }
    assert!(report.verdict.safe_to_retire, "{}", report.verdict.text);
    assert_eq!(report.left.tenants, 0);
    for node in &world.nodes {
        node.shutdown().await;
    }
}

/// On the first Friday it is known who is left, and how they are.
async fn the_first_friday(world: &World, report: &Report) {
    let left: BTreeSet<String> =
        Who::everyone().filter(|who| who.phase(4) != plan::Phase::Moved).map(|who| who.to_string()).collect();
    assert_eq!(world.who(3600).await, left, "exactly those who are connected with V2");
    assert!(report.forecast.text.starts_with("no forecast"), "one day's fall is no trend: {}", report.forecast.text);
    assert!(report.progress.v3_share_of_clients.is_some_and(|share| (0.1..0.9).contains(&share)));
    let page: ClientsView = world.get("/api/v1/migration/clients?tenant=borealis&limit=100").await;
    assert!(page.clients.iter().all(|client| client.tenant == "borealis"));
    let page: ClientsView = world.get("/api/v1/migration/clients?q=KIOSK&limit=1000").await;
    assert_eq!(page.clients.len(), TENANTS.len(), "one kiosk a tenant came with V2");
}

/// At its end five are left, by name; the tenant that was rolled back is told; the brownout stands in the journal.
async fn the_end_of_the_fortnight(world: &World) {
    assert_eq!(world.who(DAY).await, forgotten());
    let report = world.report().await;
    assert_eq!((report.left.clients, report.left.inventory), (5, 200), "five are left of two hundred");
    assert_eq!(gate(&report, Gate::NoLoss), "pass");
    assert_eq!(gate(&report, Gate::NoRoundtripMismatch), "pass");
    assert_eq!(gate(&report, Gate::NoV2Connections), "fail");
    assert!(report.loss.checks > 0 && report.loss.mismatches == 0);
    let events: EventsView = world.get("/api/v1/migration/events?limit=1000").await;
    let moved = |tenant: &str, to: &str| events.events.iter().any(|event| event.subject == tenant && event.to == to);
    assert!(moved("acme", "mixed") && moved("acme", "v3_only"), "{events:?}");
    assert!(moved("cobalt", "regressed"), "a tenant that was done and came back: {events:?}");
    let days: HistoryView = world.get(&format!("/api/v1/migration/history?span=day&from={BEGIN}")).await;
    assert_eq!(days.buckets.len(), 14);
    let v2: Vec<u64> = days.buckets.iter().map(|bucket| bucket.v2_clients).collect();
    assert!(v2.windows(2).all(|pair| pair[1] <= pair[0] + 1), "it only falls, but for the one rolled back: {v2:?}");
    assert_eq!((v2[0], v2[13]), (200, 5));
}
