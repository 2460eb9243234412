//! Shows what becomes of a message that is held for later: sent at its time, replaced, overtaken by nothing, or not
//! wanted any more; and that the ledger holds whichever it is.

use super::*;
use crate::clock::Timestamp;
use crate::config::SlowConsumer;
use crate::dialect::valtronics::{Rules, Valtronics};
use crate::dialect::{Adapter, Frame, Inbound, Now};
use crate::envelope::{ClientId, GroupId, Origin};
use crate::hub::metadata::Metadata;
use crate::hub::outbox::{Batch, Outbox};
use crate::hub::seat::SeatId;
use std::time::Duration;

/// A client that hears by subscription, and the fan-out before it.
struct Bench {
    fanout: Fanout,
    seat: Arc<Seat>,
    inbound: Box<dyn Inbound>,
    group: GroupId,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let group = GroupId::new("valtronics", 99).expect("an id");
        let client = ClientId::new("c1", 9).expect("an id");
        let origin = Origin { client, group: Some(group.clone()), account: None };
        let halves = Valtronics::new(Rules::default()).open(&origin);
        let seat = Arc::new(Seat {
            id: SeatId(1),
            origin,
            spoken: Spoken::Valtronics,
            hears: Hearing::Adapter(halves.outbound),
            global: false,
            apart: false,
            exclusive: None,
            said: true.into(),
            metadata: Metadata::default(),
            outbox: Outbox::new(10_000, SlowConsumer::Close),
        });
        let registry = Arc::new(Registry::default());
        registry.add(&seat);
        let metrics = Arc::new(Metrics::new(1).expect("metrics"));
        let fanout = Fanout::new(registry, metrics, Tenancy::Off, Wire::Extended);
        Self { fanout, seat, inbound: halves.inbound, group, now: Instant::now() }
    }

    fn says(&mut self, word: &str, more: &str) {
        let text = format!(r#"{{"type":"{word}","channel":"telemetry"{more}}}"#);
        self.inbound.on_frame(Frame::Text(&text), Now { instant: self.now.into_std(), at: Timestamp(0) });
    }

    fn comes(&self, n: u32) {
        let text = format!(
            r#"{{"msg_type":"msg","target":"group","payload":{{"type":"telemetry_update","device_id":1,"telemetry":{{"t":{n}}}}}}}"#
        );
        let scope = Scope { to: Address::Group(self.group.clone()), owner: Owner::All };
        self.fanout.deliver(&scope, &HubMessage::read(&text).expect("a message"), self.now);
    }

    /// Time passes; the values that are sent.
    fn after(&mut self, seconds: u64) -> Vec<u32> {
        self.now += Duration::from_secs(seconds);
        self.fanout.release(&self.seat, self.now);
        let mut batch = Batch::default();
        self.seat.outbox.take(&mut batch);
        let number = |delivery: Delivery| {
            let text = delivery.message.to_text().expect("text").trim_end_matches('}').to_owned();
            text.rsplit(':').next().and_then(|n| n.parse().ok()).expect("a number")
        };
        batch.deliveries.into_iter().map(number).collect()
    }

    /// Expected, and suppressed: as sampled, and by rule.
    fn ledger(&self) -> [u64; 4] {
        let metrics = &self.fanout.metrics;
        [
            metrics.deliveries_expected.with((Path::V3V2,)).get(),
            metrics.deliveries.with((Path::V3V2, Outcome::Suppressed)).get(),
            metrics.messages_suppressed.with((Suppressed::Sampled,)).get(),
            metrics.messages_suppressed.with((Suppressed::DialectRule,)).get(),
        ]
    }
}

#[test]
fn the_latest_of_a_period_is_sent_and_the_others_are_booked() {
    let mut bench = Bench::new();
    bench.says("subscribe", r#","frequency":"30s""#);
    (1..=3).for_each(|n| bench.comes(n));
    assert_eq!(bench.after(0), [1]);
    assert_eq!(bench.after(29), [] as [u32; 0]);
    assert_eq!(bench.after(1), [3]);
    assert_eq!(bench.ledger(), [3, 1, 1, 0]);
}

#[test]
fn what_waits_is_not_sent_to_who_does_not_want_it_any_more() {
    let mut bench = Bench::new();
    bench.says("subscribe", r#","frequency":"30s""#);
    (1..=2).for_each(|n| bench.comes(n));
    bench.says("unsubscribe", "");
    assert_eq!(bench.after(60), [1]);
    assert_eq!(bench.ledger(), [2, 1, 0, 1]);
}

#[test]
fn what_goes_at_once_leaves_nothing_older_behind() {
    let mut bench = Bench::new();
    bench.says("subscribe", r#","frequency":"30s""#);
    (1..=2).for_each(|n| bench.comes(n));
    bench.says("subscribe", "");
    (3..=4).for_each(|n| bench.comes(n));
    assert_eq!(bench.after(60), [1, 3, 4]);
    assert_eq!(bench.ledger(), [4, 1, 1, 0]);
}

#[test]
fn what_has_waited_on_purpose_is_not_late() {
    let mut bench = Bench::new();
    bench.says("subscribe", r#","frequency":"1h""#);
    (1..=2).for_each(|n| bench.comes(n));
    assert_eq!(bench.after(0), [1]);
    bench.now += Duration::from_secs(3600);
    bench.fanout.release(&bench.seat, bench.now);
    let mut batch = Batch::default();
    assert!(bench.seat.outbox.take(&mut batch));
    assert_eq!(batch.deliveries[0].arrived, bench.now);
}

#[test]
fn what_waits_is_owed_only_once_its_time_has_come() {
    let mut bench = Bench::new();
    bench.says("subscribe", r#","frequency":"30s""#);
    (1..=2).for_each(|n| bench.comes(n));
    assert_eq!(bench.after(0), [1]);
    assert_eq!(bench.ledger(), [1, 0, 0, 0]);
    assert_eq!(bench.seat.outbox.end(), [0; 4]);
    assert_eq!(bench.after(60), [] as [u32; 0]);
}
