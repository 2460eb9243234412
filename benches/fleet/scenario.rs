//! Owns the scenarios: who connects where, who says what to whom and when, and which figures come of it.

use super::book::Ears;
use super::common::histogram::Histogram;
use super::common::mark::{MARK, Mark};
use super::common::proc::{self, Clocks, Spent};
use super::crew::Crew;
use super::options::{HubKind, Options, ROOM, Run, What};
use super::report::Sample;
use super::servers::Servers;
use std::time::Duration;
use tokio::time::sleep;

/// A ping interval of the proxy by default, in seconds.
const PINGS_EVERY: f64 = 25.0;
/// A server counts as at rest when it used less than this of so long a time.
const REST: (Duration, u64) = (Duration::from_millis(250), 20_000_000);
/// Nor is it waited for longer than this many of those times.
const MOST_RESTS: usize = 240;

/// How fast messages are sent.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Messages a second, whatever comes back.
    Rate(f64),
    /// So many messages under way at any time.
    Window(u64),
}

/// Who connects and who talks.
struct Plan {
    paths: Vec<String>,
    ears: Vec<Ears>,
    /// They talk in turn.
    publishers: Vec<usize>,
    /// Deliveries of one message.
    fan: u64,
}

impl Plan {
    fn new(run: &Run) -> Self {
        let (n, size) = (run.connections, group_size(run));
        let path = |number: usize| {
            let mount = if run.speaks.is_v2(number) { "/ws" } else { "/v3/ws" };
            format!("{mount}/group/room-{}/client/client-{number}", number / size)
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let room = |at: usize| number(at / size * size)..number((at / size + 1) * size);
        let (ears, publishers): (Vec<Ears>, Vec<usize>) = match run.what {
            // One of each protocol in turn, where there are two.
            What::Fanout => {
                let publishers = if run.speaks.is_v2(0) == run.speaks.is_v2(1) { 1 } else { 2 };
                ((0..n).map(|_| Ears::hearing(0..publishers)).collect(), (0..publishers as usize).collect())
            }
            // Group by group, and then the next member of each.
            What::Rooms => {
                let order = (0..size).flat_map(|member| (0..n / size).map(move |group| group * size + member));
                ((0..n).map(|at| Ears::hearing(room(at))).collect(), order.collect())
            }
            What::Direct => {
                let hears =
                    |at: usize| if at % 2 == 1 { Ears::hearing(number(at - 1)..number(at)) } else { Ears::default() };
                ((0..n).map(hears).collect(), (0..n).step_by(2).collect())
            }
            What::Idle | What::Handshakes | What::All => (vec![Ears::default(); n], Vec::new()),
        };
        let fan = if run.what == What::Direct { 1 } else { size as u64 };
        Self { paths: (0..n).map(path).collect(), ears, publishers, fan }
    }
}

/// Members of a group. The two of a pair are in different ones, so that only `to_id` joins them.
fn group_size(run: &Run) -> usize {
    match run.what {
        What::Fanout => run.connections,
        What::Direct => 1,
        _ => ROOM,
    }
}

/// What a client sends, filled up to the wanted size. A private message is an envelope on V2 paths too: that is
/// what half-migrated clients send, and the legacy protocol has none of its own.
fn frame(run: &Run, publisher: usize, mark: &Mark, size: usize) -> String {
    let head = match run.what {
        What::Direct => {
            format!(r#"{{"msg_type":"msg","target":"direct","to_id":"client-{}","msg":""#, publisher + 1)
        }
        _ if run.speaks.is_v2(publisher) => r#"{"msg":""#.to_owned(),
        _ => r#"{"msg_type":"msg","target":"group","msg":""#.to_owned(),
    };
    let fill = size.saturating_sub(head.len() + MARK + 2);
    format!("{head}{}{}\"}}", mark.write(), "x".repeat(fill))
}

/// Measures one thing on a fresh server.
///
/// # Errors
/// What could not be started or connected.
pub async fn measure(run: &Run, options: &Options, pinned: bool) -> Result<Vec<Sample>, String> {
    let mut settings = Vec::new();
    if run.what == What::Idle {
        // Every connection is pinged once while it is watched.
        settings.push(("AETHER_LIMITS__PING_INTERVAL", format!("{}s", options.idle_time().as_secs())));
    }
    let servers = Servers::start(&options.proxy, run.hub, pinned, &settings)?;
    let bench = Bench { run, options, servers, plan: Plan::new(run) };
    bench.rest().await;
    let empty = proc::resident(bench.servers.proxy());
    let before = bench.clocks();
    let crew = Crew::open(bench.servers.clients, &bench.plan.paths, bench.plan.ears.clone()).await?;
    let connected = before.until(&bench.clocks());
    bench.rest().await;
    let settled = before.until(&bench.clocks());
    let samples = match run.what {
        What::Handshakes => vec![bench.handshakes(&connected, &settled, &crew)],
        What::Idle => vec![bench.idle(empty, &crew).await],
        _ => bench.messages(&crew).await,
    };
    crew.over();
    // The server first: who ends a connection keeps its port for a minute, and the next run needs ours.
    drop(bench.servers);
    crew.close().await;
    Ok(samples)
}

struct Bench<'o> {
    run: &'o Run,
    options: &'o Options,
    servers: Servers,
    plan: Plan,
}

impl Bench<'_> {
    fn clocks(&self) -> Clocks {
        Clocks::read(self.servers.proxy(), self.servers.redis())
    }

