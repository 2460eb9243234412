//! Tests of the machine: no runtime, no sockets, no sleeping.

use super::*;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::dialect::{Dialect, Kind, Shaped, Spoken, aether_v2, aether_v3};
use crate::envelope::{ClientId, GroupId};
use crate::telemetry::labels::{ByDialect, Check, Direction, Tampered, Translation};

const V3: Dialect = Dialect::AetherV3(aether_v3::Speaks { reject_unknown: false });
const V2: Dialect = Dialect::AetherV2(aether_v2::Speaks { shaped: Shaped::Routing, keepalive: false });

struct Desk {
    machine: Machine,
    metrics: Arc<Metrics>,
    now: Moment,
}

impl Desk {
    fn new(dialect: Dialect, change: impl FnOnce(&mut Config, &mut Client)) -> Self {
        let metrics = Arc::new(Metrics::new(1).expect("metrics"));
        let now = Moment { instant: Instant::now(), at: Timestamp(1_773_232_496_789) };
        let mut config = Config::default();
        config.telemetry.roundtrip_check = 1;
        let mut client = Client {
            origin: Origin {
                client: ClientId::new("c1", 9).expect("id"),
                group: GroupId::new("g1", 9).ok(),
                account: None,
            },
            speech: Speech::Plain(dialect),
            hears: dialect.protocol(),
            may_broadcast: true,
        };
        change(&mut config, &mut client);
        let machine = Machine::new(client, Arc::new(Settings::new(&config)), metrics.clone(), now.instant);
        Self { machine, metrics, now }
    }

    fn text<'a>(&mut self, text: &'a str) -> Steps<'a> {
        self.machine.on_frame(Frame::Text(text), self.now)
    }

    fn tick(&mut self, instant: Instant) -> Steps<'static> {
        self.machine.on_tick(Moment { instant, ..self.now })
    }

    /// The only step, which must be a text to the client.
    fn told(&mut self, text: &str) -> String {
        only_text(&self.text(text))
    }
}

fn only_text(steps: &[Step<'_>]) -> String {
    match steps {
        [Step::Send(OwnedFrame::Text(text))] => text.clone(),
        other => panic!("not one text: {other:?}"),
    }
}

const SENT_AT: &str = "2026-03-11T12:34:56.789Z";

#[test]
fn a_group_message_is_stamped_and_published() {
    let mut desk = Desk::new(V3, |_, _| {});
    let text = r#"{"msg_type":"msg","target":"group","from_id":"root","msg":"hi"}"#;
    let steps = desk.text(text);
    let [Step::Publish { envelope, receipt: None }] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(
        envelope.text(),
        format!(
            r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"c1","group_id":"g1","msg":"hi","sent_at":"{SENT_AT}"}}"#
        )
    );
    assert_eq!(desk.metrics.tampered_members.with((Tampered::Overridden,)).get(), 1);
    assert_eq!(desk.metrics.messages_received.with(ByDialect(Spoken::AetherV3)).get(), 1);
}

#[test]
fn an_echo_goes_back_stamped_on_v3_and_as_it_came_on_v2() {
    let text = r#"{"msg_type":"msg", "target":"echo","msg":"hi"}"#;
    let want = format!(
        r#"{{"version":"3","msg_type":"msg","target":"echo","from_id":"c1","group_id":"g1","msg":"hi","sent_at":"{SENT_AT}"}}"#
    );
    assert_eq!(Desk::new(V3, |_, _| {}).told(text), want);
    assert_eq!(Desk::new(V2, |_, _| {}).told(text), text);
    // Who hears V3 already gets the envelope.
    assert_eq!(Desk::new(V2, |_, client| client.hears = Protocol::V3).told(text), want);
}

