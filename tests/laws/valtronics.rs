//! Holds what a Valtronics client hears against a reference that is as simple as can be: a list of subscriptions, and
//! all of it looked through for every frame. What is sampled is held against the definition: the first value, then
//! the last of each period, in order.

use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::valtronics::{Channel, Rules, Valtronics};
use aether_proxy::dialect::{Adapter, Frame, Halves, HubMessage, Intent, Now, OwnedFrame, Reading};
use aether_proxy::envelope::{ClientId, GroupId, Origin};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Channel, type of its frames, and where its metrics stand.
const CHANNELS: [(Channel, &str, &str); 4] = [
    (Channel::Telemetry, "telemetry_update", "telemetry"),
    (Channel::Alerts, "alert", "metadata"),
    (Channel::Devices, "device_status_update", "metadata"),
    (Channel::System, "system_status_update", "metrics"),
];
const METRICS: &[&str] = &["m0", "m1", "m2", "é", "m 4"];
const DEVICES: &[&str] = &["0", "1", "2", "d"];
const WORDS: &[&str] = &["info", "critical", "offline"];
const TOKENS: &[&str] = &["1", "1.10", "-0", "1E+400", "{ \"value\":2.50 }", "\"\\u00e9\\/\"", "[1, 2]", "null"];

/// A client, and the part of the hub that keeps what is for later.
struct Line {
    halves: Halves,
    now: Instant,
    held: BTreeMap<u64, (Instant, String)>,
    heard: Vec<(Instant, String)>,
}

impl Line {
    fn new(channel: Option<Channel>) -> Self {
        let rules = Rules { channel, message: 0, messages_per_second: 0, ..Rules::default() };
        let client = ClientId::new("c1", 9).expect("an id");
        let origin = Origin { client, group: GroupId::new("valtronics", 99).ok(), account: None };
        let halves = Valtronics::new(rules).open(&origin);
        Self { halves, now: Instant::now(), held: BTreeMap::new(), heard: Vec::new() }
    }

    /// The client says something that is answered.
    fn says(&mut self, text: &str) {
        let now = Now { instant: self.now, at: Timestamp(0) };
        let (intents, _) = self.halves.inbound.on_frame(Frame::Text(text), now);
        assert!(matches!(intents[..], [Intent::Answer(_)]), "{text}: {intents:?}");
    }

    /// A frame reaches the group.
    fn comes(&mut self, payload: &str) {
        let text = format!("{{\"msg_type\":\"msg\",\"target\":\"group\",\"payload\":{payload}}}");
        let message = HubMessage::read(&text).expect("a message");
        let reading = Reading::new(&message);
        let Ok(choice) = self.halves.outbound.choose(&reading, self.now) else { return };
        let Ok(OwnedFrame::Text(frame)) = self.halves.outbound.render(&reading, &choice.shape) else {
            panic!("chosen and not rendered: {payload}")
        };
        match choice.later {
            Some(later) if later.at > self.now => drop(self.held.insert(later.slot, (later.at, frame))),
            later => {
                later.and_then(|later| self.held.remove(&later.slot));
                self.heard.push((self.now, frame));
            }
        }
    }

