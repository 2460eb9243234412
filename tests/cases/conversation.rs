//! Plays conversation cases: one client of an adapter's dialect through the very machine that serves it, and what
//! others say to its group through the very renderings that reach it. No sockets and no clock: time is told.

use super::adapters::adapter;
use super::suite::{conversations, text};
use aether_proxy::clock::Timestamp;
use aether_proxy::close::CloseReason;
use aether_proxy::compat::suite::{Conversation, Step};
use aether_proxy::config::Config;
use aether_proxy::dialect::adapter::{Denied, Goodbye, Later, Outbound, Presented};
use aether_proxy::dialect::{
    Adapter, Frame, Halves, Hidden, HubMessage, Now, OwnedFrame, Protocol, Reading, Receipt, Speech, Wire, aether_v3,
    wire,
};
use aether_proxy::envelope::{ClientId, Draft, Envelope, GroupId, MsgType, Nulls, Origin, Route, seal};
use aether_proxy::hub::{HubUnavailable, Member};
use aether_proxy::session::{Client, Machine, Moment, Settings, Step as Does};
use aether_proxy::telemetry::Metrics;
use aether_proxy::telemetry::labels::ByDialect;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

/// What has come out, in order.
#[derive(Debug, PartialEq)]
enum Out {
    Answer(OwnedFrame),
    Published { content: String, exact: bool, to: Option<String> },
    Announced(String),
    Heard(OwnedFrame),
    Hidden(Hidden),
    Members,
    Described(Option<String>),
    Closed(CloseReason),
}

struct Desk {
    adapter: Arc<dyn Adapter>,
    origin: Origin,
    settings: serde_json::Map<String, serde_json::Value>,
    dialect: String,
    machine: Option<Machine>,
    outbound: Option<Arc<dyn Outbound>>,
    metrics: Arc<Metrics>,
    now: Moment,
    held: BTreeMap<u64, (Instant, OwnedFrame)>,
    outs: VecDeque<Out>,
    /// Frames refused when the last step of the client began.
    refused: u64,
}

fn id(text: &str) -> ClientId {
    ClientId::new(text, 256).expect("an id")
}

impl Desk {
    fn new(dialect: &str, case: &Conversation) -> Self {
        let word = |name: &str| case.settings.get(name).and_then(|value| value.as_str());
        let group = word("group").unwrap_or(dialect);
        let own = word("client").unwrap_or(if word("role") == Some("worker") { "worker" } else { "me" });
        Self {
            adapter: adapter(dialect, &case.settings),
            origin: Origin { client: id(own), group: GroupId::new(group, 256).ok(), account: None },
            settings: case.settings.clone(),
            dialect: dialect.to_owned(),
            machine: None,
            outbound: None,
            metrics: Arc::new(Metrics::new(1).expect("metrics")),
            now: Moment { instant: Instant::now(), at: Timestamp(1_773_232_496_789) },
            held: BTreeMap::new(),
            outs: VecDeque::new(),
            refused: 0,
        }
    }

    fn machine_of(&self, adapter: &dyn Adapter, origin: &Origin) -> (Machine, Arc<dyn Outbound>) {
        let Halves { inbound, outbound } = adapter.open(origin);
        let client = Client {
            origin: origin.clone(),
            speech: Speech::Adapter(adapter.spoken(), inbound),
            hears: Protocol::V2,
            may_broadcast: true,
        };
        let settings = Arc::new(Settings::new(&Config::default()));
        (Machine::new(client, settings, self.metrics.clone(), self.now.instant), outbound)
    }

    /// The client is in.
    fn enter(&mut self) {
        let (mut machine, outbound) = self.machine_of(&*self.adapter, &self.origin);
        let steps = machine.on_open(self.now);
        let outs: Vec<_> = steps.into_iter().filter_map(|step| out(step, None)).collect();
        self.outs.extend(outs);
        (self.machine, self.outbound) = (Some(machine), Some(outbound));
    }

    fn invalid(&self) -> u64 {
        self.metrics.invalid_messages.with(ByDialect(self.adapter.spoken())).get()
    }

