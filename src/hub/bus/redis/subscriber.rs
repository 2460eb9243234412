//! Owns the way in: one task keeps a link to every master, brings them to the desired state, and takes every
//! text through its scope's line to the fan-out. It replaces a link that has gone deaf, and follows a slot
//! that moves. What becomes of a text is `ear`'s.

use super::ear::Heard;
use super::health::{Half, Health};
use super::job::Job;
use super::journal::Answer;
use super::link::{Link, LinkError};
use super::map::Map;
use super::port::{Port, Verbs};
use super::topology::Topology;
use super::wanted::{Change, Channel, Wanted};
use crate::hub::fanout::Fanout;
use crate::hub::keys::Keys;
use crate::hub::slot::slot_of;
use crate::redis_client::{Connector, Rarely};
use crate::telemetry::Metrics;
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// Answers of journals under way.
const ANSWERS: usize = 1024;
/// So many probes that Redis took and that were not heard make a link deaf.
const DEAF: u32 = 2;
/// How often what could not be done is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// What a subscriber needs.
pub struct Subscriber {
    /// How to reach Redis.
    pub connector: Arc<Connector>,
    /// Who serves what.
    pub topology: Topology,
    /// What is to be heard.
    pub wanted: Arc<Wanted>,
    /// Where probes go out.
    pub jobs: mpsc::Sender<Job>,
    /// Where it says whether it works.
    pub health: Arc<Health>,
    /// Names.
    pub keys: Arc<Keys>,
    /// Where messages go.
    pub fanout: Arc<Fanout>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Messages carry stamps.
    pub journal: bool,
    /// How it subscribes.
    pub verbs: Verbs,
    /// Settings.
    pub config: crate::config::Hub,
    /// This node.
    pub node: Arc<str>,
    /// Hears what proxies tell each other: here, text.
    pub on_control: fn(&Fanout, &str, &str),
}

/// What the task works with.
pub struct Ear {
    pub(super) of: Subscriber,
    pub(super) map: Arc<Map>,
    pub(super) lines: HashMap<Channel, Heard>,
    /// Lines that no link was asked to hear.
    pub(super) homeless: HashSet<Channel>,
    pub(super) ports: Vec<Port>,
    /// Questions no journal could answer.
    pub(super) unanswered: Vec<(u64, Channel)>,
    /// Links that may have been refused their probe.
    pub(super) unprobed: Vec<u64>,
    /// Channels whose journal is still to be looked at in this round.
    pub(super) checked: VecDeque<Channel>,
    pub(super) losses: Rarely,
    opening: JoinSet<(u64, Result<Link, LinkError>)>,
    answering: mpsc::Sender<Answer>,
    links: u64,
}

/// What is waited for.
enum Event {
    Read(u64, Result<(), LinkError>),
    Opened(u64, Result<Link, LinkError>),
    Answer(Answer),
    Wanted,
    Map(Arc<Map>),
    Retry,
    Probe,
    Check,
}

impl Subscriber {
    /// Listens until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (answering, mut answers) = mpsc::channel(ANSWERS);
        let (mut topology, wanted) = (self.topology.clone(), self.wanted.clone());
        let every = |period| {
            let mut every = interval(period);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            every
        };
        let (mut retry, mut probe) = (every(RETRY), every(self.config.probe_interval));
        let mut check = every(self.config.top_check);
        let mut ear = Ear {
            map: topology.map(),
            of: self,
            lines: HashMap::new(),
            homeless: HashSet::new(),
            ports: Vec::new(),
            unanswered: Vec::new(),
            unprobed: Vec::new(),
            checked: VecDeque::new(),
            losses: Rarely::default(),
            opening: JoinSet::new(),
            answering,
            links: 0,
        };
        ear.remap();
        loop {
            let Ear { ports, opening, .. } = &mut ear;
            let event = tokio::select! {
                () = stop.cancelled() => return,
                (id, read) = read(ports) => Event::Read(id, read),
                Some(Ok((id, opened))) = opening.join_next() => Event::Opened(id, opened),
                Some(answer) = answers.recv() => Event::Answer(answer),
                () = wanted.changed() => Event::Wanted,
                map = topology.changed() => Event::Map(map),
                _ = retry.tick() => Event::Retry,
                _ = probe.tick() => Event::Probe,
                _ = check.tick() => Event::Check,
            };
            match event {
                Event::Read(id, read) => ear.read(id, read),
                Event::Opened(id, opened) => ear.opened(id, opened),
                Event::Answer(answer) => ear.answer(answer),
                Event::Wanted => ear.apply(),
                Event::Map(map) => {
                    ear.map = map;
                    ear.remap();
                }
                Event::Retry => ear.retry(),
                Event::Probe => ear.probe(),
                Event::Check => ear.check(),
            }
        }
    }
}

