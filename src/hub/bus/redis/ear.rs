//! Owns what becomes of what a link hears: each channel's line, its questions to the journal, and what is
//! counted and told. Which link a channel is heard on is `subscriber`'s.

use super::health::Half;
use super::journal::{Answer, Ask, Found, What};
use super::line::{Line, Need, Noticed, Sink};
use super::link::LinkError;
use super::push::Push;
use super::subscriber::{Ear, Subscriber};
use super::wanted::{Channel, Purpose};
use crate::dialect::{HubMessage, WireError};
use crate::hub::outbox::Notice;
use crate::hub::scope::{Address, Owner, Scope};
use crate::hub::slot::slot_of;
use crate::telemetry::labels::{Foreign, Gap};
use tokio::time::Instant;

/// Scopes looked at per periodic check; with more, each is looked at less often.
const CHECKED: usize = 512;

/// A channel that is heard or about to be.
pub struct Heard {
    pub(super) purpose: Purpose,
    /// Only what belongs to a scope has an order to keep.
    line: Line,
    /// Its hash slot.
    pub(super) slot: u16,
    /// The link that was asked for it, or 0.
    pub(super) home: u64,
    /// The link confirmed it.
    confirmed: bool,
    /// When it last had something to deliver.
    delivered: Option<Instant>,
}

impl Heard {
    /// It is no longer heard.
    pub(super) fn leave(&mut self) {
        self.line.lost_link();
        (self.home, self.confirmed) = (0, false);
    }
}

impl Subscriber {
    /// Counts a channel.
    pub(super) fn gauge(&self, purpose: &Purpose, by: i64) {
        if let Purpose::Scope(scope) = purpose {
            self.metrics.hub_subscriptions.with((scope.to.label(),)).add(by);
        }
    }
}

/// The scope of what delivers nothing.
const NOWHERE: Scope = Scope { to: Address::Broadcast, owner: Owner::All };

/// Delivers what a line lets through.
struct Deliver<'a> {
    of: &'a Subscriber,
    scope: &'a Scope,
    arrived: Instant,
    delivered: bool,
}

impl Sink for Deliver<'_> {
    fn deliver(&mut self, message: &HubMessage<'_>) {
        if message.is_foreign() {
            self.of.metrics.hub_foreign.with((Foreign::Valid,)).inc();
        }
        self.delivered = true;
        self.of.fanout.deliver(self.scope, message, self.arrived);
    }

    fn invalid(&mut self, error: &WireError) {
        self.of.metrics.hub_foreign.with((Foreign::Invalid,)).inc();
        tracing::debug!(error = error.label(), "a text on a hub channel is no message");
    }
}

impl Ear {
    /// A channel is wanted.
    pub(super) fn add(&mut self, channel: Channel, purpose: Purpose) {
        if let Some(heard) = self.lines.get(&channel) {
            if heard.confirmed && heard.line.is_live() {
                // Wanted again before it was let go.
                self.of.wanted.confirm(&channel);
            }
            return;
        }
        self.of.gauge(&purpose, 1);
        let journal = self.of.journal && matches!(purpose, Purpose::Scope(_));
        let line = Line::new(journal, self.of.config.repair_buffer);
        let heard = Heard { purpose, line, slot: slot_of(&channel), home: 0, confirmed: false, delivered: None };
        self.homeless.insert(channel.clone());
        self.lines.insert(channel, heard);
    }

    /// Takes what came on a link.
    ///
    /// # Errors
    /// The link is of no use.
    pub(super) fn push(&mut self, link: u64, push: Push) -> Result<(), LinkError> {
        match push {
            Push::Message { channel, text } => self.message(link, &channel, text),
            Push::Subscribed(channel) => self.subscribed(link, &channel),
            Push::Unsubscribed(channel) => self.unsubscribed(link, &channel),
            Push::Error(why) => return self.refused(link, why),
            Push::Other => {}
        }
        Ok(())
    }

