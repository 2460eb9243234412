//! Owns the places of connections that have not asked for anything yet, or not proved who they are, or failed to. As
//! long as there is room they only pass through; when there is none, whoever has failed, and then whoever has been
//! silent for longest, makes room for a newcomer. So such connections, however many, hold no door shut.

use super::admission::{Place, Standing};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Nobody is shown out sooner: in a storm of newcomers, requests that are here already wait for their turn.
const GRACE: Duration = Duration::from_secs(1);

/// Those who wait, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Lobby(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Number, Waiting>,
    next: u64,
}

/// Who has the least claim to its place comes first, and then who came first.
type Number = (Claim, u64);

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// Its end: it may not come in, and is only kept from coming again at once.
    Ending,
    /// It has yet to say what it wants, or who it is.
    Entry,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    place: Place,
    out: CancellationToken,
}

/// One who waits; dropping it gives the place back, if it still has it.
#[derive(Debug)]
pub struct Ticket {
    lobby: Lobby,
    number: Number,
    out: CancellationToken,
}

impl Lobby {
    /// Somebody with a place came in.
    pub fn enter(&self, place: Place, now: Instant) -> Ticket {
        self.wait(Claim::Entry, place, now)
    }

    /// Somebody with a place waits.
    pub fn wait(&self, claim: Claim, place: Place, now: Instant) -> Ticket {
        let out = CancellationToken::new();
        let mut line = self.0.lock();
        let number = (claim, line.next);
        line.next += 1;
        line.waiting.insert(number, Waiting { since: now, place, out: out.clone() });
        Ticket { lobby: self.clone(), number, out }
    }

    /// Shows out whoever only waits for its end, else who has waited longest, and longer than the grace; its place is
    /// another's.
    pub fn make_room(&self, now: Instant) -> Option<Place> {
        let mut line = self.0.lock();
        // Those who are only told that there is no room come between; they are few.
        let longest = line.waiting.iter().find(|(_, waiting)| waiting.place.standing() == Standing::Admitted);
        let may_go = |claim, since| claim == Claim::Ending || now.duration_since(since) >= GRACE;
        let number = longest.filter(|((claim, _), waiting)| may_go(*claim, waiting.since)).map(|(n, _)| *n);
        let waiting = line.waiting.remove(&number?)?;
        drop(line);
        waiting.out.cancel();
        Some(waiting.place)
    }
}

impl Ticket {
    /// It has asked: from now on nobody shows it out. None: somebody has, or it has asked before.
    pub fn redeem(&self) -> Option<Place> {
        self.lobby.0.lock().waiting.remove(&self.number).map(|waiting| waiting.place)
    }

    /// Does what it does until it is shown out: None.
    pub async fn unless_shown_out<F: Future>(&self, what: F) -> Option<F::Output> {
        self.out.run_until_cancelled(what).await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // The place is given back outside of the lock.
        drop(self.redeem());
    }
}

#[cfg(test)]
mod tests {
    use super::super::admission::Admission;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_silent_one_makes_room_and_who_has_asked_stays() {
        let (admission, lobby, start) = (Admission::new(3), Lobby::default(), Instant::now());
        let enter = |now| lobby.enter(admission.admit().expect("a place"), now);
        let (asked, silent, fresh) = (enter(start), enter(start), enter(start + GRACE));
        assert!(admission.admit().is_none());
        let _place = asked.redeem().expect("a place");
        assert!(asked.redeem().is_none(), "once");
        assert!(lobby.make_room(start).is_none(), "not yet");
        let now = start + GRACE;
        let taken = lobby.make_room(now).expect("the silent one's");
        assert!(silent.redeem().is_none() && silent.unless_shown_out(std::future::pending::<()>()).await.is_none());
        assert!(lobby.make_room(now).is_none(), "the other one has just come");
        let failed = lobby.wait(Claim::Ending, taken, now);
        let taken = lobby.make_room(now).expect("who has failed goes at once");
        assert!(failed.redeem().is_none());
        drop((fresh, taken));
        assert!(admission.admit().is_some());
        assert!(lobby.0.lock().waiting.is_empty());
    }
}