    /// The client says something.
    fn client(&mut self, frame: &OwnedFrame) {
        self.refused = self.invalid();
        let Some(machine) = &mut self.machine else {
            let login = self.adapter.login().expect("a dialect with a login");
            match login.on_frame(frame.borrow(), Now::from(self.now)) {
                Presented::Answer(answer) => self.outs.push_back(Out::Answer(answer)),
                Presented::Denied(why) => self.deny(why),
                Presented::Nothing => {}
                // The case tells what was presented.
                Presented::Token(_) | Presented::ApiKey(_) => {}
            }
            return;
        };
        let outs: Vec<_> = machine
            .on_frame(frame.borrow(), self.now)
            .into_iter()
            .filter_map(|step| out(step, Some(frame.borrow())))
            .collect();
        self.outs.extend(outs);
    }

    fn deny(&mut self, why: Denied) {
        let Goodbye { frame, reason, .. } = self.adapter.login().expect("a login").refuse(why);
        self.outs.extend(frame.map(Out::Answer));
        self.outs.push_back(Out::Closed(reason));
    }

    /// A text on the hub reaches the client.
    fn hub(&mut self, text: &str) {
        let message = HubMessage::read(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let reading = Reading::new(&message);
        let outbound = self.outbound.as_ref().expect("a client that is in");
        let found = outbound
            .choose(&reading, self.now.instant.into_std())
            .and_then(|choice| Ok((outbound.render(&reading, &choice.shape)?, choice.later)));
        match found {
            Err(why) => self.outs.push_back(Out::Hidden(why)),
            Ok((frame, None)) => self.outs.push_back(Out::Heard(frame)),
            Ok((frame, Some(Later { slot, at }))) if at <= self.now.instant.into_std() => {
                self.held.remove(&slot);
                self.outs.push_back(Out::Heard(frame));
            }
            Ok((frame, Some(Later { slot, at }))) => drop(self.held.insert(slot, (at.into(), frame))),
        }
    }

    /// A V3 client says something to the group, or to this client.
    fn v3(&mut self, content: &str, from: &str) {
        let draft = aether_v3::draft(content, false, &mut Default::default()).expect("a V3 message");
        let origin = Origin { client: id(from), ..self.origin.clone() };
        self.hub(&sealed(&draft, &origin, None));
    }

    /// Another client of the dialect says something.
    fn legacy(&mut self, frame: &OwnedFrame, role: Option<&str>) {
        let mut settings = self.settings.clone();
        if let Some(role) = role {
            settings.insert("role".into(), role.into());
        }
        let other = adapter(&self.dialect, &settings);
        let name = match role {
            Some("worker") => "worker",
            // Its id is its server's, and so its group's.
            Some("agent") => self.origin.group.as_ref().expect("a group").as_str(),
            _ => "other",
        };
        let origin = Origin { client: id(name), ..self.origin.clone() };
        let (mut machine, _) = self.machine_of(&*other, &origin);
        let published: Vec<String> = machine
            .on_frame(frame.borrow(), self.now)
            .into_iter()
            .filter_map(|step| match step {
                Does::Publish { envelope, receipt } => Some(on_hub(&envelope, receipt.as_ref())),
                _ => None,
            })
            .collect();
        assert!(!published.is_empty(), "the other client published nothing: {frame:?}");
        published.iter().for_each(|text| self.hub(text));
    }

    fn presence(&mut self, event: &str, who: &str) {
        let mut draft = Draft::to_group(MsgType::Presence);
        draft.payload = Some(format!("{{\"event\":\"{event}\",\"protocol\":\"v2\"}}").into());
        let origin = Origin { client: id(who), ..self.origin.clone() };
        self.hub(&sealed(&draft, &origin, None));
    }

    /// Time passes, and whatever falls due in it happens at its time.
    fn wait(&mut self, text: &str) {
        let until = self.now.instant + aether_proxy::config::parse_duration(text).expect("a duration");
        loop {
            let due = self.machine.as_ref().map(Machine::deadline);
            let held = self.held.values().map(|(at, _)| *at).min();
            let Some(next) = due.into_iter().chain(held).filter(|at| *at <= until).min() else { break };
            self.pass(next);
            let slots: Vec<_> = self.held.iter().filter(|(_, (at, _))| *at <= next).map(|(slot, _)| *slot).collect();
            for slot in slots {
                let (_, frame) = self.held.remove(&slot).expect("held");
                if self.outbound.as_ref().is_some_and(|outbound| outbound.wants(slot)) {
                    self.outs.push_back(Out::Heard(frame));
                }
            }
            if let Some(machine) = &mut self.machine
                && machine.deadline() <= next
            {
                let outs: Vec<_> = machine.on_tick(self.now).into_iter().filter_map(|step| out(step, None)).collect();
                self.outs.extend(outs);
                // It lives: nobody dies of silence in a case.
                machine.on_control(0, self.now.instant);
            }
        }
        self.pass(until);
    }

    fn pass(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.now.instant);
        let at = Timestamp(self.now.at.0 + i64::try_from(passed.as_millis()).expect("not for ever"));
        self.now = Moment { instant: to.max(self.now.instant), at };
    }