    fn wait(&mut self, passed: Duration) {
        self.now += passed;
        let mut due: Vec<_> = self.held.iter().filter(|(_, (at, _))| *at <= self.now).map(|(s, h)| (h.0, *s)).collect();
        due.sort();
        for (at, slot) in due {
            let (_, frame) = self.held.remove(&slot).expect("held");
            if self.halves.outbound.wants(slot) {
                self.heard.push((at, frame));
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Wish {
    metrics: Vec<&'static str>,
    words: Vec<&'static str>,
}

#[derive(Debug, Clone)]
enum Act {
    On { channel: usize, devices: Vec<&'static str>, wish: Wish, nested: bool },
    Off { channel: usize, devices: Vec<&'static str>, nested: bool },
    Frame { channel: usize, device: Option<&'static str>, metrics: Vec<(&'static str, &'static str)>, word: usize },
}

fn act() -> BoxedStrategy<Act> {
    let devices = || subsequence(DEVICES, 0..3);
    let wish =
        (subsequence(METRICS, 0..4), subsequence(WORDS, 0..3)).prop_map(|(metrics, words)| Wish { metrics, words });
    let metrics = (subsequence(METRICS, 0..=5), vec(select(TOKENS), 5));
    let metrics = metrics.prop_map(|(names, tokens)| names.into_iter().zip(tokens).collect());
    prop_oneof![
        3 => (0..4usize, devices(), wish, any::<bool>())
            .prop_map(|(channel, devices, wish, nested)| Act::On { channel, devices, wish, nested }),
        1 => (0..4usize, devices(), any::<bool>())
            .prop_map(|(channel, devices, nested)| Act::Off { channel, devices, nested }),
        6 => (0..4usize, proptest::option::of(select(DEVICES)), metrics, 0..4usize)
            .prop_map(|(channel, device, metrics, word)| Act::Frame { channel, device, metrics, word }),
    ]
    .boxed()
}

fn list(all: &[&str]) -> String {
    // One value or a list, a number or a text: it is all the same.
    let token = |value: &&str| if *value == "1" { "1".to_owned() } else { format!("\"{value}\"") };
    match all {
        [one] => token(one),
        all => format!("[{}]", all.iter().map(token).collect::<Vec<_>>().join(",")),
    }
}

fn request(word: &str, channel: usize, filters: &[(&str, &[&str])], nested: bool) -> String {
    let filters: Vec<_> = filters
        .iter()
        .filter(|(_, all)| !all.is_empty())
        .map(|(name, all)| format!("\"{name}\":{}", list(all)))
        .collect();
    let filters = filters.join(",");
    let filters = match (nested, filters.is_empty()) {
        (_, true) => filters,
        (true, _) => format!(",\"filters\":{{{filters}}}"),
        (false, _) => format!(",{filters}"),
    };
    format!("{{\"type\":\"{word}\",\"channel\":\"{}\"{filters}}}", CHANNELS[channel].0.label())
}

/// The frame with the metrics in it.
fn frame(channel: usize, device: Option<&str>, metrics: &[(&str, &str)], word: usize) -> String {
    let (name, kind, place) = CHANNELS[channel];
    let device = device.map_or(String::new(), |device| format!(",\"device_id\":\"{device}\""));
    let metrics: Vec<_> = metrics.iter().map(|(name, token)| format!("\"{name}\":{token}")).collect();
    let word =
        WORDS.get(word).map_or(String::new(), |word| format!(",\"severity\":\"{word}\",\"new_status\":\"{word}\""));
    format!(
        "{{\"type\":\"{kind}\",\"channel\":\"{}\"{device},\"{place}\":{{{}}}{word},\"x\":1.0}}",
        name.label(),
        metrics.join(",")
    )
}

/// Every subscription there is.
#[derive(Default)]
struct Reference {
    all: Vec<(usize, Option<&'static str>, Wish)>,
    preset: Option<usize>,
}

impl Reference {
    fn on(&mut self, channel: usize, devices: &[&'static str], wish: &Wish) {
        self.preset = self.preset.filter(|preset| *preset != channel);
        for device in places(channel, devices) {
            self.all.retain(|(c, d, _)| (*c, *d) != (channel, device));
            self.all.push((channel, device, wish.clone()));
        }
    }

    fn off(&mut self, channel: usize, devices: &[&'static str]) {
        let gone = places(channel, devices);
        self.all.retain(|(c, d, _)| *c != channel || !(gone.contains(&None) || gone.contains(d)));
        self.preset = self.preset.filter(|preset| *preset != channel || !gone.contains(&None));
    }

    fn hears(
        &self,
        channel: usize,
        device: Option<&str>,
        metrics: &[(&'static str, &'static str)],
        word: usize,
    ) -> Option<String> {
        let everything = Wish { metrics: vec![], words: vec![] };
        let preset = self.preset.map(|channel| (channel, None, everything));
        let word_said = WORDS.get(word);
        let heard: Vec<_> = self
            .all
            .iter()
            .chain(&preset)
            .filter(|(c, d, _)| *c == channel && (d.is_none() || *d == device))
            .filter(|(_, _, wish)| {
                let has_words = matches!(channel, 1 | 2) && !wish.words.is_empty();
                !has_words || word_said.is_some_and(|word| wish.words.contains(word))
            })
            .collect();
        if heard.is_empty() {
            return None;
        }
        if matches!(channel, 1 | 2) || heard.iter().any(|(_, _, wish)| wish.metrics.is_empty()) {
            return Some(frame(channel, device, metrics, word));
        }
        let wanted = |name| heard.iter().any(|(_, _, wish)| wish.metrics.contains(name));
        let shown: Vec<_> = metrics.iter().filter(|(name, _)| wanted(name)).copied().collect();
        (!shown.is_empty()).then(|| frame(channel, device, &shown, word))
    }
}

/// What a subscription is known by beside its channel.
fn places(channel: usize, devices: &[&'static str]) -> Vec<Option<&'static str>> {
    if channel == 3 || devices.is_empty() { vec![None] } else { devices.iter().map(|device| Some(*device)).collect() }
}

#[test]
fn what_is_heard_is_the_union_of_what_was_asked_for() {
    let strategy = (proptest::option::of(0..4usize), vec(act(), 1..40));
    let outcome = proptest::test_runner::TestRunner::new(crate::config()).run(&strategy, |(preset, acts)| {
        let mut line = Line::new(preset.map(|channel| CHANNELS[channel].0));
        let mut reference = Reference { preset, ..Reference::default() };
        for act in &acts {
            match act {
                Act::On { channel, devices, wish, nested } => {
                    let words = if *channel == 1 { "severity" } else { "status_types" };
                    let filters = [("device_id", &devices[..]), ("metrics", &wish.metrics), (words, &wish.words)];
                    line.says(&request("subscribe", *channel, &filters, *nested));
                    reference.on(*channel, devices, wish);
                }
                Act::Off { channel, devices, nested } => {
                    line.says(&request("unsubscribe", *channel, &[("device_id", devices)], *nested));
                    reference.off(*channel, devices);
                }
                Act::Frame { channel, device, metrics, word } => {
                    line.comes(&frame(*channel, *device, metrics, *word));
                    let heard = line.heard.pop().map(|(_, text)| text);
                    prop_assert_eq!(heard, reference.hears(*channel, *device, metrics, *word));
                    prop_assert!(line.heard.is_empty() && line.held.is_empty());
                }
            }
        }
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

/// The number in a frame of a device.
fn value(n: usize, device: &str) -> String {
    format!("{{\"type\":\"telemetry_update\",\"device_id\":\"{device}\",\"telemetry\":{{\"t\":{n}}}}}")
}

fn read(text: &str) -> usize {
    let digits = text.rsplit(':').next().expect("a number");
    digits.trim_end_matches('}').parse().expect("a number")
}

#[test]
fn what_is_sampled_is_the_last_value_of_each_period() {
    let steps = vec((0..DEVICES.len(), prop_oneof![Just(0u64), 1..3_000u64, 1..40_000u64]), 1..40);
    let outcome = proptest::test_runner::TestRunner::new(crate::config()).run(&(1..20u64, steps), |(period, steps)| {
        let mut line = Line::new(None);
        line.says(&format!("{{\"type\":\"subscribe\",\"channel\":\"telemetry\",\"frequency\":\"{period}s\"}}"));
        let period = Duration::from_secs(period);
        let mut came: BTreeMap<&str, Vec<(Instant, usize)>> = BTreeMap::new();
        for (n, (device, later)) in steps.iter().enumerate() {
            line.wait(Duration::from_millis(*later));
            line.comes(&value(n, DEVICES[*device]));
            came.entry(DEVICES[*device]).or_default().push((line.now, n));
        }
        line.wait(2 * period);
        for (device, came) in came {
            let of_device = format!("\"device_id\":\"{device}\"");
            let heard = line.heard.iter().filter(|(_, text)| text.contains(&of_device));
            let heard: Vec<_> = heard.map(|(at, text)| (*at, read(text))).collect();
            prop_assert_eq!(heard.first(), came.first(), "the first goes at once");
            prop_assert!(heard.windows(2).all(|two| two[1].0 >= two[0].0 + period), "one a period: {heard:?}");
            prop_assert_eq!(heard.last().map(|h| h.1), came.last().map(|c| c.1), "the last one counts");
            for (at, n) in &heard {
                // A value that came at the very end of a period may be of this one or the next.
                let newer = came.iter().filter(|(c, m)| c < at && m > n).count();
                prop_assert_eq!(newer, 0, "{} at {:?} is not the latest of {:?}", n, at, &came);
            }
            // Nobody waits longer than a period.
            for (c, n) in &came {
                let told = heard.iter().find(|(_, h)| h >= n);
                prop_assert!(told.is_some_and(|(at, _)| *at <= *c + period), "{n} came late: {heard:?}");
            }
        }
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

#[derive(Debug, Clone)]
enum Turn {
    Says(String, bool),
    Value(usize),
    Wait(u64),
}

#[test]
fn whatever_is_asked_meanwhile_nothing_old_comes_behind_something_new() {
    let frequency =
        select(&["", ",\"frequency\":\"5s\"", ",\"frequency\":\"30s\"", ",\"frequency\":\"real-time\""][..]);
    let device = select(&["", ",\"device_id\":0", ",\"device_id\":[1,\"d\"]"][..]);
    let turn = prop_oneof![
        1 => (device.clone(), frequency).prop_map(|(d, f)|
            Turn::Says(format!("{{\"type\":\"subscribe\",\"channel\":\"telemetry\"{d}{f}}}"), true)),
        1 => device.prop_map(|d| Turn::Says(format!("{{\"type\":\"unsubscribe\",\"channel\":\"telemetry\"{d}}}"), false)),
        5 => (0..DEVICES.len()).prop_map(Turn::Value),
        2 => (0..12_000u64).prop_map(Turn::Wait),
    ];
    let outcome = proptest::test_runner::TestRunner::new(crate::config()).run(&vec(turn, 1..60), |turns| {
        let mut line = Line::new(None);
        let mut last_end = None;
        for (n, turn) in turns.iter().enumerate() {
            match turn {
                Turn::Says(text, is_on) => {
                    line.says(text);
                    if !is_on && !text.contains("device_id") {
                        last_end = Some(line.heard.len());
                    } else {
                        last_end = None;
                    }
                }
                Turn::Value(device) => line.comes(&value(n, DEVICES[*device])),
                Turn::Wait(ms) => line.wait(Duration::from_millis(*ms)),
            }
            // Nothing at all behind the end of everything.
            prop_assert!(last_end.is_none_or(|heard| line.heard.len() == heard), "{:?}", line.heard);
        }
        line.wait(Duration::from_secs(60));
        prop_assert!(last_end.is_none_or(|heard| line.heard.len() == heard), "{:?}", line.heard);
        for device in DEVICES {
            let of_device = format!("\"device_id\":\"{device}\"");
            let heard: Vec<_> =
                line.heard.iter().filter(|(_, t)| t.contains(&of_device)).map(|(_, t)| read(t)).collect();
            prop_assert!(heard.windows(2).all(|two| two[0] < two[1]), "{heard:?}");
        }
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}
