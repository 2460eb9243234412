//! Owns the target of one connection as a whole: any order of frames, notices, answers and ticks, against the machine
//! that decides. Whatever comes, it does few things, says no more than what came allows, and never rests past its time.

use super::input::{BETWEEN, dice, pick, text};
use aether_proxy::clock::Timestamp;
use aether_proxy::close::CloseReason;
use aether_proxy::config::{Config, V2Trouble};
use aether_proxy::dialect::lens::Annotate;
use aether_proxy::dialect::{Dialect, Frame, OwnedFrame, Protocol, Shaped, Speech, View, aether_v2, aether_v3};
use aether_proxy::envelope::{ClientId, GroupId, Origin};
use aether_proxy::hub::{HubUnavailable, Member, Notice, PublishError};
use aether_proxy::session::{Client, Machine, Moment, Settings, Step};
use aether_proxy::telemetry::Metrics;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// Steps of one event, and bytes of an answer beside what came.
const MOST: (usize, usize) = (3, 16 * 1024);
/// How much later each event may be.
const LATER: [u64; 8] = [0, 0, 1, 250, 1_000, 10_000, 25_000, 61_000];

fn metrics() -> Arc<Metrics> {
    static METRICS: OnceLock<Arc<Metrics>> = OnceLock::new();
    METRICS.get_or_init(|| Arc::new(Metrics::new(1).expect("metrics"))).clone()
}

/// One connection, and what it was allowed.
struct Desk {
    machine: Machine,
    settings: Arc<Settings>,
    hears: Protocol,
    speaks: Protocol,
    answers: bool,
    now: Moment,
    began: Instant,
    admitted: u64,
    refused: u64,
}

/// Dice for who connects and under which limits; then events, each a byte for what and when, and a frame.
pub fn session(data: &[u8]) {
    let ([who, limits], rest) = dice(data);
    let mut desk = Desk::new(who, limits);
    for event in rest.split(|byte| *byte == BETWEEN).take(64) {
        let ([what], frame) = dice(event);
        desk.now.instant += Duration::from_millis(pick(what / 8, &LATER));
        if desk.event(what % 8, frame) {
            return;
        }
    }
    desk.silence();
}

impl Desk {
    fn new(who: u8, limits: u8) -> Self {
        let mut config = Config::default();
        config.telemetry.roundtrip_check = 1;
        config.limits.messages_per_second = u32::from(limits & 1) * 3;
        config.limits.errors_per_minute = u32::from(limits >> 1 & 3);
        config.limits.bytes_per_second = usize::from(limits >> 3 & 1) * 100;
        config.limits.message = 4096;
        config.limits.idle_timeout = Duration::from_secs(u64::from(limits >> 4 & 1) * 40);
        if limits & 32 > 0 {
            config.hub.v2_on_gap = V2Trouble::Close;
        }
        let answers = who & 2 > 0;
        let dialect = match who & 1 {
            0 => Dialect::AetherV3(aether_v3::Speaks { reject_unknown: answers }),
            _ => Dialect::AetherV2(aether_v2::Speaks { shaped: Shaped::Routing, keepalive: answers }),
        };
        let legacy = View::AetherV2(aether_v2::Hears { annotate: Annotate::Full, as_envelope: false, presence: false });
        let view = if who & 5 == 1 { legacy } else { View::AetherV3 };
        let origin = Origin {
            client: ClientId::new(pick(who / 16, &["c1", "a/\"b\"", "ä"]), 99).expect("an id"),
            group: (who & 8 == 0).then(|| GroupId::new("g1", 9).expect("an id")),
            account: None,
        };
        let hears = view.protocol();
        let client = Client { origin, speech: Speech::Plain(dialect), hears, may_broadcast: limits & 64 > 0 };
        let (settings, began) = (Arc::new(Settings::new(&config)), Instant::now());
        Self {
            machine: Machine::new(client, settings.clone(), metrics(), began),
            settings,
            hears: view.protocol(),
            speaks: dialect.protocol(),
            answers,
            now: Moment { instant: began, at: Timestamp(1_773_232_496_789) },
            began,
            admitted: 0,
            refused: 0,
        }
    }

    /// Did it end?
    fn event(&mut self, what: u8, bytes: &[u8]) -> bool {
        let now = self.now;
        let said = text(bytes);
        match what {
            0..=2 => {
                let steps = self.machine.on_frame(Frame::Text(&said), now);
                self.after(what, &steps, said.len(), bytes)
            }
            3 => {
                let steps = self.machine.on_frame(Frame::Binary(bytes), now);
                self.after(what, &steps, bytes.len(), bytes)
            }
            4 => {
                let steps = self.machine.on_control(bytes.len().min(125), now.instant);
                self.after(what, &steps, 0, bytes)
            }
            5 => self.tick(),
            6 => {
                let notice = match bytes.first().map(|byte| byte % 4) {
                    Some(0) => Notice::Unpublished(PublishError::Unavailable),
                    Some(1) => Notice::Unpublished(PublishError::TooLarge),
                    Some(2) => Notice::Unpublished(PublishError::Overloaded),
                    _ => Notice::Gap,
                };
                let steps = self.machine.on_notice(&notice, now);
                self.after(what, &steps, 0, bytes)
            }
            // Who is present is asked by V3 alone.
            _ if self.speaks == Protocol::V2 => false,
            _ => {
                let ids = said.split(',').filter_map(|id| ClientId::new(id, 256).ok());
                let member = |client| Member { account: None, client, protocol: Protocol::V2, metadata: None };
                let members = if bytes.is_empty() { Err(HubUnavailable) } else { Ok(ids.map(member).collect()) };
                let steps = self.machine.on_members(members, now);
                // Each member takes a few words beside its id.
                self.after(what, &steps, 64 * bytes.len(), bytes)
            }
        }
    }

