//! Owns delivery: one parsed message to every seat its scope reaches on this node, rendered once a view,
//! and booked in the ledger: expected = delivered + suppressed + lost. Nothing else puts messages into queues.

use super::aside::{Aside, chosen};
use super::outbox::{Delivery, Pushed};
use super::registry::Registry;
use super::scope::{Address, Owner, Scope};
use super::seat::{Seat, Tenancy};
use crate::dialect::{
    Filtered, Hearing, Hidden, HubMessage, Later, OwnedFrame, Protocol, Reading, Shape, Spoken, View, Wire,
};
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
    /// By the places of the dialects.
    asides: Box<[Option<Aside>]>,
}

/// Deliveries of one message on one path, added to the counters at its end.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    expected: u64,
    suppressed: u64,
    lost: u64,
}

/// Receivers of one class get the same bytes.
#[derive(Debug, PartialEq, Eq)]
enum Class {
    /// By their view.
    Plain(View),
    /// By what their dialect has chosen.
    Shape(Shape),
}

/// How a message reaches a receiver.
enum Found<'h> {
    /// Here and now, or later.
    Class(Class, Option<Later>),
    /// By way of a filter.
    Aside(&'h Filtered),
}

/// Receivers who hear a message by way of a filter.
type Set = SmallVec<[(Filtered, Vec<Arc<Seat>>); 1]>;

impl Found<'_> {
    fn of<'h>(hears: &'h Hearing, reading: &Reading<'_>, now: Instant) -> Result<Found<'h>, Hidden> {
        match hears {
            Hearing::Plain(view) => Ok(Found::Class(Class::Plain(*view), None)),
            Hearing::Adapter(outbound) => {
                let choice = outbound.choose(reading, now.into_std())?;
                Ok(Found::Class(Class::Shape(choice.shape), choice.later))
            }
            Hearing::Filtered(by) => chosen(by, reading.message()).map(|()| Found::Aside(by)),
        }
    }
}

impl Fanout {
    /// Delivers to the seats of this registry.
    pub fn new(registry: Arc<Registry>, metrics: Arc<Metrics>, tenancy: Tenancy, wire: Wire) -> Self {
        Self { registry, metrics, tenancy, wire, asides: Box::default() }
    }

    /// With a way for each dialect made by filters, by its place.
    pub fn with_asides(self, asides: impl IntoIterator<Item = Option<Aside>>) -> Self {
        Self { asides: asides.into_iter().collect(), ..self }
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
        let (from, reading) = (message.protocol(), Reading::new(message));
        let mut rendered: SmallVec<[(Class, Result<Message, Hidden>); 2]> = SmallVec::new();
        let mut tally = [Tally::default(); 2];
        let mut aside = Set::new();
        self.registry.for_each(&scope.to, |seat| {
            if !self.is_meant(scope, seat, message) {
                return;
            }
            let (path, to) = (Path::between(from, seat.hears.protocol()), seat.hears.protocol());
            let tally = &mut tally[to as usize];
            tally.expected += 1;
            let (class, later) = match Found::of(&seat.hears, &reading, arrived) {
                Ok(Found::Class(class, later)) => (class, later),
                Ok(Found::Aside(by)) => return set_aside(&mut aside, by, seat),
                Err(why) => return self.suppress(why, tally),
            };
            let at = rendered.iter().position(|(other, _)| *other == class).unwrap_or_else(|| {
                let frame = self.render(&seat.hears, &class, &reading);
                rendered.push((class, frame));
                rendered.len() - 1
            });
            match &rendered[at].1 {
                Ok(shared) => {
                    let delivery = Delivery { message: shared.clone(), path, arrived };
                    match later {
                        None => self.push(seat, delivery, tally),
                        Some(later) => self.hold(seat, later, delivery, tally),
                    }
                }
                Err(why) => self.suppress(*why, tally),
            }
        });
        for (by, receivers) in aside {
            self.send_aside(&by, message, receivers, arrived, &mut tally[Protocol::V2 as usize]);
        }
        for (to, tally) in [(Protocol::V2, tally[0]), (Protocol::V3, tally[1])] {
            self.book(Path::between(from, to), tally);
        }
    }

