//! Owns the only loop over a client's socket: what waits in the queue is handed over and flushed once, what
//! comes is given to the machine, and nothing waits without a deadline. What frames mean is the machine's.

use super::books::Books;
use super::farewell::{self, Socket, why};
use super::large::{self, Large};
use super::last_words::LastWords;
use super::machine::Machine;
use super::unfinished::Unfinished;
use super::visit::Visit;
use crate::close::CloseReason;
use crate::dialect::OwnedFrame;
use crate::hub::{Batch, shared};
use crate::telemetry::labels::Lost;
use futures_util::{Sink, Stream};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Frames taken from the socket before the queue has its turn.
const READS: u8 = 32;
/// Deliveries handed over before they are flushed.
const UNFLUSHED: usize = 256;
/// Slots whose memory is kept for the next batch.
const KEEP_SLOTS: usize = 8;

/// One connection after its handshake.
#[derive(Debug)]
pub struct Session<S> {
    pub(super) socket: Socket<S>,
    pub(super) machine: Machine,
    pub(super) visit: Visit,
    /// Taken from the queue and not yet handed to the socket.
    pub(super) batch: Batch,
    /// The same for answers to the client itself.
    pub(super) answers: VecDeque<Message>,
    /// A frame that is written past the socket's own buffer.
    large: Option<Large>,
    pub(super) books: Books,
    /// Something was handed to the socket and not yet flushed.
    unflushed: bool,
    /// The last look into the queue found more than one message.
    burst: bool,
    reads: u8,
    pub(super) unfinished: Unfinished,
    stalled: Option<Stalled>,
    sleep: Pin<Box<Sleep>>,
}

/// The socket takes nothing more for now.
#[derive(Debug, Clone, Copy)]
struct Stalled {
    /// Bytes it had taken when the clock was set.
    written: u64,
    until: Instant,
}

/// What ends a wait.
enum Wake {
    /// A frame came.
    Frame(Message),
    /// More messages than one wait; more may be under way.
    Burst,
    /// The hub has told something, or the deadline has passed: ask the machine.
    Ask,
    /// The connection ends.
    End(CloseReason),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A session over an open WebSocket, on which its client may have spoken already. In a box, since a future holds
    /// twice what it moves around.
    pub fn new(socket: Socket<S>, machine: Machine, visit: Visit) -> Box<Self> {
        let mut unfinished = Unfinished::new(&visit.context.settings);
        unfinished.whole(socket.get_ref().read());
        Box::new(Self {
            socket,
            sleep: Box::pin(sleep_until(machine.deadline())),
            machine,
            unfinished,
            visit,
            batch: Batch::default(),
            answers: VecDeque::new(),
            large: None,
            books: Books::default(),
            unflushed: false,
            burst: false,
            reads: READS,
            stalled: None,
        })
    }

    /// Says this before everything else, to this client alone: no delivery, so not in the ledger.
    pub fn greet(&mut self, frame: OwnedFrame) {
        self.visit.traffic.messages_out += 1;
        self.answers.push_back(shared(frame));
    }

    /// Serves the client until the connection ends.
    pub async fn run(&mut self) {
        // Steps are large, and whatever this future awaits once it holds for as long as it lives.
        let opened = if self.machine.opens() { Box::pin(self.opening()).await } else { None };
        let reason = match opened {
            Some(reason) => reason,
            None => self.live().await,
        };
        self.visit.reason = reason;
        self.visit.stay.ended(reason);
        // Needed once, and larger than the rest: not part of what every connection holds all the time.
        Box::pin(self.finish(reason)).await;
        self.visit.traffic.messages_out += self.books.delivered();
        let transport = self.socket.get_ref();
        (self.visit.traffic.bytes_in, self.visit.traffic.bytes_out) = (transport.read(), transport.written());
    }

    async fn live(&mut self) -> CloseReason {
        loop {
            let end = match poll_fn(|cx| self.poll(cx)).await {
                Wake::Frame(message) => Box::pin(self.on_message(message)).await,
                Wake::Burst => {
                    // Whoever fills the queue is likely still at it: one flush for all.
                    tokio::task::yield_now().await;
                    None
                }
                Wake::Ask => Box::pin(self.on_wake()).await,
                Wake::End(reason) => Some(reason),
            };
            if let Some(reason) = end {
                return reason;
            }
        }
    }