#[test]
fn a_heartbeat_refreshes_presence_and_reaches_nobody_else() {
    for target in ["echo", "group", "broadcast"] {
        let mut desk = Desk::new(V3, |_, client| client.may_broadcast = false);
        let steps = desk.text(r#"{"msg_type":"heartbeat","target":"TARGET"}"#.replace("TARGET", target).leak());
        let [Step::Touch, Step::Send(OwnedFrame::Text(text))] = &steps[..] else { panic!("{steps:?}") };
        assert!(text.contains(&format!(r#""msg_type":"heartbeat","target":"{target}","from_id":"c1""#)), "{text}");
    }
}

#[test]
fn other_frames_refresh_presence_once_a_minute() {
    let mut desk = Desk::new(V2, |_, _| {});
    let touches = |steps: &[Step<'_>]| steps.contains(&Step::Touch);
    assert!(!touches(&desk.text("a")));
    desk.now.instant += TOUCH_EVERY;
    assert!(touches(&desk.text("b")));
    assert!(!touches(&desk.text("c")));
    desk.now.instant += TOUCH_EVERY;
    assert!(touches(&desk.machine.on_control(0, desk.now.instant)));
}

#[test]
fn presence_is_answered_by_the_server_to_who_asked() {
    let mut desk = Desk::new(V3, |_, _| {});
    assert_eq!(desk.text(r#"{"msg_type":"presence","target":"echo"}"#)[..], [Step::QueryPresence]);
    let client = ClientId::new("c\"2", 9).expect("id");
    let metadata = Some(r#"{"never":"shown"}"#.to_owned());
    let members = vec![Member { account: None, client, protocol: Protocol::V2, metadata }];
    assert_eq!(
        only_text(&desk.machine.on_members(Ok(members), desk.now)),
        format!(
            r#"{{"version":"3","msg_type":"presence","target":"echo","from_id":"server","to_id":"c1","group_id":"g1","payload":{{"members":[{{"client_id":"c\"2","protocol":"v2"}}],"count":1}},"sent_at":"{SENT_AT}"}}"#
        )
    );
    let away = only_text(&desk.machine.on_members(Err(HubUnavailable), desk.now));
    assert!(away.contains(r#""cmd":"ERROR""#) && away.contains(r#""code":"hub_unavailable""#), "{away}");
}

#[test]
fn invalid_messages_are_answered_until_there_are_too_many() {
    let mut desk = Desk::new(V3, |config, _| config.limits.errors_per_minute = 2);
    let answer = desk.told("{}");
    assert!(answer.starts_with(r#"{"version":"3","msg_type":"cmd","target":"direct","from_id":"server","to_id":"c1""#));
    assert!(answer.contains(r#""code":"invalid_message""#) && answer.contains(SENT_AT), "{answer}");
    let binary = desk.machine.on_frame(Frame::Binary(b"{}"), desk.now);
    assert!(only_text(&binary).contains("binary_frame"));
    let steps = desk.text("[]");
    assert!(matches!(&steps[..], [Step::Send(_), Step::Close(CloseReason::TooManyErrors)]), "{steps:?}");
    assert_eq!(desk.metrics.invalid_messages.with(ByDialect(Spoken::AetherV3)).get(), 3);
}

#[test]
fn who_may_not_broadcast_is_told_on_v3_and_heard_by_the_group_on_v2() {
    let text = r#"{"msg_type":"msg","target":"broadcast","msg":"hi"}"#;
    let denied = |_: &mut Config, client: &mut Client| client.may_broadcast = false;
    assert!(Desk::new(V3, denied).told(text).contains(r#""payload":{"code":"forbidden"}"#));
    for (dialect, may, route) in [
        (V2, false, Route::Group(GroupId::new("g1", 9).expect("id"))),
        (V2, true, Route::Broadcast),
        (V3, true, Route::Broadcast),
    ] {
        let mut desk = Desk::new(dialect, |_, client| client.may_broadcast = may);
        let steps = desk.text(text);
        let [Step::Publish { envelope, .. }] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!(envelope.route(), &route);
        // The V2 frame still comes back exactly, also from the group.
        let mismatches = desk.metrics.roundtrip_checks.with((Direction::V2ToV3, Check::Mismatch)).get();
        assert_eq!(mismatches, 0);
    }
}

#[test]
fn an_addressee_nobody_can_have_is_refused() {
    let mut desk = Desk::new(V3, |config, _| config.limits.id = 3);
    let answer = desk.told(r#"{"msg_type":"msg","target":"direct","to_id":"abcd"}"#);
    assert!(answer.contains(r#""loc":["to_id"]"#), "{answer}");
}

#[test]
fn v2_frames_are_counted_by_kind_and_checked() {
    let mut desk = Desk::new(V2, |_, _| {});
    for text in [r#"{"a":1}"#, r#"{ "a":1}"#, "[1]", "ping", ""] {
        let steps = desk.text(text);
        assert!(matches!(&steps[..], [Step::Publish { receipt: Some(_), .. }]), "{steps:?}");
    }
    desk.machine.on_frame(Frame::Binary(&[0, 255]), desk.now);
    let kinds =
        [Kind::Json, Kind::Text, Kind::Value, Kind::Binary].map(|kind| desk.metrics.v2_frames.with((kind,)).get());
    assert_eq!(kinds, [2, 2, 1, 1]);
    let outcome = |outcome| desk.metrics.translations.with((Direction::V2ToV3, Spoken::AetherV2, outcome)).get();
    assert_eq!((outcome(Translation::Exact), outcome(Translation::Receipt)), (5, 1));
    let check = |check| desk.metrics.roundtrip_checks.with((Direction::V2ToV3, check)).get();
    assert_eq!((check(Check::Match), check(Check::Mismatch)), (6, 0));
}

#[test]
fn a_failed_publish_is_told_as_each_generation_understands() {
    let unpublished = |why| Notice::Unpublished(why);
    let mut v3 = Desk::new(V3, |_, _| {});
    for why in [PublishError::Unavailable, PublishError::Overloaded, PublishError::TooLarge] {
        let text = only_text(&v3.machine.on_notice(&unpublished(why), v3.now));
        assert!(text.contains(&format!(r#""payload":{{"code":"{}"}}"#, why.label())), "{text}");
    }
    let mut v2 = Desk::new(V2, |_, _| {});
    let steps = v2.machine.on_notice(&unpublished(PublishError::Unavailable), v2.now);
    assert_eq!(steps[..], [Step::Close(CloseReason::TryLater)]);
    let mut quiet = Desk::new(V2, |config, _| config.hub.v2_on_unavailable = V2Trouble::Count);
    assert!(quiet.machine.on_notice(&unpublished(PublishError::Unavailable), quiet.now).is_empty());
}

#[test]
fn a_gap_is_told_as_each_generation_understands() {
    let mut v3 = Desk::new(V3, |_, _| {});
    assert!(only_text(&v3.machine.on_notice(&Notice::Gap, v3.now)).contains(r#""cmd":"RESYNC""#));
    let mut quiet = Desk::new(V2, |_, _| {});
    assert!(quiet.machine.on_notice(&Notice::Gap, quiet.now).is_empty());
    let mut loud = Desk::new(V2, |config, _| config.hub.v2_on_gap = V2Trouble::Close);
    assert_eq!(loud.machine.on_notice(&Notice::Gap, loud.now)[..], [Step::Close(CloseReason::Restart)]);
}

#[test]
fn too_fast_is_closed_also_by_pings() {
    let mut desk = Desk::new(V2, |config, _| config.limits.messages_per_second = 1);
    assert!(matches!(desk.text("a")[..], [Step::Publish { .. }]));
    assert!(desk.machine.on_control(0, desk.now.instant).is_empty());
    assert_eq!(desk.text("b")[..], [Step::Close(CloseReason::RateLimit)]);
    assert_eq!(desk.machine.on_control(0, desk.now.instant)[..], [Step::Close(CloseReason::RateLimit)]);
}

#[test]
fn silence_is_pinged_and_then_ended() {
    let mut desk = Desk::new(V3, |_, _| {});
    let mut steps = Vec::new();
    while steps.last() != Some(&Step::Close(CloseReason::PeerDead)) {
        let due = desk.machine.deadline();
        steps.extend(desk.tick(due));
        assert!(steps.len() < 9, "{steps:?}");
    }
    assert_eq!(steps, [Step::Ping, Step::Ping, Step::Close(CloseReason::PeerDead)]);
}

#[test]
fn above_a_shared_rate_a_frame_is_taken_and_nothing_more_is_read_for_a_while() {
    use crate::session::Rates;
    use crate::telemetry::labels::Limit;
    let mut desk = Desk::new(V2, |config, _| config.limits.messages_per_second = 10);
    let limits = crate::config::Limits {
        message: 60,
        bytes_per_second_per_tenant: 1,
        messages_per_second_per_ip: 5,
        ..Default::default()
    };
    let both = [Rates::per_ip(&limits), Rates::per_tenant(&limits)];
    let commons: Vec<_> =
        both.map(|rates| Arc::new(Common::new(rates.expect("rates"), desk.now.instant))).into_iter().collect();
    desk.machine = desk.machine.sharing(commons.clone().into());
    let hits = |desk: &Desk, limit| desk.metrics.limit_hits.with((limit,)).get();
    let long = "x".repeat(60);
    assert!(matches!(desk.text(&long)[..], [Step::Publish { .. }]));
    assert_eq!((desk.machine.deaf(), hits(&desk, Limit::BytesPerTenant)), (None, 0));
    // What it shares is used up: by itself, or by another.
    assert!(matches!(desk.text(&long)[..], [Step::Publish { .. }]));
    let until = desk.now.instant + Duration::from_secs(60);
    assert_eq!(desk.machine.deaf(), Some(until));
    assert_eq!(hits(&desk, Limit::BytesPerTenant), 1);
    // Meanwhile it is pinged, and no silence is held against it.
    let mut pings = 0;
    while desk.machine.deadline() < until {
        let now = desk.machine.deadline();
        assert_eq!(desk.tick(now)[..], [Step::Ping]);
        pings += 1;
    }
    assert_eq!((pings, desk.machine.deadline()), (2, until));
    assert!(desk.tick(until).is_empty());
    assert_eq!(desk.machine.deaf(), None);
    // Then it has all the time it needs to be heard again.
    let due = desk.machine.deadline();
    assert_eq!(desk.tick(due)[..], [Step::Ping]);
    // Pongs are no messages, and cost what they weigh. A wait is the longer of two.
    desk.now.instant = until;
    assert_eq!(desk.machine.on_control(0, until)[..], [Step::Touch]);
    assert!((0..5).all(|_| desk.machine.on_control(0, until).is_empty()));
    assert_eq!(desk.machine.deaf(), None);
    for _ in 0..10 {
        commons[0].take(1, 0, until);
    }
    assert!(matches!(desk.text("four")[..], [Step::Publish { .. }]));
    assert_eq!(desk.machine.deaf(), Some(until + Duration::from_secs(4)));
    // Its own rate comes first, and costs the others nothing.
    while desk.machine.on_control(0, until).is_empty() {}
    assert_eq!(desk.machine.on_control(9, until)[..], [Step::Close(CloseReason::RateLimit)]);
    assert_eq!(commons[1].take(0, 1, until), Some((Limit::BytesPerTenant, until + Duration::from_secs(5))));
    assert_eq!(hits(&desk, Limit::Messages), 2);
}
