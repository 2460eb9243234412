//! Owns what a client's frames, the hub's notices and the passing of time mean for one connection: a plain
//! function from event to steps. No I/O, no runtime, no queue; doing the steps is `run`'s.

use super::common::Common;
use super::keepalive::{Beat, Keepalive};
use super::meter::Meter;
use super::pace::Pace;
use super::settings::Settings;
use super::steps::{Moment, Step, Steps};
use crate::close::CloseReason;
use crate::config::V2Trouble;
use crate::dialect::{Frame, Inbound, Intent, Intents, OwnedFrame, Protocol, Receipt, Speech, adapter::Present};
use crate::envelope::{ClientId, Draft, IdError, MsgType, Origin, Problem, ProblemKind, Route, Target, json, seal};
use crate::hub::{HubUnavailable, Member, Notice, PublishError};
use crate::telemetry::Metrics;
use smallvec::smallvec;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};
use tokio::time::Instant;

/// Any frame refreshes presence, but no more often than this; heartbeats always do.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// `code` of the answer to a broadcast by one who may not.
const FORBIDDEN: &str = "forbidden";

/// Who a machine speaks for.
#[derive(Debug)]
pub struct Client {
    /// Client, group, account.
    pub origin: Origin,
    /// What it says.
    pub speech: Speech,
    /// The generation of what it hears.
    pub hears: Protocol,
    /// May it send to everyone?
    pub may_broadcast: bool,
}

/// One connection's decisions.
#[derive(Debug)]
pub struct Machine {
    pub(super) client: Client,
    pub(super) settings: Arc<Settings>,
    pub(super) meter: Meter,
    pace: Pace,
    keepalive: Keepalive,
    /// Nothing is read before then.
    deaf: Option<Instant>,
    touched: Instant,
}

impl Machine {
    /// A machine that begins now.
    pub fn new(client: Client, settings: Arc<Settings>, metrics: Arc<Metrics>, now: Instant) -> Self {
        Self {
            meter: Meter::new(metrics, client.speech.spoken()),
            pace: Pace::new(&settings, now),
            keepalive: Keepalive::new(settings.ping_interval, settings.idle_timeout, now),
            deaf: None,
            touched: now,
            client,
            settings,
        }
    }

    /// The same, sharing these rates with other connections.
    pub fn sharing(self, commons: Box<[Arc<Common>]>) -> Self {
        Self { pace: self.pace.sharing(commons), ..self }
    }