    fn message(&mut self, link: u64, channel: &Channel, text: bytes::Bytes) {
        match self.lines.get(channel) {
            // What a former link still hears stands in the journal.
            Some(heard) if heard.home != link => {}
            Some(heard) if heard.purpose == Purpose::Control => {
                (self.of.on_control)(&self.of.fanout, &self.of.node, &String::from_utf8_lossy(&text));
            }
            Some(_) => self.line(channel, |line, sink, noticed| line.text(text, sink, noticed)),
            None => {
                let port = self.ports.iter().find(|port| port.id == link && port.probe() == Some(channel));
                port.into_iter().for_each(|port| self.of.health.heard(&port.node));
            }
        }
    }

    fn subscribed(&mut self, link: u64, channel: &Channel) {
        let Some(port) = self.ports.iter_mut().find(|port| port.id == link) else { return };
        match self.lines.get_mut(channel) {
            // Without a home: what was let go and wanted again is confirmed after the end of the first.
            Some(heard)
                if heard.home == link || (heard.home == 0 && self.map.owner(heard.slot) == Some(&port.node)) =>
            {
                (heard.home, heard.confirmed) = (link, true);
                self.homeless.remove(channel);
                self.line(channel, |line, _, noticed| line.subscribed(noticed));
            }
            None if port.probe() == Some(channel) => self.settled(link, channel),
            // It was let go before it was confirmed, or is heard elsewhere now.
            _ => port.unsubscribe(self.of.verbs, std::slice::from_ref(channel)),
        }
    }

    /// Of a channel that is wanted again, or, in a cluster, one whose slot has moved away.
    fn unsubscribed(&mut self, link: u64, channel: &Channel) {
        let Some(heard) = self.lines.get_mut(channel).filter(|heard| heard.home == link && heard.confirmed) else {
            return;
        };
        heard.leave();
        self.of.wanted.unconfirm(channel);
        self.homeless.insert(channel.clone());
        self.of.topology.suspect();
    }

    /// Redis refuses a subscription. When it is only the wrong place or the wrong moment, it is tried again.
    fn refused(&mut self, link: u64, why: String) -> Result<(), LinkError> {
        let mut words = why.split(' ');
        let slot = match words.next() {
            Some("MOVED") => words.next().and_then(|slot| slot.parse::<u16>().ok()),
            Some("CLUSTERDOWN" | "TRYAGAIN" | "ASK" | "LOADING" | "MASTERDOWN") => None,
            _ => return Err(LinkError::Refused(why)),
        };
        for (channel, heard) in &mut self.lines {
            if heard.home == link && !heard.confirmed && slot.is_none_or(|slot| slot == heard.slot) {
                heard.leave();
                self.homeless.insert(channel.clone());
            }
        }
        if !self.unprobed.contains(&link) {
            self.unprobed.push(link);
        }
        self.of.topology.suspect();
        Ok(())
    }

    /// A journal's answer.
    pub(super) fn answer(&mut self, answer: Answer) {
        let Answer { link, channel, found } = answer;
        if let Some(port) = self.ports.iter_mut().find(|port| port.id == link) {
            port.ask(None);
        }
        // Of a link that is gone, or no longer the channel's.
        if self.lines.get(&channel).is_none_or(|heard| heard.home != link) {
            return;
        }
        match found {
            Found::Top(top, last) => self.line(&channel, |line, sink, n| line.top(&top, last.as_ref(), sink, n)),
            Found::Range(range) => self.line(&channel, |line, sink, n| line.fill(&range, sink, n)),
            Found::Check(top) => self.line(&channel, |line, _, _| line.check(&top)),
            Found::Nothing(error) => {
                tracing::debug!(%error, "a journal cannot be read, trying again");
                self.of.topology.suspect();
                self.unanswered.push((link, channel));
            }
        }
    }

