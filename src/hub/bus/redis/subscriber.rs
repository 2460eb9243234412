//! Owns the way in: one task a shard keeps a subscriber link alive, brings it to the desired state, and
//! takes every text through its scope's line to the fan-out. It replaces a link that has gone deaf.

use super::connect::Connector;
use super::health::{Backoff, Half};
use super::journal::{Answer, Ask, Journal};
use super::line::{Line, Need, Noticed, Sink};
use super::link::{Link, LinkError, Push};
use super::publisher::Job;
use super::shard::Shard;
use super::wanted::{Change, Channel, Purpose};
use crate::dialect::{HubMessage, WireError};
use crate::hub::fanout::Fanout;
use crate::hub::keys::Keys;
use crate::hub::outbox::Notice;
use crate::hub::scope::Address;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Foreign, Gap};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Channels in one SUBSCRIBE.
const BATCH: usize = 512;
/// Questions to the journal under way.
const ASKS: usize = 1024;
/// Scopes looked at per periodic check; with more, each is looked at less often.
const CHECKED: usize = 512;

/// What a subscriber needs.
pub struct Subscriber {
    /// How to reach Redis.
    pub connector: Arc<Connector>,
    /// The shard it serves.
    pub shard: Arc<Shard>,
    /// Names.
    pub keys: Arc<Keys>,
    /// Where messages go.
    pub fanout: Arc<Fanout>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Messages carry stamps.
    pub journal: bool,
    /// `SSUBSCRIBE` instead of `SUBSCRIBE`.
    pub sharded: bool,
    /// Settings.
    pub config: crate::config::Hub,
    /// The channel of this node's probes.
    pub probe: String,
    /// This node.
    pub node: Arc<str>,
    /// Hears what proxies tell each other: here, text.
    pub on_control: fn(&Fanout, &str, &str),
}

/// A channel that is heard or about to be.
struct Heard {
    purpose: Purpose,
    /// Only what belongs to a scope has an order to keep.
    line: Line,
    /// The subscription was sent on the present link.
    asked: bool,
}

type Lines = HashMap<Channel, Heard>;

impl Subscriber {
    /// Listens until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut lines = Lines::new();
        let mut backoff = Backoff::default();
        let mut first = true;
        loop {
            let began = Instant::now();
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.listen(&mut lines) => ended,
            };
            self.shard.health.set(Half::Subscriber, false);
            for heard in lines.values_mut() {
                heard.line.lost_link();
                heard.asked = false;
            }
            tracing::warn!(error = %ended, channels = lines.len(), "the subscriber link ended, connecting again");
            if !std::mem::take(&mut first) {
                self.metrics.hub_reconnects.only().inc();
            }
            self.shard.place.suspect();
            if began.elapsed() > Duration::from_secs(5) {
                backoff.reset();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    /// One link, from its opening to its end.
    async fn listen(&self, lines: &mut Lines) -> LinkError {
        let deadline = self.config.command_timeout;
        let opened = async {
            let node = self.shard.place.node(&self.connector).await?;
            let link = Link::open(&self.connector, &node, deadline).await?;
            Ok::<_, LinkError>((node, link))
        };
        let (node, link) = match opened.await {
            Ok(opened) => opened,
            Err(error) => return error,
        };
        self.shard.wanted.unconfirm_all();
        let (asks, asked) = mpsc::channel(ASKS);
        let (answering, answers) = mpsc::channel(ASKS);
        let journal = Journal { connector: self.connector.clone(), node, keys: self.keys.clone() };
        let mut ear = Ear {
            of: self,
            link,
            lines,
            asks,
            todo: VecDeque::new(),
            probed: Instant::now(),
            unsettled: HashSet::new(),
            checked: VecDeque::new(),
        };
        tokio::select! {
            ended = ear.run(answers) => ended.err().unwrap_or(LinkError::Superseded),
            () = journal.run(asked, answering) => LinkError::Superseded,
        }
    }

    fn gauge(&self, purpose: &Purpose, by: i64) {
        if let Purpose::Scope(to) = purpose {
            self.metrics.hub_subscriptions.with((to.label(),)).add(by);
        }
    }

    /// Counts and tells what a line noticed.
    fn book(&self, purpose: &Purpose, noticed: Noticed) {
        self.metrics.hub_duplicates.only().inc_by(u64::from(noticed.duplicates));
        let gap = |gap| self.metrics.hub_gaps.with((gap,)).inc();
        if noticed.reset {
            gap(Gap::EpochReset);
        }
        match (noticed.lost, noticed.repaired, purpose) {
            (true, _, Purpose::Scope(to)) => {
                gap(Gap::Unrepaired);
                tracing::error!(scope = to.label().label(), "messages are lost: the journal no longer holds them");
                self.fanout.registry().for_each(to, |seat| seat.outbox.notify(Notice::Gap));
            }
            (false, true, _) => gap(Gap::Repaired),
            _ => {}
        }
    }
}

/// Delivers what a line lets through.
struct Deliver<'a> {
    of: &'a Subscriber,
    to: &'a Address,
    arrived: Instant,
}