    fn members(&mut self, members: Option<&serde_json::Value>) {
        assert_eq!(self.outs.pop_front(), Some(Out::Members), "nobody asked who is present");
        let all: Result<Vec<Member>, HubUnavailable> = match members {
            Some(serde_json::Value::Array(all)) => Ok(all.iter().map(member).collect()),
            _ => Err(HubUnavailable),
        };
        let steps = self.machine.as_mut().expect("in").on_members(all, self.now);
        let outs: Vec<_> = steps.into_iter().filter_map(|step| out(step, None)).collect();
        self.outs.extend(outs);
    }

    fn play(&mut self, step: &Step) {
        let acts = step.client.is_some() || step.hub.is_some() || step.legacy.is_some() || step.wait.is_some();
        if acts || step.presence.is_some() || step.nothing {
            assert!(self.outs.is_empty(), "not expected: {:?}", self.outs);
        }
        let mut next = || self.outs.pop_front().unwrap_or_else(|| panic!("nothing came"));
        if let Some(frame) = &step.answer {
            assert_eq!(next(), Out::Answer(frame.frame().clone()));
        } else if let Some(frame) = &step.published {
            let Out::Published { content, exact, to } = next() else { panic!("not published: {:?}", self.outs) };
            assert_eq!(content, text(frame));
            assert!(exact || !step.exact, "it does not come back exactly");
            assert_eq!(to, step.to);
        } else if let Some(frame) = &step.announced {
            assert_eq!(next(), Out::Announced(text(frame).to_owned()));
        } else if let Some(frame) = &step.heard {
            assert_eq!(next(), Out::Heard(frame.frame().clone()));
        } else if step.hidden {
            assert_eq!(next(), Out::Hidden(Hidden::DialectRule));
        } else if let Some(metadata) = &step.described {
            assert_eq!(next(), Out::Described(metadata.as_ref().map(|frame| text(frame).to_owned())));
        } else if let Some(code) = step.closed {
            let Out::Closed(reason) = next() else { panic!("it did not end") };
            assert_eq!(reason.code(), Some(code));
        } else if let Some(members) = &step.members {
            self.members(members.as_ref());
        } else if let Some(frame) = &step.client {
            self.client(frame.frame());
        } else if let Some(content) = &step.hub {
            self.v3(text(content), step.from.as_deref().unwrap_or("c9"));
        } else if let Some(frame) = &step.legacy {
            self.legacy(frame.frame(), step.role.as_deref());
        } else if let Some(event) = &step.presence {
            self.presence(event, step.from.as_deref().unwrap_or("c9"));
        } else if let Some(time) = &step.wait {
            self.wait(time);
        } else if step.refused {
            assert_eq!(self.invalid() - self.refused, 1, "it counts as a message of the dialect");
        } else if step.admit {
            let login = self.adapter.login().expect("a login");
            self.outs.push_back(Out::Answer(login.welcome(&self.origin, Now::from(self.now))));
            self.enter();
        } else if let Some(why) = &step.deny {
            self.deny(denied(why));
        } else {
            assert!(step.nothing || step.login || step.token.is_some() || step.api_key.is_some(), "{step:?}: no step");
        }
    }