    /// Waits until the servers have done what they had to do.
    async fn rest(&self) {
        let (time, most) = REST;
        for _ in 0..MOST_RESTS {
            let before = self.clocks();
            sleep(time).await;
            let spent = before.until(&self.clocks());
            if spent.proxy + spent.redis < most {
                return;
            }
        }
    }

    fn sample(&self, pace: String, spent: &Spent, faults: u64) -> Sample {
        let mut sample = Sample::new(*self.run, pace, faults);
        sample.add("load %", spent.own);
        sample.add("others %", spent.others);
        sample
    }

    fn handshakes(&self, connected: &Spent, settled: &Spent, crew: &Crew) -> Sample {
        let n = self.run.connections as f64;
        let mut sample = self.sample(String::new(), connected, crew.ended());
        sample.add("connections/s", n / connected.secs);
        sample.add("proxy µs/handshake", settled.proxy as f64 / n / 1e3);
        self.add_redis(&mut sample, "redis µs/handshake", settled.redis as f64 / n / 1e3);
        sample
    }

    async fn idle(&self, empty: u64, crew: &Crew) -> Sample {
        let before = self.clocks();
        sleep(self.options.idle_time()).await;
        let spent = before.until(&self.clocks());
        let held = proc::resident(self.servers.proxy());
        let mut sample = self.sample(String::new(), &spent, crew.ended());
        sample.add("KiB/connection", (held - empty.min(held)) as f64 / self.run.connections as f64 / 1024.0);
        sample.add("MiB empty", empty as f64 / 1024.0 / 1024.0);
        // One ping and pong each, as they would come in the default interval.
        sample.add("CPU %", spent.proxy as f64 / 1e7 / PINGS_EVERY);
        sample
    }

    async fn messages(&self, crew: &Crew) -> Vec<Sample> {
        let (rate, window) = (self.run.what.rate(), self.run.what.window());
        let paces = [(format!("{rate:.0}/s"), Pace::Rate(rate)), ("max".to_owned(), Pace::Window(window))];
        let mut samples = Vec::new();
        for (name, pace) in paces {
            // Faults of the warm-up count; its time does not.
            let faults = Faults::of(crew);
            self.drive(crew, pace, self.options.time() / 4).await;
            let (delivered, before) = (crew.book().delivered, self.clocks());
            crew.book().latency = Histogram::new();
            self.drive(crew, pace, self.options.time()).await;
            let spent = before.until(&self.clocks());
            // What comes twice comes late.
            sleep(Duration::from_millis(100)).await;
            let delivered = crew.book().delivered - delivered;
            let faults = Faults::of(crew).since(&faults);
            let mut sample = self.sample(name, &spent, faults.total());
            let each = |ns: u64| ns as f64 / delivered.max(1) as f64 / 1e3;
            sample.add("deliveries", delivered as f64);
            sample.add("deliveries/s", delivered as f64 / spent.secs);
            sample.add("proxy µs/delivery", each(spent.proxy));
            self.add_redis(&mut sample, "redis µs/delivery", each(spent.redis));
            if let Pace::Rate(_) = pace {
                for (name, share) in [("p50 ms", 0.5), ("p99 ms", 0.99)] {
                    sample.add_some(name, crew.book().latency.quantile_ms(share));
                }
            }
            for (name, n) in faults.0 {
                sample.add(name, n as f64);
            }
            samples.push(sample);
        }
        samples
    }

    fn add_redis(&self, sample: &mut Sample, name: &'static str, value: f64) {
        if self.run.hub == HubKind::Redis {
            sample.add(name, value);
        }
    }

    /// Sends for a time, and waits for what is under way.
    async fn drive(&self, crew: &Crew, pace: Pace, time: Duration) {
        let (start, time) = (crew.now(), time.as_nanos() as u64);
        let fan = self.plan.fan;
        // Messages that are lost stay under way for ever and would stop a closed loop: it begins anew.
        let already = crew.book().delivered;
        let mut sent = 0;
        loop {
            let intended = match pace {
                Pace::Rate(rate) => start + (sent as f64 * 1e9 / rate) as u64,
                Pace::Window(_) => crew.now(),
            };
            if intended - start >= time {
                break;
            }
            match pace {
                Pace::Rate(_) => crew.wait_until(intended).await,
                Pace::Window(window) if sent >= window => {
                    if !crew.reach(already + (sent + 1 - window) * fan).await {
                        break;
                    }
                }
                Pace::Window(_) => {}
            }
            let intended = if let Pace::Window(_) = pace { crew.now() } else { intended };
            let publisher = self.plan.publishers[sent as usize % self.plan.publishers.len()];
            let number = crew.book().send(publisher);
            let mark = Mark { publisher: u32::try_from(publisher).unwrap_or(u32::MAX), number, intended };
            let text = frame(self.run, publisher, &mark, self.options.size);
            if crew.send(publisher, &text).await.is_err() {
                break;
            }
            sent += 1;
        }
        crew.reach(already + sent * fan).await;
    }
}

/// What must not happen, by name.
struct Faults([(&'static str, u64); 5]);

impl Faults {
    fn of(crew: &Crew) -> Self {
        let ended = crew.ended();
        let book = crew.book();
        Self([
            ("lost", book.lost()),
            ("twice", book.duplicates),
            ("reordered", book.reordered),
            ("misrouted", book.misrouted),
            ("ended", ended),
        ])
    }

    fn since(mut self, before: &Self) -> Self {
        for ((_, now), (_, then)) in self.0.iter_mut().zip(before.0) {
            *now = now.saturating_sub(then);
        }
        self
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }
}
