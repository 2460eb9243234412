//! Owns delivery: one parsed message to every seat its scope reaches on this node, rendered once a view,
//! and booked in the ledger: expected = delivered + suppressed + lost. Nothing else puts messages into queues.

use super::outbox::{Delivery, Pushed};
use super::registry::Registry;
use super::scope::{Address, Owner, Scope};
use super::seat::{Seat, Tenancy};
use crate::dialect::{Hidden, HubMessage, OwnedFrame, Protocol, Spoken, View, Wire};
use crate::label::Label;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Direction, Lost, LostOn, Outcome, Path, Suppressed, Translation};
use smallvec::SmallVec;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Delivers on this node.
#[derive(Debug)]
pub struct Fanout {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    tenancy: Tenancy,
    wire: Wire,
}

/// Deliveries of one message on one path, added to the counters at its end.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    expected: u64,
    suppressed: u64,
    lost: u64,
}

impl Fanout {
    /// Delivers to the seats of this registry.
    pub fn new(registry: Arc<Registry>, metrics: Arc<Metrics>, tenancy: Tenancy, wire: Wire) -> Self {
        Self { registry, metrics, tenancy, wire }
    }

    /// The seats it delivers to.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Who hears whom.
    pub fn tenancy(&self) -> Tenancy {
        self.tenancy
    }

    /// Delivers a message that came on a scope.
    pub fn deliver(&self, scope: &Scope, message: &HubMessage<'_>, arrived: Instant) {
        let from = message.protocol();
        let mut rendered: SmallVec<[(View, Result<Message, Hidden>); 2]> = SmallVec::new();
        let mut tally = [Tally::default(); 2];
        self.registry.for_each(&scope.to, |seat| {
            if !self.is_meant(scope, seat, message) {
                return;
            }
            let path = Path::between(from, seat.view.protocol());
            let tally = &mut tally[seat.view.protocol() as usize];
            tally.expected += 1;
            let found = rendered.iter().position(|(view, _)| *view == seat.view).unwrap_or_else(|| {
                rendered.push((seat.view, self.render(seat.view, message)));
                rendered.len() - 1
            });
            match &rendered[found].1 {
                Ok(shared) => self.push(seat, Delivery { message: shared.clone(), path, arrived }, tally),
                Err(why) => {
                    tally.suppressed += 1;
                    self.metrics.messages_suppressed.with((reason(*why),)).inc();
                }
            }
        });
        for (to, tally) in [(Protocol::V2, tally[0]), (Protocol::V3, tally[1])] {
            self.book(Path::between(from, to), tally);
        }
    }

    /// Is this copy of the message for this seat at all? What is not, is not expected either.
    fn is_meant(&self, scope: &Scope, seat: &Seat, message: &HubMessage<'_>) -> bool {
        let may = match &scope.owner {
            Owner::Account(account) => account.as_ref() == seat.account(),
            // A foreign publisher knows no accounts; it speaks to the whole channel. On the plain wire it cannot
            // be told from a client without one, which must not reach everybody.
            Owner::All if message.is_foreign() && self.wire == Wire::Extended => true,
            Owner::All => self.tenancy.may_reach(message.account(), seat.account()),
        };
        // A V2 frame with a global audience travels twice; V2 seats take the copy of the V2 scope.
        let other_copy = seat.global && matches!(scope.to, Address::Group(_)) && message.protocol() == Protocol::V2;
        may && !other_copy
    }

    fn render(&self, view: View, message: &HubMessage<'_>) -> Result<Message, Hidden> {
        // What was V2 comes back by its receipt, and V3 sees a prefix of the text: no translation.
        if (message.protocol(), view.protocol()) != (Protocol::V3, Protocol::V2) {
            return view.downgrade(message).map(shared);
        }
        let timer = self.metrics.translation_duration.with((Direction::V3ToV2,)).start_timer();
        let frame = view.downgrade(message);
        timer.observe_duration();
        if frame.is_ok() {
            self.metrics.translations.with((Direction::V3ToV2, Spoken::AetherV2, Translation::Exact)).inc();
        }
        frame.map(shared)
    }

    fn push(&self, seat: &Seat, delivery: Delivery, tally: &mut Tally) {
        let path = delivery.path;
        match seat.outbox.push(delivery) {
            Pushed::Queued(waiting) => self.metrics.send_queue_length.only().observe(waiting as f64),
            Pushed::Dropped(by_path) => self.book_lost(by_path, Lost::SlowConsumer),
            Pushed::Overflow => {
                tally.lost += 1;
                self.metrics.messages_lost.with(LostOn(path, Lost::SlowConsumer)).inc();
            }
            Pushed::Gone => {
                tally.lost += 1;
                self.metrics.messages_lost.with(LostOn(path, Lost::Disconnect)).inc();
            }
        }
    }

    fn book(&self, path: Path, tally: Tally) {
        if tally.expected == 0 {
            return;
        }
        self.metrics.deliveries_expected.with((path,)).inc_by(tally.expected);
        self.metrics.deliveries.with((path, Outcome::Suppressed)).inc_by(tally.suppressed);
        self.metrics.deliveries.with((path, Outcome::Lost)).inc_by(tally.lost);
    }

    /// Books deliveries to a connection that never came in: nobody was owed them.
    pub fn book_unowed(&self, by_path: [u32; 4]) {
        for (path, n) in Path::ALL.iter().copied().zip(by_path) {
            self.metrics.deliveries.with((path, Outcome::Suppressed)).inc_by(u64::from(n));
            self.metrics.messages_suppressed.with((Suppressed::NotForYou,)).inc_by(u64::from(n));
        }
    }

    /// Books deliveries that were queued and did not reach the socket, one entry a path.
    pub fn book_lost(&self, by_path: [u32; 4], why: Lost) {
        for (path, n) in Path::ALL.iter().copied().zip(by_path) {
            self.metrics.book_lost(path, why, u64::from(n));
        }
    }
}

/// A frame that many receivers share.
pub fn shared(frame: OwnedFrame) -> Message {
    match frame {
        OwnedFrame::Text(text) => Message::Text(text.into()),
        OwnedFrame::Binary(bytes) => Message::Binary(Bytes::from(bytes)),
    }
}

fn reason(why: Hidden) -> Suppressed {
    match why {
        Hidden::PresenceToV2 => Suppressed::PresenceToV2,
        Hidden::DialectRule => Suppressed::DialectRule,
    }
}