    /// Goes on as far as it can without waiting. The order is: hand over, read, take, flush, wait.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        loop {
            match self.poll_hand_over(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(Wake::End(reason)),
                Poll::Pending => return self.poll_stalled(cx),
            }
            if self.reads > 0
                && self.listens()
                && let Poll::Ready(came) = Pin::new(&mut self.socket).poll_next(cx)
            {
                self.reads -= 1;
                return Poll::Ready(match came {
                    Some(Ok(message)) => Wake::Frame(message),
                    Some(Err(error)) => Wake::End(why(&error)),
                    None => Wake::End(CloseReason::ClientClosed),
                });
            }
            if self.unfinished.is_endless(self.socket.get_ref().read()) {
                return Poll::Ready(Wake::End(CloseReason::TooBig));
            }
            let full = self.books.underway() >= UNFLUSHED;
            if !full && self.visit.seat.outbox.poll_take(cx, &mut self.batch).is_ready() {
                let after_burst = std::mem::replace(&mut self.burst, self.batch.deliveries.len() > 1);
                if let Some(reason) = self.batch.close {
                    return Poll::Ready(Wake::End(reason));
                }
                if !self.batch.notices.is_empty() {
                    return Poll::Ready(Wake::Ask);
                }
                if after_burst && self.books.underway() == 0 {
                    return Poll::Ready(Wake::Burst);
                }
                continue;
            }
            if self.unflushed {
                match Pin::new(&mut self.socket).poll_flush(cx) {
                    Poll::Ready(Ok(())) => {
                        self.unflushed = false;
                        if self.stalled.take().is_some() {
                            self.visit.stay.stalled(false);
                        }
                        self.books.flushed(&self.visit.context.metrics);
                        self.give_back();
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Wake::End(why(&error))),
                    Poll::Pending => return self.poll_stalled(cx),
                }
            }
            if self.reads == 0 || full {
                self.reads = READS;
                continue;
            }
            self.reads = READS;
            return self.poll_deadline(cx);
        }
    }

    /// What is not read waits in the socket, and its sender with it. Everything else goes on.
    fn listens(&self) -> bool {
        self.machine.deaf().is_none_or(|until| until <= Instant::now())
    }

    /// Queues that are empty hold nothing while the connection is idle.
    fn give_back(&mut self) {
        if self.answers.is_empty() {
            self.answers = VecDeque::new();
        }
        if self.batch.deliveries.is_empty() && !self.burst {
            self.batch.deliveries = VecDeque::new();
        }
    }

    /// Hands over everything that is in hand: answers first, they are few.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        loop {
            ready!(large::poll(&mut self.large, &mut self.socket, cx)).map_err(|error| why(&error))?;
            if self.answers.is_empty() && self.batch.deliveries.is_empty() {
                break;
            }
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(|error| why(&error))?;
            let is_tapped = self.visit.stay.is_tapped();
            let message = if let Some(answer) = self.answers.pop_front() {
                if is_tapped {
                    self.visit.stay.answered(&answer, self.visit.context.clock.now());
                }
                answer
            } else if let Some(delivery) = self.batch.deliveries.pop_front() {
                self.books.handed(&delivery);
                if is_tapped {
                    self.visit.stay.delivered(&delivery.message, delivery.path, self.visit.context.clock.now());
                }
                delivery.message
            } else {
                break;
            };
            self.unflushed = true;
            match Large::of(message) {
                Ok(large) => self.large = Some(large),
                Err(message) => Pin::new(&mut self.socket).start_send(message).map_err(|error| why(&error))?,
            }
        }
        if self.batch.deliveries.capacity() > KEEP_SLOTS {
            self.batch.deliveries = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    /// The socket is full: nothing is read or taken until it moves, stands still for too long, or the
    /// connection is to end.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        let written = self.socket.get_ref().written();
        let stalled = match self.stalled {
            Some(stalled) if stalled.written == written => stalled,
            _ => {
                self.visit.stay.stalled(true);
                let until = Instant::now() + self.visit.context.settings.write_timeout;
                *self.stalled.insert(Stalled { written, until })
            }
        };
        if let Poll::Ready(reason) = self.visit.seat.outbox.poll_close(cx) {
            return Poll::Ready(Wake::End(reason));
        }
        if self.sleep.deadline() != stalled.until {
            self.sleep.as_mut().reset(stalled.until);
        }
        self.sleep.as_mut().poll(cx).map(|()| Wake::End(CloseReason::SlowConsumer))
    }

    /// Waits for the machine's deadline. The timer is only moved when it has fired or is too late: frames
    /// move the deadline all the time.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        let due = self.deadline();
        if self.sleep.is_elapsed() || self.sleep.deadline() > due {
            self.sleep.as_mut().reset(due);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if self.sleep.deadline() >= due {
                return Poll::Ready(Wake::Ask);
            }
            self.sleep.as_mut().reset(due);
        }
        Poll::Pending
    }

    /// Whatever ended it: out of the hub, what is in hand if it can still be sent, and a proper goodbye.
    async fn finish(&mut self, reason: CloseReason) {
        let heard_all = reason != CloseReason::SlowConsumer;
        if heard_all && self.batch.deliveries.is_empty() {
            self.visit.seat.outbox.take(&mut self.batch);
        }
        self.visit.detach();
        let settings = self.visit.context.settings.clone();
        if heard_all && reason.code().is_some() && reason != CloseReason::ClientClosed {
            let until = Instant::now() + settings.write_timeout;
            let handed = tokio::time::timeout_at(until, poll_fn(|cx| self.poll_hand_over(cx))).await;
            // Flushed with the close frame, or not at all.
            tracing::trace!(handed = matches!(handed, Ok(Ok(()))), "last messages");
        }
        // A close frame must not stand in the middle of another. What was handed over above had its time.
        let patience = if heard_all { Duration::ZERO } else { farewell::patience(reason, settings.write_timeout) };
        let rest = poll_fn(|cx| large::poll(&mut self.large, &mut self.socket, cx));
        let whole = matches!(tokio::time::timeout(patience, rest).await, Ok(Ok(())));
        let last_words = LastWords::of(reason, &mut self.machine, &mut self.visit);
        let flushed = whole && farewell::say(&mut self.socket, reason, settings.write_timeout, last_words).await;
        let why = if heard_all { Lost::Disconnect } else { Lost::SlowConsumer };
        let metrics = &self.visit.context.metrics;
        if flushed {
            self.books.flushed(metrics);
        }
        self.books.lost(why, metrics);
        for delivery in std::mem::take(&mut self.batch.deliveries) {
            metrics.book_lost(delivery.path, why, 1);
        }
    }
}