    /// A data frame came.
    pub fn on_frame<'a>(&mut self, frame: Frame<'a>, now: Moment) -> Steps<'a> {
        self.meter.received(frame.len());
        self.keepalive.spoke(now.instant);
        if !self.admits(frame.len(), true, now.instant) {
            return smallvec![Step::Close(CloseReason::RateLimit)];
        }
        let started = Stopwatch::now();
        let (intents, notes) = self.client.speech.upgrade(frame, now.into());
        self.meter.upgraded(&intents, notes, started.elapsed());
        let mut steps = self.signs(now.instant, matches!(intents[..], [Intent::Heartbeat { .. }]));
        self.follow(frame, intents, now, &mut steps);
        steps
    }

    /// Does its dialect do anything unasked once the client is in? Only an adapter's may.
    pub fn opens(&self) -> bool {
        matches!(self.client.speech, Speech::Adapter(..))
    }

    /// The client is in, and has been told so.
    pub fn on_open(&mut self, now: Moment) -> Steps<'static> {
        self.unasked(now, |inbound| inbound.on_open(now.into()))
    }

    /// What an adapter's dialect does by itself.
    fn unasked(&mut self, now: Moment, ask: impl FnOnce(&mut dyn Inbound) -> Intents<'static>) -> Steps<'static> {
        let mut steps = smallvec![];
        if let Speech::Adapter(_, inbound) = &mut self.client.speech {
            let intents = ask(&mut **inbound);
            self.follow(Frame::Text(""), intents, now, &mut steps);
        }
        steps
    }

    /// What follows from intents; `frame` is what they came of.
    fn follow<'a>(&mut self, frame: Frame<'a>, intents: Intents<'a>, now: Moment, steps: &mut Steps<'a>) {
        for intent in intents {
            match intent {
                Intent::Publish { draft, receipt } => self.publish(frame, draft, receipt, now, steps),
                Intent::Echo { exact: true, .. } if self.hears() == Protocol::V2 => {
                    steps.push(Step::Send(frame.to_owned()));
                }
                // A heartbeat is never for others, whatever target it names (guide section 5).
                Intent::Echo { draft, .. } | Intent::Heartbeat { draft } => steps.push(self.send(&draft, now)),
                Intent::Filter(by) => {
                    if let Frame::Text(text) = frame {
                        steps.push(Step::Filter { by, text });
                    }
                }
                Intent::PresenceQuery => steps.push(Step::QueryPresence),
                Intent::WhoIs(client) => steps.push(Step::QueryClient(client)),
                Intent::Answer(answer) => steps.push(Step::Send(answer)),
                Intent::Invalid(problems) => self.invalid(&problems, now, steps),
                Intent::Refused(answer) => {
                    self.meter.refused(&self.client.origin);
                    steps.extend(answer.map(Step::Send));
                }
                Intent::Announce { draft } => {
                    let origin = Origin { client: ClientId::server(), ..self.client.origin.clone() };
                    let envelope = seal(&draft, &origin, &sent_at(now), self.settings.nulls);
                    steps.push(Step::Publish { envelope, receipt: None });
                }
                Intent::Describe(metadata) => steps.push(Step::Describe(metadata.map(Cow::into_owned))),
                Intent::End(reason) => steps.push(Step::Close(reason)),
            }
        }
    }

    /// A ping or pong with so many bytes came.
    pub fn on_control(&mut self, bytes: usize, now: Instant) -> Steps<'static> {
        self.keepalive.heard(now);
        if !self.admits(bytes, false, now) {
            return smallvec![Step::Close(CloseReason::RateLimit)];
        }
        self.signs(now, false)
    }

    /// Some: no frame should be read before then, since others share a rate with this client that is used up.
    pub fn deaf(&self) -> Option<Instant> {
        self.deaf
    }

    /// When `on_tick` wants to be called.
    pub fn deadline(&self) -> Instant {
        let beat = self.keepalive.deadline();
        let due = match &self.client.speech {
            Speech::Adapter(_, inbound) => inbound.deadline().map_or(beat, |due| beat.min(due.into())),
            Speech::Plain(_) | Speech::Filtered(_) => beat,
        };
        self.deaf.map_or(due, |until| until.min(due))
    }

    /// Time has passed.
    pub fn on_tick(&mut self, now: Moment) -> Steps<'static> {
        self.deaf = self.deaf.filter(|until| *until > now.instant);
        let mut steps = self.unasked(now, |inbound| match inbound.deadline() {
            Some(due) if due <= now.instant.into_std() => inbound.on_tick(now.into()),
            _ => Intents::new(),
        });
        match self.keepalive.on_tick(now.instant) {
            Beat::Rest => {}
            Beat::Ping => steps.push(Step::Ping),
            Beat::Dead => steps.push(Step::Close(CloseReason::PeerDead)),
            Beat::Idle => steps.push(Step::Close(CloseReason::Idle)),
        }
        steps
    }

    /// The hub has something to say beside messages.
    pub fn on_notice(&mut self, notice: &Notice, now: Moment) -> Steps<'static> {
        match notice {
            Notice::Unpublished(why) => self.on_unpublished(*why, now),
            Notice::Gap if self.hears() == Protocol::V3 => {
                smallvec![self.tell("RESYNC", "gap", "messages were lost on the way and cannot be repaired", now)]
            }
            Notice::Gap => trouble(self.settings.v2_on_gap, CloseReason::Restart),
        }
    }

    /// A message of this client was not published.
    pub fn on_unpublished(&mut self, why: PublishError, now: Moment) -> Steps<'static> {
        let (text, close) = match why {
            PublishError::Unavailable => ("the message was not delivered: the hub is away", CloseReason::TryLater),
            PublishError::Overloaded => ("the message was not delivered: the hub is overloaded", CloseReason::TryLater),
            PublishError::TooLarge => ("the message was not delivered: it is too large", CloseReason::TooBig),
        };
        match self.hears() {
            Protocol::V3 => smallvec![self.tell("ERROR", why.label(), text, now)],
            Protocol::V2 => trouble(self.settings.v2_on_unavailable, close),
        }
    }

    /// The hub has said who is present, of all or of the one that was asked for.
    pub fn on_members(&mut self, members: Result<Vec<Member>, HubUnavailable>, now: Moment) -> Steps<'static> {
        if let Speech::Adapter(..) = self.client.speech {
            fn present(member: &Member) -> Present<'_> {
                Present { client: member.client.as_str(), metadata: member.metadata.as_deref() }
            }
            let members = members.as_ref().map(|all| all.iter().map(present).collect::<Vec<_>>()).ok();
            return self.unasked(now, |inbound| inbound.on_members(members.as_deref(), now.into()));
        }
        let Ok(members) = members else {
            let code = PublishError::Unavailable.label();
            return smallvec![self.tell("ERROR", code, "presence could not be asked: the hub is away", now)];
        };
        let client = &self.client.origin.client;
        let draft = Member::answer(&members, client).unwrap_or_else(|problem| Problem::answer(&[problem], client));
        // The server's word, about this group.
        let origin = Origin { group: self.client.origin.group.clone(), ..Origin::server() };
        smallvec![self.send_as(&origin, &draft, now)]
    }

    fn hears(&self) -> Protocol {
        self.client.hears
    }

    /// Is a frame within the connection's own rates? One above a shared rate is taken as well: it may be another
    /// connection that uses it up. It is paid for by waiting.
    fn admits(&mut self, bytes: usize, is_message: bool, now: Instant) -> bool {
        if let Err(limit) = self.pace.admits(bytes, now) {
            self.meter.limited(limit);
            return false;
        }
        self.deaf = None;
        if let Some((limit, until)) = self.pace.shares(bytes, is_message, now) {
            self.meter.limited(limit);
            self.keepalive.deaf(until);
            self.deaf = Some(until);
        }
        true
    }

    /// Every frame is a sign of life.
    fn signs<'a>(&mut self, now: Instant, always: bool) -> Steps<'a> {
        if always || now >= self.touched + TOUCH_EVERY {
            self.touched = now;
            return smallvec![Step::Touch];
        }
        smallvec![]
    }

    pub(super) fn publish<'a>(
        &mut self,
        frame: Frame<'a>,
        draft: Draft<'a>,
        receipt: Option<Receipt<'a>>,
        now: Moment,
        steps: &mut Steps<'a>,
    ) {
        let legacy = receipt.is_some();
        let draft = match draft.target() {
            Target::Broadcast if !self.client.may_broadcast && legacy => draft.for_group(),
            Target::Broadcast if !self.client.may_broadcast => {
                return self.refuse(self.tell("ERROR", FORBIDDEN, "this client may not broadcast", now), now, steps);
            }
            _ => draft,
        };
        // Nobody can have a longer id, and it would become a channel's name.
        if draft.to_id().is_some_and(|to| to.as_str().len() > self.settings.id) {
            let problem = Problem::at("to_id", ProblemKind::BadId(IdError::TooLong));
            // A legacy client knows no answer to a private message that reaches nobody.
            return if legacy { self.meter.invalid() } else { self.invalid(&[problem], now, steps) };
        }
        let envelope = seal(&draft, &self.client.origin, &sent_at(now), self.settings.nulls);
        if let Some(receipt) = &receipt {
            let every = self.settings.roundtrip_check;
            if every > 0 && fastrand::u32(..every) == 0 {
                self.meter.check(frame, &envelope, receipt, self.settings.wire);
            }
        }
        match envelope.route() {
            // Only a client without a group can come here.
            Route::Sender if legacy => steps.push(Step::Send(frame.to_owned())),
            Route::Sender => steps.push(Step::Send(OwnedFrame::Text(envelope.into_text()))),
            _ => steps.push(Step::Publish { envelope, receipt }),
        }
    }

    fn invalid(&mut self, problems: &[Problem], now: Moment, steps: &mut Steps<'_>) {
        let answer = Problem::answer(problems, &self.client.origin.client);
        self.refuse(self.send_as(&Origin::server(), &answer, now), now, steps);
    }

    fn refuse(&mut self, answer: Step<'static>, now: Moment, steps: &mut Steps<'_>) {
        self.meter.invalid();
        steps.push(answer);
        if !self.pace.forgives(now.instant) {
            steps.push(Step::Close(CloseReason::TooManyErrors));
        }
    }

    /// `cmd` with a code and a sentence, from the server to this client.
    fn tell(&self, cmd: &str, code: &str, text: &str, now: Moment) -> Step<'static> {
        let mut draft = Draft::to_client(MsgType::Cmd, self.client.origin.client.clone());
        let quoted = |text: &str| {
            let mut token = String::with_capacity(text.len() + 2);
            json::write_str(&mut token, text);
            token
        };
        draft.cmd = Some(quoted(cmd).into());
        draft.msg = Some(quoted(text).into());
        draft.payload = Some(format!("{{\"code\":{}}}", quoted(code)).into());
        self.send_as(&Origin::server(), &draft, now)
    }

    fn send(&self, draft: &Draft<'_>, now: Moment) -> Step<'static> {
        self.send_as(&self.client.origin, draft, now)
    }

    fn send_as(&self, origin: &Origin, draft: &Draft<'_>, now: Moment) -> Step<'static> {
        Step::Send(OwnedFrame::Text(seal(draft, origin, &sent_at(now), self.settings.nulls).into_text()))
    }
}

fn sent_at(now: Moment) -> String {
    let mut text = String::with_capacity(24);
    now.at.write(&mut text);
    text
}

/// Legacy clients know no error messages: they are closed, or it is only counted.
pub(super) fn trouble<'a>(how: V2Trouble, reason: CloseReason) -> Steps<'a> {
    match how {
        V2Trouble::Close => smallvec![Step::Close(reason)],
        V2Trouble::Count => smallvec![],
    }
}

#[cfg(test)]
mod tests;