    /// What the client has just presented is what the case says.
    fn presented(&self, frame: Frame<'_>, step: &Step) {
        let login = self.adapter.login().expect("a login");
        match login.on_frame(frame, Now::from(self.now)) {
            Presented::Token(token) => assert_eq!(Some(&*token), step.token.as_deref()),
            Presented::ApiKey(key) => assert_eq!(Some(&*key), step.api_key.as_deref()),
            other => panic!("it presents {other:?}"),
        }
    }
}

fn denied(why: &str) -> Denied {
    match why {
        "credential" => Denied::Credential,
        "group" => Denied::Group,
        "bad_group" => Denied::BadGroup,
        "missing" => Denied::Missing,
        "late" => Denied::Late,
        "limit" => Denied::Limit,
        "policy" => Denied::Policy,
        "unavailable" => Denied::Unavailable,
        other => panic!("there is no reason {other}"),
    }
}

fn member(value: &serde_json::Value) -> Member {
    let client = id(value["client_id"].as_str().expect("a client_id"));
    let metadata = value.get("metadata").filter(|metadata| !metadata.is_null()).map(ToString::to_string);
    Member { account: None, client, protocol: Protocol::V2, metadata }
}

fn sealed(draft: &Draft<'_>, origin: &Origin, receipt: Option<&Receipt<'_>>) -> String {
    on_hub(&seal(draft, origin, "2026-03-11T12:34:56.789Z", Nulls::Omit), receipt)
}

fn on_hub(envelope: &Envelope, receipt: Option<&Receipt<'_>>) -> String {
    wire::write(envelope, receipt, Wire::Extended).stamped("e1", 7)
}

/// What a step of the machine is to the case; `said`: what the client had said.
fn out(step: Does<'_>, said: Option<Frame<'_>>) -> Option<Out> {
    Some(match step {
        Does::Send(frame) => Out::Answer(frame),
        Does::Publish { envelope, receipt } => {
            let text = on_hub(&envelope, receipt.as_ref());
            let message = HubMessage::read(&text).expect("a sealed message reads back");
            let content = message.draft().content();
            if message.from_id() == Some("server") {
                return Some(Out::Announced(content));
            }
            let to = match envelope.route() {
                Route::Client(to) => Some(to.as_str().to_owned()),
                _ => None,
            };
            let kept =
                receipt.as_ref().and_then(|receipt| receipt.raw.as_deref()).or(message.draft().payload.as_deref());
            let exact = matches!(said, Some(Frame::Text(said)) if receipt.is_some() && kept == Some(said));
            Out::Published { content, exact, to }
        }
        Does::QueryPresence | Does::QueryClient(_) => Out::Members,
        Does::Describe(metadata) => Out::Described(metadata),
        Does::Close(reason) => Out::Closed(reason),
        // Cases are played purely: no filter runs.
        Does::Filter { .. } | Does::Touch | Does::Ping => return None,
    })
}

/// Plays all conversations of a dialect.
pub fn play_all(dialect: &str) {
    for (id, case) in conversations(dialect) {
        let mut desk = Desk::new(dialect, &case);
        if !case.steps[0].login {
            desk.enter();
        }
        let mut said = None;
        for (at, step) in case.steps.iter().enumerate() {
            println!("{id} step {at}: {step:?}");
            if step.token.is_some() || step.api_key.is_some() {
                let frame: &OwnedFrame = said.as_ref().expect("a frame before");
                desk.presented(frame.borrow(), step);
            }
            desk.play(step);
            said = step.client.as_ref().map(|frame| frame.frame().clone()).or(said);
        }
        assert!(desk.outs.is_empty(), "{id}: not expected at the end: {:?}", desk.outs);
    }
}