impl Sink for Deliver<'_> {
    fn deliver(&mut self, message: &HubMessage<'_>) {
        if message.is_foreign() {
            self.of.metrics.hub_foreign.with((Foreign::Valid,)).inc();
        }
        self.of.fanout.deliver(self.to, message, self.arrived);
    }

    fn invalid(&mut self, error: &WireError) {
        self.of.metrics.hub_foreign.with((Foreign::Invalid,)).inc();
        tracing::debug!(error = error.label(), "a text on a hub channel is no message");
    }
}

/// What a link waits for.
enum Event {
    Read(Result<(), LinkError>),
    Wanted,
    Answer(Answer),
    Room,
    Probe,
    Check,
}

/// A link at work.
struct Ear<'a> {
    of: &'a Subscriber,
    link: Link,
    lines: &'a mut Lines,
    asks: mpsc::Sender<Ask>,
    /// Questions the journal has no room for yet; a line has one at most.
    todo: VecDeque<Ask>,
    /// When the last probe came back.
    probed: Instant,
    /// Channels that were wanted when the link opened and are not settled yet.
    unsettled: HashSet<Channel>,
    /// Channels whose journal is still to be looked at in this round.
    checked: VecDeque<Channel>,
}

impl Ear<'_> {
    async fn run(&mut self, mut answers: mpsc::Receiver<Answer>) -> Result<(), LinkError> {
        self.apply().await?;
        // What is no longer wanted was never subscribed on this link.
        let wanted = &self.of.shard.wanted;
        self.lines.retain(|channel, heard| {
            let keep = wanted.is_wanted(channel);
            if !keep {
                self.of.gauge(&heard.purpose, -1);
            }
            keep
        });
        self.unsettled = self.lines.keys().cloned().collect();
        let mut probe = interval(self.of.config.probe_interval);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut check = interval(self.of.config.top_check);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(push) = self.link.next()? {
                self.push(push)?;
            }
            let event = tokio::select! {
                read = self.link.fill() => Event::Read(read),
                () = self.of.shard.wanted.changed() => Event::Wanted,
                Some(answer) = answers.recv() => Event::Answer(answer),
                room = self.asks.reserve(), if !self.todo.is_empty() => match room {
                    Ok(_) => Event::Room,
                    Err(_) => return Err(LinkError::Superseded),
                },
                _ = probe.tick() => Event::Probe,
                _ = check.tick() => Event::Check,
            };
            match event {
                Event::Read(read) => read?,
                Event::Wanted => self.apply().await?,
                Event::Answer(answer) => self.answer(answer),
                Event::Room => self.ask(),
                Event::Probe => self.probe()?,
                Event::Check => self.check(),
            }
        }
    }

    /// Asks the journal as many questions as it has room for.
    fn ask(&mut self) {
        while let Some(ask) = self.todo.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(ask) | mpsc::error::TrySendError::Closed(ask)) =
                self.asks.try_send(ask)
            {
                self.todo.push_front(ask);
                return;
            }
        }
    }

    /// Applies what changed in the desired state.
    async fn apply(&mut self) -> Result<(), LinkError> {
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        for change in self.of.shard.wanted.changes() {
            match change {
                Change::Add(channel, purpose) => self.add(channel, purpose, &mut add),
                Change::Remove(channel) => {
                    if let Some(heard) = self.lines.remove(&channel) {
                        self.of.gauge(&heard.purpose, -1);
                        self.settled(&channel);
                        remove.push(channel);
                    }
                }
            }
        }
        let (subscribe, unsubscribe) =
            if self.of.sharded { ("SSUBSCRIBE", "SUNSUBSCRIBE") } else { ("SUBSCRIBE", "UNSUBSCRIBE") };
        // A cluster takes channels of one slot at a time.
        let size = if self.of.sharded { 1 } else { BATCH };
        for (command, channels) in [(unsubscribe, remove), (subscribe, add)] {
            let mut bytes = Vec::new();
            for some in channels.chunks(size) {
                let mut cmd = redis::cmd(command);
                for channel in some {
                    cmd.arg(channel.as_ref());
                }
                bytes.extend(cmd.get_packed_command());
            }
            if !bytes.is_empty() {
                self.link.send(&bytes).await?;
            }
        }
        Ok(())
    }

    fn add(&mut self, channel: Channel, purpose: Purpose, subscribe: &mut Vec<Channel>) {
        let of = self.of;
        let heard = self.lines.entry(channel.clone()).or_insert_with(|| {
            of.gauge(&purpose, 1);
            let journal = of.journal && matches!(purpose, Purpose::Scope(_));
            Heard { purpose, line: Line::new(journal, of.config.repair_buffer), asked: false }
        });
        if heard.line.is_live() {
            // Wanted again before it was let go.
            of.shard.wanted.confirm(&channel);
        } else if !std::mem::replace(&mut heard.asked, true) {
            subscribe.push(channel);
        }
    }

    fn push(&mut self, push: Push) -> Result<(), LinkError> {
        match push {
            Push::Message { channel, text } => match self.lines.get(&channel).map(|heard| &heard.purpose) {
                Some(Purpose::Probe) => self.probed = Instant::now(),
                Some(Purpose::Control) => {
                    (self.of.on_control)(&self.of.fanout, &self.of.node, &String::from_utf8_lossy(&text));
                }
                Some(Purpose::Scope(_)) => self.line(&channel, |line, sink, n| line.text(text, sink, n)),
                None => {}
            },
            Push::Subscribed(channel) => self.line(&channel, |line, _, noticed| line.subscribed(noticed)),
            Push::Unsubscribed(channel) => {
                // Of a channel that is wanted again, or, in a cluster, one whose slot moves away.
                if let Some(heard) = self.lines.get_mut(&channel) {
                    heard.line.lost_link();
                    self.of.shard.place.suspect();
                }
            }
            Push::Error(why) => return Err(LinkError::Refused(why)),
            Push::Other => {}
        }
        Ok(())
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Top(channel, top) => self.line(&channel, |line, sink, n| line.top(top, sink, n)),
            Answer::Range(channel, range) => self.line(&channel, |line, sink, n| line.fill(range, sink, n)),
            Answer::Check(channel, top) => self.line(&channel, |line, _, _| line.check(&top)),
        }
    }

    /// Lets a line act, and sees to what it noticed and needs.
    fn line(&mut self, channel: &Channel, act: impl FnOnce(&mut Line, &mut Deliver<'_>, &mut Noticed) -> Need) {
        let of = self.of;
        let Some(heard) = self.lines.get_mut(channel) else { return };
        let mut noticed = Noticed::default();
        let to = match &heard.purpose {
            Purpose::Scope(to) => to,
            // They keep no order, and deliver nothing.
            Purpose::Control | Purpose::Probe => &Address::Broadcast,
        };
        let need = act(&mut heard.line, &mut Deliver { of, to, arrived: Instant::now() }, &mut noticed);
        of.book(&heard.purpose, noticed);
        self.todo.extend(match need {
            Need::Nothing => None,
            Need::Top => Some(Ask::Top(channel.clone())),
            Need::Range(place) => Some(Ask::Range(channel.clone(), place)),
        });
        if noticed.settled {
            of.shard.wanted.confirm(channel);
            self.settled(channel);
        }
    }

    /// The link is up once everything it was opened for is heard.
    fn settled(&mut self, channel: &Channel) {
        if self.unsettled.remove(channel) && self.unsettled.is_empty() {
            self.of.shard.health.set(Half::Subscriber, true);
            tracing::info!(channels = self.lines.len(), "the subscriber link is up");
        }
    }

    /// Sends a probe the way every message goes, and looks whether the last ones came back.
    fn probe(&mut self) -> Result<(), LinkError> {
        let interval = self.of.config.probe_interval;
        let silent = self.probed.elapsed();
        // A publisher that cannot publish proves nothing about this link; but then neither does Redis live.
        if silent > interval * 3 {
            return Err(LinkError::Deaf);
        }
        let channel = Channel::from(self.of.probe.clone());
        // A full queue is a busy one: probes of others pass.
        let _ = self.of.shard.jobs.try_send(Job::Aside { channel, text: String::new() });
        Ok(())
    }

    /// Looks at the ends of some journals: a lost last message shows in no gap.
    fn check(&mut self) {
        if self.checked.is_empty() {
            self.checked = self.lines.iter().filter(|(_, h)| h.line.is_live()).map(|(c, _)| c.clone()).collect();
        }
        let some = self.checked.len().min(CHECKED);
        if self.of.journal && self.todo.is_empty() {
            self.todo.extend(self.checked.drain(..some).map(Ask::Check));
        }
    }
}