    /// Did it end?
    fn after(&mut self, what: u8, steps: &[Step<'_>], came: usize, bytes: &[u8]) -> bool {
        self.look(what, steps, came, bytes);
        let ended = steps.iter().any(|step| matches!(step, Step::Close(_)));
        if what <= 4 && !steps.contains(&Step::Close(CloseReason::RateLimit)) {
            self.admitted += 1;
            self.paced();
        }
        if what <= 3 && !ended {
            self.forgiven(steps);
        }
        assert!(ended || self.machine.deadline() > self.now.instant || what > 3, "heard just now, and late");
        ended
    }

    /// What it does about one event.
    fn look(&self, what: u8, steps: &[Step<'_>], came: usize, bytes: &[u8]) {
        assert!(steps.len() <= MOST.0, "{steps:?}");
        let most = 6 * came + MOST.1;
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Close(_) => assert_eq!(at, steps.len() - 1, "{steps:?}: nothing after the end"),
                Step::Publish { envelope, receipt } => {
                    assert!(what <= 3 && envelope.text().len() <= most, "{steps:?}");
                    assert_eq!(receipt.is_some(), self.speaks == Protocol::V2);
                    valid(envelope.text());
                }
                Step::Send(frame) if self.hears == Protocol::V2 => {
                    let same = *frame == OwnedFrame::Binary(bytes.to_vec())
                        || *frame == OwnedFrame::Text(text(bytes).into_owned());
                    assert!(what <= 3 && (same || self.answers), "{frame:?}: V2 hears what it said, or nothing");
                }
                Step::Send(OwnedFrame::Text(text)) if !(self.speaks == Protocol::V2 && what <= 3) => {
                    assert!(text.len() <= most, "{} bytes for {came}", text.len());
                    valid(text);
                }
                Step::Send(OwnedFrame::Binary(_)) => assert!(self.speaks == Protocol::V2, "{step:?}"),
                Step::Send(_) => {}
                Step::QueryPresence => assert!(what <= 3 && self.speaks == Protocol::V3, "{steps:?}"),
                Step::QueryClient(_) => panic!("{steps:?}: Aether clients ask for all"),
                Step::Touch => assert!(what <= 4),
                Step::Describe(_) => panic!("{steps:?}: Aether clients say nothing of themselves"),
                Step::Filter { .. } => panic!("{steps:?}: Aether has no filters"),
                Step::Ping => panic!("{steps:?}: pings are for silence"),
            }
        }
    }

    /// Time has passed: before its deadline it rests, after it it acts.
    fn tick(&mut self) -> bool {
        let (due, now) = (self.machine.deadline(), self.now.instant);
        let steps = self.machine.on_tick(self.now);
        assert_eq!(steps.is_empty(), now < due, "{steps:?}, due in {:?}", due.saturating_duration_since(now));
        match &steps[..] {
            [Step::Close(CloseReason::PeerDead | CloseReason::Idle)] => return true,
            [] | [Step::Ping] => {}
            other => panic!("{other:?}"),
        }
        assert!(self.machine.deadline() > now, "it would spin");
        false
    }

    /// Nobody says anything any more: it ends, soon and by itself.
    fn silence(&mut self) {
        for _ in 0..4 {
            self.now.instant = self.now.instant.max(self.machine.deadline());
            if self.tick() {
                return;
            }
        }
        panic!("a silent client is never let go");
    }

    /// What was let in is a burst of two seconds and the rate since.
    fn paced(&self) {
        let rate = u64::from(self.settings.messages_per_second);
        let passed = self.now.instant.duration_since(self.began).as_millis() as u64;
        assert!(rate == 0 || self.admitted <= 2 * rate + rate * passed / 1000 + 1, "{} admitted", self.admitted);
    }

    /// What was wrong and forgiven is so many a minute.
    fn forgiven(&mut self, steps: &[Step<'_>]) {
        let is_answer = |text: &str| text.contains("\"cmd\":\"ERROR\"") && text.contains("\"from_id\":\"server\"");
        if steps.iter().any(|step| matches!(step, Step::Send(OwnedFrame::Text(text)) if is_answer(text))) {
            self.refused += 1;
        }
        let minutes = self.now.instant.duration_since(self.began).as_secs() / 60 + 1;
        let most = u64::from(self.settings.errors_per_minute) * minutes;
        assert!(self.speaks == Protocol::V2 || self.refused <= most, "{} forgiven", self.refused);
    }
}

/// An envelope that any reader of V3 takes, stamped by the server.
fn valid(text: &str) {
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok(), "{text}");
    aether_v3::draft(text, false, &mut Default::default()).unwrap_or_else(|why| panic!("{text}: {why:?}"));
    assert!(text.starts_with("{\"version\":\"3\",\"msg_type\":\""), "{text}");
    assert!(text.ends_with("\"sent_at\":\"2026-03-11T12:34:56.789Z\"}"), "{text}");
}
