//! Owns what a session does with the steps its machine has decided on: publish, ask, answer, end. When the machine
//! is asked is `run`'s.

use super::filtered::ask;
use super::run::Session;
use super::steps::{Moment, Step, Steps};
use crate::close::CloseReason;
use crate::dialect::{Filtered, Frame, Protocol};
use crate::envelope::ClientId;
use crate::hub::shared;
use crate::telemetry::labels::Path;
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Message};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A frame came. Returns why to end.
    pub(super) async fn on_message(&mut self, message: Message) -> Option<CloseReason> {
        let now = self.now();
        let frame = match &message {
            Message::Text(text) => Frame::Text(text.as_str()),
            Message::Binary(bytes) => Frame::Binary(bytes),
            Message::Ping(bytes) | Message::Pong(bytes) => {
                self.unfinished.control(bytes.len());
                let steps = self.machine.on_control(bytes.len(), now.instant);
                return self.act_alone(steps);
            }
            Message::Close(_) | Message::Frame(_) => return Some(CloseReason::ClientClosed),
        };
        self.unfinished.whole(self.socket.get_ref().read());
        self.visit.stay.frame(frame, now.at);
        let steps = self.machine.on_frame(frame, now);
        self.visit.traffic.messages_in += 1;
        self.act(steps).await
    }

    /// What the machine does unasked, now that the client is in. Returns why to end.
    pub(super) async fn opening(&mut self) -> Option<CloseReason> {
        let steps = self.machine.on_open(self.now());
        self.act(steps).await
    }

    /// The hub has told something, or a deadline has passed.
    pub(super) async fn on_wake(&mut self) -> Option<CloseReason> {
        let now = self.now();
        for notice in std::mem::take(&mut self.batch.notices) {
            let steps = self.machine.on_notice(&notice, now);
            let end = self.act_alone(steps);
            if end.is_some() {
                return end;
            }
        }
        if self.batch.held_until.is_some_and(|until| until <= now.instant) {
            self.visit.context.hub.release(&self.visit.seat, now.instant);
        }
        if now.instant < self.machine.deadline() {
            return None;
        }
        // Nothing has come for a while: memory that a burst has left is given back.
        self.books.rest();
        if self.batch.deliveries.is_empty() {
            self.batch.deliveries = VecDeque::new();
        }
        let steps = self.machine.on_tick(now);
        self.act(steps).await
    }

    /// When `on_wake` wants to be called.
    pub(super) fn deadline(&self) -> Instant {
        let due = self.machine.deadline();
        self.batch.held_until.map_or(due, |until| until.min(due))
    }

    /// Does what the machine said, in order. Returns why to end.
    pub(super) async fn act<'s>(&mut self, steps: Steps<'s>) -> Option<CloseReason> {
        for step in steps {
            let end = match step {
                Step::Publish { envelope, receipt } => {
                    let path = Path::between(self.visit.seat.spoken.protocol(), Protocol::V3);
                    let seat = &self.visit.seat;
                    match self.visit.context.hub.publish(&envelope, receipt.as_ref(), seat, path).await {
                        Ok(()) => None,
                        Err(why) => {
                            let steps = self.machine.on_unpublished(why, self.now());
                            self.act_alone(steps)
                        }
                    }
                }
                Step::Filter { by, text } => Box::pin(self.filter(&by, text)).await,
                Step::QueryPresence => Box::pin(self.query_presence(None)).await,
                Step::QueryClient(client) => Box::pin(self.query_presence(Some(&client))).await,
                other => self.act_alone(Some(other)),
            };
            if end.is_some() {
                return end;
            }
        }
        None
    }

    /// Asks the dialect's filter, and does what follows. Nothing else is read meanwhile, so that a client's frames stay in
    /// order; the filter's own bounds end the wait.
    async fn filter(&mut self, by: &Filtered, text: &str) -> Option<CloseReason> {
        let started = Instant::now();
        let outputs = ask(&self.visit.context.filters, by, text).await;
        let outputs = outputs.as_deref().map_err(|error| *error);
        let steps = self.machine.on_filtered(by, text, outputs, started.elapsed(), self.now());
        self.act(steps).await
    }

    /// Asks the hub who is present, or whether one client is, and does what follows.
    async fn query_presence(&mut self, client: Option<&ClientId>) -> Option<CloseReason> {
        let (hub, seat) = (&self.visit.context.hub, &self.visit.seat);
        let members = match client {
            Some(client) => hub.member(seat, client).await.map(Vec::from_iter),
            None => hub.members(seat).await,
        };
        let steps = self.machine.on_members(members, self.now());
        self.act(steps).await
    }

    /// Does what the machine said, where nobody need be waited for. Returns why to end.
    fn act_alone<'s>(&mut self, steps: impl IntoIterator<Item = Step<'s>>) -> Option<CloseReason> {
        for step in steps {
            match step {
                Step::Send(frame) => {
                    self.visit.traffic.messages_out += 1;
                    self.answers.push_back(shared(frame));
                }
                Step::Ping => self.answers.push_back(Message::Ping(Bytes::new())),
                Step::Touch => self.visit.context.hub.touch(&self.visit.seat),
                Step::Describe(metadata) => {
                    if let Err(error) = self.visit.context.hub.describe(&self.visit.seat, metadata) {
                        // Dialects keep it shorter than that.
                        tracing::warn!(%error, "what a client said of itself is not kept");
                    }
                }
                Step::Close(reason) => return Some(reason),
                Step::Publish { .. } | Step::Filter { .. } | Step::QueryPresence | Step::QueryClient(_) => {
                    tracing::error!("a step for the hub came out of turn");
                }
            }
        }
        None
    }

    fn now(&self) -> Moment {
        Moment { instant: Instant::now(), at: self.visit.context.clock.now() }
    }
}