/// The next link on which something came, or which ended.
async fn read(ports: &mut [Port]) -> (u64, Result<(), LinkError>) {
    poll_fn(|cx| {
        // From anywhere, so that a busy link does not silence those behind it.
        let (before, after) = ports.split_at_mut(fastrand::usize(..=ports.len()));
        for port in after.iter_mut().chain(before) {
            if let Poll::Ready(read) = port.poll(cx) {
                return Poll::Ready((port.id, read));
            }
        }
        Poll::Pending
    })
    .await
}

impl Ear {
    fn open(&mut self, place: usize, first: bool) {
        let Some(port) = self.ports.get_mut(place) else { return };
        self.links += 1;
        let (id, node) = (self.links, port.node.clone());
        let (connector, deadline) = (self.of.connector.clone(), self.of.config.command_timeout);
        let wait = port.begin(id, first);
        self.opening.spawn(async move {
            sleep(wait).await;
            (id, Link::open(&connector, &node, deadline).await)
        });
    }

    fn opened(&mut self, id: u64, opened: Result<Link, LinkError>) {
        let Some(place) = self.ports.iter().position(|port| port.id == id) else { return };
        match opened {
            Ok(link) => {
                let port = &mut self.ports[place];
                port.opened(link, &self.of.connector, &self.of.keys, self.answering.clone());
                self.aim_probe(place);
                let placed = self.place();
                let port = &mut self.ports[place];
                let here = placed.into_iter().filter(|(home, _)| *home == id).map(|(_, channel)| channel);
                port.await_settled(&here.collect::<Vec<_>>());
            }
            Err(error) => {
                tracing::warn!(%error, node = %self.ports[place].node, "the subscriber link cannot be opened");
                self.of.topology.suspect();
                self.open(place, false);
            }
        }
    }

    /// Takes what came on a link.
    fn read(&mut self, id: u64, read: Result<(), LinkError>) {
        let mut went = read;
        while went.is_ok() {
            let Some(port) = self.ports.iter_mut().find(|port| port.id == id) else { return };
            match port.next() {
                Ok(Some(push)) => went = self.push(id, push),
                Ok(None) => return,
                Err(error) => went = Err(error),
            }
        }
        if let Err(error) = went {
            self.lost(id, &error);
        }
    }

    /// A link ended. What was heard on it waits for the next, or for another master.
    fn lost(&mut self, id: u64, error: &LinkError) {
        let Some(place) = self.ports.iter().position(|port| port.id == id) else { return };
        let port = &mut self.ports[place];
        if port.closed() {
            tracing::warn!(%error, node = %port.node, "the subscriber link ended, connecting again");
            // In this order: whoever sees that it is being made again must not take it for up.
            self.of.health.set(&port.node, Half::Subscriber, false);
            self.of.metrics.hub_reconnects.only().inc();
            self.of.topology.suspect();
            self.evict(|heard| heard.home == id);
            self.open(place, false);
        }
    }

    /// Takes lines off their links.
    fn evict(&mut self, which: impl Fn(&Heard) -> bool) {
        for (channel, heard) in self.lines.iter_mut().filter(|(_, heard)| which(heard)) {
            heard.leave();
            self.of.wanted.unconfirm(channel);
            self.homeless.insert(channel.clone());
        }
    }

    /// The map is another one: a link for every master, and every line at its slot's.
    fn remap(&mut self) {
        let map = self.map.clone();
        self.ports.retain(|port| map.masters().contains(&port.node));
        for node in map.masters() {
            if !self.ports.iter().any(|port| port.node == *node) {
                self.ports.push(Port::new(node.clone()));
                self.open(self.ports.len() - 1, true);
            }
        }
        for place in 0..self.ports.len() {
            let (id, node) = (self.ports[place].id, self.ports[place].node.clone());
            for channel in self.ports[place].unsettled() {
                let is_its = |heard: &Heard| map.owner(heard.slot) == Some(&node);
                if !self.lines.get(&channel).is_some_and(is_its) {
                    self.settled(id, &channel);
                }
            }
        }
        let homes: HashMap<u64, _> = self.ports.iter().map(|port| (port.id, &port.node)).collect();
        let moved = |heard: &Heard| heard.home != 0 && map.owner(heard.slot) != homes.get(&heard.home).copied();
        let gone = self.lines.iter().filter(|(_, heard)| moved(heard));
        let gone: Vec<(u64, Channel)> = gone.map(|(channel, heard)| (heard.home, channel.clone())).collect();
        for (home, channel) in gone {
            self.let_go(home, &channel);
            if let Some(heard) = self.lines.get_mut(&channel) {
                heard.leave();
                self.of.wanted.unconfirm(&channel);
                self.homeless.insert(channel);
            }
        }
        for place in 0..self.ports.len() {
            let port = &self.ports[place];
            if port.probe().is_some_and(|probe| map.owner(slot_of(probe)) != Some(&port.node)) {
                self.aim_probe(place);
            }
        }
        self.place();
    }