    /// Gives a message to a filter, for all who hear it so.
    fn send_aside(
        &self,
        by: &Filtered,
        message: &HubMessage<'_>,
        receivers: Vec<Arc<Seat>>,
        arrived: Instant,
        tally: &mut Tally,
    ) {
        let (path, n) = (Path::between(message.protocol(), Protocol::V2), receivers.len() as u64);
        let aside = self.asides.get(by.place).and_then(Option::as_ref);
        if !aside.is_some_and(|aside| aside.offer(by, message, receivers, path, arrived)) {
            tally.lost += n;
            self.metrics.messages_lost.with(LostOn(path, Lost::TranslateError)).inc_by(n);
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
        // An Aether V2 frame with a global audience travels twice; V2 seats take the copy of the V2 scope. Frames of other
        // dialects have none.
        let is_aether_v2 = message.receipt().is_some_and(|receipt| receipt.dialect.is_none());
        let other_copy = seat.global && matches!(scope.to, Address::Group(_)) && is_aether_v2;
        may && !other_copy
    }

    fn suppress(&self, why: Hidden, tally: &mut Tally) {
        tally.suppressed += 1;
        self.suppressed(why);
    }

    fn suppressed(&self, why: Hidden) {
        self.metrics.messages_suppressed.with((reason(why),)).inc();
    }

    /// A newer message took its place.
    fn book_sampled(&self, path: Path) {
        self.metrics.deliveries_expected.with((path,)).inc();
        self.metrics.deliveries.with((path, Outcome::Suppressed)).inc();
        self.metrics.messages_suppressed.with((Suppressed::Sampled,)).inc();
    }

    fn render(&self, hears: &Hearing, class: &Class, reading: &Reading<'_>) -> Result<Message, Hidden> {
        let message = reading.message();
        let (make, spoken): (&dyn Fn() -> Result<OwnedFrame, Hidden>, _) = match (hears, class) {
            // What was V2 comes back by its receipt, and V3 sees a prefix of the text: no translation.
            (_, Class::Plain(view)) if (message.protocol(), view.protocol()) != (Protocol::V3, Protocol::V2) => {
                return view.downgrade(message).map(shared);
            }
            (_, Class::Plain(view)) => (&|| view.downgrade(message), Spoken::AetherV2),
            (Hearing::Adapter(outbound), Class::Shape(shape)) => (&|| outbound.render(reading, shape), shape.spoken),
            (Hearing::Plain(_) | Hearing::Filtered(_), Class::Shape(_)) => return Err(Hidden::DialectRule),
        };
        let timer = self.metrics.translation_duration.with((Direction::V3ToV2,)).start_timer();
        let frame = make();
        timer.observe_duration();
        if frame.is_ok() {
            self.metrics.translations.with((Direction::V3ToV2, spoken, Translation::Exact)).inc();
        }
        frame.map(shared)
    }

    /// Only the latest of its slot counts: the one before is not shown, on purpose. What waits is owed once its time has
    /// come, perhaps in an hour; until then it is not expected either.
    fn hold(&self, seat: &Seat, later: Later, delivery: Delivery, tally: &mut Tally) {
        let path = delivery.path;
        if Instant::from(later.at) <= delivery.arrived {
            // Its time has come already: it goes like any other, and nothing older is left behind to follow it.
            if let Some(old) = seat.outbox.unhold(later.slot) {
                self.book_sampled(old);
            }
            return self.push(seat, delivery, tally);
        }
        match seat.outbox.hold(later.slot, later.at.into(), delivery) {
            Ok(before) => {
                tally.expected -= 1;
                if let Some(old) = before {
                    self.book_sampled(old);
                }
            }
            Err(_) => {
                tally.lost += 1;
                self.metrics.messages_lost.with(LostOn(path, Lost::Disconnect)).inc();
            }
        }
    }

    /// Sends what a connection has waited for, now that its time has come.
    pub fn release(&self, seat: &Seat, now: Instant) {
        for (path, pushed) in seat.outbox.release(now, |slot| seat.hears.wants(slot)) {
            self.metrics.deliveries_expected.with((path,)).inc();
            let Some(pushed) = pushed else {
                self.metrics.deliveries.with((path, Outcome::Suppressed)).inc();
                self.suppressed(Hidden::DialectRule);
                continue;
            };
            pushed.book(path, &self.metrics);
        }
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

fn set_aside(aside: &mut Set, by: &Filtered, seat: &Arc<Seat>) {
    match aside.iter_mut().find(|(other, _)| other == by) {
        Some((_, receivers)) => receivers.push(seat.clone()),
        None => aside.push((by.clone(), vec![seat.clone()])),
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

#[cfg(test)]
mod tests;