    /// Asks once more what was not answered, where it still matters.
    pub(super) fn ask_again(&mut self, link: u64, channel: &Channel) {
        if self.lines.get(channel).is_some_and(|heard| heard.home == link) {
            self.line(channel, |line, _, _| line.ask_again());
        }
    }

    /// Lets a line act, and sees to what it noticed and needs.
    fn line(&mut self, channel: &Channel, act: impl FnOnce(&mut Line, &mut Deliver<'_>, &mut Noticed) -> Need) {
        let Some(heard) = self.lines.get_mut(channel) else { return };
        let (of, home) = (&self.of, heard.home);
        let mut noticed = Noticed::default();
        let scope = match &heard.purpose {
            Purpose::Scope(scope) => scope,
            // It keeps no order, and delivers nothing.
            Purpose::Control => &NOWHERE,
        };
        let mut sink = Deliver { of, scope, arrived: Instant::now(), delivered: false };
        let need = act(&mut heard.line, &mut sink, &mut noticed);
        // A journal that nobody wrote to for long has expired; what vanishes sooner may have held news.
        noticed.unsure &= heard.delivered.is_some_and(|at| at.elapsed() < of.config.journal_ttl);
        if sink.delivered {
            heard.delivered = Some(sink.arrived);
        }
        let what = match need {
            Need::Nothing => None,
            Need::Top => Some(What::Top),
            Need::Range(place, before) => Some(What::Range(place, before)),
        };
        if noticed != Noticed::default() {
            self.book(channel, noticed);
        }
        if let (Some(what), Some(port)) = (what, self.ports.iter_mut().find(|port| port.id == home)) {
            port.ask(Some(Ask { channel: channel.clone(), what }));
        }
        if noticed.settled {
            self.of.wanted.confirm(channel);
            self.settled(home, channel);
        }
    }

    /// Counts and tells what a line noticed.
    fn book(&self, channel: &Channel, noticed: Noticed) {
        let metrics = &self.of.metrics;
        metrics.hub_duplicates.only().inc_by(u64::from(noticed.duplicates));
        let gap = |gap| metrics.hub_gaps.with((gap,)).inc();
        if noticed.reset {
            gap(Gap::EpochReset);
        }
        let Some(Purpose::Scope(scope)) = self.lines.get(channel).map(|heard| &heard.purpose) else { return };
        if noticed.lost {
            gap(Gap::Unrepaired);
            let scope = scope.to.label().label();
            let tell = |unsaid| tracing::error!(scope, unsaid, "messages are lost: the journal holds them no more");
            self.losses.say(tell);
        } else if noticed.repaired {
            gap(Gap::Repaired);
        }
        if noticed.lost || noticed.unsure {
            self.of.fanout.registry().for_each(&scope.to, |seat| seat.outbox.notify(Notice::Gap));
        }
    }

    /// A link is up once everything it was opened for is heard.
    pub(super) fn settled(&mut self, link: u64, channel: &Channel) {
        let Some(port) = self.ports.iter_mut().find(|port| port.id == link) else { return };
        if port.settled(channel) {
            self.of.health.set(&port.node, Half::Subscriber, true);
            tracing::info!(node = %port.node, "the subscriber link is up");
        }
    }

    /// Looks at the ends of some journals: a lost last message shows in no gap.
    pub(super) fn check(&mut self) {
        if !self.of.journal || self.ports.iter().any(super::port::Port::is_behind) {
            return;
        }
        if self.checked.is_empty() {
            let live = self.lines.iter().filter(|(_, heard)| heard.line.is_live());
            self.checked = live.map(|(channel, _)| channel.clone()).collect();
        }
        for channel in self.checked.drain(..self.checked.len().min(CHECKED)) {
            let home = self.lines.get(&channel).map_or(0, |heard| heard.home);
            if let Some(port) = self.ports.iter_mut().find(|port| port.id == home) {
                port.ask(Some(Ask { channel, what: What::Check }));
            }
        }
    }
}