    /// A link hears a channel no longer.
    fn let_go(&mut self, home: u64, channel: &Channel) {
        if let Some(port) = self.ports.iter_mut().find(|port| port.id == home) {
            port.unsubscribe(self.of.verbs, std::slice::from_ref(channel));
        }
        self.settled(home, channel);
    }

    /// Chooses the channel of a link's probes: its slot must be one of the link's master.
    fn aim_probe(&mut self, place: usize) {
        let port = &mut self.ports[place];
        let Some(slot) = self.map.slot_at(&port.node) else { return };
        let channel = [Channel::from(self.of.keys.probe(&self.of.node, slot))];
        port.subscribe(self.of.verbs, &channel);
        port.await_settled(&channel);
        let [channel] = channel;
        if let Some(old) = port.probe().filter(|old| !old.is_empty() && **old != channel).cloned() {
            port.unsubscribe(self.of.verbs, std::slice::from_ref(&old));
            port.settled(&old);
        }
        port.set_probe(channel);
        // What was asked before nobody was there to hear.
        self.of.health.heard(&port.node);
    }

    /// Asks the links of their masters to hear the homeless. Returns which link was asked for which channel.
    pub(super) fn place(&mut self) -> Vec<(u64, Channel)> {
        let mut placed = Vec::new();
        for port in self.ports.iter_mut().filter(|port| port.is_open()) {
            let map = &self.map;
            let lines = &mut self.lines;
            let mut here: Vec<Channel> = Vec::new();
            self.homeless.retain(|channel| {
                let Some(heard) = lines.get_mut(channel) else { return false };
                let is_here = map.owner(heard.slot) == Some(&port.node);
                if is_here {
                    heard.home = port.id;
                    here.push(channel.clone());
                }
                !is_here
            });
            port.subscribe(self.of.verbs, &here);
            placed.extend(here.into_iter().map(|channel| (port.id, channel)));
        }
        placed
    }

    /// Applies what changed in the desired state.
    fn apply(&mut self) {
        for change in self.of.wanted.changes() {
            match change {
                Change::Add(channel, purpose) => self.add(channel, purpose),
                Change::Remove(channel) => {
                    self.homeless.remove(&channel);
                    if let Some(heard) = self.lines.remove(&channel) {
                        self.of.gauge(&heard.purpose, -1);
                        self.let_go(heard.home, &channel);
                        // It may have been refused, and wait for another try.
                        let links: Vec<u64> = self.ports.iter().map(|port| port.id).collect();
                        links.into_iter().for_each(|link| self.settled(link, &channel));
                    }
                }
            }
        }
        self.place();
    }

    /// Tries again what could not be done.
    fn retry(&mut self) {
        self.place();
        for (link, channel) in std::mem::take(&mut self.unanswered) {
            self.ask_again(link, &channel);
        }
        for link in std::mem::take(&mut self.unprobed) {
            self.ports.iter().position(|port| port.id == link).into_iter().for_each(|place| self.aim_probe(place));
        }
        for port in &self.ports {
            // Again and again: a master may have gone from the map and come back unseen.
            self.of.health.set(&port.node, Half::Subscriber, port.is_settled());
        }
        let deaf = self.of.config.probe_interval * DEAF;
        let check = |port: &Port| port.check(deaf, self.of.health.unheard(&port.node));
        let bad: Vec<_> = self.ports.iter().filter_map(|port| Some((port.id, check(port).err()?))).collect();
        bad.iter().for_each(|(id, error)| self.lost(*id, error));
        self.ports.iter_mut().for_each(|port| port.ask(None));
    }

    /// Sends probes the way every message goes.
    fn probe(&mut self) {
        for channel in self.ports.iter().filter_map(Port::probe) {
            // A full queue is a busy one: probes of others pass.
            let _ = self.of.jobs.try_send(Job::Aside { channel: channel.clone(), text: String::new() });
        }
    }
}
