//! Owns the look at everything when nobody is there any more: the ledger, descriptors, what is left behind.

use super::crowd::Crowd;
use super::operators::Scrape;
use super::stage::{self, Shared, name};
use super::verdict::Check;
use super::watch::{Process, Watch};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long the servers may take to come to rest: dead links, graces and leases have ended by then.
const REST: Duration = Duration::from_secs(45);
/// Descriptors a proxy may hold beside those it began with: pools grow by one or two when they are used.
const SPARE: u64 = 6;
/// Close codes the soak provokes.
const PROVOKED: [&str; 7] = ["1001", "1002", "1007", "1009", "1012", "1013", "4508"];
/// Counts what is left of presence.
const GHOSTS: &str = r#"EVAL "return #redis.call('keys', ARGV[1])" 0 *:presence:*"#;

/// Descriptors of both proxies and Redis.
pub type Files = [u64; 3];

/// Descriptors now.
pub fn files(watch: &Watch) -> Files {
    let Some(sample) = watch.samples.last() else { return Files::default() };
    let of = |process: Option<Process>| process.map_or(0, |process| process.files);
    [of(sample.proxies[0]), of(sample.proxies[1]), of(sample.redis)]
}

/// Is everything that clients left behind gone?
fn is_at_rest(scrape: &Scrape) -> bool {
    let (owed, settled) = scrape.ledger();
    let left = ["aether_connections", "aether_presence_members", "aether_hub_publish_queue_length"];
    owed == settled && left.iter().all(|gauge| scrape.sum(gauge, "") == 0.0)
}

async fn ghosts(stage: &Shared) -> Option<u64> {
    stage::ask_redis(stage, GHOSTS).await.ok()?.lines().next()?.strip_prefix(':')?.trim().parse().ok()
}

/// Waits for rest, and judges it.
pub async fn judge(crowd: &Crowd, stage: &Shared, watch: &mut Watch, empty: Files) -> Vec<Check> {
    let until = Instant::now() + REST;
    let left = loop {
        watch.look(crowd, stage).await;
        let left = ghosts(stage).await;
        let quiet = files(watch).iter().zip(empty).all(|(now, then)| *now <= then + SPARE);
        if Instant::now() > until || quiet && left == Some(0) && watch.scrapes.iter().all(is_at_rest) {
            break left;
        }
        sleep(Duration::from_secs(1)).await;
    };
    let mut checks = Vec::new();
    for (at, scrape) in watch.scrapes.iter().enumerate() {
        let (owed, settled) = scrape.ledger();
        let title = format!("{}: deliveries owed, settled", name(at));
        checks.push(Check::new(
            title,
            format!("{owed}, {settled}"),
            "equal, more than 0",
            owed == settled && owed > 0.0,
        ));
        for gauge in ["aether_connections", "aether_presence_members", "aether_hub_publish_queue_length"] {
            checks.push(Check::zero(format!("{}: {gauge}", name(at)), scrape.sum(gauge, "") as u64));
        }
        let now = files(watch)[at];
        let most = empty[at] + SPARE;
        checks.push(Check::new(
            format!("{}: descriptors, empty before and after", name(at)),
            format!("{}, {now}", empty[at]),
            format!("at most {most}"),
            now > 0 && now <= most,
        ));
        let never = [
            ("lost by the translator", "aether_messages_lost_total", "translate_error"),
            ("lost as too large", "aether_messages_lost_total", "too_large"),
            ("round trips that failed", "aether_roundtrip_checks_total", "mismatch"),
            ("translations that failed", "aether_translations_total", "failed"),
            ("messages nobody of us published", "aether_hub_foreign_messages_total", ""),
            ("reloads that failed", "aether_config_reloads_total", "error"),
        ];
        for (what, metric, label) in never {
            let found = scrape.sum(metric, label);
            if found != 0.0 {
                checks.push(Check::zero(format!("{}: {what}", name(at)), found as u64));
            }
        }
        let reasons = ["slow_consumer", "disconnect", "hub_unavailable"];
        let of = |reason: &&str| format!("{} {reason}", scrape.sum("aether_messages_lost_total", reason));
        let lost = reasons.iter().map(of).collect::<Vec<_>>().join(", ");
        checks.push(Check::new(format!("{}: lost, as it says", name(at)), lost, "any: these were told", true));
    }
    checks.push(Check::new(
        "Redis: descriptors, empty before and after",
        format!("{}, {}", empty[2], files(watch)[2]),
        format!("at most {}", empty[2] + 2 * SPARE),
        files(watch)[2] <= empty[2] + 2 * SPARE,
    ));
    let found = left.map_or("unknown".to_owned(), |left| left.to_string());
    checks.push(Check::new("groups in which somebody is left present", found, 0, left == Some(0)));
    checks
}

/// Judges what was counted on the way.
pub fn of_counts(crowd: &Crowd, log: &str) -> Vec<Check> {
    let counts = crowd.counts.borrow();
    let sum = |is: &dyn Fn(&str) -> bool| counts.iter().filter(|(what, _)| is(what)).map(|(_, n)| n).sum::<u64>();
    let odd = |what: &str| what.strip_prefix("closed with ").is_some_and(|code| !PROVOKED.contains(&code));
    let refused = crowd.counted("refused");
    vec![
        Check::zero("strangers let in", crowd.counted("strangers let in")),
        Check::new("strangers refused", refused, "more than 0", refused > 0),
        Check::zero("close codes nobody provoked", sum(&odd)),
        Check::zero("goodbyes without an answer", crowd.counted("a goodbye was not answered")),
        Check::zero("frames not understood", crowd.counted("frames not understood")),
        Check::zero("operators not answered", sum(&|what| what.starts_with("operators got "))),
        Check::zero("panics in the log", log.matches("panicked").count() as u64),
    ]
}
